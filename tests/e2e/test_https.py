# SPDX-License-Identifier: Apache-2.0
"""Certificates from a real cert-manager and ACME server, over HTTP-01 through a gateway.

Everything but the MeshGateway is written by hand here, each object as soon as it can exist: so the
cluster itself is known to work, and there is a time to compare the operator's with.
"""

from __future__ import annotations

import time
from typing import Any

import acme
import objects as o
import suite
from cluster import until
from clusternet import BROKEN
from pebble import Pebble
from suite import NS, backend
from traffic import Load, ask

PORTS = [
    {"name": "http2", "port": 80, "targetPort": 8080},
    {"name": "https", "port": 443, "targetPort": 8443},
]
HAND, MEND, FOREIGN = "172.30.1.1", "172.30.1.2", "172.30.1.3"


class ByHand(acme.HttpsTest):
    def begin(self, name: str, where: str, *hosts: str) -> None:
        """A gateway with the address `where`, the redirect, and a route for HTTPS."""
        self.start(name, where, o.server(NS, name, 80, *hosts), acme.Router(name, *hosts))

    def start(self, name: str, where: str, server: dict[str, Any], router: acme.Router) -> None:
        client = suite.cluster.client
        self.gateway(name, ports=PORTS, service={"type": "LoadBalancer", "loadBalancerIP": where})
        client.apply(server)
        for vs in (f"{name}-redirect", f"{name}-acme"):
            self.addCleanup(client.delete, "VirtualService", NS, vs)
        self.addCleanup(router.start().stop)
        routes = o.route(NS, name, router.hosts[0], backend("one"))
        routes["spec"]["hosts"] = router.hosts
        client.apply(routes)

    def order(self, name: str, server: Pebble, *hosts: str, temporary: bool = False) -> None:
        client = suite.cluster.client
        self.addCleanup(client.delete, "Issuer", NS, name)
        client.apply(acme.issuer(name, server))
        # A request that comes before the account is registered is looked at again 5 s later.
        until("the Issuer is ready", lambda: acme.true(client.get("Issuer", NS, name), "Ready"))
        self.addCleanup(client.delete, "Certificate", NS, name)
        client.apply(acme.certificate(name, name, *hosts, temporary=temporary))

    def test_1_issue(self) -> None:
        """Two hosts in one certificate and a renewal; HTTP is 301 all the time, but for tokens."""
        hosts = ("a.demo.test", "b.demo.test")
        server = suite.cluster.acme()
        suite.cluster.resolve("*.demo.test", HAND)
        began = time.monotonic()
        self.begin("hand", HAND, *hosts)
        self.order("hand", server, *hosts)
        self.status(HAND, hosts[0], "/x", 301)
        with Load(HAND, 80, hosts[0], rate=20, clients=2, status=301) as load:
            self.status(HAND, hosts[0], acme.TOKENS + "nobodys", 301)
            paths = {host: self.routed(HAND, host) for host in hosts}
            self.issued("hand")
            certified = time.monotonic() - began
            suite.cluster.client.apply(o.server(NS, "hand", 80, *hosts, secret="hand"))
            first = acme.verified(HAND, hosts[0], server, "one")
            served = time.monotonic() - began
            acme.verified(HAND, hosts[1], server, "one")
            self.assertEqual(ask(HAND, 80, hosts[0], "/x").location, f"https://{hosts[0]}/x")
            for host, path in paths.items():
                self.status(HAND, host, path, 301)

            acme.renew("hand")
            path = self.routed(HAND, hosts[0])
            self.status(HAND, hosts[0], paths[hosts[0]], 301)
            self.issued("hand", 2)
            self.status(HAND, hosts[0], path, 301)
            until(
                "the renewed certificate is served",
                lambda: acme.verified(HAND, hosts[0], server, "one").serial != first.serial,
            )
        self.assertEqual(load.failures, [])
        print(
            f"by hand, from apply: certificate after {certified:.1f} s, HTTPS after {served:.1f} s; "
            f"{load.count} answers over HTTP, all 301",
            flush=True,
        )

    def test_2_mend(self) -> None:
        """The name's DNS fails at first, then the solver's Service is lost."""
        host = "mend.demo.test"
        server = suite.cluster.acme()
        suite.cluster.resolve(host, BROKEN)
        self.begin("mend", MEND, host)
        self.order("mend", server, host)
        challenge = acme.challenge(host)
        until("the challenge says why", lambda: "lookup" in acme.reason(challenge), 60)
        lost = acme.solver(challenge)
        suite.cluster.client.delete("Service", NS, lost)
        until("another Service", lambda: acme.solver(challenge) not in ("", lost))
        suite.cluster.resolve(host, MEND)
        self.routed(MEND, host)
        self.issued("mend")
        suite.cluster.client.apply(o.server(NS, "mend", 80, host, secret="mend"))
        acme.verified(MEND, host, server, "one")

    def test_3_foreign_redirect(self) -> None:
        """The Gateway itself redirects, tokens too: a temporary certificate lets them pass on 443."""
        host = "foreign.demo.test"
        # Pebble asks with "Host: NAME:80", and would be sent to https://NAME:80.
        server = suite.cluster.acme("blind", validates=False)
        suite.cluster.resolve(host, FOREIGN)
        gateway = o.server(NS, "foreign", 80, host, redirect=True, secret="foreign")
        self.order("foreign", server, host, temporary=True)
        self.start("foreign", FOREIGN, gateway, acme.Router("foreign", host, redirects=False))
        token = acme.challenge(host)["spec"]["token"]
        self.status(FOREIGN, host, acme.TOKENS + token, 301)
        self.issued("foreign")
        acme.verified(FOREIGN, host, server, "one")
