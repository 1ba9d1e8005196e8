#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults that an API server serves up: webhooks, fights, foreign objects, odd resources."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import faults as f
import harness as h


class Webhooks(h.IntegrationTest):
    def neighbour(self) -> None:
        """Another gateway, of another namespace, goes on meanwhile."""
        ns = self.namespace(f"{self.ns}-other")
        h.create(h.gateway("other", ns))
        h.programmed(ns, "other")

    def test_refusals_are_told_and_heal(self) -> None:
        codes = (400, 409, 500)
        hook = f.Webhook(self, "services")
        refusals = {f"gw-{code}": f.deny(code, f"no Service today ({code})") for code in codes}
        hook.answer = lambda request: refusals.get(request["name"], f.allow)(request)
        hook.install()
        mark = h.cp.audit_mark()
        for name in refusals:
            h.create(h.gateway(name, self.ns))
        for code in codes:
            f.programmed_false(
                self.ns, f"gw-{code}", f"Service gw-{code}", f"no Service today ({code})"
            )
            self.assertIsNotNone(h.get("Deployment", self.ns, f"gw-{code}"))
        self.neighbour()
        time.sleep(3)
        for name in refusals:
            tries = [x for x in f.writes_about(mark, self.ns, "services") if f"/{name}?" in x]
            self.assertLess(len(tries), 20, f"no back-off: {tries}")
        refusals.clear()
        for code in codes:
            h.programmed(self.ns, f"gw-{code}", 60)

    def test_a_webhook_that_does_not_answer_is_named(self) -> None:
        hook = f.Webhook(self, "services")
        hook.delay = 3
        hook.install(timeout=1)
        h.create(h.gateway("gw", self.ns))
        f.programmed_false(self.ns, "gw", "Service gw", "hook.example.com")
        self.neighbour()
        hook.set_policy("Ignore")
        h.programmed(self.ns, "gw", 60)

    def test_a_webhook_that_is_gone_is_named(self) -> None:
        hook = f.Webhook(self, "services")
        self.gateway()
        hook.install()
        hook.down()
        h.eventually(lambda: hook.probe() == 500, "it is missed")
        mark = h.cp.audit_mark()
        # A repair that fails is no fight.
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"serviceLabels": {"a": "b"}}})
        f.programmed_false(self.ns, "gw", "Service gw", "hook.example.com")
        self.neighbour()
        time.sleep(3)
        self.assertLess(len(f.writes_about(mark, self.ns, "services")), 20, "no back-off")
        hook.remove()
        h.programmed(self.ns, "gw", 60)

    def test_a_constant_is_not_fought_over(self) -> None:
        value = {"op": "replace", "path": "/spec/ports/0/targetPort", "value": 1234}
        hook = f.Webhook(self, "services", lambda _: f.rewrite(value))
        hook.install(mutating=True)
        self.gateway()
        h.settled()
        calls, mark = hook.calls, h.cp.audit_mark()
        for i in range(5):
            note = {"metadata": {"annotations": {"example.com/i": str(i)}}}
            h.patch("Service", self.ns, "gw", note)
        time.sleep(2)
        self.assertEqual(f.writes_about(mark, self.ns, "services"), [])
        self.assertEqual(hook.calls - calls, 5)

    def test_another_value_each_time_is_given_up(self) -> None:
        hook = f.Webhook(self, "deployments", f.another_image_each_time())
        hook.install(mutating=True)
        self.gateway()
        mark = h.cp.audit_mark()
        count = iter(range(10**6))

        def touch() -> None:
            note = {"metadata": {"annotations": {"example.com/i": str(next(count))}}}
            h.patch("Deployment", self.ns, "gw", note)

        with f.Nagger(touch):
            f.programmed_false(
                self.ns,
                "gw",
                "Contested: Deployment gw: admission",
                "spec.template.spec.containers[istio-proxy].image",
            )
            self.neighbour()
            time.sleep(3)
        # Each may replace the pods: two, and the next not before ten seconds.
        self.assertLessEqual(len(f.writes_about(mark, self.ns, "deployments")), 3)


class Fights(h.IntegrationTest):
    def test_a_client_that_writes_a_field_back_is_told_of(self) -> None:
        self.gateway()
        h.create(h.gateway("calm", self.ns))
        mark = h.cp.audit_mark()
        theirs = {"spec": {"selector": {"gateway-name": "other"}}}
        with f.Nagger(lambda: h.patch("Service", self.ns, "gw", theirs), 0.05):
            c = f.programmed_false(
                self.ns, "gw", "Contested: Service gw", "spec.selector.gateway-name"
            )
            self.assertIn("managedFields", c["message"])
            h.programmed(self.ns, "calm")
            tried = len(f.writes_about(mark, self.ns, "services/gw"))
            time.sleep(5)
        after = len(f.writes_about(mark, self.ns, "services/gw"))
        self.assertLessEqual(after - tried, 1, "it goes on fighting")
        self.assertLess(after, 15)
        # What the user wants goes first.
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"serviceLabels": {"a": "b"}}})
        h.eventually(
            lambda: h.get("Service", self.ns, "gw")["metadata"]["labels"].get("a") == "b", "applied"
        )

    def test_a_client_that_keeps_deleting_is_told_of(self) -> None:
        self.gateway(deployment={"replicas": 2})
        mark = h.cp.audit_mark()
        url = h.path("PodDisruptionBudget", self.ns, "gw")
        with f.Nagger(lambda: h.cp.request("DELETE", url), 0.05):
            f.programmed_false(self.ns, "gw", "Contested: PodDisruptionBudget gw", "deleting")
            time.sleep(3)
        self.assertLess(len(f.writes_about(mark, self.ns, "poddisruptionbudgets")), 15)

    def test_an_owner_that_is_taken_away_again_and_again(self) -> None:
        self.gateway()
        mark = h.cp.audit_mark()
        theirs = {"metadata": {"ownerReferences": None}}
        with f.Nagger(lambda: h.patch("ServiceAccount", self.ns, "gw", theirs), 0.05):
            f.programmed_false(self.ns, "gw", "Contested: ServiceAccount gw", "ownerReferences")
            time.sleep(3)
        self.assertLess(len(f.writes_about(mark, self.ns, "serviceaccounts")), 15)


class Foreign(h.IntegrationTest):
    """Objects that were there before; test_drift.py has the other kinds."""

    OBJECTS: dict[str, dict[str, Any]] = {
        "RoleBinding": {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "view",
            },
        },
        "HorizontalPodAutoscaler": {
            "apiVersion": "autoscaling/v2",
            "spec": {
                "maxReplicas": 2,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"},
            },
        },
        "PodDisruptionBudget": {
            "apiVersion": "policy/v1",
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"mine": "yes"}}},
        },
    }

    def test_objects_of_the_same_names_are_left_alone(self) -> None:
        before = {}
        for kind, body in self.OBJECTS.items():
            meta = {"name": "gw", "namespace": self.ns}
            before[kind] = h.create({**body, "kind": kind, "metadata": meta})
        h.create(h.gateway("gw", self.ns, minReplicas=2, maxReplicas=3))
        f.programmed_false(self.ns, "gw", "Conflict", *self.OBJECTS)
        self.assertIsNotNone(h.get("Service", self.ns, "gw"))
        h.delete("MeshGateway", self.ns, "gw")
        h.eventually(lambda: h.get("Service", self.ns, "gw") is None, "the gateway's own is gone")
        for kind, theirs in before.items():
            now = h.get(kind, self.ns, "gw")
            assert now is not None, kind
            self.assertEqual(now["metadata"]["uid"], theirs["metadata"]["uid"], kind)
            self.assertNotIn("ownerReferences", now["metadata"], kind)
            self.assertNotIn("labels", now["metadata"], kind)
            managers = {m["manager"] for m in now["metadata"]["managedFields"]}
            self.assertNotIn(h.MANAGER, managers, kind)


class Again(h.IntegrationTest):
    """Gateways that go and come back under the same name."""

    def identity(self, kind: str) -> tuple[str, int]:
        live = h.get(kind, self.ns, "gw")
        assert live is not None, kind
        return live["metadata"]["uid"], live["metadata"].get("generation", 0)

    def test_children_of_an_orphaning_delete_are_adopted(self) -> None:
        self.gateway(minReplicas=2, maxReplicas=3)
        h.cp.kubectl(
            "wait", "-n", self.ns, "--for=condition=Available", "--timeout=60s", "deployment/gw"
        )
        before = {kind: self.identity(kind) for kind in h.CHILDREN}
        h.cp.kubectl("delete", "-n", self.ns, "mgw", "gw", "--cascade=orphan", "--timeout=30s")
        h.eventually(
            lambda: not h.get("Service", self.ns, "gw")["metadata"].get("ownerReferences"),
            "orphaned",
        )
        self.gateway(minReplicas=2, maxReplicas=3)
        self.assert_children("gw", h.CHILDREN)
        # The same objects, with the same pods.
        self.assertEqual({kind: self.identity(kind) for kind in h.CHILDREN}, before)
        h.settled()

class Watched(h.IntegrationTest):
    def test_generations_only_grow_for_who_watches(self) -> None:
        """`kubectl get mgw -w`: observedGeneration never falls, and never runs ahead."""
        columns = "G:.metadata.generation,O:.status.observedGeneration,R:.metadata.resourceVersion"
        log = (h.cp.dir / f"watch-{self.ns}").open("w+")
        watch = subprocess.Popen(
            ["kubectl", "get", "mgw", "-n", self.ns, "-w", "--no-headers", "-o"]
            + [f"custom-columns={columns}", "--kubeconfig", h.cp.kubeconfig]
            + ["--cache-dir", str(h.cp.dir / "kubectl-cache")],
            stdout=log,
        )

        def rows() -> list[tuple[int, int]]:
            lines = (h.cp.dir / f"watch-{self.ns}").read_text().splitlines()
            pairs = [line.split()[:2] for line in lines if len(line.split()) == 3]
            return [(int(g), 0 if o == "<none>" else int(o)) for g, o in pairs]

        try:
            self.gateway()
            h.eventually(rows, "kubectl watches")
            for i in range(15):
                h.patch("MeshGateway", self.ns, "gw", {"spec": {"drainSeconds": 50 + i}})
                if i % 5 == 4:
                    h.programmed(self.ns, "gw")
            last = h.programmed(self.ns, "gw")["metadata"]["generation"]

            h.eventually(lambda: rows()[-1:] == [(last, last)], "the last one is seen")
        finally:
            watch.terminate()
            watch.wait()
            log.close()
        seen = rows()
        self.assertGreater(len(seen), 15)
        self.assertEqual([o for _, o in seen], sorted(o for _, o in seen))
        self.assertFalse([pair for pair in seen if pair[1] > pair[0]], seen)


class Unreadable(h.IntegrationTest):
    def test_what_cannot_be_read_stops_nobody(self) -> None:
        """Deeper than our reader goes, and a key with NUL: stored, but never seen."""
        deep = '{"a":' * 3000 + "1" + "}" * 3000
        for name, config in (("deep", deep), ("key", '{"a\\u0000b": 1}')):
            gw = json.dumps(h.gateway(name, self.ns, proxy={"config": "CONFIG"}))
            text = gw.replace('"CONFIG"', config)
            status = h.cp.request("POST", h.path("MeshGateway", self.ns), text)[0]
            self.assertIn(status, (201, 400, 422), name)
            if status != 201:
                continue
            h.create(h.gateway(f"next-to-{name}", self.ns))
            h.programmed(self.ns, f"next-to-{name}", 60)
        # One that starts anew sees them first.
        operator = self.start_operator()
        h.create(h.gateway("later", self.ns))
        h.programmed(self.ns, "later", 60)
        self.assertEqual(operator.stop(), 0)


if __name__ == "__main__":
    sys.setrecursionlimit(10000)  # of Python's own reader
    sys.exit(h.main())
