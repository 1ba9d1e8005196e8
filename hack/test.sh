#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test.sh [--all]: installs what is missing, builds, runs the tests; --all: those labelled `slow` too (faults that last
# minutes, long races). Ends with one line:
#   N passed, N failed, N skipped
# The exit status is 0 only when nothing failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

without=slow
case "${1-}" in
'') ;;
--all) without='^$' ;;
*) fail "unknown option: $1 (there is only --all)" ;;
esac

results=build/results
rm -rf "$results"
mkdir -p "$results"
broken=0

# run_tests PRESET NAME CTEST-OPTION…: one ctest run, $JOBS tests at a time; its results go to $results/NAME.xml.
run_tests() {
    local preset=$1 name=$2
    shift 2
    STEP_LINES=120 step "tests: $name" ctest --preset "$preset" -j "${JOBS:-2}" --output-junit "$PWD/$results/$name.xml" "$@" ||
        broken=1
}

need_packages "${build_packages[@]}" "${test_packages[@]}"
[ "$without" = slow ] || need_packages "${package_test_packages[@]}"
need_command kubectl "https://kubernetes.io/docs/tasks/tools/ has it for every system."
step "control plane for the tests" tests/controlplane/build.sh ||
    fail "no control plane: the tests against a real kube-apiserver cannot run"
for preset in dev clang asan release; do
    build_preset "$preset" || fail "the build '$preset' is broken"
done

run_tests dev dev -LE "integration|valgrind|$without"
# The sanitizers watch the same tests, and the operator in the tests against the control plane.
run_tests asan asan -LE 'check|integration|slow'
# What the optimiser makes of the program, and whether it is hardened.
run_tests release release -L 'unit|golden|cli|release'
run_tests dev valgrind -L valgrind
JOBS=3 run_tests asan integration -L integration -LE "$without"
tests/e2e/build.sh --check >/dev/null ||
    say "skip        tests: end to end (istiod, Envoy and cert-manager are not built; hack/e2e.sh builds them)"
run_tests release e2e -L e2e
[ "$without" = slow ] || run_tests release packages -L packages

summary=$(python3 hack/summary.py "$results"/*.xml) || broken=1
say "$summary"
exit "$broken"
