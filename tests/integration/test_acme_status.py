#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is told of certificates: phases, causes, conditions, events and metrics; and what lasts over restarts."""

from __future__ import annotations

import re
import socket
import sys
import time
import urllib.request
from typing import Any

import harness as h
import issuing as i
from issuing import REDIRECT

OBJECTS = (
    ("Gateway", "gw"),
    ("VirtualService", "gw-redirect"),
    ("Issuer", "gw-acme"),
    ("Certificate", "gw-web"),
)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Causes(i.IssuingTest):
    def test_the_deepest_cause(self) -> None:
        """Each object of cert-manager's knows more than the ones before it."""
        h.create(
            h.gateway(
                "gw",
                self.ns,
                ports=i.PORTS,
                servers=[i.web("a.test")],
                acme={"server": "letsencrypt"},
            )
        )
        h.eventually(lambda: h.get("Issuer", self.ns, "gw-acme"), "the Issuer")
        i.issuer_is(
            self.ns, "gw-acme", "False", "ErrRegisterACMEAccount", "429 too many registrations"
        )
        self.told("CertificatesReady", "False", "IssuerNotReady")
        self.knows("Issuer gw-acme: 429 too many registrations")
        self.account()
        attempt = self.attempt()
        self.knows("The order at the ACME server is pending")
        attempt.order_is("errored", "Failed to create Order: 429 rate limited")
        attempt.failed("The certificate request has failed to complete and will be retried")
        self.knows("order at the ACME server is errored: Failed to create Order: 429 rate limited")
        self.entry("web", "Failed", "Failed")
        attempt.challenge("a.test").tells(state="invalid", reason="404 at http://a.test/")
        self.knows("challenge for a.test is invalid: 404 at http://a.test/")
        self.assertEqual(self.certificates()[0]["attempts"], 1)
        # Whoever looks at the gateway alone sees it.
        message = self.told("CertificatesReady", "False", "Failed")
        self.assertIn("404 at http://a.test/", message)
        self.warning("CertificateFailed", "404 at http://a.test/")

    def warning(self, reason: str, text: str) -> None:
        """Waits for an event about the gateway."""

        def check() -> bool:
            events = h.cp.must("GET", h.path("Event", self.ns))["items"]
            mine = [e for e in events if e["regarding"].get("kind") == "MeshGateway"]
            told = [(e["type"], e["reason"], e["note"]) for e in mine]
            assert any(e[:2] == ("Warning", reason) and text in e[2] for e in told), told
            return True

        h.eventually(check, f"a warning {reason}: {text}")

    def test_several_certificates(self) -> None:
        self.serve(i.web("a.test"), i.web("b.test", name="api"))
        self.attempt("gw-web").issued()
        self.attempt("gw-api")
        self.entry("web", "Ready")
        self.entry("api", "Issuing", "Issuing")
        message = self.told("CertificatesReady", "False", "Issuing")
        self.assertIn("server api: ", message)
        self.assertNotIn("server web", message)
        # Each has HTTPS when its own is there.
        self.wait_servers(http_web=["./a.test"], https_web=["a.test"], http_api=["./b.test"])

    def test_webhook_down(self) -> None:
        hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
        rule = {
            "operations": ["CREATE", "UPDATE"],
            "apiGroups": ["cert-manager.io"],
            "apiVersions": ["v1"],
            "resources": ["certificates"],
        }
        hook = {
            "name": "webhook.cert-manager.io",
            "clientConfig": {"url": f"https://127.0.0.1:{free_port()}/validate"},
            "rules": [rule],
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.ns}},
        }
        h.cp.must("POST", hooks, {"metadata": {"name": "cert-manager-webhook"}, "webhooks": [hook]})
        remove = f"{hooks}/cert-manager-webhook"
        self.addCleanup(lambda: h.cp.request("DELETE", remove))
        time.sleep(2)  # until the API server calls it
        mark = h.cp.audit_mark()
        h.create(
            h.gateway(
                "gw",
                self.ns,
                ports=i.PORTS,
                servers=[i.web("a.test")],
                acme={"server": "letsencrypt"},
            )
        )
        self.account()
        message = self.told("CertificatesReady", "False", "CertManagerWebhook")
        self.assertIn("webhook.cert-manager.io", message)
        self.wait_servers(http_web=["./a.test"])
        self.assertIsNotNone(h.get("Deployment", self.ns, "gw"))
        time.sleep(5)
        tries = [w for w in h.operator_writes(mark, self.ns) if "/certificates/gw-web" in w]
        self.assertLess(len(tries), 20, "no back-off")
        h.cp.must("DELETE", remove)
        h.eventually(lambda: h.get("Certificate", self.ns, "gw-web"), "it heals by itself", 60)
        h.programmed(self.ns, "gw")


class Phases(i.IssuingTest):
    def test_issued_renewed_and_failing(self) -> None:
        self.serve(i.web("a.test"))
        self.attempt().issued()
        entry = self.entry("web", "Ready")
        self.assertEqual(
            entry,
            {
                "server": "web",
                "hosts": ["a.test"],
                "secretName": "gw-web-tls",
                "issuerRef": {"group": "cert-manager.io", "kind": "Issuer", "name": "gw-acme"},
                "phase": "Ready",
                "notAfter": i.NOT_AFTER,
                "renewalTime": i.RENEWAL,
            },
        )
        self.told("CertificatesReady", "True", "Issued")
        renewal = self.attempt(revision=2, renewal=True)
        self.entry("web", "Renewing", "Issuing")
        challenge = renewal.challenge("a.test").solver()
        self.wait_routes("gw-redirect", [challenge.route, REDIRECT])
        self.told("CertificatesReady", "True", "Issued")
        challenge.end("invalid", reason="no such host")
        renewal.failed("will be retried", 3)
        # It still serves, and somebody should look before it does not.
        message = self.told("CertificatesReady", "True", "RenewalFailed")
        self.assertIn("no such host", message)
        entry = self.entry("web", "Renewing", "Failed")
        self.assertEqual((entry["attempts"], entry["notAfter"]), (3, i.NOT_AFTER))
        self.attempt(revision=3, renewal=True).issued()
        self.entry("web", "Ready")
        self.told("CertificatesReady", "True", "Issued")
        self.assertNotIn("attempts", self.certificates()[0])

    def test_https_is_never_taken_away(self) -> None:
        self.serve(i.web("a.test"))
        self.attempt().issued()
        both = {"http_web": ["./a.test"], "https_web": ["a.test"]}
        self.wait_servers(**both)
        self.entry("web", "Ready")
        h.delete("Certificate", self.ns, "gw-web")
        h.eventually(lambda: h.get("Certificate", self.ns, "gw-web"), "the Certificate is back")
        with h.Watch("Gateway", self.ns) as watch:
            attempt = self.attempt(revision=7)
            attempt.order_is("errored")
            attempt.failed("will be retried")
            entry = self.entry("web", "Failed", "Failed")
            self.assertEqual(entry["notAfter"], i.NOT_AFTER)
            self.operator.stop()
            self.operator.start()
            h.settled()
            self.wait_servers(**both)
        seen = [[s["port"]["name"] for s in e["object"]["spec"]["servers"]] for e in watch.events]
        self.assertTrue(all("https-web" in names for names in seen), seen)

    def test_temporary_certificate_is_none(self) -> None:
        self.serve(i.web("a.test"))
        self.attempt()
        issuing = ("True", "DoesNotExist", "Issuing certificate as Secret does not exist")
        told = i.conditions(Ready=i.IS_READY, Issuing=issuing)
        i.set_status("Certificate", self.ns, "gw-web", notAfter=i.NOT_AFTER, conditions=told)
        h.settled()
        self.assertNotIn("notAfter", self.entry("web", "Issuing", "Issuing"))
        self.wait_servers(http_web=["./a.test"])
        self.told("CertificatesReady", "False", "Issuing")


class Restarts(i.IssuingTest):
    def restart_writes_nothing(self) -> None:
        h.available(self.ns, "gw")
        h.settled()
        mark = h.cp.audit_mark()
        self.operator.stop()
        self.operator.start()
        self.assert_no_writes(mark)

    def test_a_restart_writes_nothing(self) -> None:
        """Before, while and after a challenge is routed."""
        self.serve(i.web("a.test"), i.web("b.test", name="off", httpsRedirect=False))
        self.restart_writes_nothing()
        a, b = self.attempt(), self.attempt("gw-off")
        one, two = a.challenge("a.test").solver(), b.challenge("b.test").solver()
        self.wait_routes("gw-redirect", [one.route, REDIRECT])
        self.wait_routes("gw-acme", [two.route])
        self.restart_writes_nothing()
        one.end()
        two.end()
        a.issued()
        b.issued()
        self.entry("off", "Ready")
        self.restart_writes_nothing()
        self.wait_routes("gw-acme", None)

    def test_what_happened_while_it_was_away(self) -> None:
        self.serve(i.web("a.test"), i.web("b.test", name="off", httpsRedirect=False))
        a, b = self.attempt(), self.attempt("gw-off")
        one, two = a.challenge("a.test").solver(), b.challenge("b.test").solver()
        self.wait_routes("gw-redirect", [one.route, REDIRECT])
        self.wait_routes("gw-acme", [two.route])
        self.operator.stop()
        one.end()
        two.end()
        three = a.challenge("a.test").solver()
        b.issued()
        self.operator.start()
        self.wait_routes("gw-redirect", [three.route, REDIRECT])
        self.wait_routes("gw-acme", None)
        self.entry("off", "Ready")

    def test_drift_is_repaired(self) -> None:
        self.serve(i.web("a.test"))
        challenge = self.attempt().challenge("a.test").solver()
        self.wait_routes("gw-redirect", [challenge.route, REDIRECT])
        h.patch(
            "VirtualService",
            self.ns,
            "gw-redirect",
            {"spec": {"http": [{"redirect": {"uri": "/"}}]}},
        )
        self.wait_routes("gw-redirect", [challenge.route, REDIRECT])
        h.patch("Gateway", self.ns, "gw", {"spec": {"servers": [i.istio_server(80, "evil.test")]}})
        self.wait_servers(http_web=["./a.test"])
        for kind, name in OBJECTS[:3]:
            old = h.get(kind, self.ns, name)["metadata"]["uid"]
            h.delete(kind, self.ns, name)
            h.eventually(lambda: self.is_new(kind, name, old), f"{kind} {name} comes back")
        self.account()
        self.wait_routes("gw-redirect", [challenge.route, REDIRECT])
        h.programmed(self.ns, "gw")

    def is_new(self, kind: str, name: str, old: str) -> bool:
        now = h.get(kind, self.ns, name)
        return now is not None and now["metadata"]["uid"] != old


class Foreign(i.IssuingTest):
    def test_objects_of_the_same_names_are_left_alone(self) -> None:
        theirs = {
            "Gateway": i.istio_gateway(self.ns, "gw", "other", i.istio_server(80, "x.test")),
            "VirtualService": i.virtual_service(self.ns, "gw-redirect", "other", "x.test"),
            "Issuer": i.issuer(self.ns, "gw-acme", selfSigned={}),
        }
        spec = {"secretName": "x", "dnsNames": ["x.test"], "issuerRef": {"name": "gw-acme"}}
        api = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate"}
        meta = {"name": "gw-web", "namespace": self.ns}
        theirs["Certificate"] = h.create({**api, "metadata": meta, "spec": spec})
        acme = {"server": "letsencrypt"}
        h.create(h.gateway("gw", self.ns, ports=i.PORTS, servers=[i.web("a.test")], acme=acme))
        message = self.told("Programmed", "False", "Conflict")
        for kind, name in OBJECTS[:3]:
            self.assertIn(f"{kind} {name}", message)
        h.settled()
        for kind, before in theirs.items():
            now = h.get(kind, self.ns, before["metadata"]["name"])
            self.assertEqual(now["spec"], before["spec"], kind)
            self.assertNotIn("ownerReferences", now["metadata"], kind)
        # What is in nobody's way is there.
        self.assertIsNotNone(h.get("Deployment", self.ns, "gw"))
        for kind, before in theirs.items():
            h.delete(kind, self.ns, before["metadata"]["name"])
        self.account()
        h.programmed(self.ns, "gw", 60)
        self.assertEqual(i.routes(self.ns, "gw-redirect"), [REDIRECT])


class Metrics(i.IssuingTest):
    autostart = False

    def test_metrics(self) -> None:
        port = free_port()
        self.operator = self.start_operator("--metrics-bind-address", f"127.0.0.1:{port}")

        def value(name: str, server: str) -> float | None:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
            for line in text.splitlines():
                match = re.fullmatch(rf"meshgateway_certificate_{name}\{{(.*)\}} (\S+)", line)
                labels = dict(re.findall(r'(\w+)="([^"]*)"', match[1])) if match else {}
                if match and labels == {"namespace": self.ns, "name": "gw", "server": server}:
                    return float(match[2])
            return None

        self.serve(i.web("a.test"), i.web("b.test", name="api"))
        h.eventually(lambda: value("ready", "web") == 0, "a certificate that is not ready")
        self.assertIsNone(value("not_after_timestamp_seconds", "web"))
        self.attempt().issued()
        h.eventually(lambda: value("ready", "web") == 1, "it is ready")
        self.assertEqual(value("not_after_timestamp_seconds", "web"), 1803182400)
        self.assertEqual(value("renewal_timestamp_seconds", "web"), 1800590400)
        self.assertEqual(value("ready", "api"), 0)
        h.delete("MeshGateway", self.ns, "gw")
        h.eventually(lambda: value("ready", "web") is None, "what is gone is not told")
        self.assertEqual(self.operator.stop(), 0)


if __name__ == "__main__":
    sys.exit(i.main())
