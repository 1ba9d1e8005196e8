#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Overlays are the last word on every kind; one that does not apply leaves everything as it was."""

from __future__ import annotations

import sys
import time
from typing import Any

import harness as h

# By kind: a type, a patch, a path in the live object and its value, and somebody's edit of it.
GOOD: dict[str, tuple[str, Any, str, Any, Any]] = {
    "ServiceAccount": (
        "JSONMerge",
        {"automountServiceAccountToken": False},
        "automountServiceAccountToken",
        False,
        {"automountServiceAccountToken": True},
    ),
    "RoleBinding": (
        "StrategicMerge",
        {"metadata": {"annotations": {"example.com/a": "b"}}},
        "metadata.annotations.example.com/a",
        "b",
        {"metadata": {"annotations": {"example.com/a": "evil"}}},
    ),
    "Deployment": (
        "StrategicMerge",
        {"spec": {"template": {"spec": {"containers": [{"name": "istio-proxy", "env": [{"name": "X", "value": "1"}]}]}}}},
        "spec.template.spec.containers[istio-proxy].env[X].value",
        "1",
        {"spec": {"template": {"spec": {"containers": [{"name": "istio-proxy", "env": [{"name": "X", "value": "2"}]}]}}}},
    ),
    "Service": (
        "JSONPatch",
        [{"op": "add", "path": "/spec/externalIPs", "value": ["192.0.2.7"]}],
        "spec.externalIPs[0]",
        "192.0.2.7",
        {"spec": {"externalIPs": ["192.0.2.8"]}},
    ),
    "HorizontalPodAutoscaler": (
        "JSONMerge",
        {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 77}}}},
        "spec.behavior.scaleDown.stabilizationWindowSeconds",
        77,
        {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 78}}}},
    ),
    "PodDisruptionBudget": (
        "JSONPatch",
        [{"op": "replace", "path": "/spec/maxUnavailable", "value": "30%"}],
        "spec.maxUnavailable",
        "30%",
        {"spec": {"maxUnavailable": "40%"}},
    ),
}  # fmt: skip
SPEC: dict[str, Any] = {
    "type": "ingress",
    "ports": [{"name": "http", "port": 8000}],
    "minReplicas": 2,
    "maxReplicas": 3,
}


def overlays(*kinds: str) -> list[dict[str, Any]]:
    return [{"kind": k, "type": GOOD[k][0], "patch": GOOD[k][1]} for k in kinds or GOOD]


def field(kind: str, namespace: str) -> Any:
    live = h.get(kind, namespace, "gw")
    return h.flat(live or {}).get(GOOD[kind][2])


class Overlays(h.IntegrationTest):
    def values(self) -> dict[str, Any]:
        return {kind: field(kind, self.ns) for kind in GOOD}

    def test_each_kind_is_patched_kept_and_given_back(self) -> None:
        self.gateway(**SPEC)
        plain = self.values()
        for kind, (_, _, _, value, _) in GOOD.items():
            self.assertNotEqual(plain[kind], value, kind)
        h.replace_spec(self.ns, "gw", {**SPEC, "overlays": overlays()})
        h.programmed(self.ns, "gw")
        wanted = {kind: row[3] for kind, row in GOOD.items()}
        self.assertEqual(self.values(), wanted)
        for kind, (_, _, _, value, edit) in GOOD.items():
            with self.subTest(kind):
                h.patch(kind, self.ns, "gw", edit, h.STRATEGIC)
                h.eventually(lambda: field(kind, self.ns) == value, "the edit is repaired")
        h.available(self.ns, "gw")
        h.settled()
        mark = h.cp.audit_mark()
        time.sleep(2)
        writes = h.operator_writes(mark, self.ns, events=False)
        writes = [w for w in writes if "/meshgateways/" not in w]
        self.assertEqual(writes, [], "the children are in step")
        h.replace_spec(self.ns, "gw", SPEC)
        h.programmed(self.ns, "gw")
        h.eventually(lambda: self.values() == plain, "the fields are as before")

    def test_finalizers_of_others_stay(self) -> None:
        patch = {"metadata": {"finalizers": ["example.com/ours"]}}
        self.addCleanup(self.release)
        self.gateway(overlays=[{"kind": "Service", "type": "JSONMerge", "patch": patch}])
        both = ["example.com/ours", "example.com/theirs"]
        h.patch("Service", self.ns, "gw", {"metadata": {"finalizers": both}})
        h.settled()
        service = h.get("Service", self.ns, "gw")
        self.assertEqual(sorted(service["metadata"]["finalizers"]), both)

    def release(self) -> None:
        """Without its finalizers the namespace can go."""
        h.delete("MeshGateway", self.ns, "gw")

        def released() -> bool:
            if h.get("Service", self.ns, "gw"):
                h.patch("Service", self.ns, "gw", {"metadata": {"finalizers": None}})
            return h.get("MeshGateway", self.ns, "gw") is None

        h.eventually(released, "the gateway is gone")

    def test_bad_overlay_leaves_the_last_good_objects(self) -> None:
        self.gateway(**SPEC, overlays=overlays())
        h.settled()
        good = self.values()
        bad = [
            *overlays("Service"),
            {"kind": "Deployment", "type": "StrategicMerge", "patch": {"spec": {"paused": None}}},
            {"kind": "Service", "type": "JSONPatch", "patch": [{"op": "remove", "path": "/spec/x"}]},
        ]
        h.replace_spec(self.ns, "gw", {**SPEC, "overlays": bad})
        accepted = self.refused()
        self.assertEqual(accepted["reason"], "InvalidSpec")
        self.assertEqual(
            accepted["message"], "spec.overlays[2].patch[0]: remove /spec/x: there is no /spec/x"
        )
        self.assertEqual(self.values(), good)
        h.patch("Service", self.ns, "gw", GOOD["Service"][4])
        h.settled(2.0)
        self.assertEqual(field("Service", self.ns), "192.0.2.8")
        h.replace_spec(self.ns, "gw", {**SPEC, "overlays": overlays()})
        h.programmed(self.ns, "gw")
        self.assertEqual(self.values(), good)

    def refused(self) -> dict[str, Any]:
        def check() -> Any:
            gw = h.get("MeshGateway", self.ns, "gw")
            c = h.condition(gw, "Accepted")
            current = c.get("observedGeneration") == gw["metadata"]["generation"]
            return c if current and c["status"] == "False" else None

        return h.eventually(check, "the gateway is not accepted")

    def test_kind_that_is_not_rendered(self) -> None:
        h.create(h.gateway("gw", self.ns, overlays=overlays("HorizontalPodAutoscaler")))
        self.assertIn(
            "spec.overlays[0].kind: the gateway has no HorizontalPodAutoscaler",
            self.refused()["message"],
        )
        self.assertIsNone(h.get("Deployment", self.ns, "gw"))
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"maxReplicas": 3}})
        h.programmed(self.ns, "gw")
        self.assertEqual(field("HorizontalPodAutoscaler", self.ns), 77)


if __name__ == "__main__":
    sys.exit(h.main())
