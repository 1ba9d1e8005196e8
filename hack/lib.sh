# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
# Helpers of the scripts in this folder; source it after `set -euo pipefail`.

# What building needs, and what testing needs beside it (Debian's and Ubuntu's package names).
build_packages=(
    gcc cmake ninja-build pkg-config python3
    libcurl4-openssl-dev libjansson-dev libyaml-dev libcyaml-dev libevent-dev libssl-dev uthash-dev
)
run_packages=(openssl ca-certificates)
test_packages=(
    "${run_packages[@]}"
    check valgrind shellcheck groff-base mandoc
    clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev
)
# What the image needs, and the tests of what is released (`hack/test.sh --all`).
image_packages=(buildah ca-certificates)
release_packages=("${image_packages[@]}" dpkg-dev file)
package_test_packages=("${release_packages[@]}" crun lintian man-db podman)

say() { printf '%s\n' "$*"; }
fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# elapsed SECONDS: 75 as 1:15.
elapsed() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# step TEXT COMMAND…: runs the command with its output in a file; shows the time that passes. When it
# fails, the end of the output is shown and its exit status is the step's.
step() {
    local text=$1 log status=0 began=$SECONDS shown=0 pid
    shift
    log=$(mktemp)
    "$@" >"$log" 2>&1 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        if [ -t 1 ]; then
            printf '\r%s … %s ' "$text" "$(elapsed $((SECONDS - began)))"
        elif [ $((SECONDS - began)) -ge $((shown + 60)) ]; then
            shown=$((SECONDS - began))
            say "$text … $(elapsed "$shown")"
        fi
        sleep 0.3
    done
    wait "$pid" || status=$?
    [ ! -t 1 ] || printf '\r\033[K'
    if [ "$status" -eq 0 ]; then
        say "ok    $(elapsed $((SECONDS - began)))  $text"
    else
        say "FAIL  $(elapsed $((SECONDS - began)))  $text (exit $status)"
        tail -n "${STEP_LINES:-40}" "$log" | sed 's/^/    /'
    fi
    rm -f "$log"
    return "$status"
}

# missing_packages PACKAGE…: those that dpkg does not know as installed.
missing_packages() {
    local p
    for p in "$@"; do
        dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q 'ok installed' || printf '%s\n' "$p"
    done
}

# need_packages PACKAGE…: installs what is missing by apt; where there is no apt, the list is shown
# and the build says what it does not find.
need_packages() {
    local missing as_root=()
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "This is no Debian or Ubuntu; make sure that your system's counterparts of these are there:"
        say "  $*"
        return
    fi
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "as root: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    step "apt-get update" "${as_root[@]}" apt-get update || true
    step "apt-get install ${missing[*]}" \
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" ||
        fail "these packages are missing: ${missing[*]}"
}

# need_command NAME HINT
need_command() {
    command -v "$1" >/dev/null || fail "$1 is not installed. $2"
}

# build_preset NAME: configures and builds build/NAME.
build_preset() {
    step "build $1" sh -c "cmake --preset $1 && cmake --build --preset $1"
}

# project_version: of CMakeLists.txt, the only place that states it.
project_version() {
    sed -nE 's/^project\(meshgateway VERSION ([0-9.]+) .*/\1/p' CMakeLists.txt
}

# source_date_epoch: the time that all bytes of a release bear: SOURCE_DATE_EPOCH, or that of the last commit.
source_date_epoch() {
    [ -z "${SOURCE_DATE_EPOCH:-}" ] || { say "$SOURCE_DATE_EPOCH" && return; }
    git log -1 --format=%ct 2>/dev/null || fail "not a git checkout: set SOURCE_DATE_EPOCH"
}

# pack_tar DIR FILE…: a tar of files in DIR on stdout; the same files give the same bytes.
pack_tar() {
    tar -C "$1" --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw,a-s \
        --mtime="@$(source_date_epoch)" -cf - "${@:2}"
}
