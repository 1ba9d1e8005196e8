#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From the seed resource to Ready; status, events; restarts; several gateways and namespaces."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import harness as h

SAMPLES = h.ROOT / "manifests" / "samples"
REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")


def events_of(namespace: str, name: str) -> list[dict[str, Any]]:
    items = h.cp.must("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"]
    return [
        e
        for e in items
        if e["regarding"]["kind"] == "MeshGateway" and e["regarding"]["name"] == name
    ]


class Seed(h.IntegrationTest):
    def test_seed_resource_becomes_ready(self) -> None:
        h.cp.kubectl("apply", "-f", str(SAMPLES / "echo-ingress.yaml"))
        self.addCleanup(lambda: h.cp.kubectl("delete", "mgw", "echo-ingress", "--ignore-not-found"))
        gw = h.programmed("default", "echo-ingress")
        self.assert_children(
            "echo-ingress", (*h.BASE_CHILDREN, "HorizontalPodAutoscaler"), "default"
        )
        pending = h.condition(gw, "AddressAssigned")
        self.assertEqual((pending["status"], pending["reason"]), ("False", "LoadBalancerPending"))
        h.assign_address("default", "echo-ingress", "203.0.113.7", "lb.example.com")
        # kubectl wait and kstatus look at this condition.
        h.cp.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "mgw/echo-ingress")
        row = h.cp.kubectl("get", "mgw", "echo-ingress", "--no-headers").stdout.split()
        self.assertEqual(row[:5], ["echo-ingress", "ingress", "LoadBalancer", "True", "Available"])
        self.assertIn("203.0.113.7", row[5])
        service = h.get("Service", "default", "echo-ingress")
        assert service is not None
        self.assertEqual([p["port"] for p in service["spec"]["ports"]], [15021, 8000])

    def test_every_sample_becomes_ready(self) -> None:
        h.cp.kubectl("apply", "-k", str(SAMPLES))
        self.addCleanup(lambda: h.cp.kubectl("delete", "-k", str(SAMPLES), "--ignore-not-found"))
        for name in ("echo-ingress", "full-gateway"):
            h.eventually(lambda: h.get("Service", "default", name), f"Service {name}")
            h.assign_address("default", name, "203.0.113.8")
        h.cp.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "mgw", "--all")

    def test_what_the_operator_applies_is_accepted_strictly(self) -> None:
        """What `render` prints, under kubectl's strict validation."""
        rendered = subprocess.run(
            [h.binary(), "render", "-f", str(SAMPLES / "full-gateway.yaml")],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(rendered.returncode, 0, rendered.stderr)
        h.cp.kubectl(
            "apply",
            "--server-side",
            "--validate=strict",
            "--dry-run=server",
            "-f",
            "-",
            input=rendered.stdout,
        )


class Status(h.IntegrationTest):
    def ready(self, name: str = "gw", **spec: Any) -> dict[str, Any]:
        self.gateway(name, **{"serviceType": "ClusterIP", **spec})
        h.cp.kubectl("wait", "-n", self.ns, "--for=condition=Ready", "--timeout=60s", f"mgw/{name}")
        gw = h.get("MeshGateway", self.ns, name)
        assert gw is not None
        return gw

    def told(self, reason: str) -> list[int]:
        """How often, of each event about the gateway with this reason."""
        events = [e for e in events_of(self.ns, "gw") if e["reason"] == reason]
        return [e.get("series", {}).get("count", 1) for e in events]

    def test_conditions_have_the_shape_of_the_api_conventions(self) -> None:
        gw = self.ready()
        self.assertEqual(gw["status"]["observedGeneration"], gw["metadata"]["generation"])
        kinds = [c["type"] for c in gw["status"]["conditions"]]
        self.assertEqual(len(kinds), len(set(kinds)))
        for kind in ("Ready", "Accepted", "Programmed", "Available", "AddressAssigned"):
            c = h.condition(gw, kind)
            self.assertEqual(c.get("status"), "True", f"{kind}: {c}")
            self.assertEqual(c["observedGeneration"], gw["metadata"]["generation"])
            self.assertRegex(c["lastTransitionTime"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
            self.assertTrue(REASON.fullmatch(c["reason"]), c["reason"])
            self.assertIn("message", c)

    def test_status_reports_replicas_ports_and_addresses(self) -> None:
        gw = self.ready(deployment={"replicas": 2})
        status = gw["status"]
        service = h.get("Service", self.ns, "gw")
        assert service is not None
        self.assertEqual(
            status["addresses"], [{"type": "IPAddress", "value": service["spec"]["clusterIP"]}]
        )
        self.assertEqual((status["replicas"], status["readyReplicas"]), (2, 2))
        port = next(p for p in status["ports"] if p["name"] == "http")
        self.assertEqual(port["port"], 8000)

    def test_original_status_fields_are_kept(self) -> None:
        gw = self.ready()
        status = gw["status"]
        self.assertEqual(status["Status"], "Available")
        self.assertEqual(status["GatewayAddress"], [a["value"] for a in status["addresses"]])
        self.assertEqual(status.get("ErrorMessage", ""), "")

    def test_all_load_balancer_addresses_are_reported(self) -> None:
        self.gateway()
        h.assign_address(self.ns, "gw", "203.0.113.9", "2001:db8::9", "lb.example.com")
        want = [
            {"type": "IPAddress", "value": "203.0.113.9"},
            {"type": "IPAddress", "value": "2001:db8::9"},
            {"type": "Hostname", "value": "lb.example.com"},
        ]

        def check() -> bool:
            gw = h.get("MeshGateway", self.ns, "gw")
            assert gw is not None
            have = gw["status"].get("addresses", [])
            assert sorted(have, key=str) == sorted(want, key=str), have
            return h.condition(gw, "AddressAssigned")["status"] == "True"

        h.eventually(check, "the addresses in the status")

    def test_transition_time_changes_only_with_the_status(self) -> None:
        before = self.ready()
        time.sleep(1.1)
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"labels": {"a": "b"}}})
        h.programmed(self.ns, "gw")
        after = h.get("MeshGateway", self.ns, "gw")
        for kind in ("Accepted", "Programmed", "AddressAssigned"):
            self.assertEqual(
                h.condition(before, kind)["lastTransitionTime"],
                h.condition(after, kind)["lastTransitionTime"],
                kind,
            )

    def test_foreign_status_fields_do_not_make_a_loop(self) -> None:
        self.ready()
        h.patch(
            "MeshGateway",
            self.ns,
            "gw",
            {"status": {"ErrorMessage": "vandalism"}},
            h.MERGE,
            "/status",
        )
        h.available(self.ns, "gw")
        h.settled()
        mark = h.cp.audit_mark()
        self.assert_no_writes(mark)

    def test_events_tell_what_was_created(self) -> None:
        self.ready()
        events = h.eventually(lambda: events_of(self.ns, "gw"), "an event about the gateway")
        for e in events:
            self.assertEqual(e["type"], "Normal", e.get("note"))
            self.assertTrue(
                e["reason"] and e["action"] and e["eventTime"] and e["reportingController"], e
            )
        self.assertTrue(
            [e for e in events if e["reason"] == "Created"], [e["reason"] for e in events]
        )

    def test_events_tell_what_was_repaired(self) -> None:
        self.ready()
        h.patch("Service", self.ns, "gw", {"spec": {"selector": {"gateway-name": "elsewhere"}}})
        h.eventually(lambda: self.told("Repaired"), "an event Repaired")

    def test_the_same_event_again_is_counted(self) -> None:
        self.ready()
        for count in (1, 2):
            h.patch("Service", self.ns, "gw", {"spec": {"selector": {"gateway-name": "elsewhere"}}})
            h.eventually(lambda: self.told("Repaired") == [count], "one event, counted")

    def test_events_tell_what_people_should_know(self) -> None:
        self.gateway(sds={"enabled": True}, minReplicas=2, maxReplicas=3)
        h.eventually(lambda: self.told("FieldHasNoEffect"), "an event about sds")
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"minReplicas": None, "maxReplicas": None}})
        h.eventually(lambda: self.told("Deleted"), "an event about the autoscaler")
        bad = [{"kind": "Service", "type": "JSONPatch", "patch": [{"op": "remove", "path": "/x"}]}]
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"overlays": bad}})
        h.eventually(lambda: self.told("InvalidSpec"), "an event about the overlay")
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"overlays": None}})
        h.programmed(self.ns, "gw")
        h.create(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": "gw", "namespace": self.ns},
                "spec": {"maxUnavailable": 1},
            }
        )
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"replicaCount": 2}})
        h.eventually(lambda: self.told("Conflict"), "an event about the foreign budget")

    def test_events_tell_of_an_outage_and_of_its_end(self) -> None:
        self.ready()
        h.eventually(lambda: self.told("Available"), "an event Available")
        nodes = [n["metadata"]["name"] for n in h.cp.must("GET", "/api/v1/nodes")["items"]]
        self.addCleanup(lambda: h.cp.kubectl("uncordon", *nodes))
        h.cp.kubectl("cordon", *nodes)
        h.cp.kubectl("delete", "pod", "-n", self.ns, "-l", "gateway-name=gw", "--wait=false")
        h.eventually(lambda: self.told("Unavailable"), "an event Unavailable")
        gw = h.get("MeshGateway", self.ns, "gw")
        self.assertEqual(h.condition(gw, "Available")["reason"], "Unavailable")
        h.cp.kubectl("uncordon", *nodes)

        h.eventually(lambda: sum(self.told("Available")) == 2, "the second Available", 40)


class Restart(h.IntegrationTest):
    autostart = False

    def test_restart_with_nothing_to_do_writes_nothing(self) -> None:
        operator = self.start_operator()
        for i in range(10):
            h.create(h.gateway(f"gw-{i}", self.ns, deployment={"replicas": 2}))
            h.create(h.gateway(f"scaled-{i}", self.ns, type="egress", minReplicas=1, maxReplicas=3))
        for i in range(10):
            h.programmed(self.ns, f"gw-{i}")
            h.programmed(self.ns, f"scaled-{i}")
        for i in range(10):
            h.available(self.ns, f"gw-{i}")
            h.available(self.ns, f"scaled-{i}")
        h.settled()
        self.assertEqual(operator.stop(), 0)
        mark = h.cp.audit_mark()
        operator = self.start_operator()
        self.assert_no_writes(mark, 4.0)
        self.assertEqual(operator.stop(), 0)

    def test_a_change_made_while_the_operator_was_away_is_seen(self) -> None:
        operator = self.start_operator()
        self.gateway(
            "kept", labels={"team": "edge"}, additionalEnvVars=[{"name": "A", "value": "b"}]
        )
        self.gateway("deleted")
        h.settled()
        self.assertEqual(operator.stop(), 0)
        h.patch("Service", self.ns, "kept", {"spec": {"selector": {"gateway-name": "elsewhere"}}})
        h.delete("Deployment", self.ns, "kept")
        h.delete("MeshGateway", self.ns, "deleted")
        spec = h.gateway("kept", self.ns)["spec"]
        h.replace_spec(self.ns, "kept", {**spec, "additionalEnvVars": []})
        operator = self.start_operator()

        def repaired() -> bool:
            service = h.get("Service", self.ns, "kept")
            assert service is not None and service["spec"]["selector"] == {
                "gateway-name": "kept"
            }, service
            return h.get("Deployment", self.ns, "kept") is not None

        h.eventually(repaired, "repaired after the restart")
        h.eventually(
            lambda: h.get("Service", self.ns, "deleted") is None,
            "the other gateway's Service is gone",
        )
        self.assertEqual(operator.stop(), 0)

    def test_sigterm_ends_cleanly(self) -> None:
        operator = self.start_operator()
        self.gateway()
        self.assertEqual(operator.stop(10), 0)

    def test_sigterm_ends_cleanly_under_load(self) -> None:
        operator = self.start_operator()
        for i in range(20):
            h.create(h.gateway(f"gw-{i}", self.ns))
        self.assertEqual(operator.stop(40), 0)  # less than the Deployment's grace period

    def test_sigterm_ends_cleanly_without_an_api_server(self) -> None:
        operator = self.start_operator()
        h.cp.end("kube-apiserver")
        try:
            time.sleep(1)
            self.assertEqual(operator.probe("healthz"), 200)
            self.assertEqual(operator.stop(15), 0)
        finally:
            h.cp.begin("kube-apiserver")

    def test_the_log_is_json_and_names_no_token(self) -> None:
        operator = self.start_operator()
        self.gateway()
        self.assertEqual(operator.stop(), 0)
        config = json.loads(Path(h.cp.service_account_kubeconfig(h.SYSTEM, h.ACCOUNT)).read_text())
        text = operator.text()
        self.assertNotIn(config["users"][0]["user"]["token"][:20], text)
        for line in text.splitlines():
            self.assertIsInstance(json.loads(line), dict)


class Scope(h.IntegrationTest):
    autostart = False

    def test_several_gateways_in_several_namespaces(self) -> None:
        operator = self.start_operator()
        spaces = [self.ns, self.namespace(f"{self.ns}-b"), self.namespace(f"{self.ns}-c")]
        for ns in spaces:
            h.create(h.gateway("in", ns))
            h.create(h.gateway("out", ns, type="egress"))
        for ns in spaces:
            for name, service_type in (("in", "LoadBalancer"), ("out", "ClusterIP")):
                h.programmed(ns, name)
                self.assert_children(name, h.BASE_CHILDREN, ns)
                service = h.get("Service", ns, name)
                assert service is not None
                self.assertEqual(service["spec"]["type"], service_type)
        self.assertEqual(operator.stop(), 0)

    def test_namespace_option_limits_the_scope(self) -> None:
        first, second, other = (
            self.ns,
            self.namespace(f"{self.ns}-b"),
            self.namespace(f"{self.ns}-c"),
        )
        for ns in (first, second, other):
            h.create(h.gateway("gw", ns))
        mark = h.cp.audit_mark()
        operator = self.start_operator("--namespace", first, "--namespace", second)
        h.programmed(first, "gw")
        h.programmed(second, "gw")
        h.settled()
        self.assertIsNone(h.get("Deployment", other, "gw"))
        gw = h.get("MeshGateway", other, "gw")
        assert gw is not None
        self.assertNotIn("status", gw)
        foreign = [
            e["requestURI"]
            for e in h.cp.audit_events(mark, h.OPERATOR_USER)
            if e.get("objectRef", {}).get("namespace") not in (first, second)
            and e.get("objectRef", {}).get("resource") not in (None, "events")
        ]
        self.assertEqual(foreign, [], "requests outside the two namespaces")
        h.delete("Service", second, "gw")
        h.eventually(lambda: h.get("Service", second, "gw"), "repaired in the second namespace")
        self.assertEqual(operator.stop(), 0)

    def test_operator_reads_no_secret(self) -> None:
        mark = h.cp.audit_mark()
        operator = self.start_operator()
        self.gateway()
        h.settled()
        secrets = [
            e["requestURI"]
            for e in h.cp.audit_events(mark, h.OPERATOR_USER)
            if e.get("objectRef", {}).get("resource") == "secrets"
        ]
        self.assertEqual(secrets, [])
        can = h.cp.kubectl(
            "auth", "can-i", "get", "secrets", "-n", self.ns, "--as", h.OPERATOR_USER, check=False
        )
        self.assertEqual(can.stdout.strip(), "no")
        proxy = f"system:serviceaccount:{self.ns}:gw"
        can = h.cp.kubectl(
            "auth", "can-i", "get", "secrets", "-n", self.ns, "--as", proxy, check=False
        )
        self.assertEqual(can.stdout.strip(), "yes")
        self.assertEqual(operator.stop(), 0)

    def test_no_request_of_the_operator_is_forbidden(self) -> None:
        mark = h.cp.audit_mark()
        operator = self.start_operator()
        self.gateway(minReplicas=2, maxReplicas=3)
        h.patch("MeshGateway", self.ns, "gw", {"spec": {"minReplicas": None, "maxReplicas": None}})
        h.programmed(self.ns, "gw")
        h.settled()
        refused = [
            f"{e['verb']} {e['requestURI']}"
            for e in h.cp.audit_events(mark, h.OPERATOR_USER)
            if e.get("responseStatus", {}).get("code") in (401, 403)
            and e.get("objectRef", {}).get("namespace", self.ns) == self.ns
        ]
        self.assertEqual(refused, [])
        self.assertEqual(operator.stop(), 0)


if __name__ == "__main__":
    sys.exit(h.main())
