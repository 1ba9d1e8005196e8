#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# update-golden.sh [BUILD_DIR]: writes every tests/golden/*/out.yaml as the templates render it now.
# BUILD_DIR (default: build) is a configured build. Read the difference before you commit it.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}

[ -f "$build/CMakeCache.txt" ] || { echo "update-golden.sh: $build is not a build directory" >&2; exit 2; }
cmake --build "$build" --target golden
mapfile -t inputs < <(find tests/golden -mindepth 2 -maxdepth 2 -name in.yaml | sort)
"$build/tests/golden/golden" --update "${inputs[@]%/in.yaml}"
git --no-pager diff --stat -- tests/golden
