#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# e2e.sh: proves that a rendered gateway is a working gateway: a real kube-apiserver, istiod, Envoy, cert-manager.
#
#   hack/e2e.sh [--built] [-k NAME]…
#
#   --built   skips when the programs are not built yet (exit status 77)
#   -k NAME   only the tests whose name has NAME in it; may be repeated
#
# Needs root: everything runs in network, mount and PID namespaces of its own. Nothing outside of them
# changes, and whatever still runs at the end is ended with them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

built=no
if [ "${1:-}" = --built ]; then
    built=yes
    shift
fi
case ${1:-} in
    --help | -h)
        sed -n '3,11s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
esac

skip() {
    say "skipped: end-to-end tests: $*"
    exit 77
}

if [ "$built" = yes ]; then
    [ "$(id -u)" -eq 0 ] || skip "they need root"
    unshare --net --mount --pid --fork true 2>/dev/null || skip "no namespaces here"
    files=$(tests/e2e/build.sh --check) || skip "istiod, Envoy and cert-manager are not built; hack/e2e.sh builds them"
else
    [ "$(id -u)" -eq 0 ] || fail "needs root, for namespaces of its own: sudo hack/e2e.sh"
    need_packages "${build_packages[@]}" "${run_packages[@]}" iproute2 util-linux
    need_command kubectl "https://kubernetes.io/docs/tasks/tools/ has it for every system."
    tests/controlplane/build.sh >/dev/null || fail "no control plane"
    files=$(tests/e2e/build.sh)
fi
program=${MESHGATEWAY_BIN:-}
if [ -z "$program" ]; then
    build_preset release || fail "the build is broken"
    program=$PWD/build/release/meshgateway
fi

dir=$(mktemp -d /tmp/meshgateway-e2e.XXXXXX)
pid=
finish() {
    # The first process of a PID namespace takes all others with it, and the mounts go with the last one.
    [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
    wait
    [ -n "${MESHGATEWAY_TEST_KEEP:-}" ] || rm -rf "$dir"
}
run() {
    local status=0
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    MESHGATEWAY_BIN=$program TMPDIR=$dir unshare --net --mount --pid --fork --kill-child --mount-proc \
        python3 -u tests/e2e/run.py "$files" "$@" &
    pid=$!
    wait "$pid" || status=$?
    pid=
    return "$status"
}
run "$@"
