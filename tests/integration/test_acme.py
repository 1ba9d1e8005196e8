#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Certificates of a gateway from beginning to end; tests of a row of a decision table are named after it."""

from __future__ import annotations

import sys
import time

import harness as h
import issuing as i
from issuing import REDIRECT


class Rows(i.IssuingTest):
    def test_redirect_on_is_by_route(self) -> None:
        self.serve(i.web("a.test"))
        # What needs no certificate is there at once.
        self.wait_servers(http_web=["./a.test"])
        self.assertEqual(i.routes(self.ns, "gw-redirect"), [REDIRECT])
        self.assertIsNone(i.routes(self.ns, "gw-acme"))
        before = h.get("VirtualService", self.ns, "gw-redirect")
        self.assertEqual(before["spec"]["exportTo"], ["."])
        self.assertEqual(before["spec"]["hosts"], ["a.test"])
        attempt = self.attempt()
        challenge = attempt.challenge("a.test").solver()
        # The challenge stands first, in an object that keeps its age.
        self.wait_routes("gw-redirect", [challenge.route, REDIRECT])
        after = h.get("VirtualService", self.ns, "gw-redirect")
        self.assertEqual(after["metadata"]["uid"], before["metadata"]["uid"])
        self.wait_servers(http_web=["./a.test"])
        challenge.end()
        self.wait_routes("gw-redirect", [REDIRECT])
        attempt.issued()
        self.wait_servers(http_web=["./a.test"], https_web=["a.test"])
        tls = h.get("Gateway", self.ns, "gw")["spec"]["servers"][1]["tls"]
        self.assertEqual(tls, {"credentialName": "gw-web-tls", "mode": "SIMPLE"})
        self.assertIsNone(i.routes(self.ns, "gw-acme"))

    def test_redirect_off(self) -> None:
        self.serve(i.web("a.test", httpsRedirect=False))
        self.wait_servers(http_web=["a.test"])
        self.assertIsNone(i.routes(self.ns, "gw-redirect"))
        attempt = self.attempt()
        self.assertIsNone(i.routes(self.ns, "gw-acme"))
        challenge = attempt.challenge("a.test").solver()
        self.wait_routes("gw-acme", [challenge.route])
        live = h.get("VirtualService", self.ns, "gw-acme")["spec"]
        self.assertEqual(live["gateways"], [f"{self.ns}/gw"])
        self.assertEqual(live["hosts"], ["a.test"])
        self.assertEqual(live["exportTo"], ["."])
        self.assertEqual(live["http"][0]["match"][0]["port"], 80)
        challenge.end()
        self.wait_routes("gw-acme", None)
        attempt.issued()
        self.wait_servers(http_web=["a.test"], https_web=["a.test"])

    def test_user_secret_given(self) -> None:
        self.serve(i.web("a.test", tls={"credentialName": "mine"}), acme=None)
        self.wait_servers(redirect_web=["a.test"], https_web=["a.test"])
        gw = h.get("MeshGateway", self.ns, "gw")
        self.assertNotIn("certificates", gw["status"])
        self.assertEqual(h.condition(gw, "CertificatesReady"), {})
        hosts = h.condition(gw, "HostsServed")
        self.assertEqual((hosts["status"], hosts["reason"]), ("True", "SecretsOfUser"))
        self.assertIn("cannot see Secrets: until mine is in the gateway's namespace", hosts["message"])
        for kind in ("Issuer", "Certificate", "VirtualService"):
            self.assertEqual(h.cp.must("GET", h.path(kind, self.ns))["items"], [], kind)

    def test_user_secret_under_our_name(self) -> None:
        h.create(i.secret(self.ns, "gw-web-tls"))
        self.serve(i.web("a.test"))
        self.attempt()
        why = "Secret was issued for another Certificate"
        told = i.conditions(Ready=("False", "IncorrectCertificate", why))
        i.set_status("Certificate", self.ns, "gw-web", conditions=told)
        entry = self.entry("web", "Failed", "SecretConflict")
        self.assertIn("Secret gw-web-tls belongs to another Certificate", entry["message"])
        self.told("CertificatesReady", "False", "SecretConflict")
        self.assertEqual(
            h.get("Secret", self.ns, "gw-web-tls")["metadata"].get("annotations"), None
        )

    def test_port_80_not_exposed(self) -> None:
        self.serve(i.web("a.test"), ports=[i.PORTS[1]])
        self.entry("web", "Failed", "Port80Missing")
        self.assertIn("port 80", self.told("CertificatesReady", "False", "Port80Missing"))
        # All else is there, and a certificate that comes all the same is served.
        self.assertIsNotNone(h.get("Deployment", self.ns, "gw"))
        self.attempt().issued()
        self.wait_servers(https_web=["a.test"])
        self.entry("web", "Ready")

    def test_wildcard_host(self) -> None:
        wild = i.web("*.wild.test")
        wanted = h.gateway(
            "gw", self.ns, ports=i.PORTS, servers=[wild], acme={"server": "letsencrypt"}
        )
        status, answer, _ = h.cp.request("POST", h.path("MeshGateway", self.ns), wanted)
        self.assertEqual(status, 422, answer)
        self.assertIn("cannot be proven by HTTP-01", answer["message"])
        i.issuer(self.ns, "shared", i.http01())
        self.serve(wild, acme={"issuerRef": {"name": "shared"}})
        message = self.entry("web", "Failed", "WildcardNeedsDNS01")["message"]
        self.assertIn("Issuer shared solves HTTP-01 only", message)
        self.told("CertificatesReady", "False", "WildcardNeedsDNS01")
        dns = {"dns01": {"webhook": {"groupName": "dns.example", "solverName": "any"}}}
        h.patch("Issuer", self.ns, "shared", {"spec": {"acme": {"solvers": [dns]}}})
        attempt = self.attempt()
        # Only watched: nobody but the DNS answers it.
        challenge = attempt.challenge("wild.test", dns, kind="DNS-01")
        challenge.tells(reason="Waiting for DNS-01 challenge propagation")
        entry = self.knows("is pending: Waiting for DNS-01 challenge propagation")
        self.assertEqual((entry["phase"], entry["reason"]), ("Challenging", "ChallengePending"))
        self.assertFalse(entry["challenges"][0]["routed"])
        challenge.end()
        attempt.issued()
        self.entry("web", "Ready")
        self.wait_servers(redirect_web=["*.wild.test"], https_web=["*.wild.test"])
        self.assertEqual(h.cp.must("GET", h.path("VirtualService", self.ns))["items"], [])

    def test_several_hosts_on_one_server(self) -> None:
        self.serve(i.web("a.test", "b.test", "c.test"))
        attempt = self.attempt()
        self.assertEqual(attempt.certificate["spec"]["dnsNames"], ["a.test", "b.test", "c.test"])
        a, b, c = (attempt.challenge(f"{x}.test").solver() for x in "abc")
        self.wait_routes("gw-redirect", [a.route, b.route, c.route, REDIRECT])
        routed = [{"dnsName": f"{x}.test", "state": "pending", "routed": True} for x in "abc"]
        h.eventually(
            lambda: self.entry("web", "Challenging", "ChallengePending")["challenges"] == routed,
            "all three are told as routed",
        )
        a.end()
        self.wait_routes("gw-redirect", [b.route, c.route, REDIRECT])
        c.end()
        # One that fails makes all fail, and is named.
        b.end("invalid", reason="Error accepting authorization: b.test: 403 unauthorized")
        self.wait_routes("gw-redirect", [REDIRECT])
        attempt.order_is("invalid", "Failed to finalize Order")
        attempt.failed("The certificate request has failed to complete and will be retried")
        entry = self.entry("web", "Failed", "Failed")
        self.assertIn("challenge for b.test is invalid", entry["message"])
        self.assertIn("403 unauthorized", entry["message"])
        states = [(x["dnsName"], x["state"]) for x in entry["challenges"]]
        self.assertEqual(states, [("a.test", "valid"), ("b.test", "invalid"), ("c.test", "valid")])

    def test_more_than_100_names(self) -> None:
        names = [f"h{n}.{'long.' * 12}test" for n in range(101)]
        wanted = h.gateway(
            "gw", self.ns, ports=i.PORTS, servers=[i.web(*names)], acme={"server": "letsencrypt"}
        )
        status, answer, _ = h.cp.request("POST", h.path("MeshGateway", self.ns), wanted)
        self.assertEqual(status, 422, answer)
        self.assertIn("at most 100 names: use several servers", answer["message"])
        self.serve(i.web(*names[:100]), i.web(names[100], name="rest"))
        for name, hosts in (("gw-web", names[:100]), ("gw-rest", names[100:])):
            live = self.attempt(name).certificate["spec"]
            self.assertEqual(live["dnsNames"], hosts)
            self.assertNotIn("commonName", live)

    def test_issuer_of_the_user(self) -> None:
        i.issuer(self.ns, "shared", i.http01("nginx"))
        self.serve(i.web("a.test"), acme={"issuerRef": {"name": "shared"}})
        attempt = self.attempt()
        self.assertIsNone(h.get("Issuer", self.ns, "gw-acme"))
        ref = {"group": "cert-manager.io", "kind": "Issuer", "name": "shared"}
        self.assertEqual(attempt.certificate["spec"]["issuerRef"], ref)
        note = "acme.cert-manager.io/http01-override-ingress-class"
        self.assertEqual(attempt.certificate["metadata"]["annotations"], {note: i.CLASS})
        # One that cert-manager made before it knew the annotation is still of a Certificate of ours.
        challenge = attempt.challenge("a.test", i.http01("nginx")).solver()
        self.wait_routes("gw-redirect", [challenge.route, REDIRECT])
        # Somebody who wants the class of the issuer says so.
        patch = [{"op": "remove", "path": "/metadata/annotations"}]
        overlay = {"kind": "Certificate", "type": "JSONPatch", "patch": patch}
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"overlays": [overlay]}})
        h.eventually(
            lambda: "annotations" not in h.get("Certificate", self.ns, "gw-web")["metadata"],
            "the annotation is gone",
        )

    def test_issuer_not_acme(self) -> None:
        i.issuer(self.ns, "company", ca={"secretName": "ca"})
        self.serve(i.web("a.test"), acme={"issuerRef": {"name": "company"}}, ports=[i.PORTS[1]])
        self.entry("web", "Pending", "NotReady")
        self.attempt().issued()
        self.entry("web", "Ready")
        self.told("CertificatesReady", "True", "Issued")
        self.wait_servers(https_web=["a.test"])

    def test_challenge_appears(self) -> None:
        self.serve(i.web("a.test"))
        attempt = self.attempt()
        self.entry("web", "Issuing", "Issuing")
        challenge = attempt.challenge("a.test")
        entry = self.entry("web", "Challenging", "ChallengePending")
        self.assertIn("cert-manager has not made the Service", entry["message"])
        challenge.solver()
        self.wait_routes("gw-redirect", [challenge.route, REDIRECT])
        # Up to v1.21.1 cert-manager's text has the key in it.
        challenge.tells(
            reason=f"Waiting for propagation: wrong body, expected {challenge.key}, got x"
        )

        entry = self.knows("wrong body, expected <key>, got x")
        (shown,) = entry["challenges"]
        self.assertEqual((shown["dnsName"], shown["state"]), ("a.test", "pending"))
        self.assertTrue(shown["routed"])
        message = self.told("CertificatesReady", "False", "ChallengePending")
        self.assertIn(f"server web: {entry['message']}", message)

    def test_orphan_challenge_is_still_processing(self) -> None:
        self.serve(i.web("orphan.test"))
        orphan = self.attempt().challenge("orphan.test").solver()
        self.wait_routes("gw-redirect", [orphan.route, REDIRECT])
        # The next attempt; cert-manager works on one challenge for a name at a time.
        late = self.attempt(revision=2).challenge("orphan.test", begun=False)
        self.knows(f"Waiting for challenge {self.ns}/{orphan.name}")
        orphan.end("expired")
        late.tells(state="pending", processing=True)
        late.solver()
        self.wait_routes("gw-redirect", [late.route, REDIRECT])

    def test_challenge_is_final_or_deleted(self) -> None:
        self.serve(i.web("a.test", "b.test"))
        attempt = self.attempt()
        for state in ("valid", "invalid", "expired", "errored"):
            with self.subTest(state):
                challenge = attempt.challenge("a.test").solver()
                self.wait_routes("gw-redirect", [challenge.route, REDIRECT])
                challenge.tells(state=state)
                self.wait_routes("gw-redirect", [REDIRECT])
        for deleted in ("with a finalizer", "at once"):
            with self.subTest(deleted):
                challenge = attempt.challenge("b.test").solver()
                self.wait_routes("gw-redirect", [challenge.route, REDIRECT])
                if deleted == "at once":
                    challenge.release()
                challenge.delete()
                self.wait_routes("gw-redirect", [REDIRECT])

    def test_service_recreated(self) -> None:
        self.serve(i.web("a.test"))
        challenge = self.attempt().challenge("a.test").solver()
        self.wait_routes("gw-redirect", [challenge.route, REDIRECT])
        challenge.remove_solver()
        self.wait_routes("gw-redirect", [REDIRECT])
        challenge.solver()
        self.wait_routes("gw-redirect", [challenge.route, REDIRECT])

    def test_controller_dead(self) -> None:
        self.serve(i.web("a.test"))
        self.entry("web", "Pending", "NotReady")
        # After a minute, though nothing happens.
        message = self.told("CertificatesReady", "False", "CertManagerNotResponding", seconds=120)
        self.assertIn("is its controller running?", message)
        self.entry("web", "Failed", "CertManagerNotResponding")
        self.attempt()
        self.entry("web", "Issuing", "Issuing")

    def test_gateway_deleted(self) -> None:
        self.serve(i.web("a.test"))
        self.attempt().issued()
        self.entry("web", "Ready")
        h.delete("MeshGateway", self.ns, "gw")
        ours = (
            ("Gateway", "gw"),
            ("VirtualService", "gw-redirect"),
            ("Issuer", "gw-acme"),
            ("Certificate", "gw-web"),
            ("CertificateRequest", "gw-web-1"),
        )
        h.eventually(lambda: not any(h.get(k, self.ns, n) for k, n in ours), "all is gone", 90)
        time.sleep(1)
        self.assertEqual([k for k, n in ours if h.get(k, self.ns, n)], [], "came back")
        self.assertIsNotNone(h.get("Secret", self.ns, "gw-web-tls"))

    def test_acme_disabled_later(self) -> None:
        self.serve(i.web("a.test"))
        self.attempt().issued()
        self.wait_servers(http_web=["./a.test"], https_web=["a.test"])
        spec = h.get("MeshGateway", self.ns, "gw")["spec"]
        del spec["acme"]
        spec["servers"] = [i.web("a.test", tls={"credentialName": "gw-web-tls"})]
        with h.Watch("Gateway", self.ns) as watch:
            h.replace_spec(self.ns, "gw", spec)
            h.eventually(lambda: h.get("Issuer", self.ns, "gw-acme") is None, "no Issuer")
            h.eventually(lambda: h.get("Certificate", self.ns, "gw-web") is None, "no Certificate")
            self.wait_servers(redirect_web=["a.test"], https_web=["a.test"])
        seen = [[s["port"]["name"] for s in e["object"]["spec"]["servers"]] for e in watch.events]
        self.assertTrue(all("https-web" in names for names in seen), seen)
        self.wait_routes("gw-redirect", None)
        self.assertIsNotNone(h.get("Secret", self.ns, "gw-web-tls"))
        h.eventually(lambda: not self.certificates(), "the status tells of no certificate")
        gw = h.get("MeshGateway", self.ns, "gw")
        self.assertEqual(h.condition(gw, "CertificatesReady"), {})


if __name__ == "__main__":
    sys.exit(i.main())
