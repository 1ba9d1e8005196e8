#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Taking over from the original operator in place: its objects, its pods, what it leaves."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

import harness as h
from original import LAST_APPLIED, LEFT_OVERS, MANAGER, Original

MARK = "meshgateway.banzaicloud.io/takeover"
ADDRESS = "198.51.100.10"
RIGHT = str(h.ROOT / "manifests" / "migration")


def is_ready(pod: dict[str, Any]) -> bool:
    ready = h.condition(pod, "Ready").get("status") == "True"
    return ready and "deletionTimestamp" not in pod["metadata"]


def ready_counts(watch: h.Watch) -> list[int]:
    """How many pods were ready after each event."""
    ready: dict[str, bool] = {}
    counts = []
    for event in watch.events:
        if event["type"] == "BOOKMARK":
            continue
        pod = event["object"]
        ready[pod["metadata"]["uid"]] = event["type"] != "DELETED" and is_ready(pod)
        counts.append(sum(ready.values()))
    return counts


def address_of(service: dict[str, Any]) -> dict[str, Any]:
    """What clients, firewalls and the cloud know a Service by."""
    spec = service["spec"]
    names = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort")
    return {
        "uid": service["metadata"]["uid"],
        **{name: spec.get(name) for name in names},
        "nodePorts": {p["name"]: p["nodePort"] for p in spec["ports"]},
        "status": service["status"],
    }


def most_with_old_pods(events: list[dict[str, Any]]) -> int:
    """How many Deployments had pods of two templates at the same time."""
    replacing: dict[str, bool] = {}
    most = 0
    for event in events:
        status = event["object"].get("status", {})
        old = status.get("updatedReplicas", 0) < status.get("replicas", 0)
        replacing[event["object"]["metadata"]["name"]] = old
        most = max(most, sum(replacing.values()))
    return most


def version(event: dict[str, Any]) -> int:
    """When it happened; one count goes through all kinds."""
    return int(event["object"]["metadata"]["resourceVersion"])


def template_changed(deployments: h.Watch) -> dict[str, int]:
    """When the pods of each began to be replaced."""
    first: dict[str, Any] = {}
    changed: dict[str, int] = {}
    for event in deployments.events:
        name, template = event["object"]["metadata"]["name"], event["object"]["spec"]["template"]
        if first.setdefault(name, template) != template:
            changed.setdefault(name, version(event))
    return changed


def gone(watch: h.Watch) -> dict[str, int]:
    """When the left-over of each gateway, which begins with its name, was deleted."""
    deleted = [e for e in watch.events if e["type"] == "DELETED"]
    return {e["object"]["metadata"]["name"].partition("-")[0]: version(e) for e in deleted}


class Takeover(h.IntegrationTest):
    autostart = False
    right = True  # to look at roles and delete them

    def setUp(self) -> None:
        super().setUp()
        if self.right:
            h.cp.kubectl("apply", "--server-side", "-k", RIGHT)
            self.addCleanup(h.cp.kubectl, "delete", "-k", RIGHT, "--ignore-not-found")

    def original(self, name: str = "gw", address: str = ADDRESS, **spec: Any) -> Original:
        """The gateway of the original operator, with running pods."""
        original = Original(self.ns, name, **spec).make()
        for kind, pattern in LEFT_OVERS.items():
            if kind.startswith("Cluster"):
                self.addCleanup(h.cp.request, "DELETE", h.path(kind, "", pattern.format(name)))
        if address:
            h.assign_address(self.ns, name, address)
        self.rolled_out(name)
        return original

    def rolled_out(self, name: str = "gw") -> None:
        h.cp.kubectl("rollout", "status", "-n", self.ns, f"deployment/{name}", "--timeout=60s")

    def left_overs(self, name: str = "gw") -> set[str]:
        return {k for k, pattern in LEFT_OVERS.items() if h.get(k, self.ns, pattern.format(name))}

    def live(self, kind: str, name: str = "gw") -> dict[str, Any]:
        live = h.get(kind, self.ns, name)
        assert live is not None, f"no {kind} {name}"
        return dict(live)

    def programmed(self, left: set[str] | None = None, marked: bool = False) -> dict[str, Any]:
        """Waits until the takeover is over and of the left-overs these are still there."""

        def over() -> bool:
            self.assertEqual(self.left_overs(), left or set())
            for kind in ("Deployment", "Service"):
                annotations = self.live(kind)["metadata"].get("annotations", {})
                self.assertEqual(MARK in annotations, marked, kind)
            return True

        h.programmed(self.ns, "gw", 60)
        h.eventually(over, "the takeover is over", 90)
        h.settled()
        return self.live("MeshGateway")

    def assert_ours(self, original: Original) -> None:
        deployment = self.live("Deployment")
        flat = h.flat(deployment["spec"]["template"])
        for name in ("SDS_ENABLED", "JWT_POLICY", "ISTIO_META_ROUTER_MODE"):
            self.assertNotIn(f"spec.containers[istio-proxy].env[{name}].value", flat)
        volumes = {v["name"] for v in deployment["spec"]["template"]["spec"]["volumes"]}
        self.assertFalse(volumes & {"config-volume", "gw-certs", "gw-ca-certs"}, volumes)
        annotations = deployment["spec"]["template"]["metadata"]["annotations"]
        self.assertNotIn("scheduler.alpha.kubernetes.io/critical-pod", annotations)
        for kind in ("Deployment", "Service"):
            live = self.live(kind)
            self.assertNotIn(LAST_APPLIED, live["metadata"].get("annotations", {}), kind)
            owners = [m["manager"] for m in live["metadata"]["managedFields"]]
            self.assertNotIn(MANAGER, owners, kind)
            self.assertEqual(live["metadata"]["ownerReferences"][0]["uid"], original.uid, kind)

    def requests(self, since: int) -> list[str]:
        """The operator's, about objects in this test's namespace or in none."""
        return [
            f"{e['verb']} {e['requestURI']}"
            for e in h.cp.audit_events(since, h.OPERATOR_USER, (*h.WRITES, "get"))
            if e["objectRef"].get("namespace", self.ns) == self.ns
        ]

    def assert_at_rest(self) -> None:
        """Nothing is left to look at, by an operator that starts anew either."""
        mark = h.cp.audit_mark()
        operator = self.start_operator()
        time.sleep(2)
        self.assertEqual(operator.stop(), 0)
        self.assertEqual(self.requests(mark), [])


class InPlace(Takeover):
    def test_nobody_notices(self) -> None:
        original = self.original(replicaCount=3, serviceExternalTrafficPolicy="Local")
        service = address_of(self.live("Service"))
        deployment = self.live("Deployment")
        self.assertTrue(service["healthCheckNodePort"])
        with h.Watch("Pod", self.ns) as pods, h.Watch("Service", self.ns) as services:
            h.eventually(lambda: ready_counts(pods)[-1:] == [3], "three pods of the original")
            begun = len(ready_counts(pods))
            operator = self.start_operator()
            gw = self.programmed()
            self.assertGreaterEqual(min(ready_counts(pods)[begun - 1 :]), 3)
            for event in services.events:
                self.assertNotEqual(event["type"], "DELETED")
                self.assertEqual(address_of(event["object"]), service)
                # Old pods have all labels of the original; those are what the selector may name.
                selector = event["object"]["spec"]["selector"].items()
                self.assertLessEqual(selector, original.labels.items())
            old = {p["metadata"]["name"] for p in self.pods()} & {
                e["object"]["metadata"]["name"] for e in pods.events[:begun]
            }
            self.assertEqual(old, set())
        now = self.live("Deployment")
        self.assertEqual(now["metadata"]["uid"], deployment["metadata"]["uid"])
        self.assertEqual(now["spec"]["selector"], deployment["spec"]["selector"])
        self.assertEqual(now["spec"]["replicas"], 3)
        self.assert_ours(original)
        self.assertEqual(gw["status"]["GatewayAddress"], [ADDRESS])
        self.assertEqual(h.condition(gw, "Programmed")["reason"], "Programmed")
        events = h.cp.must("GET", f"/apis/events.k8s.io/v1/namespaces/{self.ns}/events")["items"]
        notes = [e["note"] for e in events if e["reason"] == "TakenOver"]
        self.assertIn("Deployment gw", " ".join(notes))
        self.assertEqual(operator.stop(), 0)
        self.assert_at_rest()

    def pods(self) -> list[dict[str, Any]]:
        return list(h.cp.must("GET", h.path("Pod", self.ns))["items"])

    def test_autoscaled(self) -> None:
        self.original(minReplicas=2, maxReplicas=5)
        h.cp.kubectl("scale", "-n", self.ns, "deployment/gw", "--replicas=4")
        self.rolled_out()
        with (
            h.Watch("Deployment", self.ns) as deployments,
            h.Watch("HorizontalPodAutoscaler", self.ns) as autoscalers,
        ):
            self.start_operator()
            self.programmed()
        replicas = [e["object"]["spec"]["replicas"] for e in deployments.events]
        self.assertEqual(set(replicas), {4})
        told = [(e["type"], e["object"]["metadata"]["name"]) for e in autoscalers.events]
        self.assertLess(told.index(("ADDED", "gw")), told.index(("DELETED", "gw-autoscaler")))
        # The budget of the original, taken over: of the two that exclude each other, ours.
        budget = self.live("PodDisruptionBudget")["spec"]
        self.assertEqual(budget["maxUnavailable"], 1)
        self.assertNotIn("minAvailable", budget)

    def test_budget_that_nobody_wants_goes(self) -> None:
        self.original()
        self.start_operator()
        self.programmed()
        self.assertIsNone(h.get("PodDisruptionBudget", self.ns, "gw"))

    def test_objects_of_others_stay(self) -> None:
        self.original(minReplicas=2, maxReplicas=3)
        other = h.create(h.gateway("other", self.ns))
        owner = {
            "apiVersion": other["apiVersion"],
            "kind": "MeshGateway",
            "name": "other",
            "uid": other["metadata"]["uid"],
            "controller": True,
        }
        before = {}
        for i, (kind, name) in enumerate(LEFT_OVERS.items()):
            theirs = {"metadata": {"ownerReferences": [owner] if i % 2 else None}}
            h.patch(kind, self.ns, name.format("gw"), theirs)
            before[kind] = self.live(kind, name.format("gw"))["metadata"]["resourceVersion"]
        self.start_operator()
        self.programmed(set(LEFT_OVERS))
        for kind, name in LEFT_OVERS.items():
            if kind != "HorizontalPodAutoscaler":  # its controller writes its status
                now = self.live(kind, name.format("gw"))["metadata"]["resourceVersion"]
                self.assertEqual(now, before[kind], kind)

    def test_gateways_take_turns(self) -> None:
        """They need not wait for it to be rid of the autoscaler that is in the way of ours."""
        names = ("a", "b", "c")
        for name in names:
            self.original(name, minReplicas=2, maxReplicas=3)

        with contextlib.ExitStack() as stack:
            kinds = ("MeshGateway", "Deployment", "HorizontalPodAutoscaler", "ServiceAccount", "Role")
            watches = {kind: stack.enter_context(h.Watch(kind, self.ns)) for kind in kinds}
            self.start_operator("--max-rolling", "1")
            h.eventually(lambda: not any(map(self.left_overs, names)), "all had their turn", 180)
            waited = {
                e["object"]["metadata"]["name"]
                for e in watches["MeshGateway"].events
                if h.condition(e["object"], "UpToDate").get("reason") == "WaitingForTurn"
            }
            h.eventually(lambda: gone(watches["Role"]).keys() >= set(names), "the watch tells of it")
        self.assertEqual(most_with_old_pods(watches["Deployment"].events), 1)
        self.assertTrue(waited, "nobody waited")
        turns = template_changed(watches["Deployment"])
        autoscalers, accounts, roles = (gone(watches[kind]) for kind in kinds[2:])
        for name in waited:
            self.assertLess(autoscalers[name], turns[name], f"{name} kept its autoscaler until its turn")
            self.assertGreater(accounts[name], turns[name], f"{name} lost its account before its turn")
            self.assertGreater(roles[name], turns[name], f"{name} lost its role before its turn")

    def test_labels_chosen_by_the_user(self) -> None:
        """The original operator let them win over its own, in the selectors too."""
        original = self.original(labels={"gateway-name": "edge", "team": "web"})
        with h.Watch("Service", self.ns) as services:
            self.start_operator()
            self.programmed()
        for event in services.events:
            selector = event["object"]["spec"]["selector"].items()
            self.assertLessEqual(selector, original.labels.items())
        now = self.live("Deployment")["spec"]
        self.assertEqual(now["selector"], {"matchLabels": original.labels})
        labels = now["template"]["metadata"]["labels"].items()
        self.assertLessEqual(original.labels.items(), labels)
        self.assertLessEqual(self.live("Service")["spec"]["selector"].items(), labels)

    def test_account_that_the_gateway_goes_on_using(self) -> None:
        original = self.original(serviceAccount={"name": "gw-service-account"})
        self.start_operator()
        self.programmed({"ServiceAccount"})
        account = self.live("ServiceAccount", "gw-service-account")["metadata"]
        self.assertNotIn(MARK, account.get("annotations", {}))
        self.assertEqual(account["ownerReferences"][0]["uid"], original.uid)
        self.assertEqual(account["labels"]["app.kubernetes.io/managed-by"], h.MANAGER)

    def test_status_of_the_original_does_not_stay(self) -> None:
        self.original(address="")
        operator = self.start_operator()
        gw = self.programmed()
        self.assertEqual(h.condition(gw, "AddressAssigned")["reason"], "LoadBalancerPending")
        self.assertNotIn("GatewayAddress", gw["status"])
        self.assertEqual(gw["status"]["Status"], "Reconciling")
        self.assertEqual(operator.stop(), 0)
        self.assert_at_rest()

    def test_fields_that_nobody_was_said_to_own(self) -> None:
        """The objects are older than the API server's book-keeping of owners."""
        original = self.original(minReplicas=2, maxReplicas=5)
        by_hand = {
            "metadata": {"annotations": {"example.com/balancer": "internal"}},
            "spec": {"loadBalancerSourceRanges": ["192.0.2.0/24"]},
        }
        h.patch("Service", self.ns, "gw", by_hand)
        h.cp.kubectl("scale", "-n", self.ns, "deployment/gw", "--replicas=3")
        self.rolled_out()
        for kind in ("Deployment", "Service", "PodDisruptionBudget"):
            h.patch(kind, self.ns, "gw", {"metadata": {"managedFields": [{}]}})
            self.assertNotIn("managedFields", self.live(kind)["metadata"])
        service = self.live("Service")
        with h.Watch("Deployment", self.ns) as deployments:
            operator = self.start_operator()
            self.programmed()
        now = self.live("Service")
        self.assertEqual(address_of(now), address_of(service))
        self.assertEqual(now["metadata"]["annotations"], {"example.com/balancer": "internal"})
        self.assertEqual(now["spec"]["loadBalancerSourceRanges"], ["192.0.2.0/24"])
        self.assertEqual({e["object"]["spec"]["replicas"] for e in deployments.events}, {3})
        self.assert_ours(original)
        self.assertEqual(operator.stop(), 0)
        self.assert_at_rest()


class Interrupted(Takeover):
    def is_over(self) -> bool:
        marked = MARK in self.live("Deployment")["metadata"].get("annotations", {})
        return not marked and not self.left_overs()

    def test_killed_at_every_step(self) -> None:
        original = self.original(minReplicas=2, maxReplicas=4)
        h.cp.kubectl("scale", "-n", self.ns, "deployment/gw", "--replicas=3")
        self.rolled_out()
        service = address_of(self.live("Service"))
        with h.Watch("Deployment", self.ns) as deployments:
            while not self.is_over():
                operator = h.Operator()
                self.addCleanup(operator.kill)
                mark = h.cp.audit_mark()
                operator.start(ready=False)
                h.eventually(lambda: h.operator_writes(mark, self.ns), "a write", 60)
                operator.kill()
                self.assertIsNone(h.SICK.search(operator.text()))
            operator = self.start_operator()
            self.programmed()
        self.assertEqual({e["object"]["spec"]["replicas"] for e in deployments.events}, {3})
        self.assertEqual(address_of(self.live("Service")), service)
        self.assert_ours(original)
        self.assertEqual(operator.stop(), 0)
        self.assert_at_rest()


class WithoutTheRight(Takeover):
    right = False
    ROLES = {"Role", "ClusterRole", "ClusterRoleBinding"}

    def test_works_and_says_so(self) -> None:
        original = self.original()
        operator = self.start_operator()
        gw = self.programmed(self.ROLES, marked=True)
        self.assert_ours(original)
        programmed = h.condition(gw, "Programmed")
        self.assertEqual((programmed["status"], programmed["reason"]), ("True", "LeftOver"))
        for kind in self.ROLES:
            self.assertIn(f"{kind} {LEFT_OVERS[kind].format('gw')}", programmed["message"])
        self.assertEqual(h.condition(gw, "Ready")["status"], "True")
        events = h.cp.must("GET", f"/apis/events.k8s.io/v1/namespaces/{self.ns}/events")["items"]
        warnings = [e["reason"] for e in events if e["type"] == "Warning" and "gw" in e["note"]]
        self.assertIn("LeftOver", warnings)
        # It is not tried again and again.
        mark = h.cp.audit_mark()
        time.sleep(8)
        self.assertEqual(self.requests(mark), [])
        # Nor does a restart write anything.
        self.assertEqual(operator.stop(), 0)
        mark = h.cp.audit_mark()
        operator = self.start_operator()
        self.assert_no_writes(mark)
        self.assertEqual(operator.stop(), 0)
        h.cp.kubectl("apply", "--server-side", "-k", RIGHT)
        self.addCleanup(h.cp.kubectl, "delete", "-k", RIGHT, "--ignore-not-found")
        operator = self.start_operator()
        gw = self.programmed()
        self.assertEqual(h.condition(gw, "Programmed")["reason"], "Programmed")
        self.assertEqual(operator.stop(), 0)
        self.assert_at_rest()


if __name__ == "__main__":
    sys.exit(h.main())
