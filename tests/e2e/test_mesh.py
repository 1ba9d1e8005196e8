# SPDX-License-Identifier: Apache-2.0
"""The mesh's configuration changes: its gateways follow, one after the other, and keep serving."""

from __future__ import annotations

import json
import time
from typing import Any

import suite
from cluster import until
from suite import NS, address, serve
from traffic import Load

ISTIO = "istio-system"


def change(default_config: dict[str, Any]) -> None:
    """Of meshConfig, as `helm upgrade` would; istiod reads the same ConfigMap."""
    config_map = suite.cluster.client.get("ConfigMap", ISTIO, "istio")
    assert config_map is not None
    mesh = json.loads(config_map["data"]["mesh"])
    mesh["defaultConfig"] = default_config
    patch = {"data": {"mesh": json.dumps(mesh)}}
    suite.cluster.client.merge("ConfigMap", ISTIO, "istio", patch)


def is_rolling(name: str) -> bool:
    deployment = suite.cluster.client.get("Deployment", NS, name) or {}
    status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
    return bool(
        status.get("observedGeneration", 0) < deployment["metadata"]["generation"]
        or status.get("updatedReplicas", 0) < wanted
        or status.get("availableReplicas", 0) < wanted
    )


class Mesh(suite.GatewayTest):
    NAMES = ("mesh-a", "mesh-b", "mesh-c")

    def proxy_config(self, name: str) -> Any:
        (pod,) = suite.cluster.kubelet.running(NS, f"{name}-")
        (container,) = pod.pod["spec"]["containers"]
        return json.loads({e["name"]: e.get("value") for e in container["env"]}["PROXY_CONFIG"])

    def has_followed(self, name: str) -> bool:
        running = suite.cluster.kubelet.running(NS, f"{name}-")
        return len(running) == 1 and self.proxy_config(name).get("concurrency") == 1

    def test_all_roll_one_after_the_other(self) -> None:
        for name in self.NAMES:
            self.gateway(name, drainSeconds=5)
            serve(name, f"{name}.test", "one")
        where = {name: address(name) for name in self.NAMES}
        for name in self.NAMES:
            self.answers(where[name], 80, f"{name}.test", "one")
        self.addCleanup(change, {})
        most = 0
        with Load(where["mesh-b"], 80, "mesh-b.test", rate=100) as load:
            load.wait_for(200)
            began = time.monotonic()
            change({"concurrency": 1})

            def done() -> bool:
                nonlocal most
                most = max(most, sum(is_rolling(name) for name in self.NAMES))
                return all(self.has_followed(name) for name in self.NAMES)

            until("every gateway has the mesh's new configuration", done, 180)
            took = time.monotonic() - began
            load.wait_for(load.count + 200)
        print(
            f"{len(self.NAMES)} gateways followed the mesh in {took:.1f} s, at most {most} at a "
            f"time: {len(load.failures)} of {load.count} requests failed",
            flush=True,
        )
        self.assertEqual(most, 1)
        self.assertEqual(load.failures, [])
        for name in self.NAMES:
            self.answers(where[name], 80, f"{name}.test", "one")
