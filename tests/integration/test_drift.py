#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Foreign edits and deletes are repaired, what is not ours is left alone, scalers keep replicas."""

from __future__ import annotations

import sys
import time
from typing import Any

import harness as h

# One edit of a field that the operator sets, by kind.
EDITS: list[tuple[str, str, Any, dict[str, str]]] = [
    ("a label", "ServiceAccount", {"metadata": {"labels": {"gateway-name": "other"}}}, h.MERGE),
    ("the subjects", "RoleBinding", {"subjects": []}, h.MERGE),
    (
        "the image",
        "Deployment",
        {
            "spec": {
                "template": {"spec": {"containers": [{"name": "istio-proxy", "image": "evil"}]}}
            }
        },
        h.STRATEGIC,
    ),
    ("the replicas", "Deployment", {"spec": {"replicas": 7}}, h.MERGE),
    (
        "an argument",
        "Deployment",
        [{"op": "replace", "path": "/spec/template/spec/containers/0/args/0", "value": "evil"}],
        h.JSON_PATCH,
    ),
    ("the ports", "Service", {"spec": {"ports": [{"name": "evil", "port": 1}]}}, h.MERGE),
    (
        "a port's target",
        "Service",
        {"spec": {"ports": [{"port": 8000, "targetPort": 1}]}},
        h.STRATEGIC,
    ),
    ("the selector", "Service", {"spec": {"selector": {"gateway-name": "other"}}}, h.MERGE),
    ("maxUnavailable", "PodDisruptionBudget", {"spec": {"maxUnavailable": 2}}, h.MERGE),
    (
        "minAvailable instead",
        "PodDisruptionBudget",
        {"spec": {"maxUnavailable": None, "minAvailable": 1}},
        h.MERGE,
    ),
    (
        "the field that excludes ours",
        "PodDisruptionBudget",
        {"spec": {"maxUnavailable": None, "minAvailable": 1}},
        h.MERGE,
    ),
]
METRICS = {
    "spec": {
        "metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 10},
                },
            }
        ]
    }
}
SCALED_EDITS: list[tuple[str, str, Any, dict[str, str]]] = [
    ("maxReplicas", "HorizontalPodAutoscaler", {"spec": {"maxReplicas": 9}}, h.MERGE),
    ("the metrics", "HorizontalPodAutoscaler", METRICS, h.MERGE),
]


def wanted(kind: str, live: dict[str, Any] | None) -> dict[str, Any]:
    """The fields that the operator owns, with their values, without the server's bookkeeping."""
    assert live is not None, f"{kind} is absent"
    keep = {k: v for k, v in live.items() if k not in ("metadata", "status")}
    meta = live["metadata"]
    keep["metadata"] = {k: meta.get(k) for k in ("labels", "ownerReferences")}
    out = h.flat(keep)
    return {k: v for k, v in out.items() if not k.endswith(".nodePort")}


def lost(before: dict[str, Any], kind: str, live: dict[str, Any] | None) -> dict[str, Any]:
    """What is not as before; what a foreign client added is its own business."""
    now = wanted(kind, live)
    return {k: (v, now.get(k)) for k, v in before.items() if now.get(k) != v}


class Drift(h.IntegrationTest):
    def check_edits(self, edits: list[tuple[str, str, Any, dict[str, str]]]) -> None:
        for title, kind, edit, content_type in edits:
            with self.subTest(f"{kind}: {title}"):
                before = wanted(kind, h.get(kind, self.ns, "gw"))
                edited = h.patch(kind, self.ns, "gw", edit, content_type)
                self.assertTrue(lost(before, kind, edited), "the test's edit changes nothing")

                def same() -> bool:
                    differs = lost(before, kind, h.get(kind, self.ns, "gw"))
                    assert not differs, differs
                    return True

                h.eventually(same, "repaired", 10)

    def test_foreign_edits_are_repaired(self) -> None:
        self.gateway(deployment={"replicas": 2})
        self.check_edits(EDITS)
        h.settled()

    def test_foreign_edits_of_an_autoscaler_are_repaired(self) -> None:
        self.gateway(minReplicas=2, maxReplicas=4)
        self.check_edits(SCALED_EDITS)
        h.settled()

    def test_deleted_children_come_back(self) -> None:
        self.gateway(minReplicas=2, maxReplicas=4)
        for kind in h.CHILDREN:
            with self.subTest(kind):
                old = h.get(kind, self.ns, "gw")
                assert old is not None
                h.delete(kind, self.ns, "gw")

                def back() -> bool:
                    now = h.get(kind, self.ns, "gw")
                    return now is not None and now["metadata"]["uid"] != old["metadata"]["uid"]

                h.eventually(back, f"a new {kind}", 10)
        self.assert_children("gw", h.CHILDREN)

    def test_removed_owner_reference_and_managed_by_label_come_back(self) -> None:
        self.gateway(minReplicas=2, maxReplicas=4)
        label = "app.kubernetes.io/managed-by"
        vandalism = {
            "ownerReferences": {"metadata": {"ownerReferences": []}},
            "managed-by": {"metadata": {"labels": {label: "Helm"}}},
        }
        for kind in h.CHILDREN:
            for title, edit in vandalism.items():
                with self.subTest(f"{kind}: {title}"):
                    uid = h.patch(kind, self.ns, "gw", edit)["metadata"]["uid"]

                    def back() -> bool:
                        now = h.get(kind, self.ns, "gw")
                        assert now is not None
                        assert now["metadata"]["labels"].get(label) == h.MANAGER, now["metadata"][
                            "labels"
                        ]
                        assert len(now["metadata"].get("ownerReferences", [])) == 1, "no owner"
                        return now["metadata"]["uid"] == uid

                    h.eventually(back, "ours again", 10)

    def test_unrelated_foreign_fields_are_left_alone(self) -> None:
        self.gateway(deployment={"replicas": 2})
        foreign = {
            "metadata": {
                "annotations": {"example.com/note": "mine"},
                "labels": {"example.com/mine": "yes"},
            }
        }
        kinds = (*h.BASE_CHILDREN, "PodDisruptionBudget")
        for kind in kinds:
            h.patch(kind, self.ns, "gw", foreign)
        h.patch(
            "Deployment",
            self.ns,
            "gw",
            {
                "spec": {
                    "template": {
                        "spec": {
                            "containers": [
                                {"name": "istio-proxy", "env": [{"name": "FOREIGN", "value": "1"}]},
                                {"name": "debug", "image": "example.com/debug"},
                            ]
                        }
                    }
                }
            },
            h.STRATEGIC,
        )
        h.patch("Service", self.ns, "gw", {"spec": {"externalIPs": ["192.0.2.1"]}})
        # As OpenShift does with every ServiceAccount.
        secrets = {"imagePullSecrets": [{"name": "dockercfg"}], "secrets": [{"name": "dockercfg"}]}
        h.patch("ServiceAccount", self.ns, "gw", secrets)
        mark = h.cp.audit_mark()
        time.sleep(1)
        touched = [w for w in h.operator_writes(mark, self.ns, events=False) if "/status" not in w]
        self.assertEqual(touched, [], "foreign fields made the operator write")
        # They survive the operator's next apply of the same object.
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"labels": {"team": "edge"}}})
        h.programmed(self.ns, "gw")
        for kind in kinds:
            live = h.get(kind, self.ns, "gw")
            assert live is not None
            self.assertEqual(live["metadata"]["labels"].get("team"), "edge", kind)
            self.assertEqual(live["metadata"]["annotations"].get("example.com/note"), "mine", kind)
            self.assertEqual(live["metadata"]["labels"].get("example.com/mine"), "yes", kind)
        flat = h.flat(h.get("Deployment", self.ns, "gw"))
        self.assertEqual(flat["spec.template.spec.containers[istio-proxy].env[FOREIGN].value"], "1")
        self.assertEqual(flat["spec.template.spec.containers[debug].image"], "example.com/debug")
        service = h.get("Service", self.ns, "gw")
        assert service is not None
        self.assertEqual(service["spec"]["externalIPs"], ["192.0.2.1"])
        account = h.get("ServiceAccount", self.ns, "gw")
        self.assertEqual({k: account[k] for k in secrets}, secrets)

    def test_a_live_selector_is_kept(self) -> None:
        """A selector may not change, so a Deployment of ours with another one goes on with it."""
        paused = "meshgateway.banzaicloud.io/paused"
        gw = h.gateway("gw", self.ns)
        gw["metadata"]["annotations"] = {paused: "true"}
        owner = {
            "apiVersion": gw["apiVersion"],
            "kind": gw["kind"],
            "name": "gw",
            "uid": h.create(gw)["metadata"]["uid"],
            "controller": True,
        }
        selector = {"gateway-name": "gw", "istio.io/rev": "old"}
        containers = [{"name": "istio-proxy", "image": "example.com/old"}]
        template = {"metadata": {"labels": selector}, "spec": {"containers": containers}}
        old = h.create(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {
                    "name": "gw",
                    "namespace": self.ns,
                    "labels": {"app.kubernetes.io/managed-by": h.MANAGER, "gateway-name": "gw"},
                    "ownerReferences": [owner],
                },
                "spec": {"selector": {"matchLabels": selector}, "template": template},
            }
        )
        h.patch("MeshGateway", self.ns, "gw", {"metadata": {"annotations": {paused: None}}})
        h.programmed(self.ns, "gw")
        live = h.get("Deployment", self.ns, "gw")
        self.assertEqual(live["metadata"]["uid"], old["metadata"]["uid"])
        self.assertEqual(live["spec"]["selector"]["matchLabels"], selector)
        labels = live["spec"]["template"]["metadata"]["labels"]
        self.assertEqual({k: labels[k] for k in selector}, selector)
        self.assertNotEqual(
            live["spec"]["template"]["spec"]["containers"][0]["image"], "example.com/old"
        )

    def test_steady_state_writes_nothing(self) -> None:
        self.gateway(minReplicas=2, maxReplicas=4)
        h.available(self.ns, "gw")
        h.settled()
        mark = h.cp.audit_mark()
        self.assert_no_writes(mark, 5.0)

    def test_paused_writes_nothing_but_status(self) -> None:
        self.gateway()
        paused = "meshgateway.banzaicloud.io/paused"
        h.patch("MeshGateway", self.ns, "gw", {"metadata": {"annotations": {paused: "true"}}})
        h.settled()
        mark = h.cp.audit_mark()
        h.patch("Service", self.ns, "gw", {"spec": {"selector": {"gateway-name": "other"}}})
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"labels": {"team": "edge"}}})
        h.delete("ServiceAccount", self.ns, "gw")
        time.sleep(2)
        stray = [w for w in h.operator_writes(mark, self.ns, events=False) if "/status" not in w]
        self.assertEqual(stray, [])
        h.patch("MeshGateway", self.ns, "gw", {"metadata": {"annotations": {paused: None}}})

        def repaired() -> bool:
            service = h.get("Service", self.ns, "gw")
            assert service is not None
            assert service["spec"]["selector"] == {"gateway-name": "gw"}, service["spec"][
                "selector"
            ]
            return (
                service["metadata"]["labels"].get("team") == "edge"
                and h.get("ServiceAccount", self.ns, "gw") is not None
            )

        h.eventually(repaired, "repaired once it goes on")


class Replicas(h.IntegrationTest):
    def replicas(self) -> int:
        live = h.get("Deployment", self.ns, "gw")
        assert live is not None
        return int(live["spec"]["replicas"])

    def test_scaled_replicas_are_left_alone(self) -> None:
        self.gateway(minReplicas=1, maxReplicas=5)
        h.cp.kubectl("scale", "-n", self.ns, "deployment/gw", "--replicas=3")
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"labels": {"team": "edge"}}})
        h.programmed(self.ns, "gw")
        time.sleep(2)
        self.assertEqual(self.replicas(), 3)

    def test_external_autoscaler_owns_the_replicas(self) -> None:
        self.gateway(autoscaling={"external": True})
        self.assertIsNone(h.get("HorizontalPodAutoscaler", self.ns, "gw"))
        h.cp.kubectl("scale", "-n", self.ns, "deployment/gw", "--replicas=3")
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"labels": {"team": "edge"}}})
        h.programmed(self.ns, "gw")
        time.sleep(1)
        self.assertEqual(self.replicas(), 3)

    def test_fixed_to_autoscaler_and_back_without_a_drop(self) -> None:
        self.gateway(deployment={"replicas": 4})
        with h.Watch("Deployment", self.ns) as watch:
            h.patch(
                "MeshGateway",
                self.ns,
                "gw",
                {"spec": {"autoscaling": {"minReplicas": 2, "maxReplicas": 6}}},
            )
            h.programmed(self.ns, "gw")
            h.eventually(lambda: h.get("HorizontalPodAutoscaler", self.ns, "gw"), "the autoscaler")
            time.sleep(1)
            h.patch("MeshGateway", self.ns, "gw", {"spec": {"labels": {"again": "yes"}}})
            h.programmed(self.ns, "gw")
            h.patch("MeshGateway", self.ns, "gw", {"spec": {"autoscaling": None}})
            h.programmed(self.ns, "gw")
            h.eventually(
                lambda: h.get("HorizontalPodAutoscaler", self.ns, "gw") is None, "no autoscaler"
            )
            time.sleep(1)
        seen = [e["object"]["spec"]["replicas"] for e in watch.events if e["type"] != "BOOKMARK"]
        self.assertGreaterEqual(len(seen), 2)
        self.assertEqual(set(seen), {4})

    def test_fixed_to_external_autoscaler_without_a_drop(self) -> None:
        self.gateway(deployment={"replicas": 3})
        with h.Watch("Deployment", self.ns) as watch:
            h.patch("MeshGateway", self.ns, "gw", {"spec": {"autoscaling": {"external": True}}})
            h.programmed(self.ns, "gw")
            h.patch("MeshGateway", self.ns, "gw", {"spec": {"labels": {"again": "yes"}}})
            h.programmed(self.ns, "gw")
            time.sleep(1)
        self.assertEqual({e["object"]["spec"]["replicas"] for e in watch.events}, {3})

    def test_unwanted_autoscaler_and_budget_are_removed(self) -> None:
        self.gateway(minReplicas=2, maxReplicas=3)
        self.assert_children("gw", h.CHILDREN)
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"minReplicas": None, "maxReplicas": None}})
        h.programmed(self.ns, "gw")
        h.eventually(
            lambda: (
                not h.get("HorizontalPodAutoscaler", self.ns, "gw")
                and not h.get("PodDisruptionBudget", self.ns, "gw")
            ),
            "both are gone",
        )
        self.assert_children("gw", h.BASE_CHILDREN)

    def test_foreign_autoscaler_is_not_removed(self) -> None:
        h.create(
            {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "metadata": {
                    "name": "gw",
                    "namespace": self.ns,
                    "labels": {"app.kubernetes.io/managed-by": h.MANAGER},
                },
                "spec": {
                    "maxReplicas": 2,
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"},
                },
            }
        )
        self.gateway()
        h.settled()
        self.assertIsNotNone(h.get("HorizontalPodAutoscaler", self.ns, "gw"))


class Foreign(h.IntegrationTest):
    """Objects of the same name that belong to somebody else."""

    OBJECTS: dict[str, dict[str, Any]] = {
        "Service": {
            "apiVersion": "v1",
            "spec": {"ports": [{"port": 1}], "selector": {"mine": "yes"}},
        },
        "Deployment": {
            "apiVersion": "apps/v1",
            "spec": {
                "selector": {"matchLabels": {"mine": "yes"}},
                "template": {
                    "metadata": {"labels": {"mine": "yes"}},
                    "spec": {"containers": [{"name": "c", "image": "example.com/c"}]},
                },
            },
        },
        "ServiceAccount": {"apiVersion": "v1"},
    }

    def check(self, kind: str) -> None:
        foreign = h.create(
            {**self.OBJECTS[kind], "kind": kind, "metadata": {"name": "gw", "namespace": self.ns}}
        )
        identity = (
            foreign["metadata"]["uid"],
            foreign["metadata"].get("generation", 0),
        )
        h.create(h.gateway("gw", self.ns))

        def conflict() -> dict[str, Any]:
            gw = h.get("MeshGateway", self.ns, "gw")
            c = h.condition(gw, "Programmed")
            assert c.get("status") == "False", gw and gw.get("status")
            assert c["reason"] == "Conflict" and kind in c["message"], c
            assert h.condition(gw, "Ready").get("status") == "False", gw and gw["status"]
            return gw or {}

        gw = h.eventually(conflict, "a condition that names the foreign object")
        self.assertEqual(gw["status"]["Status"], "ReconcileFailed")
        self.assertIn(kind, gw["status"]["ErrorMessage"])
        for other in h.BASE_CHILDREN:
            if other != kind and not (kind == "ServiceAccount" and other == "Deployment"):
                h.eventually(
                    lambda: h.get(other, self.ns, "gw"), f"{other} in spite of the conflict"
                )
        h.delete("MeshGateway", self.ns, "gw")
        h.eventually(
            lambda: h.get("RoleBinding", self.ns, "gw") is None,
            "the gateway's own objects are gone",
            30,
        )
        now = h.get(kind, self.ns, "gw")
        assert now is not None
        self.assertEqual((now["metadata"]["uid"], now["metadata"].get("generation", 0)), identity)
        self.assertNotIn("ownerReferences", now["metadata"])
        self.assertFalse(
            [m for m in now["metadata"].get("managedFields", []) if m["manager"] == h.MANAGER]
        )

    def test_foreign_service_is_left_alone(self) -> None:
        self.check("Service")

    def test_foreign_deployment_is_left_alone(self) -> None:
        self.check("Deployment")

    def test_foreign_service_account_is_left_alone(self) -> None:
        self.check("ServiceAccount")

    def test_conflict_heals_when_the_foreign_object_goes(self) -> None:
        h.create(
            {
                **self.OBJECTS["Service"],
                "kind": "Service",
                "metadata": {"name": "gw", "namespace": self.ns},
            }
        )
        h.create(h.gateway("gw", self.ns))
        h.eventually(
            lambda: (
                h.condition(h.get("MeshGateway", self.ns, "gw"), "Programmed").get("reason")
                == "Conflict"
            ),
            "the conflict",
        )
        h.delete("Service", self.ns, "gw")
        h.programmed(self.ns, "gw", 60)
        self.assert_children("gw", h.BASE_CHILDREN)

    def test_child_replaced_by_a_foreign_one_is_not_overwritten(self) -> None:
        self.gateway()
        paused = {"metadata": {"annotations": {"meshgateway.banzaicloud.io/paused": "true"}}}
        h.patch("MeshGateway", self.ns, "gw", paused)
        h.settled()
        h.delete("Service", self.ns, "gw")
        foreign = h.create(
            {
                **self.OBJECTS["Service"],
                "kind": "Service",
                "metadata": {"name": "gw", "namespace": self.ns},
            }
        )
        h.patch("MeshGateway", self.ns, "gw", {"metadata": {"annotations": None}})
        h.eventually(
            lambda: (
                h.condition(h.get("MeshGateway", self.ns, "gw"), "Programmed").get("reason")
                == "Conflict"
            ),
            "the conflict",
        )
        now = h.get("Service", self.ns, "gw")
        assert now is not None
        self.assertEqual(now["spec"]["selector"], {"mine": "yes"})
        self.assertEqual(now["metadata"]["uid"], foreign["metadata"]["uid"])


if __name__ == "__main__":
    sys.exit(h.main())
