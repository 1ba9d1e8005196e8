#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every golden input and object is accepted by a real kube-apiserver, strictly and without a warning, and stays as rendered.

What the server stores may hold more (defaults, allocated values) than what was applied. Everything that was applied must be
found in it, up to the spelling of quantities (1024Mi is stored as 1Gi) and to zero values of optional fields (`hostNetwork: false`
is not stored): drift is detected by this comparison.
"""
from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import unittest
from fractions import Fraction
from pathlib import Path
from typing import Any, Iterator

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "controlplane"))

import foreign_crds  # noqa: E402
from controlplane import ControlPlane, ControlPlaneError  # noqa: E402

RESOURCES = {
    "MeshGateway": "apis/istio.banzaicloud.io/v1beta1/namespaces/{}/meshgateways",
    "ServiceAccount": "api/v1/namespaces/{}/serviceaccounts",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "Service": "api/v1/namespaces/{}/services",
    "HorizontalPodAutoscaler": "apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "PodDisruptionBudget": "apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "Gateway": "apis/networking.istio.io/v1/namespaces/{}/gateways",
    "VirtualService": "apis/networking.istio.io/v1/namespaces/{}/virtualservices",
    "Issuer": "apis/cert-manager.io/v1/namespaces/{}/issuers",
    "Certificate": "apis/cert-manager.io/v1/namespaces/{}/certificates",
}
# Cases that ask for more than the "restricted" Pod Security Standard allows, or bring containers that do not keep it.
NOT_RESTRICTED = {"all-v1beta1", "full", "host-network", "named-target", "root", "v2-full", "v2-sample"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}
# The server says of these fields that they are old; they are what the user wrote.
KNOWN_WARNINGS = ("spec.loadBalancerIP is deprecated", "spec.externalIPs")

SUFFIXES = {"n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 10**3), "": Fraction(1)}
SUFFIXES.update({s: Fraction(1000) ** i for i, s in enumerate("kMGTPE", 1)})
SUFFIXES.update({s + "i": Fraction(1024) ** i for i, s in enumerate("KMGTPE", 1)})


def quantity(value: Any) -> Fraction | None:
    match = re.fullmatch(r"([+-]?[0-9]*\.?[0-9]+)([numkMGTPE]|[KMGTPE]i|)", str(value))
    return Fraction(match[1]) * SUFFIXES[match[2]] if match else None


def differences(wanted: Any, found: Any, path: str = "") -> Iterator[str]:
    """What was applied and is not found."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, value in wanted.items():
            if key not in found and value in (False, 0, ""):
                continue
            if key not in found:
                yield f"{path}.{key}: applied as {json.dumps(value)}, not stored"
            else:
                yield from differences(value, found[key], f"{path}.{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for i, (w, f) in enumerate(zip(wanted, found)):
            yield from differences(w, f, f"{path}[{i}]")
    elif wanted != found and (quantity(wanted) is None or quantity(wanted) != quantity(found)):
        yield f"{path}: applied as {json.dumps(wanted)}, stored as {json.dumps(found)}"


class GoldenAccepted(unittest.TestCase):
    plane: ControlPlane
    cases: list[Path]

    @classmethod
    def setUpClass(cls) -> None:
        try:
            cls.plane = ControlPlane(audit=False)
            foreign = foreign_crds.files()
            cls.plane.start()
        except (ControlPlaneError, foreign_crds.NotThere) as e:
            print(f"skipped: {e}", file=sys.stderr)
            sys.exit(77)
        cls.addClassCleanup(cls.plane.stop)
        for file in (TESTS.parent / "crds" / "meshgateways.yaml", *foreign):
            cls.plane.kubectl("apply", "--server-side", "-f", str(file))
        deadline = time.monotonic() + 30
        for path in RESOURCES.values():
            while cls.plane.request("GET", "/" + path.format("default"))[0] != 200:
                if time.monotonic() > deadline:
                    raise ControlPlaneError(f"{path} is not served")
                time.sleep(0.1)
        cls.cases = sorted(p.parent for p in (TESTS / "golden").glob("*/in.yaml"))
        for case in cls.cases:
            labels = {} if case.name in NOT_RESTRICTED else {"pod-security.kubernetes.io/warn": "restricted"}
            cls.plane.must("POST", "/api/v1/namespaces", {"metadata": {"name": case.name, "labels": labels}})

    def objects(self, file: Path) -> list[dict[str, Any]]:
        """A case's objects, moved to a namespace of its own: fixed node ports aside, cases then cannot meet."""
        done = subprocess.run(
            ["kubectl", "patch", "--local", "-f", str(file), "--type=merge", "-p", "{}", "-o", "json"],
            check=True, capture_output=True, text=True)
        decoder = json.JSONDecoder()
        found = []
        text = done.stdout.strip()
        while text:
            value, end = decoder.raw_decode(text)
            found += value["items"] if value["kind"] == "List" else [value]
            text = text[end:].lstrip()
        for o in found:
            o["metadata"]["namespace"] = file.parent.name
            for subject in o.get("subjects", []):
                subject["namespace"] = file.parent.name
        return found

    def apply(self, o: dict[str, Any]) -> dict[str, Any]:
        path = f"/{RESOURCES[o['kind']]}/{o['metadata']['name']}?fieldManager=test&force=true&fieldValidation=Strict"
        path = path.format(o["metadata"]["namespace"])
        status, body, headers = self.plane.request("PATCH", path, o, APPLY)
        self.assertIn(status, (200, 201), body)
        warning = headers.get("warning", "")
        if not any(known in warning for known in KNOWN_WARNINGS):
            self.assertEqual(warning, "")
        return body

    def test_inputs(self) -> None:
        self.assertGreater(len(self.cases), 0)
        for case in self.cases:
            for o in self.objects(case / "in.yaml"):
                with self.subTest(case=case.name, name=o["metadata"]["name"]):
                    o["metadata"].pop("uid", None)
                    self.apply(o)

    def test_outputs(self) -> None:
        for case in self.cases:
            for o in self.objects(case / "out.yaml"):
                with self.subTest(case=case.name, kind=o["kind"], name=o["metadata"]["name"]):
                    stored = self.apply(o)
                    self.assertEqual(list(differences(o, stored)), [])
                    again = self.apply(o)
                    self.assertEqual(stored["metadata"]["resourceVersion"], again["metadata"]["resourceVersion"],
                                     "a second apply wrote something")


if __name__ == "__main__":
    unittest.main()
