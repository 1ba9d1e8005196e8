#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Challenges among other people's Gateways, VirtualServices and Certificates."""

from __future__ import annotations

import sys
import time
from typing import Any

import harness as h
import issuing as i
from issuing import REDIRECT

WELL_KNOWN = {"uri": {"prefix": "/.well-known"}}


def private(**spec: Any) -> dict[str, Any]:
    return {"exportTo": ["."], **spec}


def wait_second() -> None:
    """Istio's order of VirtualServices is by whole seconds."""
    time.sleep(1.1)


class RoutesTest(i.IssuingTest):
    def own_certificate(self, name: str, *names: str, **annotations: str) -> i.Attempt:
        """A Certificate of the user's, by an Issuer whose challenges are for this operator."""
        if h.get("Issuer", self.ns, "mine") is None:
            i.issuer(self.ns, "mine", i.http01())
        spec = {"secretName": name, "dnsNames": list(names), "issuerRef": {"name": "mine"}}
        meta = {"name": name, "namespace": self.ns, "annotations": annotations}
        api = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate"}
        h.create({**api, "metadata": meta, "spec": spec})
        return self.attempt(name)

    def placed(self, challenge: i.Challenge) -> list[dict[str, Any]]:
        """VirtualServices with a route for the challenge, which they have in `match`."""
        found = []
        for vs in h.cp.must("GET", h.path("VirtualService", challenge.ns))["items"]:
            for route in vs["spec"]["http"]:
                match = (route.get("match") or [{}])[0]
                if match.get("uri") == {"exact": challenge.route[0]}:
                    service = route["route"][0]["destination"]["host"]
                    self.assertEqual(service, challenge.service)
                    found.append({**vs["spec"], "match": match, "name": vs["metadata"]["name"]})
        return found

    def wait_placed(self, challenge: i.Challenge, count: int = 1) -> list[dict[str, Any]]:
        def check() -> Any:
            found = self.placed(challenge)
            assert len(found) == count, found
            return found or True

        found = h.eventually(check, f"{challenge.dns_name} is routed by {count}")
        return found if isinstance(found, list) else []


class Rows(RoutesTest):
    def test_foreign_gateway_redirects(self) -> None:
        """The challenge is asked for by HTTPS, where a temporary certificate has to be."""
        i.istio_gateway(self.ns, "front", "gw", i.istio_server(80, "a.test", httpsRedirect=True))
        self.serve(i.web("a.test"))
        certificate = h.eventually(lambda: h.get("Certificate", self.ns, "gw-web"), "Certificate")
        notes = certificate["metadata"]["annotations"]
        self.assertEqual(notes, {"cert-manager.io/issue-temporary-certificate": "true"})
        self.wait_servers(http_web=["./a.test"], https_web=["a.test"])
        attempt = self.attempt()
        challenge = attempt.challenge("a.test").solver()
        found = self.wait_placed(challenge, 2)
        bound = sorted(gateway for vs in found for gateway in vs["gateways"])
        self.assertEqual(bound, [f"{self.ns}/front", f"{self.ns}/gw"])
        for vs in found:
            self.assertNotIn("port", vs["match"])
        entry = self.entry("web", "Challenging", "ChallengePending")
        self.assertTrue(entry["challenges"][0]["routed"])
        challenge.end()
        self.wait_placed(challenge, 0)
        attempt.issued()
        self.entry("web", "Ready")

    def test_foreign_gateway_redirects_to_nowhere(self) -> None:
        i.istio_gateway(self.ns, "front", "gw", i.istio_server(80, "a.test", httpsRedirect=True))
        mutual = {"mode": "MUTUAL", "certificate": {}}
        self.serve(i.web("a.test", tls=mutual, httpsRedirect=False))
        challenge = self.attempt().challenge("a.test").solver()
        message = self.entry("web", "Challenging", "RedirectBlocksHTTP01")["message"]
        self.assertIn("redirects a.test to HTTPS", message)
        self.told("CertificatesReady", "False", "RedirectBlocksHTTP01")
        self.assertEqual(self.placed(challenge), [])

    def test_same_host_in_two_gateways(self) -> None:
        """Gateways of two namespaces; each proves the host for itself, when DNS leads to it."""
        self.serve(i.web("twice.test"))
        here, there = self.ns, self.namespace(f"{self.ns}-b")
        self.addCleanup(self.release_challenges, there)
        one = self.attempt().challenge("twice.test").solver()
        self.ns = there
        self.serve(i.web("twice.test"))
        other = self.attempt()
        two = other.challenge("twice.test", begun=False)
        entry = self.entry("web", "Challenging", "ChallengePending")
        # Of the other namespace no more is told than that.
        self.assertIn("Waiting for a challenge of another namespace", entry["message"])
        self.assertNotIn(one.name, entry["message"])
        self.assertEqual(self.placed(two), [])
        self.wait_routes("gw-redirect", [REDIRECT])
        self.ns = here
        self.wait_routes("gw-redirect", [one.route, REDIRECT])

    def test_same_host_two_gateways_same_workload(self) -> None:
        front = i.istio_server(443, "a.test", mode="SIMPLE", credentialName="mine")
        i.istio_gateway(self.ns, "front", "gw", front)
        self.serve(i.web("a.test", tls={"credentialName": "other"}))
        message = self.told("HostConflict", "True", "HostConflict")
        self.assertIn(f"Istio Gateway {self.ns}/front has HTTPS for a.test", message)
        h.delete("Gateway", self.ns, "front")
        self.no_condition("HostConflict")

    def no_condition(self, kind: str) -> None:
        h.eventually(
            lambda: not h.condition(h.get("MeshGateway", self.ns, "gw"), kind),
            f"no {kind} any more",
        )

    def test_user_route_on_the_exact_host(self) -> None:
        before = i.virtual_service(self.ns, "user", "gw", "a.test", match=WELL_KNOWN)
        wait_second()
        self.serve(i.web("a.test", httpsRedirect=False))
        challenge = self.attempt().challenge("a.test").solver()
        self.wait_routes("gw-acme", [challenge.route])
        # Theirs is public, so ours goes first, whatever its age; nothing of theirs is written.
        self.entry("web", "Challenging", "ChallengePending")
        challenge.end()
        self.wait_routes("gw-acme", None)
        after = h.get("VirtualService", self.ns, "user")
        self.assertEqual(
            after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]
        )

    def test_user_route_with_wildcard_host_under_wildcard_server(self) -> None:
        i.virtual_service(self.ns, "user", "gw", "*.wild.test")
        self.serve(i.web("*.wild.test", tls=None), acme=None)
        challenge = self.own_certificate("mine", "a.wild.test").challenge("a.wild.test").solver()
        # On a host of its own it would be all that this host answers.
        (there,) = self.wait_placed(challenge)
        self.assertEqual(there["hosts"], ["*.wild.test"])
        self.assertEqual(there["match"]["authority"], {"regex": r"a\.wild\.test(:[0-9]+)?"})
        challenge.end()
        self.wait_placed(challenge, 0)

    def test_older_private_user_route_covers_the_path(self) -> None:
        i.virtual_service(self.ns, "user", "gw", "a.test", **private(match=WELL_KNOWN))
        wait_second()
        self.serve(i.web("a.test", httpsRedirect=False))
        challenge = self.attempt().challenge("a.test").solver()
        entry = self.entry("web", "Challenging", "ChallengePathShadowed")
        self.assertIn(f"VirtualService {self.ns}/user", entry["message"])
        self.assertTrue(entry["challenges"][0]["routed"])
        message = self.told("CertificatesReady", "False", "ChallengePathShadowed")
        self.assertIn(f"VirtualService {self.ns}/user", message)
        h.patch("VirtualService", self.ns, "user", {"spec": {"exportTo": ["*"]}})
        self.entry("web", "Challenging", "ChallengePending")
        self.wait_routes("gw-acme", [challenge.route])

    def test_redirect_bypassed(self) -> None:
        i.virtual_service(
            self.ns, "user", "gw", "a.test", **private(match={"uri": {"prefix": "/app"}})
        )
        wait_second()
        self.serve(i.web("a.test"))
        message = self.told("RedirectBypassed", "True", "RedirectBypassed")
        self.assertIn(f"VirtualService {self.ns}/user", message)
        h.delete("VirtualService", self.ns, "user")
        self.no_condition("RedirectBypassed")
        # One that is younger than our redirect does no harm.
        wait_second()
        i.virtual_service(
            self.ns, "late", "gw", "a.test", **private(match={"uri": {"prefix": "/app"}})
        )
        h.settled()
        self.no_condition("RedirectBypassed")


class OwnCertificates(RoutesTest):
    """Of users who bring Certificate, Issuer or Gateway themselves."""

    def test_own_certificate_for_a_host_of_the_gateway(self) -> None:
        self.serve(i.web("a.test", tls={"credentialName": "mine"}), acme=None)
        attempt = self.own_certificate("mine", "a.test", "elsewhere.test")
        a, elsewhere = (attempt.challenge(f"{x}.test").solver() for x in ("a", "elsewhere"))
        # While it is live the one name is redirected by route.
        self.wait_routes("gw-redirect", [a.route, REDIRECT])
        self.wait_servers(http_web=["./a.test"], https_web=["a.test"])
        self.assertEqual(self.placed(elsewhere), [])
        a.end()
        self.wait_routes("gw-redirect", None)
        self.wait_servers(redirect_web=["a.test"], https_web=["a.test"])

    def test_own_gateway(self) -> None:
        self.gateway(ports=i.PORTS)
        i.istio_gateway(self.ns, "front", "gw", i.istio_server(80, "a.test"))
        challenge = self.own_certificate("mine", "a.test").challenge("a.test").solver()
        (there,) = self.wait_placed(challenge)
        self.assertEqual((there["gateways"], there["hosts"]), ([f"{self.ns}/front"], ["a.test"]))
        self.assertEqual(there["match"]["port"], 80)
        h.delete("Gateway", self.ns, "front")
        self.wait_placed(challenge, 0)

    def test_another_class_or_type_is_none_of_ours(self) -> None:
        self.serve(i.web("a.test", httpsRedirect=False))
        attempt = self.own_certificate("mine", "a.test")
        dns = {"dns01": {"webhook": {"groupName": "dns.example", "solverName": "any"}}}
        route = {"http01": {"gatewayHTTPRoute": {"serviceType": "ClusterIP"}}}
        attempt.challenge("a.test", i.http01("nginx")).solver()
        attempt.challenge("a.test", dns, kind="DNS-01")
        attempt.challenge("a.test", route).solver()
        h.settled()
        self.assertEqual(h.cp.must("GET", h.path("VirtualService", self.ns))["items"], [])
        last = attempt.challenge("a.test").solver()
        self.wait_routes("gw-acme", [last.route])

    def test_another_namespace_is_not_answered(self) -> None:
        self.serve(i.web("a.test", httpsRedirect=False))
        here, there = self.ns, self.namespace(f"{self.ns}-b")
        self.addCleanup(self.release_challenges, there)
        self.ns = there
        self.own_certificate("mine", "a.test").challenge("a.test").solver()
        h.settled()
        for ns in (here, there):
            self.assertEqual(h.cp.must("GET", h.path("VirtualService", ns))["items"], [])

    def test_a_malformed_challenge_is_not_routed(self) -> None:
        self.serve(i.web("a.test", httpsRedirect=False))
        attempt = self.attempt()
        bad = i.Challenge(attempt.order, "a.test", i.http01(), attempt.ref, token="../x").solver()
        h.settled()
        self.assertEqual(self.placed(bad), [])
        good = attempt.challenge("a.test").solver()
        self.wait_routes("gw-acme", [good.route])


if __name__ == "__main__":
    sys.exit(i.main())
