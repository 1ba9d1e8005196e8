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
exit "$missing"
