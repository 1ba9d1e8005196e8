#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh [--minutes N] [--jobs N] [--keep] [TARGET...]: builds the libFuzzer targets with the sanitizers and runs
# each for some minutes; tests/fuzz/README.md has more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

need_packages "${build_packages[@]}" clang-14 libclang-rt-14-dev
build_preset fuzz
exec python3 tests/fuzz/campaign.py "$@"
