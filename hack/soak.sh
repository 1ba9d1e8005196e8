#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# soak.sh [--minutes N] [--gateways N] [--seed N]: an hour of random edits, faults and restarts against the operator,
# once with the sanitizers and once as released; tests/soak/README.md tells what must hold.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

need_packages "${build_packages[@]}" "${test_packages[@]}"
need_command kubectl "https://kubernetes.io/docs/tasks/tools/ has it for every system."
step "control plane" tests/controlplane/build.sh
build_preset asan
build_preset release
exec python3 tests/soak/soak.py --asan build/asan/meshgateway --release build/release/meshgateway "$@"
