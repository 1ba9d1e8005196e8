#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the operator serves about itself: metrics that promtool finds nothing wrong with, from the first moment on, and checks."""

from __future__ import annotations

import re
import subprocess
import sys
import unittest
import urllib.error
import urllib.request

import harness as h
import replicas as r
from test_acme_status import free_port

README = h.ROOT / "operator" / "README.md"
BUILD = h.ROOT / "tests" / "manifests" / "build.sh"
# There with --leader-elect.
OF_REPLICAS = {"leader_election_master_status"}


def documented() -> set[str]:
    text = README.read_text().split("\n## Metrics\n")[1]
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def fetch(port: int, path: str) -> tuple[int, str]:
    """Status and text; status 0 when nothing answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()
    except OSError:
        return 0, ""


def served(text: str) -> set[str]:
    return set(re.findall(r"(?m)^# TYPE (\w+)", text))


def lint(text: str) -> None:
    """promtool has nothing to say about it."""
    found = subprocess.run([BUILD, "promtool"], stdout=subprocess.PIPE, text=True, check=False)
    if found.returncode != 0:
        raise unittest.SkipTest("no promtool")
    promtool = f"{found.stdout.strip()}/promtool"
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, ""), done.stdout + done.stderr


class Metrics(h.IntegrationTest):
    autostart = False

    def setUp(self) -> None:
        super().setUp()
        self.port = free_port()

    def start(self, ready: bool = True) -> h.Operator:
        return self.start_operator("--metrics-bind-address", f"127.0.0.1:{self.port}", ready=ready)

    def scrape(self) -> str:
        status, text = fetch(self.port, "/metrics")
        self.assertEqual(status, 200)
        return text

    def value(self, series: str) -> float | None:
        """Of a series as it is written, labels included."""
        found = re.search(rf"(?m)^{re.escape(series)} (\S+)$", self.scrape())
        return float(found[1]) if found else None

    def ready(self, status: str) -> float | None:
        return self.value(f'meshgateway_gateways_condition{{type="Ready",status="{status}"}}')

    def test_metrics_are_what_the_table_has(self) -> None:
        """All of them at once, also those that nothing has happened for, and none beside."""
        self.start()
        self.assertEqual(served(self.scrape()) ^ documented(), OF_REPLICAS)
        for result in ("success", "error", "requeue", "requeue_after"):
            series = f'controller_runtime_reconcile_total{{controller="meshgateway",result="{result}"}}'
            self.assertIsNotNone(self.value(series), series)

    def test_promtool_finds_nothing(self) -> None:
        operator = self.start(ready=False)
        lint(h.eventually(lambda: fetch(self.port, "/metrics")[1], "metrics are served"))
        h.eventually(operator.ready, "the operator is ready", 30)
        self.gateway()
        lint(self.scrape())

    def test_a_standby_has_the_same(self) -> None:
        """It watches, so that it counts gateways too, and is ready; it makes no passes."""
        first = r.replica(self).start()
        r.leads(first)
        second = r.replica(self).start()
        self.gateway("gw", service={"type": "ClusterIP"})
        for operator, leads in ((first, 1), (second, 0)):
            self.port = operator.metrics_port
            self.assertEqual(served(self.scrape()), documented())
            lint(self.scrape())
            self.assertEqual(operator.metric("leader_election_master_status"), leads)
            self.assertEqual(self.value("meshgateway_ready"), 1)
            h.eventually(lambda: self.ready("True") == 1, "the gateway is ready")
            passes = self.value('controller_runtime_reconcile_time_seconds_count{controller="meshgateway"}')
            self.assertEqual(bool(passes), bool(leads))

    def test_conditions_are_counted(self) -> None:
        self.start()
        h.eventually(lambda: self.ready("True") == 0, "none at the beginning")
        self.gateway("one", service={"type": "ClusterIP"})
        self.gateway("two")  # nobody gives it an address
        h.eventually(lambda: (self.ready("True"), self.ready("False")) == (1, 1), "one is ready")
        self.assertEqual(self.value("meshgateway_gateways"), 2)
        assigned = 'meshgateway_gateways_condition{type="AddressAssigned",status="False"}'
        self.assertEqual(self.value(assigned), 1)
        longest = "meshgateway_gateways_not_ready_longest_seconds"
        h.eventually(lambda: (self.value(longest) or 0) > 0, "it has not been ready for a while")
        h.assign_address(self.ns, "two", "203.0.113.7")
        h.eventually(lambda: (self.ready("True"), self.ready("False")) == (2, 0), "both are ready")
        self.assertEqual(self.value(longest), 0)
        for name in ("one", "two"):
            h.delete("MeshGateway", self.ns, name)
        h.eventually(lambda: self.ready("True") == 0, "what is gone is not counted")

    def test_checks(self) -> None:
        operator = self.start()
        for path in ("/healthz", "/healthz/passes", "/readyz", "/readyz/watches", "/readyz/shutdown"):
            self.assertEqual(fetch(operator.port, path), (200, "ok\n"), path)
        for path, check in (("/healthz", "passes"), ("/readyz", "watches")):
            status, text = fetch(operator.port, f"{path}?verbose")
            self.assertEqual(status, 200, path)
            self.assertIn(f"[+]{check} ok", text.splitlines())
            self.assertEqual(text.splitlines()[-1], f"{path[1:]} check passed")
        self.assertEqual(fetch(operator.port, "/readyz/strange")[0], 404)
        self.assertEqual(self.value("meshgateway_ready"), 1)

    def test_what_fails_is_told(self) -> None:
        """A kind that may not be read any more."""
        operator = self.start()
        role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/meshgateway-operator"
        before = h.cp.must("GET", role)["rules"]
        self.addCleanup(h.cp.must, "PATCH", role, {"rules": before}, h.MERGE)
        rules = [r for r in before if r.get("resources") != ["poddisruptionbudgets"]]
        h.cp.must("PATCH", role, {"rules": rules}, h.MERGE)
        operator.stop()
        operator = self.start(ready=False)
        h.eventually(lambda: "poddisruptionbudgets" in fetch(operator.port, "/readyz")[1], "the kind is named")
        status, text = fetch(operator.port, "/readyz?exclude=shutdown")
        self.assertEqual(status, 503)
        self.assertRegex(text, r"(?m)^\[-\]watches failed: poddisruptionbudgets: .")
        self.assertEqual(text.splitlines()[-2:], ["[+]shutdown excluded: ok", "readyz check failed"])
        self.assertEqual(fetch(operator.port, "/readyz?exclude=watches"), (200, "ok\n"))
        self.assertEqual(fetch(operator.port, "/healthz")[0], 200)
        self.assertEqual(self.value("meshgateway_ready"), 0)
        self.assertRegex(self.scrape(), r'rest_client_requests_total\{code="403",')


if __name__ == "__main__":
    sys.exit(h.main())
