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
    (
        "type",
        {"type": "egress"},
        [
            r"\S+ metadata\.labels\.(gateway-type|app\.kubernetes\.io/component)",
            r"Deployment spec\.template\.metadata\.labels\.(gateway-type|app\.kubernetes\.io/component)",
            r"Service spec\.type",
            r"Service spec\.externalTrafficPolicy",
        ],
    ),
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
        "sessionAffinityConfig",
        {
            "service": {
                "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
            }
        },
        [r"Service spec\.sessionAffinity", r"Service spec\.sessionAffinityConfig.*"],
    ),
    (
        "externalIPs",
        {"service": {"externalIPs": ["192.0.2.9"]}},
        [r"Service spec\.externalIPs.*"],
    ),
    (
        "trafficDistribution",
        {"service": {"trafficDistribution": "PreferClose"}},
        [r"Service spec\.trafficDistribution"],
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
        "appProtocol",
        {"ports": [{"name": "http", "port": 8000, "appProtocol": "http"}]},
        [r"Service spec\.ports\[http\]\.appProtocol"],
    ),
    (
        "protocol",
        {"ports": [{"name": "http", "port": 8000, "protocol": "UDP"}]},
        [r"Service spec\.ports\[http\]\.protocol", PROXY + r"ports\[http\]\.protocol"],
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
        "podSecurityContext",
        {"deployment": {"podSecurityContext": {"fsGroup": 1337, "supplementalGroups": [5]}}},
        [
            POD + r"securityContext\.(sysctls|seccompProfile|supplementalGroups).*",
            # Without the sysctl only ports from 1024 on can be listened on.
            PROXY + r"env\[ISTIO_META_UNPRIVILEGED_POD\].*",
        ],
    ),
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
        "revisionHistoryLimit",
        {"deployment": {"revisionHistoryLimit": 2}},
        [r"Deployment spec\.revisionHistoryLimit"],
    ),
    (
        "imagePullSecrets",
        {"deployment": {"imagePullSecrets": [{"name": "registry"}]}},
        [POD + r"imagePullSecrets.*"],
    ),
    (
        "topologySpreadConstraints",
        {
            "deployment": {
                "topologySpreadConstraints": [
                    {
                        "maxSkew": 1,
                        "topologyKey": "topology.kubernetes.io/zone",
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": {"matchLabels": {"gateway-name": "gw"}},
                    }
                ]
            }
        },
        [POD + r"topologySpreadConstraints.*"],
    ),
    ("dnsPolicy", {"deployment": {"dnsPolicy": "Default"}}, [POD + "dnsPolicy"]),
    (
        "dnsConfig",
        {"deployment": {"dnsConfig": {"options": [{"name": "ndots", "value": "2"}]}}},
        [POD + r"dnsConfig.*"],
    ),
    (
        "hostNetwork",
        {"deployment": {"hostNetwork": True}},
        [
            POD + r"hostNetwork",
            POD + r"dnsPolicy",  # istiod is found by the cluster's DNS only
            POD + r"securityContext\.sysctls.*",
            PROXY + r"env\[ISTIO_META_UNPRIVILEGED_POD\].*",
        ],
    ),
    (
        "hostAliases",
        {"deployment": {"hostAliases": [{"ip": "192.0.2.9", "hostnames": ["a.example.com"]}]}},
        [POD + r"hostAliases.*"],
    ),
    (
        "runtimeClassName",
        {"deployment": {"runtimeClassName": "gvisor"}},
        [POD + "runtimeClassName"],
    ),
    (
        "lifecycle",
        {"deployment": {"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}},
        [PROXY + r"lifecycle.*"],
    ),
    (
        "startupProbe",
        {"deployment": {"startupProbe": {"tcpSocket": {"port": 15021}}}},
        [PROXY + r"startupProbe.*"],
    ),
    (
        "readinessProbe",
        {"deployment": {"readinessProbe": {"tcpSocket": {"port": 15021}}}},
        [PROXY + r"readinessProbe.*"],
    ),
    (
        "livenessProbe",
        {"deployment": {"livenessProbe": {"tcpSocket": {"port": 15021}}}},
        [PROXY + r"livenessProbe.*"],
    ),
    (
        "initContainers",
        {"deployment": {"initContainers": [{"name": "first", "image": "example.com/first"}]}},
        [POD + r"initContainers\[first\].*"],
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
    (
        "proxy.componentLogLevel",
        {"proxy": {"componentLogLevel": "http:debug"}},
        [PROXY + r"args.*"],
    ),
    (
        "proxy.mode",
        {"proxy": {"mode": "Injected"}},
        [r"Deployment spec\.template\.(metadata|spec)\..*", PROXY + "image"],
    ),
    (
        "proxy.revision",
        {"proxy": {"revision": "canary"}},
        [
            r"\S+ metadata\.labels\.istio\.io/rev",
            r"Deployment spec\.template\.metadata\.(labels|annotations)\.istio\.io/rev",
            PROXY + r"env\[(CA_ADDR|PROXY_CONFIG)\]\.value",
        ],
    ),
    (
        "istioControlPlane",
        {"istioControlPlane": {"name": "canary", "namespace": "mesh"}},
        [
            r"\S+ metadata\.labels\.istio\.io/rev",
            r"Deployment spec\.template\.metadata\.(labels|annotations)\.istio\.io/rev",
            PROXY + r"env\[(CA_ADDR|PROXY_CONFIG)\]\.value",
        ],
    ),
    (
        "proxy.istioNamespace",
        {"proxy": {"istioNamespace": "mesh"}},
        [PROXY + r"env\[CA_ADDR\]\.value", PROXY + r"env\[PROXY_CONFIG\]\.value"],
    ),
    (
        "proxy.clusterID",
        {"proxy": {"clusterID": "west"}},
        [PROXY + r"env\[ISTIO_META_CLUSTER_ID\]\.value"],
    ),
    (
        "proxy.meshID",
        {"proxy": {"meshID": "mesh-2"}},
        [PROXY + r"env\[ISTIO_META_MESH_ID\]\.value"],
    ),
    (
        "proxy.trustDomain",
        {"proxy": {"trustDomain": "example.com"}},
        [PROXY + r"env\[TRUST_DOMAIN\]\.value", PROXY + r"env\[ISTIO_META_MESH_ID\]\.value"],
    ),
    (
        "proxy.network",
        {"proxy": {"network": "network-1"}},
        [
            PROXY + r"env\[ISTIO_META_NETWORK\].*",
            r"Deployment spec\.template\.metadata\.labels\.topology\.istio\.io/network",
        ],
    ),
    (
        "requestedNetworkView",
        {"requestedNetworkView": "network-1"},
        [PROXY + r"env\[ISTIO_META_REQUESTED_NETWORK_VIEW\].*"],
    ),
    (
        "proxy.caAddress",
        {"proxy": {"caAddress": "ca.example.com:15012"}},
        [PROXY + r"env\[CA_ADDR\]\.value"],
    ),
    (
        "proxy.discoveryAddress",
        {"proxy": {"discoveryAddress": "istiod.example.com:15012"}},
        [PROXY + r"env\[CA_ADDR\]\.value", PROXY + r"env\[PROXY_CONFIG\]\.value"],
    ),
    (
        "proxy.config",
        {"proxy": {"config": {"concurrency": 2}}},
        [PROXY + r"env\[PROXY_CONFIG\]\.value"],
    ),
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

SCALED = {"minReplicas": 1, "maxReplicas": 3}
# The same on top of an autoscaler.
SCALED_KNOBS: list[tuple[str, dict[str, Any], list[str]]] = [
    (
        "autoscaling.minReplicas",
        {"minReplicas": 2},
        [r"HorizontalPodAutoscaler spec\.minReplicas", "PodDisruptionBudget .*"],
    ),
    (
        "autoscaling.maxReplicas",
        {"maxReplicas": 4},
        [r"HorizontalPodAutoscaler spec\.maxReplicas"],
    ),
    (
        "autoscaling.targetCPUUtilizationPercentage",
        {"autoscaling": {"targetCPUUtilizationPercentage": 50}},
        [r"HorizontalPodAutoscaler spec\.metrics.*averageUtilization"],
    ),
    (
        "autoscaling.targetMemoryUtilizationPercentage",
        {"autoscaling": {"targetMemoryUtilizationPercentage": 50}},
        [r"HorizontalPodAutoscaler spec\.metrics.*"],
    ),
    (
        "autoscaling.metrics",
        {
            "autoscaling": {
                "metrics": [
                    {
                        "type": "External",
                        "external": {
                            "metric": {"name": "queue"},
                            "target": {"type": "Value", "value": "30"},
                        },
                    }
                ]
            }
        },
        [r"HorizontalPodAutoscaler spec\.metrics.*"],
    ),
]


def snapshot(namespace: str, others: str) -> dict[str, Any]:
    """The fields of all objects, without the one that somebody else sets."""
    out: dict[str, Any] = {}
    for kind in h.CHILDREN:
        live = h.get(kind, namespace, "gw")
        for key, value in h.flat(live or {}).items():
            if key and not SERVER.match(f"{kind} {key}") and f"{kind} {key}" != others:
                out[f"{kind} {key}"] = value
    return out


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    absent = object()
    return sorted(
        k for k in before.keys() | after.keys() if before.get(k, absent) != after.get(k, absent)
    )


def all_changed(
    before: dict[str, Any], after: dict[str, Any], patterns: list[str]
) -> list[str]:
    """What has changed, as soon as there is something for every pattern."""
    changed = changes(before, after)
    for pattern in patterns:
        assert any(re.fullmatch(pattern, c) for c in changed), f"not {pattern}, only {changed}"
    return changed


INJECTOR = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "MutatingWebhookConfiguration",
    "metadata": {"name": "istio-sidecar-injector", "labels": {"istio.io/rev": "default"}},
    "webhooks": [
        {
            "name": "object.sidecar-injector.istio.io",
            "clientConfig": {"url": "https://nobody.example.com/"},
            "rules": [
                {
                    "operations": ["CREATE"],
                    "apiGroups": ["nobody.example.com"],
                    "apiVersions": ["v1"],
                    "resources": ["nothings"],
                }
            ],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
    ],
}


class Knobs(h.IntegrationTest):
    """No mesh is there: what it would say is left alone, and an injector is only to be found."""

    autostart = False

    @classmethod
    def setUpClass(cls) -> None:
        h.cp.must(
            "POST",
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
            INJECTOR,
        )
        cls._shared = h.Operator("--ignore-mesh-config").start()

    def check(
        self, knobs: list[tuple[str, dict[str, Any], list[str]]], others: str, **spec: Any
    ) -> None:
        base = h.gateway("gw", self.ns, **spec)["spec"]
        self.gateway(**spec)
        h.settled(0.3)
        before = snapshot(self.ns, others)
        for title, knob, patterns in knobs:
            with self.subTest(title):
                h.replace_spec(self.ns, "gw", {**base, **knob})
                h.programmed(self.ns, "gw")
                # An identity that pods still use goes only after the rollout: this may take a while.
                changed = h.eventually(
                    lambda: all_changed(before, snapshot(self.ns, others), patterns), "changed"
                )
                stray = [c for c in changed if not any(re.fullmatch(p, c) for p in patterns)]
                self.assertEqual(stray, [], "changed although the knob does not ask for it")
            with self.subTest(f"{title}, taken back"):
                h.replace_spec(self.ns, "gw", base)
                h.programmed(self.ns, "gw")

                def as_before() -> bool:
                    left = changes(before, snapshot(self.ns, others))
                    assert not left, left
                    return True

                h.eventually(as_before, "as before", 10)

    def test_each_knob_changes_only_what_it_should(self) -> None:
        self.check(KNOBS, "")

    def test_each_knob_of_an_autoscaler_changes_only_what_it_should(self) -> None:
        self.check(SCALED_KNOBS, "Deployment spec.replicas", **SCALED)

    def test_behavior_of_an_autoscaler(self) -> None:
        """The server completes it, so not all of it goes when the field does."""

        def window() -> Any:
            h.programmed(self.ns, "gw")
            live = h.get("HorizontalPodAutoscaler", self.ns, "gw")
            down = live["spec"].get("behavior", {}).get("scaleDown", {})
            return down.get("stabilizationWindowSeconds")

        behavior = {"scaleDown": {"stabilizationWindowSeconds": 600}}
        self.gateway(**SCALED, autoscaling={"behavior": behavior})
        self.assertEqual(window(), 600)
        h.replace_spec(self.ns, "gw", h.gateway("gw", self.ns, **SCALED)["spec"])
        self.assertIn(window(), (None, 300))

    def live_service(self) -> dict[str, Any]:
        h.programmed(self.ns, "gw")
        service = h.get("Service", self.ns, "gw")
        assert service is not None
        spec: dict[str, Any] = service["spec"]
        return spec

    def test_numbers_that_the_server_chose_stay(self) -> None:
        """Load balancers and firewalls of clouds are set up for them."""

        def numbers() -> dict[str, Any]:
            spec = self.live_service()
            ports = {p["name"]: p["nodePort"] for p in spec["ports"] if p["name"] != "https"}
            return {"health": spec["healthCheckNodePort"], "ip": spec["clusterIP"], **ports}

        self.gateway(serviceExternalTrafficPolicy="Local")
        before = numbers()
        self.assertTrue(all(before.values()), before)
        more = [{"name": "https", "port": 443}, {"name": "http", "port": 8000}]
        for change in (
            {"ports": more},
            {"serviceAnnotations": {"example.com/x": "y"}},
            {"labels": {"team": "edge"}},
            {"proxy": {"revision": "canary"}},
            {"ports": more[1:]},
        ):
            h.patch("MeshGateway", self.ns, "gw", {"spec": change})
            self.assertEqual(numbers(), before, change)

    def test_numbers_that_the_spec_chose_are_taken(self) -> None:
        port = {"name": "http", "port": 8000, "nodePort": 30123}
        self.gateway(
            ports=[port], service={"externalTrafficPolicy": "Local", "healthCheckNodePort": 30124}
        )
        spec = self.live_service()
        self.assertEqual(spec["healthCheckNodePort"], 30124)
        self.assertEqual([p["nodePort"] for p in spec["ports"] if p["name"] == "http"], [30123])
        service = {"externalTrafficPolicy": "Cluster", "allocateLoadBalancerNodePorts": False}
        h.replace_spec(self.ns, "gw", {"type": "ingress", "ports": [port], "service": service})
        self.assertFalse(self.live_service()["allocateLoadBalancerNodePorts"])

    def test_a_field_that_may_not_change_is_told_and_heals(self) -> None:
        self.gateway(service={"loadBalancerClass": "example.com/a"})
        uid = h.get("Service", self.ns, "gw")["metadata"]["uid"]
        h.patch(
            "MeshGateway",
            self.ns,
            "gw",
            {"spec": {"service": {"loadBalancerClass": "example.com/b"}, "labels": {"a": "b"}}},
        )

        def told() -> bool:
            c = h.condition(h.get("MeshGateway", self.ns, "gw"), "Programmed")
            assert (c.get("status"), c.get("reason")) == ("False", "Rejected"), c
            return "loadBalancerClass" in c["message"]

        h.eventually(told, "the field in the condition")
        deployment = h.get("Deployment", self.ns, "gw")
        self.assertEqual(deployment["metadata"]["labels"]["a"], "b", "the others go on")
        h.patch(
            "MeshGateway",
            self.ns,
            "gw",
            {"spec": {"service": {"loadBalancerClass": "example.com/a"}}},
        )
        h.programmed(self.ns, "gw")
        service = h.get("Service", self.ns, "gw")
        self.assertEqual(service["metadata"]["uid"], uid)
        self.assertEqual(service["metadata"]["labels"]["a"], "b")

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
