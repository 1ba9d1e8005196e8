#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mode Injected: will istiod's webhook fill in the pods, and what is told when it will not?"""

from __future__ import annotations

import sys
from typing import Any

import harness as h

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
INJECTED = {"mode": "Injected"}


def webhook(name: str, ns: list[dict[str, Any]], pod: list[dict[str, Any]]) -> dict[str, Any]:
    """Nobody serves it; it is only to be found, and never to be called by these tests' pods."""
    return {
        "name": f"{name}.sidecar-injector.istio.io",
        "clientConfig": {"service": {"name": "istiod", "namespace": "istio-system", "path": "/x"}},
        "rules": [
            {
                "operations": ["CREATE"],
                "apiGroups": ["nobody.example.com"],
                "apiVersions": ["v1"],
                "resources": ["nothings"],
            }
        ],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchExpressions": ns},
        "objectSelector": {"matchExpressions": pod},
    }


def has(key: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values)}


def lacks(key: str) -> dict[str, Any]:
    return {"key": key, "operator": "DoesNotExist"}


def unlike(key: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": "NotIn", "values": list(values)}


def default_injector() -> dict[str, Any]:
    """The chart's four, for the default control plane."""
    no = "false"
    return {
        "metadata": {"name": "istio-sidecar-injector", "labels": {"istio.io/rev": "default"}},
        "webhooks": [
            webhook(
                "rev.namespace",
                [has("istio.io/rev", "default"), lacks("istio-injection")],
                [unlike("sidecar.istio.io/inject", no)],
            ),
            webhook(
                "rev.object",
                [lacks("istio.io/rev"), lacks("istio-injection")],
                [unlike("sidecar.istio.io/inject", no), has("istio.io/rev", "default")],
            ),
            webhook(
                "namespace",
                [has("istio-injection", "enabled")],
                [unlike("sidecar.istio.io/inject", no)],
            ),
            webhook(
                "object",
                [lacks("istio-injection"), lacks("istio.io/rev")],
                [has("sidecar.istio.io/inject", "true"), lacks("istio.io/rev")],
            ),
        ],
    }


def install(document: dict[str, Any]) -> None:
    api = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration"}
    h.cp.must("POST", WEBHOOKS, {**api, **document})


def uninstall(name: str) -> None:
    h.cp.request("DELETE", f"{WEBHOOKS}/{name}")


class Injection(h.IntegrationTest):
    def told(self, reason: str, name: str = "gw") -> dict[str, Any]:
        def check() -> Any:
            gw = h.get("MeshGateway", self.ns, name)
            c = h.condition(gw, "InjectionReady")
            assert c.get("reason") == reason, c
            return gw

        return dict(h.eventually(check, f"InjectionReady says {reason}"))

    def label(self, **labels: str | None) -> None:
        """Of the test's namespace; names with _ for - and __ for /."""
        named = {k.replace("__", "/").replace("_", "-"): v for k, v in labels.items()}
        named = {k.replace("istio-io", "istio.io"): v for k, v in named.items()}
        h.cp.must("PATCH", f"/api/v1/namespaces/{self.ns}", {"metadata": {"labels": named}}, h.MERGE)

    def injector(self) -> None:
        install(default_injector())
        self.addCleanup(uninstall, "istio-sidecar-injector")

    def test_without_istio_no_pod_is_made_and_it_heals_by_itself(self) -> None:
        h.create(h.gateway("gw", self.ns, proxy=INJECTED))
        gw = self.told("NoInjector")
        self.assertEqual(h.condition(gw, "InjectionReady")["status"], "False")
        self.assertIn("install istiod", h.condition(gw, "InjectionReady")["message"])
        programmed = h.condition(gw, "Programmed")
        self.assertEqual((programmed["status"], programmed["reason"]), ("False", "InjectionNotReady"))
        self.assertEqual(h.condition(gw, "Ready")["status"], "False")
        self.assertIsNone(h.get("Deployment", self.ns, "gw"))
        self.assertIsNotNone(h.get("Service", self.ns, "gw"))
        h.settled()
        mark = h.cp.audit_mark()
        self.assert_no_writes(mark)
        self.injector()
        h.programmed(self.ns, "gw")
        # Nothing fills in the pods here: until kwok runs one, they are told of.
        gw = self.told("WebhookMatches")
        self.assertEqual(h.condition(gw, "InjectionReady")["status"], "True")
        self.assertIn("object.sidecar-injector", h.condition(gw, "InjectionReady")["message"])

    def test_a_namespace_that_is_disabled(self) -> None:
        self.injector()
        self.label(istio_injection="disabled")
        h.create(h.gateway("gw", self.ns, proxy=INJECTED))
        message = h.condition(self.told("NamespaceDisabled"), "InjectionReady")["message"]
        self.assertIn("istio-injection=disabled", message)
        self.label(istio_injection=None)
        h.programmed(self.ns, "gw")

    def test_a_revision_that_is_not_there(self) -> None:
        self.injector()
        h.create(h.gateway("gw", self.ns, proxy={**INJECTED, "revision": "1-99"}))
        message = h.condition(self.told("RevisionNotInstalled"), "InjectionReady")["message"]
        self.assertIn("1-99", message)
        self.assertIn("there are: default", message)

    def test_a_namespaces_revision_wins_over_the_gateways(self) -> None:
        self.injector()
        self.label(istio_io__rev="1-98")
        h.create(h.gateway("gw", self.ns, proxy=INJECTED))
        message = h.condition(self.told("RevisionNotInstalled"), "InjectionReady")["message"]
        self.assertIn("namespace's label istio.io/rev", message)
        self.assertIn("1-98", message)

    def test_an_injector_that_goes_away_leaves_the_deployment_alone(self) -> None:
        self.injector()
        self.gateway(proxy=INJECTED)
        h.settled()
        uninstall("istio-sidecar-injector")
        gw = self.told("NoInjector")
        self.assertIsNotNone(h.get("Deployment", self.ns, "gw"))
        # A change that would make new pods waits, the rest does not.
        before = h.get("Deployment", self.ns, "gw")["metadata"]["generation"]
        h.patch(
            "MeshGateway",
            self.ns,
            "gw",
            {"spec": {"podAnnotations": {"a": "b"}, "serviceAnnotations": {"c": "d"}}},
        )
        h.eventually(
            lambda: h.get("Service", self.ns, "gw")["metadata"].get("annotations") == {"c": "d"},
            "the Service follows",
        )
        self.assertEqual(h.get("Deployment", self.ns, "gw")["metadata"]["generation"], before)
        self.assertNotEqual(h.condition(gw, "Available")["reason"], "NoDeployment")

    def test_a_pod_that_was_not_filled_in_is_told(self) -> None:
        self.injector()
        self.gateway(proxy=INJECTED)
        # As one that came up while no webhook matched; nobody schedules it, so it stays Pending.
        template = h.get("Deployment", self.ns, "gw")["spec"]["template"]
        h.create(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": "gw-stuck",
                    "namespace": self.ns,
                    "labels": {**template["metadata"]["labels"], "gateway-name": "gw"},
                },
                "spec": {**template["spec"], "schedulerName": "nobody"},
            }
        )

        # Nothing fills in the Deployment's own pods here: until kwok runs one, it is told, too.
        def told() -> Any:
            gw = h.get("MeshGateway", self.ns, "gw")
            message = h.condition(gw, "InjectionReady").get("message", "")
            return f"kubectl delete pod -n {self.ns} gw-stuck" in message

        h.eventually(told, "the stuck pod is told")
        self.told("PodNotInjected")
        h.delete("Pod", self.ns, "gw-stuck")
        self.told("WebhookMatches")

    def test_explicit_gateways_have_no_such_condition(self) -> None:
        self.assertEqual(h.condition(self.gateway(), "InjectionReady"), {})


if __name__ == "__main__":
    sys.exit(h.main())
