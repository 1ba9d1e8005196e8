#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Admission that refuses or rewrites what the operator applies, and clients that fight with it."""

from __future__ import annotations

import sys
import time
from typing import Any

import harness as h

GROUP = "/apis/admissionregistration.k8s.io/v1"
DEPLOYMENTS = {
    "apiGroups": ["apps"],
    "apiVersions": ["v1"],
    "operations": ["CREATE", "UPDATE"],
    "resources": ["deployments"],
}


class Policies(h.IntegrationTest):
    def policy(self, kind: str, spec: dict[str, Any], binding: dict[str, Any]) -> None:
        """A policy over this test's namespace, as long as the test runs; returns when it works."""
        plural = kind.replace("Policy", "Policies").lower()
        name = self.ns
        for resource, document in (
            (plural, {"kind": kind, "spec": spec}),
            (f"{kind.lower()}bindings", {"kind": f"{kind}Binding", "spec": binding}),
        ):
            url = f"{GROUP}/{resource}"
            document |= {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "metadata": {"name": name},
            }
            h.cp.must("POST", url, document)
            self.addCleanup(h.cp.request, "DELETE", f"{url}/{name}")

    def binding(self) -> dict[str, Any]:
        selector = {"matchLabels": {"kubernetes.io/metadata.name": self.ns}}
        return {"policyName": self.ns, "matchResources": {"namespaceSelector": selector}}

    def probe(self) -> tuple[int, Any]:
        """What becomes of a Deployment that somebody tries to make here."""
        document = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "probe", "namespace": self.ns},
            "spec": {
                "selector": {"matchLabels": {"a": "b"}},
                "template": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {"containers": [{"name": "istio-proxy", "image": "x"}]},
                },
            },
        }
        url = h.path("Deployment", self.ns) + "?dryRun=All"
        status, answer, _ = h.cp.request("POST", url, document)
        return status, answer

    def test_refusal_is_reported_and_heals(self) -> None:
        spec = {
            "matchConstraints": {"resourceRules": [DEPLOYMENTS]},
            "validations": [{"expression": "false", "message": "no gateways on Fridays"}],
        }
        binding = {**self.binding(), "validationActions": ["Deny"]}
        self.policy("ValidatingAdmissionPolicy", spec, binding)
        h.eventually(lambda: self.probe()[0] == 422, "the policy refuses")
        mark = h.cp.audit_mark()
        h.create(h.gateway("gw", self.ns))

        def told() -> bool:
            c = h.condition(h.get("MeshGateway", self.ns, "gw"), "Programmed")
            assert c.get("status") == "False", c
            return "no gateways on Fridays" in c["message"]

        h.eventually(told, "the policy's own words in the condition")
        self.assertIsNotNone(h.get("Service", self.ns, "gw"))
        time.sleep(5)
        self.assertLess(len(h.operator_writes(mark, self.ns, events=False)), 40)
        h.cp.must("DELETE", f"{GROUP}/validatingadmissionpolicybindings/{self.ns}")
        h.programmed(self.ns, "gw", 60)

    def test_a_rewritten_field_is_not_fought_over(self) -> None:
        expression = (
            "Object{spec: Object.spec{template: Object.spec.template{spec: "
            "Object.spec.template.spec{containers: [Object.spec.template.spec.containers{"
            'name: "istio-proxy", image: "mirror.example.com/proxyv2"}]}}}}'
        )
        spec = {
            "matchConstraints": {"resourceRules": [DEPLOYMENTS]},
            "reinvocationPolicy": "Never",
            "mutations": [
                {
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": {"expression": expression},
                }
            ],
        }
        self.policy("MutatingAdmissionPolicy", spec, self.binding())

        def works() -> bool:
            _, answer = self.probe()
            return "mirror.example.com" in str(answer)

        h.eventually(works, "the policy rewrites")
        self.gateway()
        h.available(self.ns, "gw")
        h.settled()
        mark = h.cp.audit_mark()
        self.assert_no_writes(mark, 3.0)
        live = h.get("Deployment", self.ns, "gw")
        container = live["spec"]["template"]["spec"]["containers"][0]
        self.assertEqual(container["image"], "mirror.example.com/proxyv2")
        # What it did not rewrite is still looked after.
        h.patch("Deployment", self.ns, "gw", {"spec": {"replicas": 5}})
        h.eventually(
            lambda: h.get("Deployment", self.ns, "gw")["spec"]["replicas"] == 1, "repaired"
        )


class Fight(h.IntegrationTest):
    def test_a_client_that_keeps_changing_a_field_back_is_told_of(self) -> None:
        self.gateway()
        mark = h.cp.audit_mark()

        def contested() -> bool:
            h.patch("Service", self.ns, "gw", {"spec": {"selector": {"gateway-name": "other"}}})
            c = h.condition(h.get("MeshGateway", self.ns, "gw"), "Programmed")
            return c.get("reason") == "Contested"

        h.eventually(contested, "the condition", 40)
        self.assertLess(len(h.operator_writes(mark, self.ns, events=False)), 60)


if __name__ == "__main__":
    sys.exit(h.main())
