# SPDX-License-Identifier: Apache-2.0
"""Many HTTP-01 challenges at once: what the operator needs to route them all.

Objects only: the bench writes what cert-manager would (Challenges and the Services of their
solvers), and counts until every token stands in a VirtualService.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import foreign_crds  # noqa: E402
import harness as h  # noqa: E402

HOSTS = 10  # a gateway
SINGLE = 10  # challenges one after the other
CHALLENGES = "/apis/acme.cert-manager.io/v1/namespaces/{}/challenges"
VIRTUAL_SERVICES = "/apis/networking.istio.io/v1/namespaces/{}/virtualservices"


def gateway(i: int, namespace: str) -> dict[str, Any]:
    """Ten hosts whose HTTP is served, so that each challenge has a route in <n>-acme."""
    hosts = [f"h{k}.g{i}.bench.example" for k in range(HOSTS)]
    return h.gateway(
        f"gw-{i:04d}",
        namespace,
        ports=[{"name": "http2", "port": 80, "targetPort": 8080}],
        serviceType="ClusterIP",
        servers=[{"hosts": hosts}],
    )


def challenge(i: int, k: int, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "acme.cert-manager.io/v1",
        "kind": "Challenge",
        "metadata": {"name": f"c-{i}-{k}", "namespace": namespace},
        "spec": {
            "type": "HTTP-01",
            "dnsName": f"h{k}.g{i}.bench.example",
            "token": f"token-{i}-{k}",
            "key": "unused",
            "url": "https://acme.example/chall",
            "authorizationURL": "https://acme.example/authz",
            "issuerRef": {"name": "issuer"},
            "solver": {"http01": {"ingress": {"class": "meshgateway-acme"}}},
        },
    }


def solver(document: dict[str, Any], namespace: str) -> dict[str, Any]:
    meta = document["metadata"]
    owner = {"apiVersion": document["apiVersion"], "kind": "Challenge", "name": meta["name"],
             "uid": meta["uid"], "controller": True, "blockOwnerDeletion": False}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": f"solver-{meta['name']}",
            "namespace": namespace,
            "labels": {"acme.cert-manager.io/http01-solver": "true"},
            "ownerReferences": [owner],
        },
        "spec": {"ports": [{"name": "http", "port": 8089}], "clusterIP": "None"},
    }  # fmt: skip


def make(cp: Any, namespace: str, which: tuple[int, int]) -> None:
    made = cp.must("POST", CHALLENGES.format(namespace), challenge(*which, namespace))
    status = {"status": {"processing": True, "presented": True, "state": "pending"}}
    name = made["metadata"]["name"]
    cp.must("PATCH", f"{CHALLENGES.format(namespace)}/{name}/status", status, h.MERGE)
    cp.must("POST", f"/api/v1/namespaces/{namespace}/services", solver(made, namespace))


def routed(cp: Any, namespace: str) -> int:
    text = json.dumps(cp.must("GET", VIRTUAL_SERVICES.format(namespace)))
    return text.count("/.well-known/acme-challenge/token-")


def stamp(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def single(bench: Any, namespace: str, gateways: int) -> None:
    """One after the other: from the Service of the solver to the route, in the audit log's times."""
    cp, sent, stored = bench.cp, [], []
    for k in range(SINGLE):
        mark, token = cp.audit_mark(), f"token-{gateways}-{k}"
        make(cp, namespace, (gateways, k))
        deadline = time.monotonic() + 30
        while token not in json.dumps(cp.must("GET", VIRTUAL_SERVICES.format(namespace))):
            assert time.monotonic() < deadline, f"{token} is not routed"
            time.sleep(0.05)
        time.sleep(0.3)
        events = cp.audit_events(mark, verbs=("create", "patch"))
        made = [e for e in events if e["objectRef"].get("resource") == "services"]
        written = [e for e in events if e["objectRef"].get("resource") == "virtualservices"]
        began = stamp(made[0]["stageTimestamp"])
        sent.append(stamp(written[0]["requestReceivedTimestamp"]) - began)
        stored.append(stamp(written[0]["stageTimestamp"]) - began)
    bench.row(
        f"a solver's Service is stored → its route comes in, median of {SINGLE}",
        f"{statistics.median(sent) * 1000:.0f} ms",
        "≤ 20 ms",
    )
    bench.row("… and is stored", f"{statistics.median(stored) * 1000:.0f} ms")


def run(bench: Any, operator_class: Any, count: int) -> None:
    cp, namespace = bench.cp, "bench-challenges"
    for crds in foreign_crds.files():
        cp.kubectl("apply", "--server-side", "-f", str(crds))
    cp.must("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    gateways = count // HOSTS
    for i in range(gateways + 1):
        h.create(gateway(i, namespace))
    operator = operator_class(bench.binary, bench.kubeconfig, namespace, cp)
    try:
        operator.wait_ready()
        operator.wait_idle(gateways + 1)
        time.sleep(2)
        single(bench, namespace, gateways)
        mark, cpu, resident = cp.audit_mark(), operator.cpu_seconds(), operator.resident_mib()
        began = time.monotonic()
        all_of_them = [(i, k) for i in range(gateways) for k in range(HOSTS)]
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda which: make(cp, namespace, which), all_of_them))
        written = time.monotonic() - began
        while (have := routed(cp, namespace)) < len(all_of_them) + SINGLE:
            assert time.monotonic() - began < 300, f"only {have} challenges are routed"
            time.sleep(0.1)
        done = time.monotonic() - began
        bench.row(f"{count} challenges: all written after", f"{written:.1f} s")
        bench.row("… and all routed after", f"{done:.1f} s")
        bench.row("… CPU of the operator", f"{operator.cpu_seconds() - cpu:.2f} s")
        bench.row("… resident before and after",
                  f"{resident:.1f}, {operator.resident_mib():.1f} MiB")
        bench.row("… writes of the operator", f"{bench.writes(mark, 'meshgateway/')[0]}")
    except subprocess.CalledProcessError as e:
        print(e.stderr, file=sys.stderr)
        raise
    finally:
        operator.stop()
