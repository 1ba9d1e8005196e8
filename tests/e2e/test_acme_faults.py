# SPDX-License-Identifier: Apache-2.0
"""Certificates when something is not as it should be: the status says what, and all ends well."""

from __future__ import annotations

import json

import acme
import harness
import suite
from cluster import until
from clusternet import BROKEN
from suite import NS

MEND, KILLED = "172.30.1.3", "172.30.1.4"


class Faults(acme.HttpsTest):
    def begin(self, name: str, where: str, host: str) -> None:
        """A gateway whose challenge stays, because its host's DNS fails."""
        suite.cluster.resolve(host, BROKEN)
        self.https(name, where, suite.cluster.acme(), host)

    def end(self, name: str, where: str, host: str) -> None:
        suite.cluster.resolve(host, where)
        self.certified(name)
        acme.verified(where, host, suite.cluster.acme().root(), "one")
        self.assertEqual(acme.issued(f"{name}-server-0"), 1)

    def lose_solver(self, host: str) -> None:
        """Its Service goes, and comes back with another name."""
        challenge = acme.challenge(host)
        lost = acme.solver(challenge)
        suite.cluster.client.delete("Service", NS, lost)
        until("another Service", lambda: acme.solver(challenge) not in ("", lost))

    def test_1_name_without_dns(self) -> None:
        """The MeshGateway says what cert-manager could not look up; then its solver is lost, too."""
        host = "mend.test"
        self.begin("mend", MEND, host)
        until("the status says why", lambda: "lookup mend.test" in acme.message("mend"), 60)
        self.routed(MEND, host)
        (certificate,) = acme.told("mend")["certificates"]
        self.assertEqual(certificate["phase"], "Challenging")
        (seen,) = certificate["challenges"]
        self.assertEqual((seen["dnsName"], seen["routed"]), (host, True))
        self.assertNotIn(acme.challenge(host)["spec"]["key"], json.dumps(acme.told("mend")))
        self.lose_solver(host)
        self.routed(MEND, host)
        self.end("mend", MEND, host)

    def test_2_operator_killed(self) -> None:
        """During a challenge; what happened meanwhile is made good."""
        host = "killed.test"
        self.begin("killed", KILLED, host)
        self.routed(KILLED, host)
        suite.cluster.operator.kill()
        try:
            self.lose_solver(host)
            self.status(KILLED, host, "/", 301)
            mark = suite.cluster.plane.audit_mark()
        finally:
            suite.cluster.operator.start()
        self.routed(KILLED, host)
        self.end("killed", KILLED, host)
        # The route to the other Service, none when the challenge is over, and HTTPS.
        written = [line.split("?")[0] for line in harness.operator_writes(mark, NS, events=False)]
        base = f"/apis/networking.istio.io/v1/namespaces/{NS}"
        routes = f"patch {base}/virtualservices/killed-redirect"
        self.assertEqual(
            [line for line in written if not line.endswith("/status")],
            [routes, routes, f"patch {base}/gateways/killed"],
        )
