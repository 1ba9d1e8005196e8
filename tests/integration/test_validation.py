#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The CRD on a real API server, and offline validation compared with the server's verdict.

MESHGATEWAY_VALIDATE names tests/support/validate_tool.c's program; VALIDATION_COUNT and
VALIDATION_SEED change what is tried. Without the program or a control plane the exit status is 77.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "controlplane"))
from controlplane import ControlPlane, ControlPlaneError  # noqa: E402
from validation_cases import FULL, Maker, gateway  # noqa: E402

TOOL = os.environ.get("MESHGATEWAY_VALIDATE", "")
COUNT = int(os.environ.get("VALIDATION_COUNT", "1500"))
SEED = int(os.environ.get("VALIDATION_SEED", "1"))
CRD_FILE = ROOT / "crds" / "meshgateways.yaml"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/meshgateways.istio.banzaicloud.io"
GATEWAYS = "/apis/istio.banzaicloud.io/v1beta1/namespaces/default/meshgateways"
KIND = ("istio.banzaicloud.io/v1beta1", "MeshGateway")
ANNOTATION_LIMIT = 256 * 1024

cp: ControlPlane


def judge_online(documents: list[Any]) -> list[tuple[int, Any]]:
    """The server's (status, answer) for each, over one connection."""
    headers = {"Authorization": f"Bearer {cp.token}", "Content-Type": "application/json"}
    connection = http.client.HTTPSConnection("127.0.0.1", cp.port, timeout=60, context=cp.tls)
    answers = []
    with contextlib.closing(connection):
        for document in documents:
            connection.request("POST", GATEWAYS + "?dryRun=All&fieldValidation=Strict", json.dumps(document), headers)
            response = connection.getresponse()
            answers.append((response.status, json.loads(response.read())))
    return answers


def judge_offline(documents: list[Any]) -> list[dict[str, Any]]:
    lines = "".join(json.dumps(document) + "\n" for document in documents)
    done = subprocess.run([TOOL], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def rule_messages(schema: Any) -> set[str]:
    found = {rule["message"] for rule in schema.get("x-kubernetes-validations", [])}
    for member in [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]:
        if isinstance(member, dict):
            found |= rule_messages(member)
    return found


def plain(path: str) -> str:
    """A path without the quotes that only we put around odd keys."""
    return re.sub(r'\["?(.*?)"?\]', r".\1", path)


def server_rules(answer: Any, messages: set[str]) -> set[tuple[str, str]]:
    """(path, message) of the CEL rules that the server says are broken."""
    causes = answer.get("details", {}).get("causes", [])
    return {
        (plain(cause.get("field", "")), message)
        for cause in causes
        for message in messages
        if cause["message"].endswith(": " + message)
    }


def offline_rules(verdict: Any, messages: set[str]) -> set[tuple[str, str]]:
    return {(plain(path), message) for path, message in verdict["problems"] if message in messages}


def content(document: Any) -> Any:
    """What defaulting may change; the server manages the rest of metadata."""
    metadata = document["metadata"]
    return {
        "spec": document["spec"],
        "labels": metadata.get("labels") or {},
        "annotations": metadata.get("annotations") or {},
    }


class Definition(unittest.TestCase):
    def test_applies_without_warning_and_fits_kubectls_annotation(self) -> None:
        definition = cp.must("GET", CRD)
        annotation = definition["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
        self.assertLess(len(annotation), ANNOTATION_LIMIT)
        del definition["metadata"]["managedFields"], definition["metadata"]["annotations"]
        status, _, headers = cp.request("PUT", CRD + "?dryRun=All&fieldValidation=Strict", definition)
        self.assertEqual(status, 200)
        self.assertNotIn("warning", headers)
        structural = [c for c in definition["status"]["conditions"] if c["type"] == "NonStructuralSchema"]
        self.assertEqual(structural, [])

    def test_explain_helps(self) -> None:
        text = cp.kubectl("explain", "mgw.spec.autoscaling").stdout
        for word in ("minReplicas", "Most pods", "HorizontalPodAutoscaler"):
            self.assertIn(word, text)
        self.assertIn("Shorthand for service.type", cp.kubectl("explain", "mgw.spec.serviceType").stdout)

    def test_own_fields_are_described(self) -> None:
        spec = definition_schema()["properties"]["spec"]["properties"]
        self.assertEqual([name for name, schema in spec.items() if not schema.get("description")], [])

    def test_columns(self) -> None:
        document = gateway({"type": "egress", "ports": []}, name="columns", namespace="default")
        cp.must("POST", GATEWAYS, document)
        status = {
            "serviceType": "ClusterIP",
            "Status": "Available",
            "GatewayAddress": ["192.0.2.1", "2001:db8::1"],
            "replicas": 2,
            "ErrorMessage": "none",
            "proxy": {"version": "1.31.1"},
            "certificatesReady": "1/2",
            "nextRenewal": "2027-01-22T04:00:00Z",
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Available",
                    "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
            ],
        }
        cp.must("PATCH", GATEWAYS + "/columns/status", {"status": status})
        head, row = cp.kubectl("get", "mgw", "columns", "-o", "wide").stdout.splitlines()
        self.assertEqual(
            re.split(r" {2,}", head.strip()),
            ["NAME", "TYPE", "SERVICE TYPE", "READY", "STATUS", "ADDRESSES", "REPLICAS", "PROXY"]
            + ["CERTIFICATES", "RENEWAL", "ERROR", "AGE"],
        )
        cells = re.split(r" {2,}", row.strip())
        self.assertEqual(cells[1:5], ["egress", "ClusterIP", "True", "Available"])
        self.assertEqual(cells[5:8], ['["192.0.2.1","2001:db8::1"]', "2", "1.31.1"])
        self.assertEqual(cells[8:11], ["1/2", "2027-01-22T04:00:00Z", "none"])
        cp.must("DELETE", GATEWAYS + "/columns")


def definition_schema() -> Any:
    return cp.must("GET", CRD)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


class SameVerdict(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        schema = definition_schema()
        cls.messages = rule_messages(schema)
        cls.documents = list(Maker(schema, SEED).documents(COUNT))
        cls.answers = judge_online(cls.documents)
        cls.verdicts = judge_offline(cls.documents)

    def differences(self, found: list[str]) -> None:
        self.assertEqual(len(found), 0, f"{len(found)} of {len(self.documents)} differ:\n" + "\n".join(found[:20]))

    def test_every_document_was_judged(self) -> None:
        self.assertEqual(len(self.verdicts), len(self.documents))
        self.assertEqual({status for status, _ in self.answers} - {201, 400, 422}, set())
        # Else the comparison shows little.
        accepted = sum(status == 201 for status, _ in self.answers)
        self.assertGreater(accepted, len(self.documents) // 20)
        self.assertGreater(len(self.documents) - accepted, len(self.documents) // 20)

    def test_same_verdict(self) -> None:
        found = []
        for document, (status, answer), verdict in zip(self.documents, self.answers, self.verdicts):
            if (status == 201) == (verdict["problems"] == []):
                continue
            found.append(f"{status} {answer.get('message', '')[:600]}\n  offline {verdict['problems']}\n  "
                         f"{json.dumps(document)[:1500]}")
        self.differences(found)

    def test_same_broken_rules(self) -> None:
        found = []
        seen = set()
        for document, (status, answer), verdict in zip(self.documents, self.answers, self.verdicts):
            if status != 422 or (document.get("apiVersion"), document.get("kind")) != KIND:
                continue
            online, offline = server_rules(answer, self.messages), offline_rules(verdict, self.messages)
            seen |= {message for _, message in online}
            if online != offline:
                found.append(f"server {online - offline}\n  offline {offline - online}\n  {json.dumps(document)[:1500]}"
                             f"\n  {answer['message'][:500]}")
        self.differences(found)
        self.assertEqual(self.messages - seen, set(), "rules that no document broke")

    def test_same_defaults(self) -> None:
        found = []
        for (status, answer), verdict in zip(self.answers, self.verdicts):
            if status == 201 and content(answer) != content(verdict["object"]):
                found.append(f"server {json.dumps(content(answer))}\n  offline {json.dumps(content(verdict['object']))}")
        self.differences(found)

    def test_numbers_beyond_64_bits_are_refused(self) -> None:
        # The one known difference: the server reads such a number as floating point, and takes it
        # where the schema allows anything. No field of a rendered object means one.
        document = gateway({**FULL, "proxy": {"config": {"n": 2**70}}})
        self.assertEqual(judge_online([document])[0][0], 201)
        self.assertNotEqual(judge_offline([document])[0]["problems"], [])


def main() -> int:
    global cp
    if not TOOL:
        print("skipped: MESHGATEWAY_VALIDATE is not set", file=sys.stderr)
        return 77
    with contextlib.ExitStack() as stack:
        try:
            cp = stack.enter_context(ControlPlane(components=("etcd", "kube-apiserver")))
        except ControlPlaneError as e:
            print(f"skipped: {e}", file=sys.stderr)
            return 77
        warned = cp.kubectl("apply", "-f", str(CRD_FILE)).stderr
        while cp.request("GET", GATEWAYS)[0] != 200:
            time.sleep(0.1)
        program = unittest.main(exit=False, verbosity=2)
    if warned:
        print(f"kubectl apply warned: {warned}", file=sys.stderr)
    return 0 if program.result.wasSuccessful() and not warned else 1


if __name__ == "__main__":
    sys.exit(main())
