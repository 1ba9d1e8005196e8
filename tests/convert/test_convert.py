#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test_convert.py PROGRAM [--update]: what `convert` makes of the cases beside it.

A case is a folder: in.yaml, out.yaml, stderr, and args when it needs options.  --update writes
out.yaml and stderr anew.
"""
from __future__ import annotations

import copy
import json
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

from fields import HELM_VALUES, ISTIO_MESH_GATEWAY

HERE = Path(__file__).resolve().parent
PROGRAM = ""

GATEWAY: dict[str, Any] = {
    "apiVersion": "servicemesh.cisco.com/v1alpha1",
    "kind": "IstioMeshGateway",
    "metadata": {"name": "gw"},
    "spec": {
        "type": "ingress",
        "runAsRoot": True,
        "istioControlPlane": {},
        "service": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    },
}


def run(*args: str, stdin: str = "", cwd: Path = HERE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *args], input=stdin, capture_output=True, text=True, cwd=cwd, check=False
    )


def convert_case(case: Path) -> subprocess.CompletedProcess[str]:
    args = case / "args"
    options = args.read_text().split() if args.exists() else []
    return run("convert", "-f", "in.yaml", *options, cwd=case)


def cases() -> list[Path]:
    return sorted(p.parent for p in HERE.glob("*/in.yaml"))


def with_field(document: dict[str, Any], path: str, value: object) -> str:
    """The document as JSON, with one field more."""
    result = copy.deepcopy(document)
    *parents, last = path.split(".")
    at = result
    for key in parents:
        at = at.setdefault(key, {})
    at[last] = value
    return json.dumps(result)


class Convert(unittest.TestCase):
    maxDiff = None

    def test_cases(self) -> None:
        self.assertGreater(len(cases()), 5)
        for case in cases():
            with self.subTest(case=case.name):
                done = convert_case(case)
                self.assertEqual(done.stderr, (case / "stderr").read_text())
                self.assertEqual(done.stdout, (case / "out.yaml").read_text())
                self.assertEqual(done.returncode, 0)

    def test_results_pass_lint(self) -> None:
        for case in cases():
            done = run("lint", "-f", str(case / "out.yaml"))
            self.assertEqual((done.returncode, done.stdout), (0, ""), case.name)

    def check_fields(self, fields: dict[str, object], document: dict[str, Any], *args: str) -> None:
        plain = run("convert", "-f", "-", *args, stdin=json.dumps(document))
        self.assertEqual(plain.returncode, 0, plain.stderr)
        for path, value in fields.items():
            with self.subTest(field=path):
                done = run("convert", "-f", "-", *args, stdin=with_field(document, path, value))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertNotIn("not a known field", done.stderr)
                told = f": {path}: " in done.stderr
                self.assertTrue(told or done.stdout != plain.stdout, f"silently dropped\n{done}")

    def test_every_field_of_an_istio_mesh_gateway_is_converted_or_told(self) -> None:
        self.check_fields(ISTIO_MESH_GATEWAY, GATEWAY)

    def test_every_value_of_the_chart_is_converted_or_told(self) -> None:
        self.check_fields(HELM_VALUES, {}, "--name", "gw")

    def test_unknown_fields_are_told(self) -> None:
        for path in ("x", "metadata.x", "spec.x", "spec.service.x", "spec.deployment.replicas.x"):
            done = run("convert", "-f", "-", stdin=with_field(GATEWAY, path, 1))
            self.assertIn(f": {path}: not a known field; left out\n", done.stderr)
        for path in ("x", "service.x", "global.x"):
            done = run("convert", "-f", "-", "--name", "gw", stdin=with_field({}, path, 1))
            self.assertIn(f": {path}: not a known field; left out\n", done.stderr)
        done = run("convert", "-f", "-", "--name", "gw", stdin='{"service.type": "x"}')
        self.assertIn('["service.type"]: not a known field; left out\n', done.stderr)

    def test_what_cannot_be_converted_prints_nothing(self) -> None:
        rows: list[tuple[str, list[str], str]] = [
            ("{}", [], "give the release's with --name"),
            ("[]", ["--name", "gw"], "values of a chart are an object"),
            ("a: [", [], "<stdin>:"),
            ("", [], "there is nothing to convert"),
            ("apiVersion: v1\nkind: ConfigMap\n", [], "<stdin>:2: kind: v1 ConfigMap is no IstioMe"),
            ("{}", ["--name", "9"], "would be wrong: metadata.name: "),
            (with_field(GATEWAY, "spec.type", "x"), [], "would be wrong: spec.type: "),
            (with_field(GATEWAY, "spec.service", "x"), [], "spec.service: not an object; left out"),
            ("affinity: {nodeAffinity: 7}\n", ["--name", "gw"], "would be wrong: spec.deployment.aff"),
        ]
        for text, args, message in rows:
            with self.subTest(text=text, args=args):
                done = run("convert", "-f", "-", *args, stdin=text)
                self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
                self.assertIn(message, done.stderr)
        good, bad = json.dumps(GATEWAY), '{"apiVersion": "v1", "kind": "Pod"}'
        done = run("convert", "-f", "-", stdin=f"{good}\n---\n{bad}\n")
        self.assertEqual((done.returncode, done.stdout), (1, ""))


def update() -> None:
    for case in cases():
        done = convert_case(case)
        (case / "out.yaml").write_text(done.stdout)
        (case / "stderr").write_text(done.stderr)
        print(f"{case.name}: exit status {done.returncode}")


if __name__ == "__main__":
    PROGRAM = str(Path(sys.argv.pop(1)).resolve())
    if sys.argv[1:] == ["--update"]:
        update()
    else:
        unittest.main()
