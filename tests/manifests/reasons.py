#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""reasons.py: manifests/README.md tells of every condition and reason that the operator sets.

They are words in one piece among the texts of operator/control; what else is written like that
there is listed below, so that a new word is one or the other.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "manifests" / "README.md"
HEADING = "\n| condition | reason | what to do |\n"
WORD = re.compile(r'"([A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*)"')
# Also reasons of Events have these, but no condition has.
EVENTS = """
    CertificateFailed CertificateIssued ChallengeRouted Created Deleted FieldHasNoEffect Normal Reconcile Recreated Repaired
    Rolling TakenOver Warning
"""
# Of others' APIs: kinds, conditions and reasons, types of Services and addresses, managedFields.
OTHERS = """
    Apply ClusterIP ClusterIssuer FieldsV1 Hostname IPAddress IncorrectCertificate InvalidRequest Issuer LoadBalancer MeshGateway None
    ReplicaFailure Update
"""
# Of the status, beside conditions: statuses, phases of a certificate, fields and words of the original operator's.
STATUS = """
    Challenging ErrorMessage False GatewayAddress Pending ReconcileFailed Reconciling Renewing Status True Unknown
"""
# Verdicts over a challenge that say nothing about a certificate.
SILENT = "Over Routed"


def written() -> set[str]:
    files = sorted((ROOT / "operator" / "control").glob("*.[ch]"))
    code = "\n".join(re.sub(r"/\*.*?\*/", "", f.read_text(), flags=re.S) for f in files)
    return set(WORD.findall(code))


def told() -> tuple[set[str], set[str]]:
    """Conditions and reasons of the table."""
    conditions, reasons = set(), set()
    for line in README.read_text().split(HEADING)[1].split("\n\n")[0].splitlines()[1:]:
        _, condition, reason, *_ = line.split("|")
        conditions |= set(re.findall(r"`(\w+)=", condition))
        reasons |= set(re.findall(r"`(\w+)`", reason))
    return conditions, reasons


def counted() -> set[str]:
    """The conditions of the metric."""
    text = (ROOT / "operator" / "control" / "census.c").read_text()
    return set(WORD.findall(re.search(r"types\[CENSUS_TYPES\] = \{(.*?)\};", text, re.S)[1]))  # type: ignore[index]


def problems() -> Iterator[str]:
    known = set(f"{EVENTS} {OTHERS} {STATUS} {SILENT}".split())
    words = written()
    conditions, reasons = told()
    added = set(re.findall(r'conditions_add\(\s*&?\w+,\s*"(\w+)"', (ROOT / "operator/control/status.c").read_text()))
    for word in sorted(words - known - reasons - conditions):
        yield f"{word}: a condition or reason without a row in manifests/README.md, or neither: then list it in {Path(__file__).name}"
    for word in sorted(known - words):
        yield f"{word}: listed in {Path(__file__).name}, and nowhere in operator/control"
    for word in sorted((reasons | conditions) - words):
        yield f"{word}: in the table of manifests/README.md, and nowhere in operator/control"
    for word in sorted(added - conditions):
        yield f"{word}: a condition without a row in manifests/README.md"
    for word in sorted(conditions ^ counted()):
        yield f"{word}: a condition in only one of manifests/README.md and control/census.c"


def main() -> int:
    found = list(problems())
    print("\n".join(found) or "every condition and reason is told")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
