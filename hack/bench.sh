#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bench.sh [--gateways N[,N…]] [--rounds N] [--steady SECONDS] [--replay N[,N…]] [--challenges N] [--peer CMD]: builds a
# release, starts a control plane of its own and measures the operator on it (tests/bench/ tells how). With several
# numbers of gateways: what grows with them. --replay: memory at a start with so many, without an API server that has
# them. --peer: another operator, on the same gateways, side by side. Tables and plots go to build/bench/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

need_packages "${build_packages[@]}" "${test_packages[@]}"
need_command kubectl "https://kubernetes.io/docs/tasks/tools/ has it for every system."
step "control plane" tests/controlplane/build.sh
build_preset release
exec python3 tests/bench/bench.py --binary build/release/meshgateway \
    --loadgen build/release/tests/loadgen "$@"
