# SPDX-License-Identifier: Apache-2.0
"""Certificates over HTTP-01 as a test sees them, and the routing of challenges by hand."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import Any

import suite
from cluster import until
from objects import MESH_API
from pebble import Pebble
from suite import NS
from traffic import Answer, ask

# Nobody serves it: cert-manager makes pod, Service and Ingress of a challenge, and waits.
SOLVER_CLASS = "meshgateway-acme"
SOLVERS = "labelSelector=acme.cert-manager.io%2Fhttp01-solver%3Dtrue"
TOKENS = "/.well-known/acme-challenge/"
FINAL = {"valid", "invalid", "expired", "errored"}
TEMPORARY = "cert-manager.io/issue-temporary-certificate"


def issuer(name: str, server: Pebble, namespace: str = NS) -> dict[str, Any]:
    ingress = {"class": SOLVER_CLASS, "serviceType": "ClusterIP"}
    acme = {
        "server": server.url,
        "caBundle": server.ca_bundle,
        "privateKeySecretRef": {"name": f"{name}-account"},
        "solvers": [{"http01": {"ingress": ingress}}],
    }
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Issuer",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"acme": acme},
    }


def certificate(
    name: str, issuer: str, *hosts: str, namespace: str = NS, temporary: bool = False
) -> dict[str, Any]:
    """Its Secret has its name; `temporary`: a self-signed pair is in there until it is issued."""
    meta: dict[str, Any] = {"name": name, "namespace": namespace}
    if temporary:
        meta["annotations"] = {TEMPORARY: "true"}
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": meta,
        "spec": {
            "secretName": name,
            "dnsNames": list(hosts),
            "issuerRef": {"name": issuer},
            "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
            "usages": ["digital signature", "server auth"],
        },
    }


def challenges(
    name: str, hosts: list[str], routes: list[dict[str, Any]], namespace: str = NS
) -> dict[str, Any]:
    """The VirtualService of these challenge routes."""
    return {
        "apiVersion": MESH_API,
        "kind": "VirtualService",
        "metadata": {"name": f"{name}-acme", "namespace": namespace},
        "spec": {
            "exportTo": ["."],
            "hosts": hosts,
            "gateways": [f"{namespace}/{name}"],
            "http": routes,
        },
    }


def redirect(
    name: str, hosts: list[str], routes: list[dict[str, Any]], namespace: str = NS
) -> dict[str, Any]:
    """The VirtualService that sends to HTTPS what is none of these challenge routes."""
    everything = {
        "port": 80,
        "uri": {"prefix": "/"},
        "headers": {"x-forwarded-proto": {"exact": "http"}},
    }
    to_https = {"scheme": "https", "redirectCode": 301}
    last = {"name": "https-redirect", "match": [everything], "redirect": to_https}
    vs = challenges(name, hosts, [*routes, last], namespace)
    vs["metadata"]["name"] = f"{name}-redirect"
    return vs


def live(challenge: dict[str, Any]) -> bool:
    return challenge.get("status", {}).get("state", "") not in FINAL


def owned_by(owner: dict[str, Any], o: dict[str, Any]) -> bool:
    refs = o["metadata"].get("ownerReferences", [])
    return any(r["uid"] == owner["metadata"]["uid"] for r in refs)


class Router:
    """Routes the challenges of a MeshGateway's hosts as soon as it can be done, until stop().

    With `redirects` it is also what sends HTTP to HTTPS; without, the Gateway does.
    """

    def __init__(
        self, gateway: str, *hosts: str, namespace: str = NS, redirects: bool = True
    ) -> None:
        self.gateway, self.hosts, self.namespace = gateway, list(hosts), namespace
        self.redirects = redirects
        self.client = suite.cluster.client
        self._challenges: dict[str, dict[str, Any]] = {}
        self._services: dict[str, dict[str, Any]] = {}
        self._routes: list[dict[str, Any]] = []
        self._stopped = False
        self._lock = threading.Lock()

    def start(self) -> Router:
        self._apply([])
        self.client.watch("Challenge", lambda kind, o: self._seen(self._challenges, kind, o))
        self.client.watch("Service", lambda kind, o: self._seen(self._services, kind, o), SOLVERS)
        return self

    def stop(self) -> None:
        with self._lock:
            self._stopped = True

    def _seen(self, known: dict[str, dict[str, Any]], kind: str, o: dict[str, Any]) -> None:
        with self._lock:
            known[o["metadata"]["uid"]] = o
            if kind == "DELETED":
                del known[o["metadata"]["uid"]]
            routes = self._wanted()
            if routes != self._routes and not self._stopped:
                self._apply(routes)

    def _wanted(self) -> list[dict[str, Any]]:
        found = []
        for c in sorted(self._challenges.values(), key=lambda c: c["metadata"]["name"]):
            services = [s for s in self._services.values() if owned_by(c, s)]
            if self._mine(c) and live(c) and services:
                found.append(self._route(c, services[0]["metadata"]))
        return found

    def _mine(self, c: dict[str, Any]) -> bool:
        return c["metadata"]["namespace"] == self.namespace and c["spec"]["dnsName"] in self.hosts

    def _route(self, challenge: dict[str, Any], service: dict[str, Any]) -> dict[str, Any]:
        host = f"{service['name']}.{service['namespace']}.svc.cluster.local"
        match: dict[str, Any] = {"uri": {"exact": TOKENS + challenge["spec"]["token"]}}
        # Where the Gateway redirects, the question comes to port 443.
        if self.redirects:
            match["port"] = 80
        return {
            "name": challenge["metadata"]["name"],
            "match": [match],
            "route": [{"destination": {"host": host, "port": {"number": 8089}}}],
        }

    def _apply(self, routes: list[dict[str, Any]]) -> None:
        what = (self.gateway, self.hosts, routes, self.namespace)
        if self.redirects:
            self.client.apply(redirect(*what))
        elif routes:
            self.client.apply(challenges(*what))
        else:
            self.client.delete("VirtualService", self.namespace, f"{self.gateway}-acme")
        self._routes = routes


def challenge(host: str, namespace: str = NS) -> dict[str, Any]:
    """The live challenge of this host that cert-manager has presented; waits for it."""

    def find() -> dict[str, Any] | None:
        for c in suite.cluster.client.items("Challenge", namespace):
            if c["spec"]["dnsName"] == host and c.get("status", {}).get("presented") and live(c):
                return dict(c)
        return None

    return until(f"a challenge of {host}", find, 60)


def reason(challenge: dict[str, Any]) -> str:
    """What cert-manager says of it now."""
    meta = challenge["metadata"]
    found = suite.cluster.client.get("Challenge", meta["namespace"], meta["name"]) or {}
    return str(found.get("status", {}).get("reason", ""))


def solver(challenge: dict[str, Any]) -> str:
    """The name of a challenge's Service; "" while there is none."""
    services = suite.cluster.client.items("Service", challenge["metadata"]["namespace"])
    return next((str(s["metadata"]["name"]) for s in services if owned_by(challenge, s)), "")


def true(o: dict[str, Any], kind: str) -> bool:
    """Whether this condition of the object is True."""
    conditions = o.get("status", {}).get("conditions", [])
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)


def issued(name: str, namespace: str = NS) -> int:
    """How often this Certificate has been issued; 0 while that is going on."""
    found = suite.cluster.client.get("Certificate", namespace, name) or {}
    done = true(found, "Ready") and not true(found, "Issuing")
    return int(found["status"].get("revision", 0)) if done else 0


def renew(name: str, namespace: str = NS) -> None:
    """What `cmctl renew` does."""
    at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    kept = suite.cluster.client.get("Certificate", namespace, name)["status"]["conditions"]
    issuing = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered"}
    issuing |= {"message": "a test asks for it", "lastTransitionTime": at}
    conditions = [c for c in kept if c["type"] != "Issuing"] + [issuing]
    status = {"status": {"conditions": conditions}}
    suite.cluster.client.merge("Certificate", namespace, name, status, "/status")


def verified(where: str, host: str, server: Pebble, body: str, seconds: float = 60) -> Answer:
    """The answer over HTTPS with a certificate of this ACME server; waits for it."""
    root = server.root()

    def check() -> Answer | None:
        answer = ask(where, 443, host, root=root)
        return answer if (answer.status, answer.body) == (200, body) else None

    return until(f"https://{host} at {where} answers {body}", check, seconds)


class HttpsTest(suite.GatewayTest):
    def status(self, where: str, host: str, path: str, status: int) -> None:
        """HTTP answers so; istiod's push may take a moment."""
        until(
            f"http://{host}{path} at {where} answers {status}",
            lambda: ask(where, 80, host, path).status == status,
            30,
        )

    def routed(self, where: str, host: str) -> str:
        """The path of the host's challenge, once the gateway answers it with its key."""
        found = challenge(host)
        path = f"{TOKENS}{found['spec']['token']}"
        self.status(where, host, path, 200)
        self.assertEqual(ask(where, 80, host, path).body, found["spec"]["key"])
        return path

    def issued(self, name: str, times: int = 1) -> None:
        until(f"Certificate {name}: revision {times}", lambda: issued(name) >= times, 90)
