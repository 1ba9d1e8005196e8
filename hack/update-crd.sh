#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# update-crd.sh [--check]: writes crds/meshgateways.yaml from hack/crd/, or tells whether it is up to date.
# It starts an API server of the version in tests/controlplane/go.mod, for the schemas of Kubernetes' own types.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
    '' | --check) ;;
    *) echo "usage: hack/update-crd.sh [--check]" >&2; exit 2 ;;
esac
exec python3 hack/crd/generate.py "$@"
