# SPDX-License-Identifier: Apache-2.0
"""Gateways that the operator renders, run with a real istiod and Envoy: do they carry traffic?"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import objects as o
import suite
from cluster import ROOT, until
from kubelet import Pod
from suite import NS, address, serve
from traffic import Load, fetch


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


class Gateways(suite.GatewayTest):
    def test_01_sample(self) -> None:
        """manifests/samples/echo-ingress.yaml, reached through its load balancer."""
        sample = ROOT / "manifests" / "samples" / "echo-ingress.yaml"
        suite.cluster.plane.kubectl("apply", "--server-side", "-f", str(sample))
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
        suite.make_namespace("elsewhere")
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
        (pod,) = suite.cluster.kubelet.running(NS, "low-")
        self.assertEqual(fetch(pod.address, 80, "low.test"), (200, "one"))
        self.assertEqual(envoy_user(pod), {1337})

    def test_05_egress(self) -> None:
        """Out of the mesh through an egress gateway, to a name that only DNS knows."""
        suite.cluster.client.apply(o.outside(NS, "outside", "outside.example"))
        self.gateway("egress", type="egress")
        suite.cluster.client.apply(o.server(NS, "egress", 80, "outside.example"))
        suite.cluster.client.apply(o.route(NS, "egress", "outside.example", "outside.example"))
        where = address("egress")
        self.assertTrue(where.startswith("10."), where)
        self.answers(where, 80, "outside.example", "outside")

    def test_06_roll(self) -> None:
        """A change of resources replaces every pod, and no request of 10,000 fails."""
        self.gateway("roll", deployment={"replicas": 2})
        serve("roll", "roll.test", "one")
        where = address("roll")
        self.answers(where, 80, "roll.test", "one")
        before = {p.key for p in suite.cluster.kubelet.running(NS, "roll-")}
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
        pods = suite.cluster.kubelet.all_of(NS, "roll-")
        old = [p for p in pods if p.key in before]
        new = [p for p in pods if p.key not in before]
        return all("ended" in p.times for p in old) and sum(p.ready for p in new) == 2

    def test_07_operator_down(self) -> None:
        """Without the operator traffic goes on, also through a pod that is replaced meanwhile."""
        self.gateway("alone")
        serve("alone", "alone.test", "one")
        where = address("alone")
        self.answers(where, 80, "alone.test", "one")
        (pod,) = suite.cluster.kubelet.running(NS, "alone-")
        suite.cluster.operator.kill()
        try:
            with Load(where, 80, "alone.test", rate=100) as load:
                load.wait_for(300)
                suite.cluster.client.merge("Deployment", NS, "alone", RESTART)
                until("the old pod is gone", lambda: "ended" in pod.times, 120)
                load.wait_for(load.count + 300)
        finally:
            suite.cluster.operator.start()
        self.assertEqual(load.failures, [])

    def test_08_injected(self) -> None:
        """A pod that istiod's webhook fills in."""
        self.gateway("injected", proxy={"mode": "Injected"})
        serve("injected", "injected.test", "one")
        where = address("injected")
        self.answers(where, 80, "injected.test", "one")
        (pod,) = suite.cluster.kubelet.running(NS, "injected-")
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
            (pod,) = suite.cluster.kubelet.running(NS, f"{name}-")
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
    service = suite.cluster.client.get("Service", NS, name) or {}
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    return str(ingress[0].get("ip", ""))
