# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: the cluster, its backends, ways to ask for a gateway and wait."""

from __future__ import annotations

import unittest
from typing import Any

import objects as o
from cluster import Cluster, until
from traffic import fetch

NS = "default"
cluster: Cluster  # set by run.py before the first test


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


def backend(name: str) -> str:
    """The host of a backend's Service."""
    return f"{name}.{NS}.svc.cluster.local"


def make_namespace(name: str) -> None:
    cluster.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def serve(name: str, host: str, to: str, namespace: str = NS, port: int = 80) -> None:
    """Istio's Gateway and VirtualService of a MeshGateway."""
    cluster.client.apply(o.server(namespace, name, port, host))
    cluster.client.apply(o.route(namespace, name, host, backend(to)))


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


class GatewayTest(unittest.TestCase):
    """What a test makes goes with it; pods that do not run and a dead operator fail it."""

    def tearDown(self) -> None:
        problems = cluster.kubelet.problems.copy()
        cluster.kubelet.problems.clear()
        self.assertEqual(problems, [])
        self.assertTrue(cluster.operator.alive(), "the operator ended")

    def gateway(self, name: str, namespace: str = NS, **spec: Any) -> None:
        cluster.client.apply(o.mesh_gateway(namespace, name, **spec))
        self.addCleanup(self.remove, namespace, name)

    def remove(self, namespace: str, name: str) -> None:
        for kind in ("MeshGateway", "VirtualService", "Gateway"):
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
