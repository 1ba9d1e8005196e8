#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# hardening.sh PROGRAM: tells which of the protections of a release build the program lacks.
set -euo pipefail
program=$1
headers=$(LC_ALL=C readelf --wide --file-header --program-headers --dynamic "$program")
symbols=$(LC_ALL=C readelf --wide --dyn-syms "$program")
missing=0

want() { # want WHAT TEXT REGEX
    grep -Eq "$3" <<<"$2" || { echo "$program: no $1"; missing=1; }
}
refuse() { # refuse WHAT TEXT REGEX
    ! grep -Eq "$3" <<<"$2" || { echo "$program: $1"; missing=1; }
}

# Some of it shows in the code only: landing pads for indirect branches (CET, BTI) and probes of large stack frames.
code=$(LC_ALL=C objdump --disassemble --no-show-raw-insn --section=.text "$program")
pads() { grep -cE "$1" <<<"$code" || true; }

want "position independent executable" "$headers" 'Type: +DYN'
want "position independent executable" "$headers" '\(FLAGS_1\).*PIE'
want "read-only relocations" "$headers" 'GNU_RELRO'
want "binding at start" "$headers" '\(FLAGS(_1)?\).*NOW'
want "stack header" "$headers" 'GNU_STACK'
want "stack protector" "$symbols" '__stack_chk_fail'
want "fortified functions" "$symbols" '__(printf|fprintf|snprintf|vasprintf|memcpy|read)_chk'
refuse "executable stack" "$headers" 'GNU_STACK.* RWE '
refuse "segment that is writable and executable" "$headers" 'LOAD.* RWE '
refuse "text relocations" "$headers" '\(TEXTREL\)'
refuse "search path for libraries" "$headers" '\((RPATH|RUNPATH)\)'
refuse "code and read-only data in one segment" "$headers" 'LOAD +0x000000 .* R E '
refuse "function without a bound" "$symbols" ' (gets|strcpy|strcat|sprintf|vsprintf|stpcpy)(@|$)'
case $(uname -m) in
x86_64) [ "$(pads '\bendbr64\b')" -gt 500 ] || { echo "$program: no landing pads (CET)"; missing=1; } ;;
aarch64) [ "$(pads '\b(bti|paciasp)\b')" -gt 500 ] || { echo "$program: no landing pads (BTI)"; missing=1; } ;;
esac
want "probes of large stack frames" "$code" 'or[ql] +[$]0x0,(0x[0-9a-f]+)?\(%rsp|str +xzr, \[sp'
if grep -qF "$PWD/" "$program"; then echo "$program: the path where it was built is in it"; missing=1; fi
exit "$missing"
