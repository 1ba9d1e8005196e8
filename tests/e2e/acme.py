# SPDX-License-Identifier: Apache-2.0
"""Certificates over HTTP-01 as a test sees them, and those that users bring themselves."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import objects as o
import suite
from cluster import until
from pebble import Pebble
from suite import NS
from traffic import Answer, ask

# Nobody serves it: cert-manager makes pod, Service and Ingress of a challenge, and waits.
SOLVER_CLASS = "meshgateway-acme"
TOKENS = "/.well-known/acme-challenge/"
FINAL = {"valid", "invalid", "expired", "errored"}
TEMPORARY = "cert-manager.io/issue-temporary-certificate"
PORTS = [
    {"name": "http", "port": 80, "targetPort": 8080},
    {"name": "https", "port": 443, "targetPort": 8443},
]


def balancer(address: str) -> dict[str, Any]:
    """A Service with an address that is known, to DNS too, before it exists."""
    return {"type": "LoadBalancer", "loadBalancerIP": address}


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


def live(challenge: dict[str, Any]) -> bool:
    return challenge.get("status", {}).get("state", "") not in FINAL


def owned_by(owner: dict[str, Any], o: dict[str, Any]) -> bool:
    refs = o["metadata"].get("ownerReferences", [])
    return any(r["uid"] == owner["metadata"]["uid"] for r in refs)


def challenge(host: str) -> dict[str, Any]:
    """The live challenge of this host that cert-manager has presented; waits for it."""

    def find() -> dict[str, Any] | None:
        for c in suite.cluster.client.items("Challenge", NS):
            if c["spec"]["dnsName"] == host and c.get("status", {}).get("presented") and live(c):
                return dict(c)
        return None

    return until(f"a challenge of {host}", find, 60)


def solver(challenge: dict[str, Any]) -> str:
    """The name of a challenge's Service; "" while there is none."""
    services = suite.cluster.client.items("Service", challenge["metadata"]["namespace"])
    return next((str(s["metadata"]["name"]) for s in services if owned_by(challenge, s)), "")


def true(o: dict[str, Any], kind: str) -> bool:
    """Whether this condition of the object is True."""
    conditions = o.get("status", {}).get("conditions", [])
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)


def issued(name: str) -> int:
    """How often this Certificate has been issued; 0 while that is going on."""
    found = suite.cluster.client.get("Certificate", NS, name) or {}
    done = true(found, "Ready") and not true(found, "Issuing")
    return int(found["status"].get("revision", 0)) if done else 0


def renew(name: str) -> None:
    """What `cmctl renew` does."""
    at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    kept = suite.cluster.client.get("Certificate", NS, name)["status"]["conditions"]
    issuing = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered"}
    issuing |= {"message": "a test asks for it", "lastTransitionTime": at}
    conditions = [c for c in kept if c["type"] != "Issuing"] + [issuing]
    status = {"status": {"conditions": conditions}}
    suite.cluster.client.merge("Certificate", NS, name, status, "/status")


def verified(where: str, host: str, root: str, body: str, client: str = "") -> Answer:
    """The answer over HTTPS with a certificate of this root; waits for it."""

    def check() -> Answer | None:
        answer = ask(where, 443, host, root=root, client=client)
        return answer if (answer.status, answer.body) == (200, body) else None

    return until(f"https://{host} at {where} answers {body}", check)


def told(name: str, namespace: str = NS) -> dict[str, Any]:
    """The status of a MeshGateway."""
    found = suite.cluster.client.get("MeshGateway", namespace, name) or {}
    return dict(found.get("status", {}))


def message(name: str) -> str:
    """What the MeshGateway says of its certificates, "REASON: TEXT"; "" before it says anything."""
    for c in told(name).get("conditions", []):
        if c["type"] == "CertificatesReady":
            return f"{c['reason']}: {c['message']}"
    return ""


class HttpsTest(suite.GatewayTest):
    def https(
        self, name: str, where: str, server: Pebble, *hosts: str, namespace: str = NS
    ) -> None:
        """A MeshGateway whose certificate is the operator's business, and a user's route."""
        self.gateway(
            name,
            namespace,
            ports=PORTS,
            service=balancer(where),
            servers=[{"hosts": list(hosts), "tls": {"certificate": {}}}],
            acme={"server": server.url, "caBundle": server.ca_bundle},
        )
        routes = o.route(namespace, name, hosts[0], suite.backend("one"))
        routes["spec"]["hosts"] = list(hosts)
        suite.cluster.client.apply(routes)

    def brought(self, document: dict[str, Any]) -> None:
        """An object of the user's, which goes with the test."""
        kind, meta = document["kind"], document["metadata"]
        self.addCleanup(suite.cluster.client.delete, kind, meta.get("namespace"), meta["name"])
        suite.cluster.client.apply(document)

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
        until(
            f"the token of {host} is answered at {where}",
            lambda: ask(where, 80, host, path).body == found["spec"]["key"],
            30,
        )
        return path

    def issued(self, name: str, times: int = 1) -> None:
        until(f"Certificate {name}: revision {times}", lambda: issued(name) >= times, 90)

    def certified(self, name: str, namespace: str = NS) -> None:
        """The MeshGateway says that it has all of its certificates."""
        until(
            f"the certificates of {namespace}/{name} are ready",
            lambda: true({"status": told(name, namespace)}, "CertificatesReady"),
            90,
        )
