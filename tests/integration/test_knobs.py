#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each knob changes only what it should, and taking it back restores what was there."""

from __future__ import annotations

import re
import sys
from typing import Any

import harness as h

PROXY = r"Deployment spec\.template\.spec\.containers\[istio-proxy\]\."
POD = r"Deployment spec\.template\.spec\."

# What the API server and the controllers add by themselves.
SERVER = re.compile(
    r"\S+ status\b"
    r"|\S+ metadata\.(uid|resourceVersion|generation|creationTimestamp)\b"
    r"|\S+ metadata\.(managedFields|ownerReferences)\b"
    r"|Deployment metadata\.annotations\.deployment\.kubernetes\.io/revision$"
    r"|Service spec\.(clusterIP|healthCheckNodePort|allocateLoadBalancerNodePorts)"
    r"|Service spec\.ports\[.*\]\.nodePort$"
    r"|HorizontalPodAutoscaler spec\.behavior"
)

# (title, what is merged into the spec, patterns of the paths that must change; nothing else may)
KNOBS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("serviceType NodePort", {"serviceType": "NodePort"}, [r"Service spec\.type"]),
    (
        "service.type ClusterIP",
        {"service": {"type": "ClusterIP"}},
        [r"Service spec\.type", r"Service spec\.externalTrafficPolicy"],
    ),
    (
        "service.externalTrafficPolicy",
        {"service": {"externalTrafficPolicy": "Local"}},
        [r"Service spec\.externalTrafficPolicy"],
    ),
    (
        "service.internalTrafficPolicy",
        {"service": {"internalTrafficPolicy": "Local"}},
        [r"Service spec\.internalTrafficPolicy"],
    ),
    ("serviceLabels", {"serviceLabels": {"team": "edge"}}, [r"Service metadata\.labels\.team"]),
    (
        "serviceAnnotations",
        {"serviceAnnotations": {"example.com/x": "y"}},
        [r"Service metadata\.annotations\.example\.com/x"],
    ),
    ("loadBalancerIP", {"loadBalancerIP": "203.0.113.5"}, [r"Service spec\.loadBalancerIP"]),
    (
        "loadBalancerSourceRanges",
        {"service": {"loadBalancerSourceRanges": ["192.0.2.0/24"]}},
        [r"Service spec\.loadBalancerSourceRanges.*"],
    ),
    (
        "sessionAffinity",
        {"service": {"sessionAffinity": "ClientIP"}},
        [r"Service spec\.sessionAffinity", r"Service spec\.sessionAffinityConfig.*"],
    ),
    (
        "publishNotReadyAddresses",
        {"service": {"publishNotReadyAddresses": True}},
        [r"Service spec\.publishNotReadyAddresses"],
    ),
    (
        "a port more",
        {
            "ports": [
                {"name": "http", "port": 8000},
                {"name": "https", "port": 443, "targetPort": 8443},
            ]
        },
        [r"Service spec\.ports\[https\].*", PROXY + r"ports\[https\].*"],
    ),
    (
        "targetPort",
        {"ports": [{"name": "http", "port": 8000, "targetPort": 9000}]},
        [r"Service spec\.ports\[http\]\.targetPort", PROXY + r"ports\[http\]\.containerPort"],
    ),
    (
        "deployment.replicas",
        {"deployment": {"replicas": 2}},
        [r"Deployment spec\.replicas", "PodDisruptionBudget .*"],
    ),
    ("replicaCount", {"replicaCount": 0}, [r"Deployment spec\.replicas"]),
    (
        "minReplicas and maxReplicas",
        {"minReplicas": 1, "maxReplicas": 3},
        ["HorizontalPodAutoscaler .*"],
    ),
    (
        "podDisruptionBudget",
        {"podDisruptionBudget": {"minAvailable": "50%"}},
        ["PodDisruptionBudget .*"],
    ),
    (
        "labels",
        {"labels": {"team": "edge"}},
        [r"\S+ metadata\.labels\.team", r"Deployment spec\.template\.metadata\.labels\.team"],
    ),
    (
        "podAnnotations",
        {"podAnnotations": {"example.com/x": "y"}},
        [r"Deployment spec\.template\.metadata\.annotations\.example\.com/x"],
    ),
    (
        "deployment.podMetadata.labels",
        {"deployment": {"podMetadata": {"labels": {"a": "b"}}}},
        [r"Deployment spec\.template\.metadata\.labels\.a"],
    ),
    (
        "deployment.metadata",
        {"deployment": {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}}},
        [r"Deployment metadata\.labels\.a", r"Deployment metadata\.annotations\.c"],
    ),
    (
        "resources",
        {"resources": {"requests": {"cpu": "50m"}, "limits": {"memory": "256Mi"}}},
        [PROXY + r"resources\..*"],
    ),
    ("nodeSelector", {"nodeSelector": {"disk": "ssd"}}, [POD + r"nodeSelector.*"]),
    (
        "affinity",
        {
            "affinity": {
                "nodeAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": 1,
                            "preference": {
                                "matchExpressions": [{"key": "zone", "operator": "Exists"}]
                            },
                        }
                    ]
                }
            }
        },
        [POD + r"affinity.*"],
    ),
    (
        "tolerations",
        {"tolerations": [{"key": "edge", "operator": "Exists"}]},
        [POD + r"tolerations.*"],
    ),
    (
        "additionalEnvVars",
        {"additionalEnvVars": [{"name": "A", "value": "b"}]},
        [PROXY + r"env\[A\].*"],
    ),
    ("securityContext", {"securityContext": {"runAsUser": 2000}}, [PROXY + r"securityContext.*"]),
    (
        "runAsRoot",
        {"runAsRoot": True},
        [PROXY + r"securityContext\..*", POD + r"securityContext\..*"],
    ),
    (
        "priorityClassName",
        {"deployment": {"priorityClassName": "system-cluster-critical"}},
        [POD + "priorityClassName"],
    ),
    ("imagePullPolicy", {"deployment": {"imagePullPolicy": "Always"}}, [PROXY + "imagePullPolicy"]),
    (
        "strategy",
        {"deployment": {"strategy": {"type": "Recreate"}}},
        [r"Deployment spec\.strategy\..*"],
    ),
    (
        "minReadySeconds",
        {"deployment": {"minReadySeconds": 1}},
        [r"Deployment spec\.minReadySeconds"],
    ),
    (
        "an additional container",
        {"deployment": {"containers": [{"name": "side", "image": "example.com/side"}]}},
        [POD + r"containers\[side\].*"],
    ),
    (
        "a volume",
        {
            "deployment": {
                "volumes": [{"name": "v", "emptyDir": {}}],
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            }
        },
        [POD + r"volumes\[v\].*", PROXY + r"volumeMounts\[v\].*"],
    ),
    (
        "drainSeconds",
        {"drainSeconds": 60},
        [POD + "terminationGracePeriodSeconds", r"Deployment spec\.template\..*"],
    ),
    ("proxy.logLevel", {"proxy": {"logLevel": "debug"}}, [PROXY + r"args.*"]),
    ("proxy.image", {"proxy": {"image": "example.com/proxyv2:1"}}, [PROXY + "image"]),
    (
        "serviceAccount.annotations",
        {"serviceAccount": {"annotations": {"a": "b"}}},
        [r"ServiceAccount metadata\.annotations\.a"],
    ),
    (
        "serviceAccount.name",
        {"serviceAccount": {"name": "default", "create": False}},
        [r"ServiceAccount .*", r"RoleBinding subjects.*", POD + "serviceAccount(Name)?"],
    ),
]


def snapshot(namespace: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for kind in h.CHILDREN:
        live = h.get(kind, namespace, "gw")
        for key, value in h.flat(live or {}).items():
            if key and not SERVER.match(f"{kind} {key}"):
                out[f"{kind} {key}"] = value
    return out


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    absent = object()
    return sorted(
        k for k in before.keys() | after.keys() if before.get(k, absent) != after.get(k, absent)
    )


def all_changed(before: dict[str, Any], namespace: str, patterns: list[str]) -> list[str]:
    """What has changed, as soon as there is something for every pattern."""
    changed = changes(before, snapshot(namespace))
    for pattern in patterns:
        assert any(re.fullmatch(pattern, c) for c in changed), f"not {pattern}, only {changed}"
    return changed


class Knobs(h.IntegrationTest):
    def test_each_knob_changes_only_what_it_should(self) -> None:
        base = h.gateway("gw", self.ns)["spec"]
        self.gateway()
        h.settled(0.3)
        before = snapshot(self.ns)
        for title, knob, patterns in KNOBS:
            with self.subTest(title):
                h.replace_spec(self.ns, "gw", {**base, **knob})
                h.programmed(self.ns, "gw")
                # An identity that pods still use goes only after the rollout: this may take a while.
                changed = h.eventually(lambda: all_changed(before, self.ns, patterns), "changed")
                stray = [c for c in changed if not any(re.fullmatch(p, c) for p in patterns)]
                self.assertEqual(stray, [], "changed although the knob does not ask for it")
            with self.subTest(f"{title}, taken back"):
                h.replace_spec(self.ns, "gw", base)
                h.programmed(self.ns, "gw")

                def as_before() -> bool:
                    left = changes(before, snapshot(self.ns))
                    assert not left, left
                    return True

                h.eventually(as_before, "as before", 10)

    def test_service_type_back_and_forth_keeps_the_service(self) -> None:
        self.gateway()
        first = h.get("Service", self.ns, "gw")
        assert first is not None
        for service_type in ("ClusterIP", "NodePort", "LoadBalancer", "ClusterIP", "LoadBalancer"):
            h.patch("MeshGateway", self.ns, "gw", {"spec": {"serviceType": service_type}})
            h.programmed(self.ns, "gw")
            now = h.get("Service", self.ns, "gw")
            assert now is not None
            self.assertEqual(now["spec"]["type"], service_type)
            self.assertEqual(
                (now["metadata"]["uid"], now["spec"]["clusterIP"]),
                (first["metadata"]["uid"], first["spec"]["clusterIP"]),
            )


if __name__ == "__main__":
    sys.exit(h.main())
