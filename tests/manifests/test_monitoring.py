#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test_monitoring.py YAMLTOOL: the rules and the dashboard of manifests/monitoring are what Prometheus understands.

Every alert fires in alerts.test.yaml, has a section in manifests/README.md, and nothing asks for a
metric that operator/README.md does not have.  tests/integration/test_scrape.py compares that table
with what the operator serves.  Without promtool the exit status is 77 (skipped).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MONITORING = ROOT / "manifests" / "monitoring"
TESTS = HERE / "alerts.test.yaml"
# Functions and labels of PromQL never begin like this.
METRIC = re.compile(r"\b(?:meshgateway|controller_runtime|workqueue|rest_client|leader_election|process)_\w+")
# Variables of Grafana, by what Prometheus would be sent.
VARIABLES = {"$__rate_interval": "5m", "$job": ".+"}

promtool = ""
yamltool = ""


def documented() -> set[str]:
    """The metrics in the table of operator/README.md."""
    text = (ROOT / "operator" / "README.md").read_text().split("\n## Metrics\n")[1]
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def groups() -> list[dict[str, Any]]:
    source = (MONITORING / "prometheusrule.yaml").read_text()
    done = subprocess.run([yamltool, "json"], input=source, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["spec"]["groups"]


def rules() -> list[dict[str, Any]]:
    return [rule for group in groups() for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    return json.loads((MONITORING / "dashboard.json").read_text())


def expressions() -> list[str]:
    """Those of the dashboard."""
    return [t["expr"] for p in dashboard()["panels"] for t in p.get("targets", [])]


def unknown(expression: str) -> set[str]:
    """Metrics that nobody serves.  What a rule records has colons."""
    plain = re.sub(r"[\w]*:[\w:]+", "", expression)
    asked = {re.sub(r"_bucket$", "", name) for name in METRIC.findall(plain)}
    return asked - documented()


class Promtool(unittest.TestCase):
    def setUp(self) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="monitoring-"))
        self.addCleanup(shutil.rmtree, self.dir)

    def run_on(self, content: Any, *args: str) -> None:
        (self.dir / "rules.json").write_text(json.dumps(content))  # JSON is YAML
        done = subprocess.run([promtool, *args], cwd=self.dir, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Rules(Promtool):
    def test_rules_are_valid(self) -> None:
        self.run_on({"groups": groups()}, "check", "rules", "--lint-fatal", "rules.json")

    def test_alerts_fire_when_they_should(self) -> None:
        shutil.copy(TESTS, self.dir)
        self.run_on({"groups": groups()}, "test", "rules", TESTS.name)

    def test_every_alert_has_a_test(self) -> None:
        alerts = {rule["alert"] for rule in rules() if "alert" in rule}
        text = TESTS.read_text()
        fires = {a for a in alerts if re.search(rf'{a}",alertstate="firing"}}.*value: 1', text)}
        self.assertEqual(alerts - fires, set())
        self.assertEqual(set(re.findall(r'alertname="(\w+)"', text)) - alerts, set())

    def test_every_alert_has_a_runbook(self) -> None:
        readme = (ROOT / "manifests" / "README.md").read_text()
        alerts = [rule for rule in rules() if "alert" in rule]
        self.assertEqual(re.findall(r"(?m)^#### (Meshgateway\w+)$", readme), [r["alert"] for r in alerts])
        for rule in alerts:
            name = rule["alert"]
            notes = rule["annotations"]
            self.assertEqual(set(notes), {"summary", "description", "runbook"}, name)
            self.assertEqual(notes["runbook"], f"manifests/README.md#{name.lower()}")
            self.assertIn(rule["labels"]["severity"], ("warning", "critical"), name)

    def test_metrics_exist(self) -> None:
        recorded = {rule["record"] for rule in rules() if "record" in rule}
        for rule in rules():
            self.assertEqual(unknown(rule["expr"]), set(), rule["expr"])
            asked = set(re.findall(r"\b\w+:[\w:]+", rule["expr"]))
            self.assertEqual(asked - recorded, set(), rule["expr"])


class Dashboard(Promtool):
    def test_expressions_are_valid(self) -> None:
        sent = []
        for i, expression in enumerate(expressions()):
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            self.assertNotIn("$", expression)
            sent.append({"record": f"panel:{i}", "expr": expression})
        self.run_on({"groups": [{"name": "dashboard", "rules": sent}]}, "check", "rules", "rules.json")

    def test_metrics_exist(self) -> None:
        for expression in expressions():
            self.assertTrue(METRIC.search(expression), expression)
            self.assertEqual(unknown(expression), set(), expression)

    def test_panels(self) -> None:
        """What Grafana needs of each, none twice, and none on top of another."""
        panels = dashboard()["panels"]
        self.assertEqual(len({p["id"] for p in panels}), len(panels))
        taken: set[tuple[int, int]] = set()
        for p in panels:
            at = p["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            self.assertEqual(cells & taken, set(), p["title"])
            self.assertLessEqual(at["x"] + at["w"], 24, p["title"])
            taken |= cells
            if p["type"] != "row":
                self.assertEqual(p["datasource"]["uid"], "${datasource}", p["title"])
                self.assertEqual(len({t["refId"] for t in p["targets"]}), len(p["targets"]), p["title"])


def main() -> int:
    global promtool, yamltool
    yamltool = sys.argv.pop(1)
    found = subprocess.run([HERE / "build.sh", "promtool"], stdout=subprocess.PIPE, text=True, check=False)
    if found.returncode != 0:
        return 77
    promtool = str(Path(found.stdout.strip()) / "promtool")
    return 0 if unittest.main(exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
