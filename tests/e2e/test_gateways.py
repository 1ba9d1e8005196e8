#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gateways that the operator renders, run with a real istiod and Envoy: do they carry traffic?

    test_gateways.py FILES [-k NAME]…     FILES is what tests/e2e/build.sh prints

hack/e2e.sh runs it, in a network namespace of its own.  The tests run in the order of their names.
"""

from __future__ import annotations

import signal
import statistics
import sys
import time
import unittest
from pathlib import Path
from typing import Any

import objects as o
from cluster import ROOT, Cluster, until
from kubelet import Pod
from traffic import Load, fetch

NS = "default"
cluster: Cluster  # set by main() before the first test


def address(name: str, namespace: str = NS) -> str:
    """Where the status says that the gateway is reached, once it is Ready."""

    def ready() -> str:
        gw = cluster.client.get("MeshGateway", namespace, name) or {}
        status = gw.get("status", {})
        for c in status.get("conditions") or []:
            if c["type"] == "Ready" and c["status"] == "True":
                if c["observedGeneration"] == gw["metadata"]["generation"]:
                    return str(status["addresses"][0]["value"])
        return ""

    return until(f"MeshGateway {namespace}/{name} is Ready", ready, 90)


def serve(name: str, host: str, to: str, namespace: str = NS, port: int = 80) -> None:
    """Istio's Gateway and VirtualService of a MeshGateway."""
    cluster.client.apply(o.server(namespace, name, port, host))
    cluster.client.apply(o.route(namespace, name, host, f"{to}.{NS}.svc.cluster.local"))


def envoy_user(pod: Pod) -> set[int]:
    """The users that the pod's processes run as."""
    assert pod.process is not None
    users = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            session = int(status.read_text().rpartition(")")[2].split()[3])
            if session == pod.process.pid:
                users.add(status.parent.stat().st_uid)
        except OSError:
            continue
    return users


class Gateways(unittest.TestCase):
    def tearDown(self) -> None:
        problems = cluster.kubelet.problems.copy()
        cluster.kubelet.problems.clear()
        self.assertEqual(problems, [])
        self.assertTrue(cluster.operator.alive(), "the operator ended")

    def gateway(self, name: str, namespace: str = NS, **spec: Any) -> None:
        cluster.client.apply(o.mesh_gateway(namespace, name, **spec))
        self.addCleanup(self.remove, namespace, name)

    def remove(self, namespace: str, name: str) -> None:
        for kind in ("VirtualService", "Gateway", "MeshGateway"):
            cluster.client.delete(kind, namespace, name)

    def answers(self, where: str, port: int, host: str, body: str) -> None:
        """Istiod's push may come a moment after the gateway is Ready."""
        until(
            f"http://{where}:{port} as {host} answers {body}",
            lambda: fetch(where, port, host) == (200, body),
            20,
        )

    def refuses(self, where: str, port: int, host: str) -> None:
        self.assertEqual(fetch(where, port, host)[0], 404, f"{host} at {where}:{port}")

    def test_01_sample(self) -> None:
        """manifests/samples/echo-ingress.yaml, reached through its load balancer."""
        sample = ROOT / "manifests" / "samples" / "echo-ingress.yaml"
        cluster.plane.kubectl("apply", "--server-side", "-f", str(sample))
        self.addCleanup(self.remove, NS, "echo-ingress")
        serve("echo-ingress", "echo.test", "one", port=8000)
        where = address("echo-ingress")
        self.assertTrue(where.startswith("172.30."), where)
        self.answers(where, 8000, "echo.test", "one")
        self.refuses(where, 8000, "other.test")

    def test_02_side_by_side(self) -> None:
        """Two public gateways and an internal one: each serves its own host only."""
        own = {"public-a": "a.test", "public-b": "b.test", "internal": "internal.test"}
        for name, host in own.items():
            kind = "ClusterIP" if name == "internal" else "LoadBalancer"
            self.gateway(name, service={"type": kind})
            serve(name, host, "two" if name == "public-b" else "one")
        where = {name: address(name) for name in own}
        self.assertEqual(len(set(where.values())), 3)
        self.assertTrue(where["internal"].startswith("10."), where)
        for name, host in own.items():
            self.answers(where[name], 80, host, "two" if name == "public-b" else "one")
        for name in own:
            for other in set(own) - {name}:
                self.refuses(where[name], 80, own[other])

    def test_03_same_name_elsewhere(self) -> None:
        """Two gateways of one name in two namespaces do not serve each other's hosts."""
        cluster.client.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "elsewhere"}}
        )
        where = {}
        for namespace in (NS, "elsewhere"):
            self.gateway("twin", namespace)
            serve("twin", f"{namespace}.test", "one", namespace)
        for namespace in (NS, "elsewhere"):
            where[namespace] = address("twin", namespace)
            self.answers(where[namespace], 80, f"{namespace}.test", "one")
        self.refuses(where[NS], 80, "elsewhere.test")
        self.refuses(where["elsewhere"], 80, "default.test")

    def test_04_low_port(self) -> None:
        """Port 80 in the pod too, as user 1337 without capabilities."""
        self.gateway("low", ports=[{"name": "http2", "port": 80, "targetPort": 80}])
        serve("low", "low.test", "one")
        self.answers(address("low"), 80, "low.test", "one")
        (pod,) = cluster.kubelet.running(NS, "low-")
        self.assertEqual(fetch(pod.address, 80, "low.test"), (200, "one"))
        self.assertEqual(envoy_user(pod), {1337})

    def test_05_egress(self) -> None:
        """Out of the mesh through an egress gateway, to a name that only DNS knows."""
        cluster.client.apply(o.outside(NS, "outside", "outside.example"))
        self.gateway("egress", type="egress")
        cluster.client.apply(o.server(NS, "egress", 80, "outside.example"))
        cluster.client.apply(o.route(NS, "egress", "outside.example", "outside.example"))
        where = address("egress")
        self.assertTrue(where.startswith("10."), where)
        self.answers(where, 80, "outside.example", "outside")

    def test_06_roll(self) -> None:
        """A change of resources replaces every pod, and no request of 10,000 fails."""
        self.gateway("roll", deployment={"replicas": 2})
        serve("roll", "roll.test", "one")
        where = address("roll")
        self.answers(where, 80, "roll.test", "one")
        before = {p.key for p in cluster.kubelet.running(NS, "roll-")}
        with Load(where, 80, "roll.test", rate=250) as load:
            load.wait_for(500)
            began = time.monotonic()
            resources = {"requests": {"cpu": "50m"}, "limits": {"cpu": "1", "memory": "512Mi"}}
            self.gateway("roll", deployment={"replicas": 2, "resources": resources})
            until("every old pod is gone", lambda: self.rolled(before), 180)
            took = time.monotonic() - began
            load.wait_for(10_000)
        print(
            f"a roll of 2 pods in {took:.1f} s under load: "
            f"{len(load.failures)} of {load.count} requests failed",
            flush=True,
        )
        self.assertEqual(load.failures, [])
        self.assertGreaterEqual(load.count, 10_000)

    def rolled(self, before: set[str]) -> bool:
        pods = cluster.kubelet.all_of(NS, "roll-")
        old = [p for p in pods if p.key in before]
        new = [p for p in pods if p.key not in before]
        return all("ended" in p.times for p in old) and sum(p.ready for p in new) == 2

    def test_07_operator_down(self) -> None:
        """Without the operator traffic goes on, also through a pod that is replaced meanwhile."""
        self.gateway("alone")
        serve("alone", "alone.test", "one")
        where = address("alone")
        self.answers(where, 80, "alone.test", "one")
        (pod,) = cluster.kubelet.running(NS, "alone-")
        cluster.operator.kill()
        try:
            with Load(where, 80, "alone.test", rate=100) as load:
                load.wait_for(300)
                cluster.client.merge("Deployment", NS, "alone", RESTART)
                until("the old pod is gone", lambda: "ended" in pod.times, 120)
                load.wait_for(load.count + 300)
        finally:
            cluster.operator.start()
        self.assertEqual(load.failures, [])

    def test_08_injected(self) -> None:
        """A pod that istiod's webhook fills in."""
        self.gateway("injected", proxy={"mode": "Injected"})
        serve("injected", "injected.test", "one")
        where = address("injected")
        self.answers(where, 80, "injected.test", "one")
        (pod,) = cluster.kubelet.running(NS, "injected-")
        (container,) = pod.pod["spec"]["containers"]
        self.assertEqual(container["image"], "docker.io/istio/proxyv2:local")
        self.assertEqual(envoy_user(pod), {1337})

    def test_09_time_to_serve(self) -> None:
        """From the apply of a MeshGateway with its routes to the first answer; ten times."""
        parts: dict[str, list[float]] = {"pod bound": [], "started": [], "ready": [], "served": []}
        for i in range(10):
            name = f"timed-{i}"
            began = time.monotonic()
            self.gateway(name)
            serve(name, f"{name}.test", "one")
            until("a load balancer's address", lambda n=name: balancer(n), 60)
            self.answers(balancer(name), 80, f"{name}.test", "one")
            served = time.monotonic()
            (pod,) = cluster.kubelet.running(NS, f"{name}-")
            until("the pod is ready", lambda p=pod: "ready" in p.times, 30)
            done = {"pod bound": pod.times["bound"], "started": pod.times["started"]}
            done |= {"ready": pod.times["ready"], "served": served}
            for part, at in done.items():
                parts[part].append(at - began)
            self.doCleanups()
        medians = {part: statistics.median(times) for part, times in parts.items()}
        print(
            "from apply, median of 10: "
            + ", ".join(f"{part} after {seconds:.2f} s" for part, seconds in medians.items()),
            flush=True,
        )


RESTART = {"spec": {"template": {"metadata": {"annotations": {"e2e/restarted": "1"}}}}}


def balancer(name: str) -> str:
    service = cluster.client.get("Service", NS, name) or {}
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    return str(ingress[0].get("ip", ""))


def prepare() -> None:
    """Two backends in the cluster, one outside that only DNS knows."""
    for name in ("one", "two", "outside"):
        pod, service = o.backend(NS, name)
        if name == "outside":
            service["metadata"]["annotations"] = {"e2e/hosts": "outside.example"}
        cluster.client.apply(pod)
        cluster.client.apply(service)
    for name in ("one", "two", "outside"):
        cluster.wait_ready(NS, name)


def main() -> int:
    global cluster
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Cluster(Path(sys.argv.pop(1)).resolve()) as cluster:
        prepare()
        result = unittest.main(module="__main__", verbosity=2, exit=False).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed, 0 skipped", flush=True)
    return 1 if bad or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
