# SPDX-License-Identifier: Apache-2.0
"""HTTPS without `servers`: what somebody writes who has cert-manager and Istio, but not the operator.

Each object is there as soon as it can be: no operator can be faster, so this is what its time is
compared with.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import acme
import objects as o
import suite
from cluster import until
from pebble import Pebble
from suite import NS, backend

SOLVERS = "labelSelector=acme.cert-manager.io%2Fhttp01-solver%3Dtrue"


def redirect(name: str, hosts: list[str], routes: list[dict[str, Any]]) -> dict[str, Any]:
    """The VirtualService that sends to HTTPS what is none of these challenge routes."""
    everything = {
        "port": 80,
        "uri": {"prefix": "/"},
        "headers": {"x-forwarded-proto": {"exact": "http"}},
    }
    to_https = {"scheme": "https", "redirectCode": 301}
    last = {"name": "https-redirect", "match": [everything], "redirect": to_https}
    vs = o.route(NS, name, hosts[0], "")
    vs["metadata"]["name"] = f"{name}-redirect"
    vs["spec"] |= {"exportTo": ["."], "hosts": hosts, "http": [*routes, last]}
    return vs


class Router:
    """Redirects a gateway's hosts, and routes their challenges as soon as it can be done."""

    def __init__(self, gateway: str, *hosts: str) -> None:
        self.gateway, self.hosts = gateway, list(hosts)
        self.client = suite.cluster.client
        self._challenges: dict[str, dict[str, Any]] = {}
        self._services: dict[str, dict[str, Any]] = {}
        self._routes: list[dict[str, Any]] = []
        self._stopped = False
        self._lock = threading.Lock()

    def start(self) -> Router:
        self.client.apply(redirect(self.gateway, self.hosts, []))
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
                self.client.apply(redirect(self.gateway, self.hosts, routes))
                self._routes = routes

    def _wanted(self) -> list[dict[str, Any]]:
        found = []
        for c in sorted(self._challenges.values(), key=lambda c: str(c["metadata"]["name"])):
            services = [s for s in self._services.values() if acme.owned_by(c, s)]
            if c["spec"]["dnsName"] in self.hosts and acme.live(c) and services:
                found.append(self._route(c, services[0]["metadata"]))
        return found

    def _route(self, challenge: dict[str, Any], service: dict[str, Any]) -> dict[str, Any]:
        host = f"{service['name']}.{service['namespace']}.svc.cluster.local"
        path = acme.TOKENS + challenge["spec"]["token"]
        return {
            "name": challenge["metadata"]["name"],
            "match": [{"port": 80, "uri": {"exact": path}}],
            "route": [{"destination": {"host": host, "port": {"number": 8089}}}],
        }


def serve(
    test: acme.HttpsTest, name: str, where: str, server: Pebble, *hosts: str
) -> tuple[float, float]:
    """Seconds from the first apply to the certificate, and to an answer over HTTPS."""
    client = suite.cluster.client
    began = time.monotonic()
    test.gateway(name, ports=acme.PORTS, service=acme.balancer(where))
    client.apply(o.server(NS, name, 80, *hosts))
    test.addCleanup(client.delete, "VirtualService", NS, f"{name}-redirect")
    test.addCleanup(Router(name, *hosts).start().stop)
    client.apply(o.route(NS, name, hosts[0], backend("one")))
    test.addCleanup(client.delete, "Issuer", NS, name)
    client.apply(acme.issuer(name, server))
    # A request that comes before the account is registered is looked at again 5 s later.
    until("the Issuer is ready", lambda: acme.true(client.get("Issuer", NS, name), "Ready"))
    test.addCleanup(client.delete, "Certificate", NS, name)
    client.apply(acme.certificate(name, name, *hosts))
    test.issued(name)
    certified = time.monotonic() - began
    client.apply(o.server(NS, name, 80, *hosts, secret=name))
    acme.verified(where, hosts[0], server.root(), "one")
    return certified, time.monotonic() - began
