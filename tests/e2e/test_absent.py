# SPDX-License-Identifier: Apache-2.0
"""A gateway is there before cert-manager is.  First of all files: no other test has installed it."""

from __future__ import annotations

import acme
import suite
from cluster import until

WHERE, HOST = "172.30.1.1", "early.test"


class Absent(acme.HttpsTest):
    def test_cert_manager_comes_later(self) -> None:
        """What needs none is served, the status says what is missing, the rest comes by itself."""
        client = suite.cluster.client
        self.assertIsNone(
            client.get("CustomResourceDefinition", None, "certificates.cert-manager.io")
        )
        server = suite.cluster.pebble()
        suite.cluster.resolve(HOST, WHERE)
        self.https("early", WHERE, server, HOST)
        until(
            "the status says that cert-manager is missing",
            lambda: acme.message("early").startswith("CertManagerNotInstalled: "),
        )
        self.status(WHERE, HOST, "/", 301)
        suite.cluster.install_cert_manager()
        self.certified("early")
        acme.verified(WHERE, HOST, server.root(), "one")
        self.assertEqual(acme.issued("early-server-0"), 1)
