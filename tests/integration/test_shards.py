#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several operators share a cluster by `--selector`: each keeps to its own gateways."""

from __future__ import annotations

import sys
import time
from typing import Any

import harness as h

OTHER = "meshgateway-other"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
# With all kinds of children; Ready without a load balancer.
SCALED = {"minReplicas": 2, "maxReplicas": 3, "serviceType": "ClusterIP"}


def other_account() -> str:
    """A kubeconfig of a second service account with the same rights; the audit log tells them apart."""
    accounts = f"/api/v1/namespaces/{h.SYSTEM}/serviceaccounts"
    h.cp.must("POST", accounts, {"metadata": {"name": OTHER}})
    binding = {
        "metadata": {"name": OTHER},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": h.ACCOUNT
        },
        "subjects": [{"kind": "ServiceAccount", "name": OTHER, "namespace": h.SYSTEM}],
    }  # fmt: skip
    h.cp.must("POST", BINDINGS, binding)
    return h.cp.service_account_kubeconfig(h.SYSTEM, OTHER)


def steady(ns: str, *names: str) -> None:
    """Until all pods are there and the status says so: then there is nothing to write any more."""

    def check(name: str) -> bool:
        gateway = h.get("MeshGateway", ns, name)
        replicas = gateway.get("status", {}).get("readyReplicas")
        assert h.condition(gateway, "Ready").get("status") == "True", gateway.get("status")
        return replicas == gateway["spec"]["minReplicas"]

    for name in names:
        h.eventually(lambda name=name: check(name), f"{name} is ready", 60)  # type: ignore[misc]
    h.settled()


def label(ns: str, name: str, shard: str | None, **spec: Any) -> None:
    """Gives the gateway's label shard a value, and what else is to change in the same request."""
    body: dict[str, Any] = {"metadata": {"labels": {"shard": shard}}}
    if spec:
        body["spec"] = spec
    h.patch("MeshGateway", ns, name, body)


class Shards(h.IntegrationTest):
    """Operator a has shard=a, operator b all the rest."""

    autostart = False
    a: h.Operator
    b: h.Operator

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.a = h.Operator("--selector", "shard=a").start()
        cls.b = h.Operator("--selector", "shard!=a", kubeconfig=other_account()).start()

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        statuses = [cls.a.stop(), cls.b.stop()]
        assert statuses == [0, 0], statuses

    def make(self, name: str, shard: str | None, ns: str | None = None, **spec: Any) -> None:
        gateway = h.gateway(name, ns or self.ns, **{**SCALED, **spec})
        if shard:
            gateway["metadata"]["labels"] = {"shard": shard}
        h.create(gateway)

    def writes(self, since: int, account: str, ns: str | None = None) -> list[str]:
        """Of one operator, events included: the names of what it wrote to, and the kinds."""
        return [
            f"{e['verb']} {e['objectRef']['resource']}/{e['objectRef'].get('name', '')}"
            for e in h.cp.audit_events(since, f":{account}", h.WRITES)
            if e["objectRef"].get("namespace") == (ns or self.ns)
        ]

    def names(self, since: int, account: str) -> set[str]:
        written = self.writes(since, account)
        return {w.split("/")[1] for w in written if " events/" not in w}

    def assert_quiet(self, since: int, account: str, seconds: float = 0.0) -> None:
        time.sleep(seconds)
        self.assertEqual(self.writes(since, account), [], account)

    def test_each_keeps_to_its_own(self) -> None:
        mark = h.cp.audit_mark()
        self.make("of-a", "a")
        self.make("of-b", "b")
        self.make("of-none", None)
        for name in ("of-a", "of-b", "of-none"):
            h.programmed(self.ns, name)
            self.assert_children(name, h.CHILDREN)
        self.assertEqual(self.names(mark, h.ACCOUNT), {"of-a"})
        self.assertEqual(self.names(mark, OTHER), {"of-b", "of-none"})

    def test_children_of_the_other_are_left_alone(self) -> None:
        self.make("of-b", "b")
        steady(self.ns, "of-b")
        mark = h.cp.audit_mark()
        image = [{"op": "add", "path": "/spec/selector/gateway-name", "value": "x"}]
        h.patch("Service", self.ns, "of-b", image, h.JSON_PATCH)
        h.delete("PodDisruptionBudget", self.ns, "of-b")
        # Without its owner reference it looks like an orphan with our label.
        owner = [{"op": "remove", "path": "/metadata/ownerReferences"}]
        h.patch("ServiceAccount", self.ns, "of-b", owner, h.JSON_PATCH)

        def repaired() -> bool:
            service = h.get("Service", self.ns, "of-b")
            self.assertEqual(service["spec"]["selector"], {"gateway-name": "of-b"})
            self.assert_children("of-b", h.CHILDREN)
            return True

        h.eventually(repaired, "repaired by its own operator")
        self.assert_quiet(mark, h.ACCOUNT, 1)

    def test_a_gateway_moves_without_a_write(self) -> None:
        self.make("gw", "a")
        steady(self.ns, "gw")
        mark = h.cp.audit_mark()
        for shard in ("b", "a", None):
            label(self.ns, "gw", shard)
            self.assert_quiet(mark, h.ACCOUNT, 1.5)
            self.assert_quiet(mark, OTHER)
        # The other one knows it, and all of its children.
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"drainSeconds": 99}})
        h.programmed(self.ns, "gw")
        h.delete("HorizontalPodAutoscaler", self.ns, "gw")
        h.eventually(
            lambda: self.assert_children("gw", h.CHILDREN) or True, "made again by the other"
        )
        self.assertEqual(self.names(mark, OTHER), {"gw"})
        self.assert_quiet(mark, h.ACCOUNT)

    def test_a_spec_that_changes_with_the_label(self) -> None:
        self.make("gw", "b")
        steady(self.ns, "gw")
        mark = h.cp.audit_mark()
        kept = [k for k in h.CHILDREN if k != "PodDisruptionBudget"]
        label(self.ns, "gw", "a", minReplicas=1)
        h.programmed(self.ns, "gw")
        h.eventually(
            lambda: self.assert_children("gw", kept) or True, "what is left over is gone"
        )
        self.assertEqual(self.names(mark, h.ACCOUNT), {"gw"})
        self.assert_quiet(mark, OTHER)

    def test_restarts_write_nothing(self) -> None:
        self.make("of-a", "a")
        self.make("of-b", "b")
        steady(self.ns, "of-a", "of-b")
        mark = h.cp.audit_mark()
        for operator in (self.a, self.b):
            self.assertEqual(operator.stop(), 0)
            operator.start()
        self.assert_quiet(mark, h.ACCOUNT, 2)
        self.assert_quiet(mark, OTHER)


class Selected(h.IntegrationTest):
    autostart = False

    def test_namespace_and_selector_both_hold(self) -> None:
        elsewhere = self.namespace(f"{self.ns}-2")
        self.start_operator("--namespace", self.ns, "--selector", "shard in (c, d),!off")
        for ns, name, labels in (
            (elsewhere, "gw", {"shard": "c"}),
            (self.ns, "without", {}),
            (self.ns, "off", {"shard": "d", "off": ""}),
            (self.ns, "gw", {"shard": "d"}),
        ):
            gateway = h.gateway(name, ns)
            gateway["metadata"]["labels"] = labels
            h.create(gateway)
        h.programmed(self.ns, "gw")
        h.settled()
        for ns, name in ((elsewhere, "gw"), (self.ns, "without"), (self.ns, "off")):
            self.assertNotIn("status", h.get("MeshGateway", ns, name))

    def test_what_is_no_selector_is_told(self) -> None:
        for selector, message in ((" ", "is empty"), ("x" * 3000, "is longer than")):
            usage = self.start_operator("--selector", selector, ready=False)
            assert usage.process is not None
            self.assertEqual(usage.process.wait(20), 2)
            self.assertIn(f"--selector: {message}", usage.text())
        operator = self.start_operator("--selector", "shard in a", ready=False)
        h.eventually(lambda: "unable to parse requirement" in operator.text(), "it is logged")
        self.assertEqual(operator.probe("readyz"), 503)
        self.assertEqual(operator.stop(), 0)


if __name__ == "__main__":
    sys.exit(h.main())
