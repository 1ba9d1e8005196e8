#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Deleting and recreating gateways, namespaces and the CRD."""

from __future__ import annotations

import copy
import sys
import time
from typing import Any

import harness as h


def delete_crd() -> dict[str, Any]:
    """Removes the CRD with all gateways; returns it for putting it back."""
    crd = h.cp.must("GET", h.CRD)
    h.cp.must("DELETE", h.CRD)
    h.eventually(lambda: h.cp.request("GET", h.CRD)[0] == 404, "the CRD is gone", 60)
    return {
        "apiVersion": crd["apiVersion"],
        "kind": crd["kind"],
        "metadata": {"name": crd["metadata"]["name"]},
        "spec": crd["spec"],
    }


def restore_crd(crd: dict[str, Any]) -> None:
    if h.cp.request("GET", h.CRD)[0] == 404:
        h.cp.must("POST", h.CRD.rpartition("/")[0], crd)
    h.crd_established()


class Gateways(h.IntegrationTest):
    def test_deleting_a_gateway_removes_its_objects(self) -> None:
        self.gateway(minReplicas=2, maxReplicas=3)
        h.delete("MeshGateway", self.ns, "gw")
        h.eventually(
            lambda: not any(h.get(k, self.ns, "gw") for k in h.CHILDREN), "all objects are gone", 30
        )
        time.sleep(1)
        self.assertFalse([k for k in h.CHILDREN if h.get(k, self.ns, "gw")], "came back")

    def test_foreground_deletion_is_not_fought(self) -> None:
        self.gateway()
        h.cp.kubectl("delete", "-n", self.ns, "mgw", "gw", "--cascade=foreground", "--timeout=30s")
        h.eventually(
            lambda: not any(h.get(k, self.ns, "gw") for k in h.CHILDREN), "all objects are gone", 10
        )

    def test_delete_and_recreate_100_times(self) -> None:
        mark = h.cp.audit_mark()
        for i in range(100):
            h.create(h.gateway("gw", self.ns, drainSeconds=i))
            if i % 3 == 0:
                h.programmed(self.ns, "gw", 30)
            if i < 99:
                h.delete("MeshGateway", self.ns, "gw")
        h.programmed(self.ns, "gw", 60)

        def ours() -> bool:
            self.assert_children("gw", h.BASE_CHILDREN)
            live = h.get("Deployment", self.ns, "gw")
            assert live is not None
            return live["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 99 + 15

        h.eventually(ours, "the objects of the last incarnation", 60)
        h.settled(2.0, 60)
        self.assertTrue(ours())
        self.assertLess(len(h.operator_writes(mark)), 100 * 12)


class Namespaces(h.IntegrationTest):
    def test_namespace_deletion_is_not_fought(self) -> None:
        for i in range(10):
            h.create(h.gateway(f"gw-{i}", self.ns, minReplicas=2, maxReplicas=3))
        for i in range(10):
            h.programmed(self.ns, f"gw-{i}")
        h.settled()
        mark = h.cp.audit_mark()
        h.cp.must("DELETE", f"/api/v1/namespaces/{self.ns}")
        h.eventually(
            lambda: h.cp.request("GET", f"/api/v1/namespaces/{self.ns}")[0] == 404,
            "the namespace is gone",
            90,
        )
        refused = [
            w for w in h.operator_writes(mark, self.ns) if w.endswith((" 403", " 404", " 409"))
        ]
        self.assertLessEqual(len(refused), 30, refused)
        h.settled()

    def test_a_terminating_namespace_stops_nobody_else(self) -> None:
        held = self.namespace(f"{self.ns}-held")
        gw = h.gateway("gw", held)
        gw["metadata"]["finalizers"] = ["example.com/hold"]
        h.create(gw)
        h.programmed(held, "gw")
        release = [{"op": "remove", "path": "/metadata/finalizers"}]
        self.addCleanup(
            lambda: h.cp.request("PATCH", h.path("MeshGateway", held, "gw"), release, h.JSON_PATCH)
        )
        h.cp.must("DELETE", f"/api/v1/namespaces/{held}")
        h.eventually(lambda: h.get("Deployment", held, "gw") is None, "the Deployment is gone", 30)
        h.settled(2.0)
        mark = h.cp.audit_mark()
        self.gateway("alive")
        time.sleep(3)
        self.assertEqual([w for w in h.operator_writes(mark) if f"/{held}/" in w], [])
        h.patch("MeshGateway", held, "gw", release, h.JSON_PATCH)
        h.eventually(
            lambda: h.cp.request("GET", f"/api/v1/namespaces/{held}")[0] == 404,
            "the namespace is gone",
            60,
        )
        # Made anew it is no longer the one that nothing can be created in; that is remembered for 30 s.
        self.namespace(held)
        h.create(h.gateway("gw", held))
        h.eventually(lambda: h.get("Deployment", held, "gw"), "the new namespace is at work", 20)


class Crd(h.IntegrationTest):
    autostart = False

    def test_crd_missing_at_start_and_coming_later(self) -> None:
        crd = delete_crd()
        self.addCleanup(restore_crd, crd)
        operator = self.start_operator(ready=False)
        h.eventually(lambda: operator.probe("healthz") == 200, "alive")
        time.sleep(3)
        self.assertTrue(operator.alive(), operator.text()[-2000:])
        self.assertNotEqual(operator.probe("readyz"), 200)
        self.assertLess(len(operator.text().splitlines()), 60, "the log is flooded")
        restore_crd(crd)
        h.create(h.gateway("gw", self.ns))
        h.programmed(self.ns, "gw", 60)
        h.eventually(lambda: operator.probe("readyz") == 200, "ready")
        self.assertEqual(operator.stop(), 0)

    def test_crd_deleted_at_runtime_and_coming_back(self) -> None:
        operator = self.start_operator()
        self.gateway(minReplicas=2, maxReplicas=3)
        h.settled()
        crd = delete_crd()
        self.addCleanup(restore_crd, crd)
        h.eventually(
            lambda: not any(h.get(k, self.ns, "gw") for k in h.CHILDREN),
            "collected with the gateway",
            60,
        )
        lines = len(operator.text().splitlines())
        time.sleep(5)
        self.assertTrue(operator.alive(), operator.text()[-2000:])
        self.assertEqual(operator.probe("healthz"), 200)
        self.assertLess(len(operator.text().splitlines()) - lines, 30, "the log is flooded")
        restore_crd(crd)
        h.create(h.gateway("gw", self.ns))
        h.programmed(self.ns, "gw", 90)
        self.assertEqual(operator.stop(), 0)

    def test_stored_gateway_that_fits_no_schema_stops_nobody(self) -> None:
        """A resource from before the schema was tightened: its status says so, the others go on."""
        crd = h.cp.must("GET", h.CRD)
        loose = copy.deepcopy(crd["spec"])
        loose["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
        }
        put_back = {"spec": {"versions": crd["spec"]["versions"]}}
        h.cp.must("PATCH", h.CRD, {"spec": {"versions": loose["versions"]}})
        self.addCleanup(lambda: h.cp.must("PATCH", h.CRD, put_back))
        bad = h.gateway("bad", self.ns, minReplicas=5, maxReplicas=1)
        worse = h.gateway("worse", self.ns)
        worse["spec"] = {"type": 5, "ports": "none", "minReplicas": {"a": []}}
        for gw in (bad, worse):
            h.eventually(
                lambda: h.cp.request("POST", h.path("MeshGateway", self.ns), gw)[0] == 201,
                "the loose schema is served",
            )
        h.cp.must("PATCH", h.CRD, put_back)
        mark = h.cp.audit_mark()
        operator = self.start_operator()
        self.gateway("good")

        def refused() -> bool:
            gw = h.get("MeshGateway", self.ns, "bad")
            c = h.condition(gw, "Accepted")
            assert c.get("status") == "False", gw and gw.get("status")
            return "maxReplicas" in c["message"]

        h.eventually(refused, "Accepted False with the field's path")
        # The API server accepts no write at all of a resource with wrong types, not even of its
        # status; the log has to do.
        h.eventually(lambda: "worse" in operator.text(), "a line about the wrong types")
        for name in ("bad", "worse"):
            self.assertIsNone(h.get("Deployment", self.ns, name))
        time.sleep(3)
        tries = [w for w in h.operator_writes(mark, self.ns, events=False) if "/worse" in w]
        self.assertLess(len(tries), 20, tries)
        self.assertEqual(operator.stop(), 0)


if __name__ == "__main__":
    sys.exit(h.main())
