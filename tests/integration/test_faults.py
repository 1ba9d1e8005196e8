#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The operator killed, the API server gone for a while, rights and quota taken away."""

from __future__ import annotations

import copy
import random
import sys
import time
from collections.abc import Callable
from typing import Any

import harness as h

ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/meshgateway-operator"


class Killed(h.IntegrationTest):
    autostart = False

    def test_killed_50_times_while_20_gateways_converge(self) -> None:
        names = [f"gw-{i}" for i in range(20)]
        for i, name in enumerate(names):
            scaling: dict[str, Any] = {"minReplicas": 2, "maxReplicas": 3} if i % 2 else {}
            h.create(h.gateway(name, self.ns, **scaling))
        chance = random.Random(
            3
        )  # the same points in time in every run, as far as the machine allows
        for i in range(50):
            operator = h.Operator()
            self.addCleanup(operator.kill)
            operator.start(ready=False)
            time.sleep(chance.uniform(0.05, 0.6))
            self.assertTrue(operator.alive(), f"ended by itself:\n{operator.text()[-3000:]}")
            operator.kill()
            self.assertIsNone(h.SICK.search(operator.text()))
            # A change keeps the next operator busy.
            h.patch("MeshGateway", self.ns, names[i % 20], {"spec": {"drainSeconds": 100 + i}})
        operator = self.start_operator()
        for i, name in enumerate(names):
            h.programmed(self.ns, name, 60)
            self.assert_children(name, h.CHILDREN if i % 2 else h.BASE_CHILDREN)
            live = h.get("Deployment", self.ns, name)
            assert live is not None
            last = max(k for k in range(50) if k % 20 == i)
            self.assertEqual(
                live["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], 100 + last + 15
            )
        for kind in h.CHILDREN:
            items = h.cp.must("GET", h.path(kind, self.ns))["items"]
            ours = {o["metadata"]["name"] for o in items if "ownerReferences" in o["metadata"]}
            self.assertLessEqual(ours, set(names), f"orphans of kind {kind}")
        h.settled()
        self.assertEqual(operator.stop(), 0)


class ApiServer(h.IntegrationTest):
    def restarted(self, kill: bool) -> None:
        self.gateway(minReplicas=2, maxReplicas=3)
        h.settled()
        mark = h.cp.audit_mark()
        h.cp.restart("kube-apiserver", kill, down_seconds=2)
        # Other controllers report their observations anew, so only writes beside the status count.
        time.sleep(4)
        self.assertTrue(self.operator.alive())
        stray = [w for w in h.operator_writes(mark, self.ns, events=False) if "/status" not in w]
        self.assertEqual(stray, [], "the restart made the operator write")
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"drainSeconds": 77}})
        h.programmed(self.ns, "gw", 60)
        h.delete("Service", self.ns, "gw")
        h.eventually(lambda: h.get("Service", self.ns, "gw"), "repaired after the restart", 60)

    def test_api_server_restarted(self) -> None:
        self.restarted(kill=False)

    def test_api_server_killed(self) -> None:
        self.restarted(kill=True)

    def test_operator_waits_for_an_api_server_that_is_not_there_yet(self) -> None:
        h.cp.end("kube-apiserver")
        operator = h.Operator(kubeconfig=str(h.cp.dir / f"kubeconfig-{h.SYSTEM}-{h.ACCOUNT}"))
        self.addCleanup(operator.kill)
        try:
            operator.start(ready=False)
            time.sleep(3)
            self.assertTrue(operator.alive(), operator.text()[-2000:])
            self.assertNotEqual(operator.probe("readyz"), 200)
        finally:
            h.cp.begin("kube-apiserver")
        h.eventually(lambda: operator.probe("readyz") == 200, "ready", 60)
        self.assertEqual(operator.stop(), 0)


class Rights(h.IntegrationTest):
    def change_role(self, change: Callable[[list[dict[str, Any]]], None]) -> None:
        role = h.cp.must("GET", ROLE)
        rules = copy.deepcopy(role["rules"])
        change(rules)
        h.cp.must("PATCH", ROLE, {"rules": rules})
        self.addCleanup(lambda: h.cp.must("PATCH", ROLE, {"rules": role["rules"]}))

    def without(self, resource: str, verb: str) -> None:
        def change(rules: list[dict[str, Any]]) -> None:
            for rule in rules:
                if resource in rule["resources"]:
                    rule["verbs"] = [v for v in rule["verbs"] if v != verb]
            rules[:] = [rule for rule in rules if rule["verbs"]]

        self.change_role(change)
        time.sleep(0.5)  # the authorizer learns of it by a watch

    def restore(self) -> None:
        h.cp.kubectl(
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            str(h.ROOT / "manifests" / "rbac.yaml"),
        )

    def check(self, resource: str, kind: str, verb: str, make: Callable[[], None]) -> None:
        self.without(resource, verb)
        make()

        def refused() -> bool:
            c = h.condition(h.get("MeshGateway", self.ns, "gw"), "Programmed")
            assert c.get("status") == "False", c
            return resource in c["message"] or kind in c["message"]

        h.eventually(refused, f"a condition about {verb} {resource}")
        time.sleep(2)
        self.assertTrue(self.operator.alive())
        self.restore()
        h.programmed(self.ns, "gw", 60)

    def test_right_to_patch_services_taken_and_given_back(self) -> None:
        self.gateway()
        self.check(
            "services",
            "Service",
            "patch",
            lambda: void(
                h.patch("MeshGateway", self.ns, "gw", {"spec": {"serviceLabels": {"a": "b"}}})
            ),
        )

    def test_right_to_create_deployments_taken_and_given_back(self) -> None:
        self.check(
            "deployments", "Deployment", "create", lambda: void(h.create(h.gateway("gw", self.ns)))
        )

    def test_right_to_delete_autoscalers_taken_and_given_back(self) -> None:
        self.gateway(minReplicas=1, maxReplicas=2)
        spec = {"spec": {"minReplicas": None, "maxReplicas": None}}
        self.check(
            "horizontalpodautoscalers",
            "HorizontalPodAutoscaler",
            "delete",
            lambda: void(h.patch("MeshGateway", self.ns, "gw", spec)),
        )
        h.eventually(
            lambda: h.get("HorizontalPodAutoscaler", self.ns, "gw") is None, "deleted in the end"
        )

    def test_right_to_bind_the_secret_reader_taken_and_given_back(self) -> None:
        self.check(
            "clusterroles", "RoleBinding", "bind", lambda: void(h.create(h.gateway("gw", self.ns)))
        )

    def test_right_to_watch_gateways_missing_at_start(self) -> None:
        for verb in ("list", "watch"):
            self.without("meshgateways", verb)
        operator = self.start_operator(ready=False)
        h.eventually(
            lambda: "meshgateways" in operator.text() and "forbidden" in operator.text().lower(),
            "the log names the missing right",
        )
        self.assertNotEqual(operator.probe("readyz"), 200)
        self.assertTrue(operator.alive())
        self.restore()
        h.eventually(lambda: operator.probe("readyz") == 200, "ready", 60)
        self.assertEqual(operator.stop(), 0)

    def test_quota_is_reported_and_heals(self) -> None:
        quotas = f"/api/v1/namespaces/{self.ns}/resourcequotas"
        h.cp.must(
            "POST",
            quotas,
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "q"},
                "spec": {"hard": {"count/deployments.apps": "0"}},
            },
        )
        # Not ours to hurry: kube-controller-manager computes it, after its own back-off.
        h.eventually(
            lambda: "hard" in h.cp.must("GET", f"{quotas}/q").get("status", {}),
            "the quota counts",
            120,
        )
        h.create(h.gateway("gw", self.ns))

        def refused() -> bool:
            gw = h.get("MeshGateway", self.ns, "gw")
            c = h.condition(gw, "Programmed")
            assert c.get("status") == "False", c
            assert "quota" in c["message"], c
            return h.get("Service", self.ns, "gw") is not None

        h.eventually(refused, "a condition about the quota, and the other objects")
        h.cp.must("DELETE", f"{quotas}/q")
        h.programmed(self.ns, "gw", 60)


def void(_: object) -> None:
    """For lambdas whose value nobody wants."""


if __name__ == "__main__":
    sys.exit(h.main())
