#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--metrics-secure: who may read the metrics, what that costs the API server, and the certificate."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import harness as h

RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = ("tokenreviews", "subjectaccessreviews")


class Metrics(h.IntegrationTest):
    autostart = False
    args: tuple[str, ...] = ()

    def setUp(self) -> None:
        super().setUp()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.operator = self.start_operator(
            "--metrics-secure", "--metrics-bind-address", f"127.0.0.1:{self.port}", *self.args
        )
        self.reader = self.account("reader")
        self.bind("reader")

    def token(self, name: str) -> str:
        """Another one each time."""
        config = Path(h.cp.service_account_kubeconfig(self.ns, name))
        return str(json.loads(config.read_text())["users"][0]["user"]["token"])

    def account(self, name: str) -> str:
        h.create(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": name, "namespace": self.ns},
            }
        )
        return self.token(name)

    def bind(self, name: str) -> None:
        """As manifests/README.md says."""
        binding = f"{self.ns}-{name}"
        h.cp.kubectl(
            "create", "clusterrolebinding", binding, "--clusterrole=meshgateway-metrics-reader",
            f"--serviceaccount={self.ns}:{name}",
        )  # fmt: skip
        self.addCleanup(
            lambda: h.cp.request("DELETE", f"{RBAC}/clusterrolebindings/{binding}")
        )

    def get(
        self, authorization: str = "", path: str = "/metrics", tls: ssl.SSLContext | None = None
    ) -> tuple[int, str]:
        tls = tls or ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=tls)
        try:
            headers = {"Authorization": authorization} if authorization else {}
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def scrape(self, token: str) -> int:
        return self.get(f"Bearer {token}")[0]

    def reviews(self, since: int) -> list[str]:
        events = h.cp.audit_events(since, h.OPERATOR_USER, ("create",))
        asked = [e.get("objectRef", {}).get("resource") for e in events]
        return sorted(r for r in asked if r in REVIEWS)


class Access(Metrics):
    def test_who_may_read_metrics(self) -> None:
        stranger = self.account("stranger")
        for authorization, path, status, text in (
            ("", "/metrics", 401, "a bearer token is needed"),
            ("", "/", 401, "a bearer token is needed"),
            ("Basic YTpi", "/metrics", 401, "a bearer token is needed"),
            ("Bearer ", "/metrics", 401, "a bearer token is needed"),
            ("Bearer nonsense", "/metrics", 401, "does not know this token"),
            (f"Bearer {stranger}", "/metrics", 403, "may not get this path"),
            (f"Bearer {self.reader}", "/metrics/more", 403, "may not get this path"),
            (f"bearer {self.reader}", "/metrics?a=b", 200, "controller_runtime_reconcile_total"),
            (f"Bearer {h.cp.token}", "/other", 404, "nothing at this path"),
        ):
            with self.subTest(authorization=authorization[:12], path=path, status=status):
                got = self.get(authorization, path)
                self.assertEqual(got[0], status, got)
                self.assertIn(text, got[1])
        # Tokens are nowhere: neither in the log nor told back.
        self.assertNotIn(self.reader, self.operator.text() + self.get("Bearer nonsense")[1])
        # A right that is given counts for this token when the "no" is forgotten, for others at once.
        self.bind("stranger")
        self.assertEqual(self.scrape(stranger), 403)
        h.eventually(lambda: self.scrape(self.token("stranger")) == 200, "the right counts")
        self.assertEqual(self.operator.stop(), 0)

    def test_answers_are_kept(self) -> None:
        mark = h.cp.audit_mark()
        self.assertEqual([self.scrape(self.reader) for _ in range(5)], [200] * 5)
        self.assertEqual(self.reviews(mark), ["subjectaccessreviews", "tokenreviews"])
        # Another token of the same account is another user: the token's id is part of it.
        self.assertEqual(self.scrape(self.token("reader")), 200)
        self.assertEqual(len(self.reviews(mark)), 4)

    def test_a_flood_of_scrapes_is_no_flood_of_reviews(self) -> None:
        token = self.token("reader")
        mark = h.cp.audit_mark()
        with ThreadPoolExecutor(40) as pool:
            self.assertEqual(set(pool.map(self.scrape, [token] * 40)), {200})
            self.assertEqual(self.reviews(mark), ["subjectaccessreviews", "tokenreviews"])
            wrong = set(pool.map(self.scrape, [f"wrong-{i}" for i in range(400)]))
        # Those that find too many reviews under way are not asked about.
        self.assertLessEqual(wrong, {401, 500})
        self.assertEqual(self.scrape(self.token("reader")), 200)
        self.assertEqual(self.operator.stop(), 0)

    def test_api_server_down(self) -> None:
        unseen = self.token("reader")
        self.assertEqual(self.scrape(self.reader), 200)
        h.cp.end("kube-apiserver", kill=True)
        try:
            self.assertEqual(self.scrape(self.reader), 200)
            for _ in range(3):
                self.assertEqual(self.scrape(unseen), 500)
            self.assertEqual(self.get()[0], 401)
        finally:
            h.cp.begin("kube-apiserver")
        self.assertEqual(self.scrape(unseen), 200)
        told = self.operator.text().count("whether metrics may be read cannot be found out")
        self.assertEqual(told, 1)

    def test_ends_while_reviews_are_under_way(self) -> None:
        os.kill(h.cp.pid("kube-apiserver"), signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(4) as pool:
                waiting = [pool.submit(self.scrape, f"wrong-{i}") for i in range(4)]
                time.sleep(1)
                self.assertEqual([w.done() for w in waiting], [False] * 4)
                self.assertEqual(self.operator.stop(), 0)
                for w in waiting:
                    self.assertIsInstance(w.exception(), (OSError, http.client.HTTPException))
        finally:
            os.kill(h.cp.pid("kube-apiserver"), signal.SIGCONT)


class Certificate(Metrics):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=h.cp.dir))
        self.first = self.make("first")
        self.second = self.make("second")
        # As the kubelet mounts a Secret: the files lead through a link that is swapped.
        self.mount("first")
        for name in ("tls.crt", "tls.key"):
            (self.folder / name).symlink_to(Path("..data") / name)
        self.args = ("--metrics-cert-path", str(self.folder))
        super().setUp()

    def make(self, name: str) -> ssl.SSLContext:
        """A certificate in a folder of its own; who trusts only that one."""
        (self.folder / name).mkdir()
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
             "-out", str(self.folder / name / "tls.crt"), "-keyout", str(self.folder / name / "tls.key")],
            check=True, capture_output=True,
        )  # fmt: skip
        return ssl.create_default_context(cafile=str(self.folder / name / "tls.crt"))

    def mount(self, name: str) -> None:
        link = self.folder / "..new"
        link.symlink_to(name)
        link.rename(self.folder / "..data")

    def test_a_swapped_certificate_is_served(self) -> None:
        self.assertEqual(self.get(f"Bearer {self.reader}", tls=self.first)[0], 200)
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.get(tls=self.second)
        self.mount("second")

        def swapped() -> bool:
            try:
                return self.get(f"Bearer {self.reader}", tls=self.second)[0] == 200
            except ssl.SSLCertVerificationError:
                return False

        h.eventually(swapped, "the second certificate is served", 30)
        self.assertIn("the certificate of the metrics was read again", self.operator.text())
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.get(tls=self.first)
        self.assertEqual(self.operator.stop(), 0)


if __name__ == "__main__":
    sys.exit(h.main())
