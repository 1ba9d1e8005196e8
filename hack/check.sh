#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check.sh [BUILD_DIR]: the rules of CONTRIBUTING.md that a program can check, over the whole tree.
# BUILD_DIR (default: build) is a finished build; its objects are read for the rules about symbols.
# Every rule that is broken prints its sentence and all violations; the exit status is 1 then.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
[ -f "$build/compile_commands.json" ] || { echo "check.sh: $build is not a build directory" >&2; exit 2; }
build=$(realpath "$build")

mapfile -t files < <(find operator templates tests hack -type f \
    \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.cmake' -o -name CMakeLists.txt \) \
    -not -path '*/build/*' | sort)
of() { # of REGEX: the files whose path matches
    printf '%s\n' "${files[@]}" | grep -E "$1" || true
}
mapfile -t c_files < <(of '\.[ch]$')
mapfile -t program < <(of '^(operator|templates)/.*\.[ch]$')
mapfile -t headers < <(of '\.h$')
mapfile -t scripts < <(of '\.sh$'; ls .ci/run 2>/dev/null)

failures=0
rule() { # rule SENTENCE COMMAND...: the command prints one violation a line
    local sentence=$1 found
    shift
    found=$("$@" 2>&1) || true
    [ -z "$found" ] && return
    printf '%s\n%s\n\n' "$sentence" "$found" | sed '2,$s/^\(.\)/    \1/'
    failures=$((failures + 1))
}
tool() { # tool NAME: the command for version 14 of an LLVM tool, as .clang-format and .clang-tidy expect
    if command -v "$1-14"; then return; fi
    if "$1" --version 2>/dev/null | grep -q 'version 14\.'; then echo "$1"; return; fi
    echo "check.sh: $1 14 is not installed; its rule was not checked" >&2
}

banned() { # banned REGEX FILE...: calls of these functions, outside comments and strings
    local names=$1
    shift
    [ $# -eq 0 ] || awk -v names="$names" -f hack/check/calls.awk "$@"
}
elsewhere() { # the program's files outside the given folders
    printf '%s\n' "${program[@]}" | grep -Ev "^operator/($1)" || true
}
spdx() {
    local f
    for f in "${files[@]}"; do
        head -n 2 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$f"
    done
}
includes() {
    local flags=(-std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Ioperator -I. -Itests -I"$build/generated")
    read -ra packages < <(pkg-config --cflags jansson yaml-0.1 libcyaml libcurl libevent check 2>/dev/null)
    # A header that stands alone also survives being included twice.
    printf '%s\n' "${headers[@]}" | xargs -P "$(nproc)" -I{} sh -c \
        'printf "#include \"{}\"\n#include \"{}\"\n" | "$@" 2>&1 | grep -m 1 -E "error|warning"' \
        sh "${CC:-cc}" "${flags[@]}" "${packages[@]}" -fsyntax-only -x c -
}
todo() {
    grep -nE '\b(TODO|FIXME|XXX)\b' "${files[@]}" | grep -vE '(TODO|FIXME) \(#[0-9]+\)' | grep -v '^hack/check'
}
autos_and_goto() {
    grep -lE '\b(AUTO_[A-Z]+|json_auto_t)\b' "${c_files[@]}" | xargs grep -nE '^\s*goto ' /dev/null
}
formatted() { # one line a file: the first place
    "$1" --dry-run --ferror-limit=1 -Werror "${c_files[@]}" 2>&1 | sed -n 's/ error: .*//p'
}
scripts_parse() {
    local f
    for f in "${scripts[@]}"; do bash -n "$f"; done
    if command -v shellcheck >/dev/null; then shellcheck -x "${scripts[@]}"; fi
}

mapfile -t outside_cli < <(elsewhere '(cli|base)/')
mapfile -t outside_mem < <(elsewhere 'base/mem\.c')
clang_format=$(tool clang-format)
clang_tidy=$(tool clang-tidy)

rule "A file includes its own layer and lower ones only (table: operator/README.md)." \
    awk -f hack/check/layers.awk "${program[@]}"
rule "An exported symbol starts with the name of its file (queue.c: queue_*); everything else is static." \
    python3 hack/check/symbols.py prefixes "$build"
rule "A function is exported only if another file uses it." \
    python3 hack/check/symbols.py unused "$build"
rule "These functions are banned: they overflow, truncate, keep hidden state or start a shell." \
    banned 'v?sprintf|strn?cpy|stpcpy|strn?cat|ato[ilf]|atoll|strtok(_r)?|[vf]?v?sscanf|gets|alloca|system|popen|tmpnam|mktemp|localtime|gmtime|asctime|ctime|s?rand|gethostbyname' "${c_files[@]}"
rule "Environment, clock, sleep and exit belong to cli/ and base/." \
    banned 'getenv|secure_getenv|exit|_exit|time|gettimeofday|clock_gettime|u?sleep|nanosleep' "${outside_cli[@]}"
rule "Memory comes from the xmalloc family (base/mem.h)." \
    banned 'malloc|calloc|realloc|strn?dup|asprintf' "${outside_mem[@]}"
rule "A file that uses AUTO_* or json_auto_t has no goto." autos_and_goto
rule "A file has at most 500 lines, a function at most 60." \
    awk -v max_file=500 -v max_function=60 -f hack/check/size.awk "${c_files[@]}" "${scripts[@]}"
rule "Every header compiles on its own." includes
rule "A TODO names its issue: TODO (#12)." todo
rule "Every source file starts with its SPDX line." spdx
rule "Shell scripts are valid." scripts_parse
[ -z "$clang_format" ] || rule "The code is formatted by clang-format 14 (-i puts it right)." \
    formatted "$clang_format"
[ -z "$clang_tidy" ] || rule "clang-tidy finds nothing (.clang-tidy has the list and the reasons)." \
    python3 hack/check/tidy.py "$clang_tidy" "$build" "${program[@]}"

if [ "$failures" -gt 0 ]; then
    echo "check.sh: $failures rule(s) broken"
    exit 1
fi
echo "check.sh: ${#files[@]} files keep the rules"
