#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Istio and cert-manager missing, installed later, taken away and installed again."""

from __future__ import annotations

import sys
import time

import harness as h
import issuing as i
from issuing import REDIRECT

LATER = 120  # an API that appears is noticed by itself, not at once


class Crds(i.IssuingTest):
    autostart = False
    installed = ()

    def setUp(self) -> None:
        i.uninstall("istio", "cert-manager")
        super().setUp()

    def begin(self) -> None:
        self.operator = self.start_operator()
        acme = {"server": "letsencrypt"}
        h.create(h.gateway("gw", self.ns, ports=i.PORTS, servers=[i.web("a.test")], acme=acme))

    def end(self) -> None:
        self.assertEqual(self.operator.stop(), 0)

    def test_cert_manager_crds_absent(self) -> None:
        i.install("istio")
        self.begin()
        message = self.told("CertificatesReady", "False", "CertManagerNotInstalled")
        self.assertIn("cert-manager is not installed", message)
        self.entry("web", "Pending", "CertManagerNotInstalled")
        # All else is there, and nobody is asked for what is not served again and again.
        self.wait_servers(http_web=["./a.test"])
        self.assertEqual(i.routes(self.ns, "gw-redirect"), [REDIRECT])
        h.available(self.ns, "gw")
        h.settled()
        mark = h.cp.audit_mark()
        self.assert_no_writes(mark)
        lines = len(self.operator.text().splitlines())
        i.install("cert-manager")
        h.eventually(lambda: h.get("Issuer", self.ns, "gw-acme"), "noticed by itself", LATER)
        self.account()
        self.attempt().issued()
        self.entry("web", "Ready")
        self.wait_servers(http_web=["./a.test"], https_web=["a.test"])
        self.assertLess(len(self.operator.text().splitlines()) - lines, 40, "the log is flooded")
        self.end()

    def test_istio_crds_absent(self) -> None:
        i.install("cert-manager")
        self.begin()
        self.told("HostsServed", "False", "IstioNotInstalled")
        self.assertIsNotNone(h.get("Deployment", self.ns, "gw"))
        self.account()
        attempt = self.attempt()
        challenge = attempt.challenge("a.test").solver()
        self.told("CertificatesReady", "False", "IstioNotInstalled")
        i.install("istio")
        h.eventually(lambda: i.routes(self.ns, "gw-redirect"), "noticed by itself", LATER)
        self.wait_routes("gw-redirect", [challenge.route, REDIRECT])
        self.told("HostsServed", "True", "HostsServed")
        h.programmed(self.ns, "gw")
        self.end()

    def test_neither_is_there(self) -> None:
        self.begin()
        self.told("CertificatesReady", "False", "CertManagerNotInstalled")
        for kind in h.BASE_CHILDREN:
            h.eventually(lambda: h.get(kind, self.ns, "gw"), f"a {kind}")
        h.available(self.ns, "gw")
        h.settled()
        mark = h.cp.audit_mark()
        self.operator.stop()
        self.operator.start()
        self.assert_no_writes(mark)
        self.end()

    def test_a_part_of_cert_manager_is_missing(self) -> None:
        """As after an upgrade that went wrong: nothing is taken away because of it."""
        i.install("istio", "cert-manager")
        self.begin()
        self.account()
        self.attempt().issued()
        self.entry("web", "Ready")
        objects = (("Issuer", "gw-acme"), ("Certificate", "gw-web"), ("Gateway", "gw"))
        before = [h.get(k, self.ns, n)["metadata"]["uid"] for k, n in objects]
        h.cp.must("DELETE", f"{i.CRDS}/orders.acme.cert-manager.io")
        servers = [i.web("a.test"), i.web("b.test", name="api")]
        h.eventually(
            lambda: "orders.acme.cert-manager.io" not in i.crds("cert-manager"), "gone", 60
        )
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"servers": servers}})
        self.entry("api", "Pending", "CertManagerNotInstalled")
        self.operator.stop()
        self.operator.start()
        h.settled()
        self.entry("web", "Ready")
        self.wait_servers(http_web=["./a.test"], https_web=["a.test"], http_api=["./b.test"])
        after = [h.get(k, self.ns, n)["metadata"]["uid"] for k, n in objects]
        self.assertEqual(after, before)
        self.assertIsNone(h.get("Certificate", self.ns, "gw-api"))
        i.install("cert-manager")
        h.eventually(lambda: h.get("Certificate", self.ns, "gw-api"), "noticed by itself", LATER)
        self.end()

    def test_crds_deleted_and_installed_again(self) -> None:
        i.install("istio", "cert-manager")
        self.begin()
        self.account()
        self.attempt().issued()
        both = {"http_web": ["./a.test"], "https_web": ["a.test"]}
        self.wait_servers(**both)
        self.entry("web", "Ready")
        i.uninstall("cert-manager")
        self.told("CertificatesReady", "False", "CertManagerNotInstalled", seconds=LATER)
        # The Secret is still there, so HTTPS is.
        self.wait_servers(**both)
        self.assertEqual(self.certificates()[0]["notAfter"], i.NOT_AFTER)
        i.uninstall("istio")
        self.told("HostsServed", "False", "IstioNotInstalled", seconds=LATER)
        lines = len(self.operator.text().splitlines())
        time.sleep(5)
        self.assertTrue(self.operator.alive(), self.operator.text()[-2000:])
        self.assertLess(len(self.operator.text().splitlines()) - lines, 30, "the log is flooded")
        i.install("istio", "cert-manager")
        h.eventually(lambda: h.get("Issuer", self.ns, "gw-acme"), "made anew", LATER)
        self.wait_servers(**both)
        self.account()
        self.attempt().issued()
        self.entry("web", "Ready")
        self.end()


if __name__ == "__main__":
    sys.exit(i.main())
