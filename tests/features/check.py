#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py YAMLTOOL: the record in README.md names tests that exist, and leaves no field out.

A name in backticks leads to a test: `golden/CASE`, `convert/CASE`, `unit/MODULE.TEST`, `knob/TITLE`
(a row of tests/integration/test_knobs.py), `integration/FILE.TEST`, `e2e/TEST`, `cli/TEST`.  Every
row of a table names one or says after "—" why there is none.  In the table of fields every field
that the CRD has must occur, and be set in the golden cases of its row.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
CRD = TESTS.parent / "crds" / "meshgateways.yaml"
NAME = re.compile(r"`((?:golden|convert|unit|knob|integration|e2e|cli)/[^`]+)`")
# Whose members are fields of this API; everything else is a Kubernetes or Istio type, or has tests of its own.
GROUPS = {
    "ports", "service", "service.metadata", "deployment", "deployment.metadata", "deployment.podMetadata",
    "autoscaling", "podDisruptionBudget", "serviceAccount", "proxy", "istioControlPlane",
    "servers", "servers.tls", "servers.tls.certificate", "acme", "acme.solver",
}  # fmt: skip


def source(*parts: str) -> str:
    return "\n".join(p.read_text() for p in sorted(TESTS.glob("/".join(parts))))


def exists(name: str) -> bool:
    kind, _, rest = name.partition("/")
    module, _, test = rest.partition(".")
    if kind in ("golden", "convert"):
        return (TESTS / kind / rest / "in.yaml").is_file()
    if kind == "unit":
        return f"START_TEST({test})" in source("unit", f"test_{module}.c")
    if kind == "integration":
        return f"def {test}(self)" in source("integration", f"test_{module}.py")
    if kind == "knob":
        return re.search(rf'^    \(\s*"{re.escape(rest)}",', source("integration", "test_knobs.py"), re.M) is not None
    return f"def {rest}(self)" in source(kind, "test_*.py")


def rows(text: str) -> Iterator[tuple[str, list[str]]]:
    """Heading and cells of each row of the tables."""
    heading, head = "", True
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if not line.startswith("|"):
            head = True
        elif head:
            head = False
        elif not re.fullmatch(r"[|\- ]+", line):
            yield heading, [cell.strip() for cell in line.strip("|").split("|")]


def documents(yamltool: str, file: Path) -> list[Any]:
    done = subprocess.run([yamltool, "json"], stdin=file.open(), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def fields(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, member in schema.get("items", schema).get("properties", {}).items():
        path = prefix + key
        if path in GROUPS:
            yield from fields(member, path + ".")
        else:
            yield path


def has(value: Any, path: str) -> bool:
    if isinstance(value, list):
        return any(has(item, path) for item in value)
    key, _, rest = path.partition(".")
    return isinstance(value, dict) and key in value and (not rest or has(value[key], rest))


def problems(yamltool: str) -> Iterator[str]:
    text = (TESTS / "features" / "README.md").read_text()
    (crd,) = documents(yamltool, CRD)
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    missing = set(fields(schema))
    known = missing | GROUPS
    for heading, cells in rows(text):
        names = NAME.findall(" ".join(cells[1:]))
        where = f"{heading}: {cells[0]}"
        if not names and not re.match(r"— \w.{10}", cells[-1]):
            yield f"{where}: names no test, and no reason after a dash"
        yield from (f"{where}: there is no {name}" for name in names if not exists(name))
        if heading != "Fields" or not cells[0].startswith("`"):
            continue
        specs = [
            document.get("spec")
            for name in names
            if name.startswith("golden/") and exists(name)
            for document in documents(yamltool, TESTS / name / "in.yaml")
        ]
        for field in re.findall(r"`([A-Za-z.]+)`", cells[0]):
            missing.discard(field)
            if field not in known:
                yield f"{where}: the CRD has no field {field}"
            elif names and not any(has(spec, field) for spec in specs):
                yield f"{where}: no golden case of the row sets {field}"
    yield from (f"Fields: {field} is missing" for field in sorted(missing))


if __name__ == "__main__":
    found = list(problems(sys.argv[1]))
    print("\n".join(found) or "the record is right")
    sys.exit(1 if found else 0)
