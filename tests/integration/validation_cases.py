# SPDX-License-Identifier: Apache-2.0
"""MeshGateways to judge: good ones, random ones made from the schema, and mutations of both.

The same seed makes the same documents.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator
from typing import Any

Path = tuple[Any, ...]

TEXTS = (
    "", "a", "http", "http2", "https", "web-1", "tcp-status", "istio-proxy", "A_b.c", "-a", "a-", "a.b", "é", "日本",
    "example.com", "*.example.com", "*", "*/a.example.com", "./b.example.com", "ns/*.example.com", "ns/*", "a..b",
    "100m", "128Mi", "1e3", "-1", "+.5", "0", "80", "443", "50%", "100%", "101%", "1h30m", "1d", "90s", "1.5h",
    "letsencrypt", "https://acme.example/dir", "http://acme.example/dir", "10.0.0.0/8", "10.0.0.0/33", "192.0.2.1",
    "10.0.0.1/8", "192.0.2.01", "2001:db8::1", "2001:db8::/32", "::ffff:192.0.2.1", "fe80::1%eth0", "None", "none",
    "Local", "Cluster", "ingress", "egress", "LoadBalancer", "ClusterIP", "NodePort", "ExternalName", "TCP", "UDP",
    "Recreate", "RollingUpdate", "PASSTHROUGH", "SIMPLE", "MUTUAL", "kubernetes.io/h2c", "a/b/c", "A=b", "A B", "\n",
    "a" * 15, "a" * 16, "a" * 63, "a" * 64, "a" * 253, "a" * 254, "1" * 400, "x-" * 2000, "\u0001", "\U0001f600" * 63,
)
# Not 1.0: kubectl sends 1 for it; the API server takes 1.0 from others, but no CEL rule does.
NUMBERS = (
    0, 1, -1, 2, 3, 5, 80, 443, 599, 600, 3600, 3601, 30000, 65535, 65536, 86400, 86401, 2**31 - 1, 2**31, -(2**31) - 1,
    2**53, 2**53 + 1, 2**63 - 1, -(2**63), 0.5, 1e300,
)  # fmt: skip
ODD: tuple[Any, ...] = (None, True, False, {}, [], [None], [[]], [{}], {"a": None}, {"a": {"b": []}}, {"": ""})

FULL: dict[str, Any] = {
    "type": "ingress",
    "ports": [
        {"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP", "nodePort": 30080, "appProtocol": "http"},
        {"name": "https", "port": 443, "targetPort": "https"},
        {"name": "quic", "port": 443, "protocol": "UDP", "targetPort": 8443},
    ],
    "labels": {"team": "a"},
    "service": {
        "type": "LoadBalancer",
        "metadata": {"labels": {"a": "b"}, "annotations": {"example.com/c": "d e"}},
        "externalTrafficPolicy": "Local",
        "loadBalancerIP": "192.0.2.1",
        "loadBalancerClass": "example.com/class",
        "loadBalancerSourceRanges": ["10.0.0.0/8", "2001:db8::/32"],
        "allocateLoadBalancerNodePorts": True,
        "healthCheckNodePort": 31000,
        "internalTrafficPolicy": "Cluster",
        "trafficDistribution": "PreferClose",
        "externalIPs": ["192.0.2.9"],
        "ipFamilies": ["IPv4", "IPv6"],
        "ipFamilyPolicy": "PreferDualStack",
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
        "publishNotReadyAddresses": False,
    },
    "deployment": {
        "replicas": 2,
        "metadata": {"labels": {"a": "b"}},
        "podMetadata": {"annotations": {"a": "b"}},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": 2}},
        "nodeSelector": {"disk": "ssd"},
        "securityContext": {"runAsUser": 1},
        "tolerations": [{"key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule"}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]
                }
            }
        },
        "env": [{"name": "A", "value": "b"}, {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
        "volumes": [{"name": "a", "configMap": {"name": "b", "items": [{"key": "c", "path": "d"}]}}],
        "volumeMounts": [{"name": "a", "mountPath": "/a"}],
        "containers": [{"name": "side", "image": "b", "ports": [{"containerPort": 1}, {"containerPort": 2}]}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"}],
        "imagePullSecrets": [{"name": "a"}, {"name": "b"}],
        "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["a"]}],
    },
    "autoscaling": {
        "minReplicas": 2,
        "maxReplicas": 5,
        "targetCPUUtilizationPercentage": 70,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}],
    },
    "podDisruptionBudget": {"minAvailable": "50%", "unhealthyPodEvictionPolicy": "AlwaysAllow"},
    "serviceAccount": {"name": "a", "annotations": {"b": "c"}},
    "proxy": {"mode": "Injected", "revision": "r1", "config": {"concurrency": 2, "any": [None]}},
    "istioControlPlane": {"name": "a", "namespace": "b"},
    "servers": [
        {"hosts": ["a.example.com"], "tls": {"certificate": {}}},
        {"name": "own", "hosts": ["*.b.example.com", "ns/c.example.com"], "tls": {"credentialName": "b-tls"}},
        {"name": "plain", "hosts": ["*"], "httpPort": 80},
        {"name": "pass", "hosts": ["d.example.com"], "httpsPort": "https", "tls": {"mode": "PASSTHROUGH"}},
    ],
    "acme": {"server": "letsencrypt", "email": "ops@example.com", "solver": {"waitInsteadOfSelfCheck": "30s"}},
    "overlays": [{"kind": "Service", "type": "JSONPatch", "patch": [{"op": "remove", "path": "/a"}]}],
    "sds": {"enabled": True},
    "drainSeconds": 60,
}  # fmt: skip

SHORT: dict[str, Any] = {
    "type": "egress",
    "ports": [],
    "serviceType": "NodePort",
    "serviceExternalTrafficPolicy": "Local",
    "serviceLabels": {"a": "b"},
    "serviceAnnotations": {"a": "b"},
    "loadBalancerIP": "",
    "replicaCount": 1,
    "minReplicas": 1,
    "maxReplicas": 3,
    "podAnnotations": {"a": "b"},
    "resources": {"limits": {"cpu": "1"}},
    "nodeSelector": {"a": "b"},
    "affinity": {"podAffinity": {}},
    "tolerations": [{"operator": "Exists"}],
    "securityContext": {"runAsUser": 0},
    "additionalEnvVars": [{"name": "A", "value": "b"}],
    "requestedNetworkView": "a,b",
    "runAsRoot": True,
}


def gateway(spec: Any, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "istio.banzaicloud.io/v1beta1",
        "kind": "MeshGateway",
        "metadata": {"name": "gw", **metadata},
        "spec": spec,
    }


def broken() -> Iterator[dict[str, Any]]:
    """What mutations seldom hit upon: documents that break a rule or just keep it."""

    def server(tls: dict[str, Any] | None = None, acme: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        made = {"hosts": ["a.example.com"], **({} if tls is None else {"tls": tls}), **more}
        spec = {"type": "ingress", "ports": FULL["ports"], "servers": [made]}
        return gateway({**spec, **({} if acme is None else {"acme": acme})})

    def plain(**fields: Any) -> dict[str, Any]:
        return gateway({"type": "ingress", "ports": [], **fields})

    letsencrypt = {"server": "letsencrypt"}
    shared = {"issuerRef": {"name": "shared"}}
    yield from (
        server({"certificate": {}}, letsencrypt, hosts=[f"a{i}.example.com" for i in range(n)]) for n in (100, 101)
    )
    yield from (
        server({"certificate": {}}, acme, hosts=[host])
        for host in ("*.example.com", "ns/*.example.com", "*/a.example.com", "*", "ns/*", "a.example.com")
        for acme in (None, letsencrypt, shared, {})
    )
    yield server({"certificate": {"dnsNames": ["a.example.com"]}}, letsencrypt, hosts=["*.example.com"])
    yield server({"certificate": {"dnsNames": ["*.example.com"]}}, letsencrypt)
    yield server({"certificate": shared}, None, hosts=["*.example.com"])
    yield server({"certificate": {"renewBefore": "1h", "renewBeforePercentage": 10}}, letsencrypt)
    yield server({"certificate": {}, "credentialName": "a"}, letsencrypt)
    yield from (server({"mode": mode, "credentialName": "a"}) for mode in ("SIMPLE", "MUTUAL", "PASSTHROUGH", ""))
    yield from (server({"mode": mode}) for mode in ("SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", ""))
    yield from (server(httpsRedirect=on) for on in (True, False))
    yield from (server(httpPort=port) for port in (80, 443, 81, "http", "https", "none", "", "80"))
    yield from (server({"credentialName": "a"}, httpsPort=port) for port in (80, 443, 81, "https", "none", ""))
    yield from (
        gateway({"type": "ingress", "ports": [], "servers": [{"hosts": ["a"], **tls}]})
        for tls in ({}, {"tls": {"credentialName": "a"}})
    )
    yield gateway({**FULL, "servers": [{"hosts": ["a"], "name": "x"}, {"hosts": ["b"], "name": "x"}]})
    yield from (
        gateway({**FULL, "servers": [{"hosts": ["a"], "name": name}, {"hosts": ["b"], "name": other}]})
        for name in ("server-0", "server-1", "server-x", "server-")
        for other in ("", "x")
    )
    yield from (server(hosts=[host]) for host in (*TEXTS, "a.1", "1", "a.1a", "a.1-2", "ns/a.1", "*.1", "a" * 64))
    yield from (
        server({"certificate": {"dnsNames": [name]}}, shared, hosts=["a.example.com"])
        for name in (*TEXTS, "2001:db8::g", ":", "::", "192.0.2", "192.0.2.1", "a.1", "a.b1", "*.1")
    )
    yield from (
        server({"certificate": {"dnsNames": names}}, shared, hosts=[host])
        for host in ("*", "ns/*", "*.example.com")
        for names in ([], ["a.example.com"])
    )
    yield from (
        server({"mode": mode, **({} if "PASS" in mode else {"credentialName": "a"}), field: value})
        for mode in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL", "PASSTHROUGH", "AUTO_PASSTHROUGH")
        for field, value in (
            ("minProtocolVersion", "TLSV1_2"),
            ("maxProtocolVersion", "TLSV1_2"),
            ("minProtocolVersion", ""),
            ("cipherSuites", ["ECDHE-RSA-AES128-GCM-SHA256"]),
            ("cipherSuites", []),
            ("subjectAltNames", ["spiffe://a/b"]),
            ("subjectAltNames", []),
        )
    )
    yield from (
        server({"credentialName": "a", "minProtocolVersion": low, "maxProtocolVersion": high})
        for low in ("TLS_AUTO", "TLSV1_0", "TLSV1_2", "TLSV1_3", "")
        for high in ("TLS_AUTO", "TLSV1_1", "TLSV1_3", "")
    )
    for ports in (
        [{"name": "https", "port": 443}],
        [{"name": "http", "port": 80, "protocol": "UDP"}, {"name": "https", "port": 443, "protocol": "TCP"}],
        [{"name": "a", "port": 443, "protocol": "UDP"}, {"name": "b", "port": 81}],
    ):
        for more in ({}, {"httpsRedirect": True}, {"httpPort": "http"}, {"httpsPort": 443}, {"httpsPort": "a"}):
            made = {"hosts": ["a.example.com"], "tls": {"credentialName": "a"}, **more}
            yield gateway({"type": "ingress", "ports": ports, "servers": [made]})
    binding = {"keyID": "a", "keySecretRef": {"name": "a", "key": "b"}}
    yield from (
        plain(acme={**letsencrypt, "externalAccountBinding": {**binding, **more}})
        for more in ({}, {"keyID": ""}, {"keySecretRef": {}}, {"keySecretRef": {"name": "a"}}, {"keySecretRef": None},
                     {"keySecretRef": {"key": "b"}}, {"keySecretRef": {"name": "a", "key": ""}})
    )
    yield from (plain(acme=acme) for acme in ({}, {"email": "a"}, {**shared, "email": "a"}, {"solver": {}}, shared))
    yield from (
        plain(service={"ipFamilies": families, "ipFamilyPolicy": policy})
        for families in (["IPv4", "IPv4"], ["IPv4", "IPv6"], ["IPv6"])
        for policy in ("SingleStack", "PreferDualStack", "")
    )
    yield from (
        plain(podDisruptionBudget={"minAvailable": a, "maxUnavailable": b})
        for a in (0, 1, "", "10%")
        for b in (0, 1, "", "10%")
    )
    yield from (
        plain(autoscaling={"external": external, **fields})
        for external in (True, False)
        for fields in (
            {},
            {"maxReplicas": 2},
            {"minReplicas": 2},
            {"behavior": {"scaleUp": {}}},
            {"behavior": {}},
            {"metrics": FULL["autoscaling"]["metrics"]},
            {"targetCPUUtilizationPercentage": 50},
            {"targetMemoryUtilizationPercentage": 50},
        )
    )
    yield plain(loadBalancerIP="a", service={"loadBalancerIP": "a"})
    yield plain(loadBalancerIP="a", serviceType="NodePort")
    yield plain(requestedNetworkView="a", proxy={"requestedNetworkView": "b"})
    yield plain(minReplicas=3, maxReplicas=2)
    yield plain(minReplicas=3, autoscaling={"maxReplicas": 2})
    yield from (
        plain(deployment={"strategy": {"type": kind, "rollingUpdate": {}}}) for kind in ("Recreate", "RollingUpdate")
    )
    yield plain(deployment={"initContainers": [{"name": "istio-proxy"}]})
    for key in TEXTS:
        yield plain(labels={key: "a"}, serviceAnnotations={key: "a"})
        yield plain(deployment={"nodeSelector": {key: ""}, "podMetadata": {"labels": {key: ""}}})
        yield plain(serviceAccount={"annotations": {key.upper(): ""}})
    yield from (plain(labels={f"a{i}": "" for i in range(n)}) for n in (64, 65))
    yield from (plain(service={"clusterIP": ip, "type": "ClusterIP"}) for ip in TEXTS)
    yield from (plain(serviceType=kind, serviceExternalTrafficPolicy="Local") for kind in ("ClusterIP", "NodePort"))
    yield from (
        plain(service={"sessionAffinity": kind, "sessionAffinityConfig": config})
        for kind in ("None", "ClientIP", "")
        for config in ({}, {"clientIP": {}}, {"clientIP": {"timeoutSeconds": 1}})
    )
    for field in ("env", "additionalEnvVars"):
        for variable in ({"value": "a"}, {"value": "", "valueFrom": {}}, {"value": "a", "valueFrom": {}}):
            env = [{"name": "A", **variable}]
            yield plain(deployment={"env": env}) if field == "env" else plain(additionalEnvVars=env)
    for ports in (
        [{"port": 1, "name": "a"}, {"port": 2, "name": "a"}],
        [{"port": 1}, {"port": 2, "name": "a"}],
        [{"port": 1, "name": "a", "nodePort": 30001}, {"port": 2, "name": "b", "nodePort": 30001}],
        [{"port": 1, "name": "a", "nodePort": 30001}, {"port": 1, "name": "b", "nodePort": 30001, "protocol": "UDP"}],
    ):
        yield gateway({"type": "ingress", "ports": ports})
    yield from (plain(service={"externalIPs": [ip]}) for ip in TEXTS)
    yield from (plain(service={"loadBalancerSourceRanges": [ip]}) for ip in TEXTS)
    yield from (gateway({"type": "ingress", "ports": [{"port": 1, "targetPort": text}]}) for text in TEXTS)


class Maker:
    def __init__(self, schema: dict[str, Any], seed: int) -> None:
        self.schema = schema
        self.rng = random.Random(seed)

    def documents(self, count: int) -> Iterator[dict[str, Any]]:
        bases = [gateway(FULL), gateway(SHORT)]
        yield from bases
        yield from self.metadata()
        yield from self.both_ways()
        yield from broken()
        for _ in range(count):
            if self.rng.random() < 0.2:
                bases[1:] = [gateway(SHORT), gateway(self.value(self.schema["properties"]["spec"], 0))]
            document = copy.deepcopy(self.rng.choice(bases))
            for _ in range(self.rng.choice((0, 1, 1, 1, 2, 3))):
                self.mutate(document)
            yield document

    def metadata(self) -> Iterator[dict[str, Any]]:
        spec = {"type": "ingress", "ports": []}
        for text in TEXTS:
            yield gateway(spec, name=text)
            yield gateway(spec, labels={text: "a"})
            yield gateway(spec, labels={"a": text})
            yield gateway(spec, annotations={text: "a"})
            yield gateway(spec, finalizers=[text])
            yield gateway(spec, generateName=text)
        for value in ODD:
            for field in ("labels", "annotations", "finalizers", "ownerReferences", "generation", "unknown", "name"):
                yield gateway(spec, **{field: value})
        yield gateway(spec, annotations={"a": "b" * (256 * 1024 - 1)})
        yield gateway(spec, annotations={"a": "b" * (256 * 1024)})
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "b", "controller": True}
        yield gateway(spec, ownerReferences=[owner, owner])
        yield gateway(spec, ownerReferences=[owner, {**owner, "uid": "c"}])
        yield gateway(spec, ownerReferences=[{**owner, "controller": False}, owner])
        for key in ("apiVersion", "kind", "name", "uid"):
            yield gateway(spec, ownerReferences=[{k: v for k, v in owner.items() if k != key}])

    def both_ways(self) -> Iterator[dict[str, Any]]:
        """Every shorthand beside the whole of the canonical fields; Service fields with every type."""
        for key, value in SHORT.items():
            yield gateway({**FULL, key: value})
            yield gateway({**FULL, key: {} if isinstance(value, dict) else [] if isinstance(value, list) else ""})
        for gateway_type in ("ingress", "egress"):
            for service_type in ("", "ClusterIP", "NodePort", "LoadBalancer"):
                for field, value in {**FULL["service"], "clusterIP": "None"}.items():
                    service = {"sessionAffinity": "ClientIP", field: value, "type": service_type}
                    yield gateway({"type": gateway_type, "ports": [], "service": service})
                yield gateway({"type": gateway_type, "ports": FULL["ports"], "serviceType": service_type})

    def text(self, schema: dict[str, Any]) -> str:
        fitting = [
            text
            for text in TEXTS
            if re.search(schema.get("pattern", ""), text)
            and schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", 999)
        ]
        return self.rng.choice(fitting or TEXTS)

    def value(self, schema: dict[str, Any], depth: int) -> Any:
        """A value that the schema mostly likes; deeper objects have fewer members."""
        rng = self.rng
        if "enum" in schema:
            return rng.choice(schema["enum"])
        if schema.get("x-kubernetes-int-or-string"):
            return rng.choice((1, 80, 443, "50%", "100m", "http", self.text(schema)))
        if "properties" in schema:
            chance = (0.12, 0.35, 0.3, 0.25)[min(depth, 3)]
            required = schema.get("required", [])
            return {
                name: self.value(member, depth + 1)
                for name, member in sorted(schema["properties"].items())
                if name in required or rng.random() < chance
            }
        kind = schema.get("type")
        if kind == "object":
            keys = rng.sample(TEXTS, rng.randrange(3))
            return {key: self.value(schema.get("additionalProperties", {}), depth + 1) for key in keys}
        if kind == "array":
            return [self.value(schema["items"], depth + 1) for _ in range(rng.choice((0, 1, 1, 2, 3)))]
        if kind == "integer":
            low = schema.get("minimum", 0)
            return rng.choice((low, low + 1, min(schema.get("maximum", 9999), 9999)))
        if kind == "boolean":
            return rng.random() < 0.5
        if kind == "string":
            return self.text(schema)
        return rng.choice(ODD[3:])

    def mutate(self, document: dict[str, Any]) -> None:
        rng = self.rng
        places: list[Path] = [("spec", *path) for path in paths(document.get("spec"))]
        if not places or rng.random() < 0.03:
            places = [("kind",), ("apiVersion",), ("spec",), ("status",), ("extra",), ("metadata",)]
        place = rng.choice(places)
        parent: Any = document
        for step in place[:-1]:
            parent = parent[step]
        last = place[-1]
        choice = rng.random()
        if choice < 0.15 and isinstance(parent, dict):
            parent.pop(last, None)
        elif choice < 0.2 and isinstance(parent, dict):
            parent[rng.choice(("unknown", "metadata", "Name", "typ", *TEXTS[:4]))] = rng.choice((1, "a", None))
        elif choice < 0.3 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[last]))
        elif choice < 0.34 and isinstance(parent, list):
            parent *= rng.choice((2, 40, 130))
        elif choice < 0.6:
            parent[last] = rng.choice(TEXTS)
        elif choice < 0.8:
            parent[last] = rng.choice(NUMBERS)
        else:
            parent[last] = copy.deepcopy(rng.choice(ODD))


def paths(value: Any) -> Iterator[Path]:
    """Where every value inside `value` is."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in list(members):
        yield (key,)
        for rest in paths(member):
            yield (key, *rest)
