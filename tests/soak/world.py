# SPDX-License-Identifier: Apache-2.0
"""What lives in the cluster during a soak: namespaces, random MeshGateways, and what belongs to others."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

import harness as h
import issuing as i
from test_knobs import KNOBS, SCALED, SCALED_KNOBS

# What lets no pod run in this cluster, or names a control plane that is not here.
UNFIT = (
    "nodeSelector", "runtimeClassName", "hostNetwork", "proxy.mode", "proxy.revision",
    "istioControlPlane", "proxy.istioNamespace",
)  # fmt: skip
FIT = [(title, spec) for title, spec, _ in KNOBS if title not in UNFIT]
OVERLAYS: list[dict[str, Any]] = [
    {"kind": "Service", "patch": {"metadata": {"annotations": {"example.com/overlay": "1"}}}},
    {
        "kind": "Deployment",
        "type": "JSONPatch",
        "patch": [{"op": "add", "path": "/metadata/annotations", "value": {"example.com/o": "2"}}],
    },
    {
        "kind": "Deployment",
        "type": "JSONMerge",
        "patch": {"spec": {"progressDeadlineSeconds": 601}},
    },
    {"kind": "ServiceAccount", "patch": {"metadata": {"labels": {"example.com/overlay": "3"}}}},
]
TAKEN = "taken"  # a gateway whose Service is somebody else's
CHILD_KINDS = (*h.CHILDREN, "Gateway", "VirtualService", "Issuer", "Certificate")


class World:
    def __init__(self, chance: random.Random, namespaces: list[str], count: int) -> None:
        self.chance = chance
        self.namespaces = namespaces
        self.count = count
        self.made = 0
        self.bystanders: dict[tuple[str, str, str], str] = {}
        self.services: dict[str, tuple[str, str, str]] = {}  # uid of a gateway: its Service
        self.excused: set[tuple[str, str]] = set()  # whose Service somebody deleted

    def spec(self) -> dict[str, Any]:
        """Any that is valid: some knobs at once."""
        spec: dict[str, Any] = {}
        scaled = self.chance.random() < 0.3
        if scaled:
            spec = merged(spec, SCALED)
        for _ in range(self.chance.randint(0, 4)):
            pool = SCALED_KNOBS if scaled and self.chance.random() < 0.3 else FIT
            spec = merged(spec, self.chance.choice(pool)[1])
        if scaled:
            for other in ("replicaCount", "minReplicas", "maxReplicas"):
                spec.pop(other, None)
            spec = merged(spec, SCALED)
            spec.get("deployment", {}).pop("replicas", None)
        if self.chance.random() < 0.3:
            spec["overlays"] = self.chance.sample(OVERLAYS, self.chance.randint(1, 3))
        if self.chance.random() < 0.35:
            hosts = [f"h{self.chance.randint(0, 999)}.example.com" for _ in range(2)]
            spec = merged(spec, {"ports": i.PORTS, "acme": {"server": "letsencrypt"}})
            spec["servers"] = [i.web(hosts[0]), i.web(hosts[1], name="plain", tls=None)]
        return spec

    def gateways(self) -> list[dict[str, Any]]:
        """Those of the soak, without the taken ones."""
        found = [g for ns in self.namespaces for g in listed("MeshGateway", ns)]
        found = [g for g in found if g["metadata"]["name"] != TAKEN]
        return [g for g in found if "deletionTimestamp" not in g["metadata"]]

    def some(self) -> dict[str, Any] | None:
        """One of them; they come in a known order, so that a seed means the same again."""
        found = sorted(self.gateways(), key=key_of)
        return self.chance.choice(found) if found else None

    def add(self) -> None:
        """A new one; a spec that the API server refuses is made anew."""
        for _ in range(20):
            self.made += 1
            gw = h.gateway(f"gw-{self.made}", self.chance.choice(self.namespaces), **self.spec())
            status, answer, _ = h.cp.request(
                "POST", h.path("MeshGateway", gw["metadata"]["namespace"]), gw
            )
            if status == 201:
                return
            assert status in (403, 404, 409, 422), (status, answer)

    def level(self) -> None:
        """As many as the soak is to have."""
        found = sorted(self.gateways(), key=key_of)
        for gw in found[self.count :]:
            h.cp.request("DELETE", path_of(gw))
        for _ in range(self.count - len(found)):
            self.add()

    def certify(self) -> None:
        """cert-manager has registered the account of every Issuer, and seen every Certificate."""
        for ns in self.namespaces:
            for issuer in listed("Issuer", ns):
                if h.condition(issuer, "Ready").get("status") != "True":
                    name = issuer["metadata"]["name"]
                    i.issuer_is(ns, name, "True", "ACMEAccountRegistered", "registered")
            for certificate in listed("Certificate", ns):
                if not h.condition(certificate, "Ready"):
                    name, told = certificate["metadata"]["name"], i.conditions(Ready=i.NO_SECRET)
                    i.set_status("Certificate", ns, name, conditions=told)

    def ensure(self) -> None:
        """Every namespace is there, with what belongs to others in it."""
        for ns in self.namespaces:
            status, found, _ = h.cp.request("GET", f"/api/v1/namespaces/{ns}")
            if status == 200 and "deletionTimestamp" in found["metadata"]:
                # kube-controller-manager's watches may hang on after a fault until they time out.
                h.eventually(
                    lambda ns=ns: h.cp.request("GET", f"/api/v1/namespaces/{ns}")[0] == 404,
                    f"namespace {ns} is gone", 330,
                )  # fmt: skip
                status = 404
            if status == 404:
                meta = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns}}
                h.cp.must("POST", "/api/v1/namespaces", meta)
                self.populate(ns)

    def populate(self, ns: str) -> None:
        """Objects that look like a gateway's, and one that takes the place of a gateway's."""
        port = {"ports": [{"name": "http", "port": 80}]}
        labels = {"gateway-name": "gw-1", "gateway-type": "ingress"}
        objects = [
            ("Service", "v1", "bystander", {"spec": port}),
            ("Service", "v1", TAKEN, {"spec": port}),
            ("ServiceAccount", "v1", "bystander", {}),
            ("ConfigMap", "v1", "bystander", {"data": {"a": "b"}}),
        ]
        for kind, api, name, more in objects:
            meta = {"name": name, "namespace": ns, "labels": labels}
            made = h.create({"apiVersion": api, "kind": kind, "metadata": meta, **more})
            self.bystanders[kind, ns, name] = digest(made)
        h.create(h.gateway(TAKEN, ns))

    def touched(self) -> list[str]:
        """Others' objects that are not what they were."""
        wrong = []
        for (kind, ns, name), before in self.bystanders.items():
            live = h.get(kind, ns, name)
            if live is None or digest(live) != before:
                wrong.append(f"{kind} {ns}/{name} was touched: {json.dumps(live)[:600]}")
        return wrong

    def forget(self, ns: str) -> None:
        """The namespace goes, with all that is in it."""
        for key in [k for k in self.bystanders if k[1] == ns]:
            del self.bystanders[key]


def listed(kind: str, ns: str) -> list[dict[str, Any]]:
    """[] also when the kind is not served."""
    status, found, _ = h.cp.request("GET", h.path(kind, ns))
    return list(found["items"]) if status == 200 else []


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if both else value
    return out


def key_of(gw: dict[str, Any]) -> tuple[str, str]:
    return gw["metadata"]["namespace"], gw["metadata"]["name"]


def path_of(gw: dict[str, Any]) -> str:
    return h.path("MeshGateway", *key_of(gw))


def digest(document: dict[str, Any]) -> str:
    """Of all that a client can write; managers included, so that a write without effect is seen."""
    parts = {k: v for k, v in document.items() if k != "status"}
    parts["metadata"] = {k: v for k, v in parts["metadata"].items() if k != "resourceVersion"}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
