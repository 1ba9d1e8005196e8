# SPDX-License-Identifier: Apache-2.0
"""manifests/samples/https, applied as they are; only the ACME server is another one."""

from __future__ import annotations

from typing import Any

import acme
import certmanager
import objects as o
import suite
from certs import Authority, secret
from cluster import ROOT, until
from pebble import Pebble
from suite import NS, address, backend
from traffic import ask


def where(name: str) -> str:
    """The address that the load balancer got; it tells the user what DNS must say."""

    def find() -> str:
        addresses = acme.told(name).get("addresses") or [{}]
        return str(addresses[0].get("value", ""))

    return until(f"MeshGateway {name} has an address", find)


class Samples(acme.HttpsTest):
    ca: Authority

    @classmethod
    def setUpClass(cls) -> None:
        cls.ca = Authority(suite.cluster.dir / "own-ca")

    def sample(self, file: str, *names: str, server: Pebble | None = None) -> None:
        """Applies it: the MeshGateways of these names, and what has the same names."""
        text = (ROOT / "manifests" / "samples" / "https" / f"{file}.yaml").read_text()
        if server:
            known = f"server: {file}"
            self.assertIn(known, text)
            other = f'server: "{server.url}", caBundle: {server.ca_bundle}'
            text = text.replace(known, other)
        for name in names:
            self.addCleanup(self.remove, NS, name)
        suite.cluster.plane.kubectl("apply", "--server-side", "-f", "-", input=text)

    def routes(self, name: str, *hosts: str, to: str = "one") -> None:
        vs = o.route(NS, name, hosts[0], backend(to))
        vs["spec"]["hosts"] = list(hosts)
        suite.cluster.client.apply(vs)

    def test_1_acme(self) -> None:
        server = suite.cluster.acme()
        _, service = o.backend(NS, "web")
        service["spec"]["selector"] = {"app": "backend-one"}
        self.brought(service)
        self.sample("letsencrypt-staging", "frontpage-staging", server=server)
        self.sample("letsencrypt", "frontpage", server=server)
        hosts = ("frontpage.example.com", "blog.example.com", "www.blog.example.com")
        self.routes("frontpage", *hosts, to="two")
        staging, production = where("frontpage-staging"), where("frontpage")
        suite.cluster.resolve("*.staging.example.com", staging)
        suite.cluster.resolve("*.example.com", production)
        self.certified("frontpage-staging")
        acme.verified(staging, "frontpage.staging.example.com", server.root(), "one")
        self.certified("frontpage")
        for host in hosts:
            acme.verified(production, host, server.root(), "two")
            self.status(production, host, "/", 301)

    def test_2_own_issuer(self) -> None:
        suite.cluster.install_cert_manager()
        pair = {"tls.key": self.ca.key, "tls.crt": self.ca.cert}
        kept = secret("company-ca", pair, certmanager.SYSTEM, "kubernetes.io/tls")
        self.brought(kept)
        for name in ("company-ca", "letsencrypt-dns"):
            self.brought(
                {
                    "apiVersion": "cert-manager.io/v1",
                    "kind": "ClusterIssuer",
                    "metadata": {"name": name},
                    "spec": {"ca": {"secretName": "company-ca"}},
                },
            )
        self.sample("own-issuer", "intranet")
        hosts = ("intranet.example.com", "tenants.example.com", "*.tenants.example.com")
        self.routes("intranet", *hosts)
        self.certified("intranet")
        there = address("intranet")
        for host in (*hosts[:2], "any.tenants.example.com"):
            acme.verified(there, host, self.ca.cert, "one")
            self.status(there, host, "/", 301)

    def test_3_own_secret(self) -> None:
        hosts = ("shop.example.com", "*.shop.example.com")
        self.brought(self.ca.tls_secret("shop-tls", *hosts))
        self.sample("own-secret", "shop")
        self.routes("shop", *hosts)
        there = address("shop")
        for host in ("shop.example.com", "any.shop.example.com"):
            acme.verified(there, host, self.ca.cert, "one")
            self.status(there, host, "/", 301)

    def test_4_mutual_tls(self) -> None:
        host, client = "partners.example.com", "client.partner.example.org"
        self.brought(self.ca.tls_secret("partners-tls", host))
        self.brought(secret("partners-tls-cacert", {"ca.crt": self.ca.cert}))
        self.sample("mutual-tls", "partners")
        self.routes("partners", host)
        there = address("partners")
        acme.verified(there, host, self.ca.cert, "one", client=self.ca.client(client))
        stranger = self.ca.client("stranger.example.org")
        for other in ("", stranger):
            answer = ask(there, 443, host, root=self.ca.cert, client=other)
            self.assertEqual(answer.status, 0, answer)

    def test_5_passthrough(self) -> None:
        """Another gateway is what ends TLS behind it."""
        host = "vault.example.com"
        self.brought(self.ca.tls_secret("vault-tls", host))
        ports = acme.PORTS[1:]
        tls: dict[str, Any] = {"credentialName": "vault-tls"}
        servers = [{"hosts": [host], "tls": tls}]
        self.gateway("behind", ports=ports, service={"type": "ClusterIP"}, servers=servers)
        self.routes("behind", host)
        self.sample("passthrough", "vault")
        vs = o.route(NS, "vault", host, backend("behind"), port=443)
        (route,) = vs["spec"].pop("http")
        vs["spec"]["tls"] = [{"match": [{"sniHosts": [host]}], **route}]
        suite.cluster.client.apply(vs)
        acme.verified(address("vault"), host, self.ca.cert, "one")
