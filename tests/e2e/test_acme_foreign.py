# SPDX-License-Identifier: Apache-2.0
"""Certificates that users ask for themselves, for hosts that a gateway serves."""

from __future__ import annotations

from typing import Any

import acme
import objects as o
import suite
from certs import Authority
from clusternet import BROKEN
from suite import NS, backend
from traffic import ask

WILD, FOREIGN, OURS = "172.30.1.5", "172.30.1.6", "172.30.1.7"


class Foreign(acme.HttpsTest):
    def order(self, name: str, host: str, issuer: str, temporary: bool = False) -> None:
        self.brought(acme.certificate(name, issuer, host, temporary=temporary))

    def bound(self, gateway: str, host: str, to: str) -> dict[str, Any]:
        """A user's route."""
        vs = o.route(NS, gateway, host, backend(to))
        vs["metadata"]["name"] = f"{gateway}-{to}"
        return vs

    def test_1_below_wildcards(self) -> None:
        """What else a wildcard serves or redirects goes on for the name that is challenged."""
        ca = Authority(suite.cluster.dir / "wild")
        self.brought(ca.tls_secret("closed-tls", "*.closed.test"))
        self.gateway(
            "wild",
            ports=acme.PORTS,
            service=acme.balancer(WILD),
            servers=[
                {"hosts": ["*.open.test"]},
                {"hosts": ["*.closed.test"], "tls": {"credentialName": "closed-tls"}},
            ],
        )
        self.brought(self.bound("wild", "*.open.test", "one"))
        self.brought(self.bound("wild", "*.closed.test", "two"))
        self.brought(acme.issuer("wild", suite.cluster.acme()))
        names = {"a.open.test": 200, "a.closed.test": 301}
        for host in names:
            suite.cluster.resolve(host, BROKEN)
            self.order(host.replace(".", "-"), host, "wild")
        tokens = {host: self.routed(WILD, host) for host in names}
        for host, status in names.items():
            for name in (host, host.replace("a.", "b.")):
                self.status(WILD, name, "/", status)
                self.assertEqual(ask(WILD, 80, name, "/").body, "one" if status == 200 else "")
        for name in ("a.closed.test", "b.closed.test"):
            acme.verified(WILD, name, ca.cert, "two")
        for host in names:
            suite.cluster.resolve(host, WILD)
        for host in names:
            self.issued(host.replace(".", "-"))
        self.status(WILD, "a.closed.test", tokens["a.closed.test"], 301)
        self.answers(WILD, 80, "a.open.test", "one")

    def test_2_foreign_redirect(self) -> None:
        """A user's Gateway redirects, tokens too: they are answered on 443."""
        host = "foreign.test"
        # Pebble asks with "Host: NAME:80", and would be sent to https://NAME:80.
        server = suite.cluster.acme("blind", validates=False)
        suite.cluster.resolve(host, FOREIGN)
        self.brought(acme.issuer("foreign", server))
        self.order("foreign", host, "foreign", temporary=True)
        self.gateway("foreign", ports=acme.PORTS, service=acme.balancer(FOREIGN))
        gateway = o.server(NS, "foreign", 80, host, redirect=True, secret="foreign")
        suite.cluster.client.apply(gateway)
        suite.cluster.client.apply(o.route(NS, "foreign", host, backend("one")))
        token = acme.challenge(host)["spec"]["token"]
        self.status(FOREIGN, host, acme.TOKENS + token, 301)
        self.issued("foreign")
        acme.verified(FOREIGN, host, server.root(), "one")

    def test_3_redirect_of_our_host(self) -> None:
        """A user's Gateway on the same pods redirects a host whose certificate is the operator's."""
        host = "ours.test"
        server = suite.cluster.acme("blind", validates=False)
        suite.cluster.resolve(host, OURS)
        gateway = o.server(NS, "ours", 80, host, redirect=True)
        gateway["metadata"]["name"] = "theirs"
        self.brought(gateway)
        self.https("ours", OURS, server, host)
        token = acme.challenge(host)["spec"]["token"]
        self.status(OURS, host, acme.TOKENS + token, 301)
        self.certified("ours")
        acme.verified(OURS, host, server.root(), "one")
