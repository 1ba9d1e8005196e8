#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh: what the operator does, in two minutes, on a cluster of yours or on one made for it.
#
#   hack/demo.sh                                    a local control plane with fake nodes
#   hack/demo.sh --kubeconfig FILE [--context NAME] the cluster of that kubeconfig
#   hack/demo.sh --stop                             ends what the demo started
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

state=$PWD/build/demo
program=build/demo/program/meshgateway
cluster=$state/cluster
ns=meshgateway-demo
kubeconfig=
context=
port=
stop=no

usage() {
    sed -n '3,7s/^# \{0,1\}//p' "$0"
    exit "$1"
}
while [ $# -gt 0 ]; do
    case $1 in
        --kubeconfig | --context)
            [ $# -ge 2 ] || usage 2 >&2
            if [ "$1" = --kubeconfig ]; then kubeconfig=$2; else context=$2; fi
            shift 2
            ;;
        --stop)
            stop=yes
            shift
            ;;
        --help | -h) usage 0 ;;
        *) usage 2 >&2 ;;
    esac
done
local_cluster=no
[ -n "$kubeconfig$context" ] || local_cluster=yes

k() { kubectl --kubeconfig "$kubeconfig" ${context:+--context "$context"} "$@"; }

headline() { printf '\n== %s\n' "$*"; }

# show ARG…: the kubectl command as a person would type it, then what it prints.
show() {
    local word line='$ kubectl'
    for word in "$@"; do
        if [[ $word =~ [^a-zA-Z0-9_./:,=-] ]]; then line+=" '$word'"; else line+=" $word"; fi
    done
    say "$line"
    k "$@"
    say
}

# until_true SECONDS TEXT COMMAND…: waits for the command to succeed.
until_true() {
    local deadline=$((SECONDS + $1)) text=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || fail "this did not happen: $text"
        sleep 0.2
    done
}

started_at() { cut -d' ' -f22 "/proc/$1/stat" 2>/dev/null; }

# Ends the operator, if its pid is still the process that was started.
end_operator() {
    local pid started
    [ -f "$state/operator.pid" ] || return 0
    read -r pid started <"$state/operator.pid"
    if [ "$(started_at "$pid")" = "$started" ]; then
        kill "$pid"
        for _ in $(seq 100); do
            [ "$(started_at "$pid")" = "$started" ] || break
            sleep 0.1
        done
    fi
    rm -f "$state/operator.pid"
}

# Ends what was started; a cluster that was given keeps the CRD and loses the demo's namespace.
stop_all() {
    if [ -f "$state/cluster.used" ]; then
        { read -r kubeconfig && read -r context; } <"$state/cluster.used"
        [ "$kubeconfig" = "$cluster/kubeconfig" ] ||
            k delete namespace "$ns" --ignore-not-found --timeout=120s || true
    fi
    end_operator
    [ ! -d "$cluster" ] || python3 tests/controlplane/controlplane.py down --dir "$cluster"
    rm -f "$state/cluster.used"
}

finish() {
    local status=$?
    [ "$status" -ne 0 ] || return 0
    [ ! -s "$state/operator.log" ] || { say "the end of $state/operator.log:"; tail -n 5 "$state/operator.log"; }
    stop_all >/dev/null 2>&1
}

prepare() {
    need_packages "${build_packages[@]}" "${run_packages[@]}"
    need_command kubectl "https://kubernetes.io/docs/tasks/tools/ has it for every system."
    step "build the operator" \
        sh -c "cmake --preset release -B $state/program -DBUILD_TESTING=OFF && cmake --build $state/program" ||
        fail "the build is broken"
    [ ! -f "$state/cluster.used" ] || step "stop the demo that was running" stop_all
    mkdir -p "$state"
    : >"$state/operator.log"
    trap finish EXIT
}

find_cluster() {
    if [ "$local_cluster" = yes ]; then
        # Its progress is worth seeing: the first time it builds for some minutes.
        tests/controlplane/build.sh >/dev/null ||
            fail "no local control plane; --kubeconfig FILE uses a cluster of yours"
        step "start etcd, kube-apiserver, two controllers and three fake nodes" \
            python3 tests/controlplane/controlplane.py up --dir "$cluster" --crds crds
        kubeconfig=$cluster/kubeconfig
    else
        kubeconfig=$(realpath "${kubeconfig:-${KUBECONFIG:-$HOME/.kube/config}}")
    fi
    printf '%s\n' "$kubeconfig" "$context" >"$state/cluster.used"
    step "reach the cluster" k version || fail "the cluster of $kubeconfig does not answer"
}

# All of manifests/ but the Deployment: the operator runs here, as the service account it has there.
install() {
    k apply --server-side -f crds/meshgateways.yaml
    k apply --server-side -f manifests/namespace.yaml
    k apply --server-side -n meshgateway-system -f manifests/serviceaccount.yaml -f manifests/rbac.yaml
    k wait --for=condition=Established --timeout=60s crd/meshgateways.istio.banzaicloud.io
    k create namespace "$ns" --dry-run=client -o yaml | k apply --server-side -f -
}

operator_kubeconfig() {
    local file=$state/operator.kubeconfig token
    token=$(k create token -n meshgateway-system meshgateway-operator --duration=24h)
    (umask 077 && k config view --raw --minify --flatten >"$file")
    kubectl --kubeconfig "$file" config set-credentials operator --token "$token" >/dev/null
    kubectl --kubeconfig "$file" config set-context --current --user operator >/dev/null
    say "$file"
}

healthy() {
    python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)' \
        "http://127.0.0.1:$port/readyz"
}

start_operator() {
    local config pid
    config=$(operator_kubeconfig)
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    nohup "$program" run --kubeconfig "$config" --metrics-bind-address 0 \
        --health-probe-bind-address "127.0.0.1:$port" >"$state/operator.log" 2>&1 </dev/null &
    pid=$!
    echo "$pid $(started_at "$pid")" >"$state/operator.pid"
    until_true 30 "the operator is ready" healthy
    say "ok    the operator runs (pid $pid, $(awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$pid/status") MiB)"
}

apply_samples() {
    mkdir -p "$state/samples"
    printf 'namespace: %s\nresources: [../../../manifests/samples]\n' "$ns" >"$state/samples/kustomization.yaml"
    show apply -k "${state#"$PWD"/}/samples"
    until_true 60 "every object is applied" \
        k wait -n "$ns" --for=condition=Programmed --timeout=1s mgw --all
    if [ "$local_cluster" = yes ]; then
        say "# No cloud here, so the demo stands in for its load-balancer controller and hands out addresses."
        local i=7 service
        for service in $(k get services -n "$ns" \
            -o 'jsonpath={range .items[?(@.spec.type=="LoadBalancer")]}service/{.metadata.name} {end}'); do
            k patch -n "$ns" "$service" --subresource=status --type=merge \
                -p "{\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"203.0.113.$i\"}]}}}" >/dev/null
            i=$((i + 1))
        done
        show wait -n "$ns" --for=condition=Ready --timeout=60s mgw --all
    else
        say "# What is not Ready yet waits for its pods, or for the cloud's load balancer."
    fi
    show get mgw -n "$ns"
    show get deployments,services,hpa,pdb,serviceaccounts,rolebindings -n "$ns" -l gateway-name=echo-ingress
}

target_port() {
    k get service -n "$ns" echo-ingress -o 'jsonpath={.spec.ports[?(@.name=="http")].targetPort}'
}
restored() { [ "$(target_port)" = 8000 ]; }
collected() {
    [ -z "$(k get deployments,services,pdb,serviceaccounts,rolebindings -n "$ns" -l gateway-name=internal-gateway -o name)" ]
}

if [ "$stop" = yes ]; then
    stop_all
    say "The demo is stopped. The build and the log stay in build/."
    exit 0
fi
headline "What is needed"
prepare
find_cluster
step "install the CRD and the roles" install
start_operator

headline "Four gateways"
apply_samples

headline "A foreign edit is repaired"
show patch service -n "$ns" echo-ingress --type=json \
    -p '[{"op":"replace","path":"/spec/ports/1/targetPort","value":1}]'
until_true 20 "the Service's target port is 8000 again" restored
say "# The target port of echo-ingress was 1, and is $(target_port) again."
show delete deployment -n "$ns" echo-ingress
until_true 20 "the Deployment is back" k get deployment -n "$ns" echo-ingress
show get deployment -n "$ns" echo-ingress
show events -n "$ns" --for mgw/echo-ingress

headline "A deletion cleans up"
show delete mgw -n "$ns" internal-gateway
until_true 60 "the objects of internal-gateway are gone" collected
say "# Nothing with the label gateway-name=internal-gateway is left."

headline "Go on"
cat <<END
  export KUBECONFIG=$kubeconfig${context:+    # context $context}
  kubectl get mgw -n $ns --watch
  kubectl edit mgw -n $ns echo-ingress
  kubectl explain mgw.spec
  $program render -f manifests/samples/echo-ingress.yaml
  tail -f $state/operator.log

Stop:  hack/demo.sh --stop
END
