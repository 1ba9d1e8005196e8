#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""As test_api_faults.py, what takes minutes: fights to their end, crowds, long races, odd resources."""

from __future__ import annotations

import copy
import json
import sys
import time
from typing import Any

import faults as f
import harness as h


class Fights(h.IntegrationTest):
    def test_a_fight_is_one_story_and_ends_by_itself(self) -> None:
        self.gateway()
        h.settled()
        mark, began = h.cp.audit_mark(), time.monotonic()
        story: list[str] = []

        def look() -> None:
            c = h.condition(h.get("MeshGateway", self.ns, "gw"), "Programmed")
            if story[-1:] != [c["status"]]:
                story.append(c["status"])

        with f.Nagger(look, 0.2):
            theirs = {"spec": {"selector": {"gateway-name": "other"}}}
            with f.Nagger(lambda: h.patch("Service", self.ns, "gw", theirs)):
                f.programmed_false(self.ns, "gw", "Contested")
                time.sleep(90)
            fought = len(f.writes_about(mark, self.ns, "services/gw"))
            h.programmed(self.ns, "gw", 400)
            time.sleep(40)
        self.assertEqual(story, ["True", "False", "True"])
        # Ten at first, then after 10, 20, 40 seconds.
        self.assertLessEqual(fought, 14)
        print(f"{fought} repairs in 90 s; over after {time.monotonic() - began:.0f} s")
        service = h.get("Service", self.ns, "gw")
        self.assertEqual(service["spec"]["selector"]["gateway-name"], "gw")

    def test_a_webhook_that_goes_away_is_forgotten(self) -> None:
        hook = f.Webhook(self, "deployments", f.another_image_each_time())
        hook.install(mutating=True)
        self.gateway()
        mark = h.cp.audit_mark()
        note = {"metadata": {"annotations": {"example.com/i": "0"}}}
        with f.Nagger(lambda: h.patch("Deployment", self.ns, "gw", note)):
            f.programmed_false(self.ns, "gw", "Contested", "admission")
            time.sleep(45)
        # Each replaces the pods.
        tries = f.writes_about(mark, self.ns, "deployments")
        self.assertLessEqual(len(tries), 5, tries)
        hook.remove()
        h.programmed(self.ns, "gw", 400)
        live = h.get("Deployment", self.ns, "gw")
        image = live["spec"]["template"]["spec"]["containers"][0]["image"]
        self.assertNotIn("mirror.example.com", image)


class Lasting(h.IntegrationTest):
    def test_the_log_of_a_lasting_failure_is_short(self) -> None:
        """One key that fails in every way that an API server can refuse, for a minute each."""
        hook = f.Webhook(self, "services")
        hook.install()
        for code in (403, 409, 500):
            with self.subTest(code):
                hook.answer = f.deny(code, "not today")
                h.create(h.gateway("gw", self.ns))
                f.programmed_false(self.ns, "gw", "not today")
                lines, mark = len(self.operator.text().splitlines()), h.cp.audit_mark()
                time.sleep(60)
                lines = len(self.operator.text().splitlines()) - lines
                tries = len(f.writes_about(mark, self.ns, "services"))
                print(f"{code}: {lines} lines and {tries} tries a minute")
                self.assertLess(lines, 20)
                self.assertLess(tries, 20)
                h.delete("MeshGateway", self.ns, "gw")
                h.eventually(lambda: h.get("MeshGateway", self.ns, "gw") is None, "deleted")

    def test_a_quota_that_is_raised(self) -> None:
        quotas = f"/api/v1/namespaces/{self.ns}/resourcequotas"
        quota = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "q"},
            "spec": {"hard": {"count/services": "0", "count/deployments.apps": "0"}},
        }
        h.cp.must("POST", quotas, quota)
        h.eventually(
            lambda: "hard" in h.cp.must("GET", f"{quotas}/q").get("status", {}), "it counts", 120
        )
        h.create(h.gateway("gw", self.ns))
        f.programmed_false(self.ns, "gw", "QuotaExceeded", "Service gw", "Deployment gw")
        self.assertIsNotNone(h.get("RoleBinding", self.ns, "gw"))
        time.sleep(10)
        raised = {"spec": {"hard": {"count/services": "5", "count/deployments.apps": "5"}}}
        h.cp.must("PATCH", f"{quotas}/q", raised)
        began = time.monotonic()
        h.programmed(self.ns, "gw", 120)
        print(f"served {time.monotonic() - began:.1f} s after the quota was raised")


class Crowds(h.IntegrationTest):
    def test_a_namespace_with_a_hundred_gateways_goes(self) -> None:
        names = [f"gw-{i}" for i in range(100)]
        for name in names:
            h.create(h.gateway(name, self.ns, minReplicas=2, maxReplicas=3))
        for name in names:
            h.programmed(self.ns, name, 120)
        h.settled(seconds=60)
        mark, began = h.cp.audit_mark(), time.monotonic()
        h.cp.must("DELETE", f"/api/v1/namespaces/{self.ns}")
        h.eventually(
            lambda: h.cp.request("GET", f"/api/v1/namespaces/{self.ns}")[0] == 404, "gone", 300
        )
        writes = h.operator_writes(mark, self.ns)
        refused = [x for x in writes if x.endswith(" 403")]
        print(
            f"gone after {time.monotonic() - began:.0f} s; {len(refused)} writes were refused,"
            f" {len(writes)} sent"
        )
        # Passes that were under way each learn of it once; from then on nobody tries.
        self.assertLessEqual(len(refused), 20, refused)
        h.settled()

    def test_deleted_and_made_anew_1000_times(self) -> None:
        for i in range(1000):
            h.create(h.gateway("gw", self.ns, drainSeconds=i))
            if i < 999:
                h.delete("MeshGateway", self.ns, "gw")
        h.programmed(self.ns, "gw", 120)

        def last() -> bool:
            self.assert_children("gw", h.BASE_CHILDREN)
            pod = h.get("Deployment", self.ns, "gw")["spec"]["template"]["spec"]
            return bool(pod["terminationGracePeriodSeconds"] == 999 + 15)

        h.eventually(last, "the objects of the last one", 120)
        h.settled(2.0, 120)
        self.assertTrue(last())


class Versions(h.IntegrationTest):
    def test_another_version_of_the_crd_is_served(self) -> None:
        self.gateway()
        h.settled()
        identities = {k: h.get(k, self.ns, "gw")["metadata"]["uid"] for k in h.BASE_CHILDREN}
        versions = h.cp.must("GET", h.CRD)["spec"]["versions"]
        newer = copy.deepcopy(versions[0])
        newer.update(name="v1", storage=False, served=True)
        h.cp.must("PATCH", h.CRD, {"spec": {"versions": [*versions, newer]}})
        mark = h.cp.audit_mark()
        url = f"/apis/istio.banzaicloud.io/v1/namespaces/{self.ns}/meshgateways"
        try:
            h.eventually(lambda: h.cp.request("GET", url)[0] == 200, "v1 is served", 30)
            time.sleep(2)
            stray = [x for x in h.operator_writes(mark, self.ns, events=False) if "/status" not in x]
            self.assertEqual(stray, [])
            # Written as v1, seen as v1beta1.
            theirs = {**h.gateway("newer", self.ns), "apiVersion": "istio.banzaicloud.io/v1"}
            h.eventually(lambda: h.cp.request("POST", url, theirs)[0] == 201, "made as v1", 30)
            h.programmed(self.ns, "newer", 60)
        finally:
            h.cp.must("PATCH", h.CRD, {"spec": {"versions": versions}})
        now = {k: h.get(k, self.ns, "gw")["metadata"]["uid"] for k in h.BASE_CHILDREN}
        self.assertEqual(now, identities)


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"a": value}
    return value


class Odd(h.IntegrationTest):
    """What a CRD's schema lets in: it is served, or refused with a word; nobody else notices."""

    def send(self, name: str, text: str) -> int:
        """Stores it as somebody would who writes JSON by hand."""
        return int(h.cp.request("POST", h.path("MeshGateway", self.ns), text)[0])

    def verdict(self, name: str) -> str:
        """Served, or not accepted, or the API server's own refusal of what was rendered."""

        def settled() -> str:
            gw = h.get("MeshGateway", self.ns, name)
            accepted = h.condition(gw, "Accepted").get("status")
            c = h.condition(gw, "Programmed")
            assert accepted, f"{name} has no status"
            if accepted == "False":
                return "refused"
            if c.get("status") == "True":
                return "served"
            assert c.get("reason") in ("Rejected", "Denied"), c
            return "rejected"

        return h.eventually(settled, f"a word about {name}", 40)

    def check(self, name: str, gw: dict[str, Any] | str, *verdicts: str) -> None:
        mark = h.cp.audit_mark()
        text = gw if isinstance(gw, str) else json.dumps(gw)
        status = self.send(name, text)
        if status in (400, 413, 422):
            self.assertIn("invalid", verdicts, f"{name}: the API server says {status}")
            return
        self.assertEqual(status, 201, name)
        self.assertIn(self.verdict(name), verdicts, name)
        time.sleep(1)
        self.assertTrue(self.operator.alive(), self.operator.text()[-3000:])
        self.assertLess(len(h.operator_writes(mark, self.ns, events=False)), 40, name)
        h.delete("MeshGateway", self.ns, name)

    def tearDown(self) -> None:
        # A neighbour made after all of it is served at once.
        h.create(h.gateway("neighbour", self.ns))
        h.programmed(self.ns, "neighbour")

    def test_names(self) -> None:
        for name in ("a" * 63, "a" * 64, "a" * 253, "1gw", "a.b", "x" + "-" * 61 + "y"):
            with self.subTest(name):
                self.check(name, h.gateway(name, self.ns), "served", "refused", "invalid")

    def test_sizes(self) -> None:
        ports = [{"name": f"p{i}", "port": i + 1} for i in range(1000)]
        self.check("ports", h.gateway("ports", self.ns, ports=ports), "served", "rejected", "invalid")
        large = {"config": {"x": "y" * (1 << 20)}}
        self.check(
            "large", h.gateway("large", self.ns, proxy=large), "served", "rejected", "refused"
        )
        notes = {"example.com/x": "y" * (1 << 18)}
        self.check("notes", h.gateway("notes", self.ns, serviceAnnotations=notes), "rejected")
        many = [{"name": f"E{i}", "value": "v"} for i in range(5000)]
        self.check("many", h.gateway("many", self.ns, deployment={"env": many}), "served", "invalid")

    def test_texts(self) -> None:
        words = {
            "unicode": "g\u00fcte \u2603 \U0001f600 \u202e \ufeff",
            "control": "a\u0000b\u0001\t\r\n\u007f",
            "surrogate": "\ud800 alone",
            "formats": "%s%n{{.}} $(HOME) ${HOME} `id` '\"\\",
        }
        for name, word in words.items():
            with self.subTest(name):
                env = [{"name": "WORD", "value": word}]
                gw = h.gateway(name, self.ns, deployment={"env": env})
                self.check(name, gw, "served", "rejected", "refused")
                gw = h.gateway(f"{name}-config", self.ns, proxy={"config": {"x": word}})
                self.check(f"{name}-config", gw, "served", "rejected", "refused")
                gw = h.gateway(f"{name}-label", self.ns, serviceLabels={"x": word})
                self.check(f"{name}-label", gw, "rejected", "refused", "invalid")

    def test_numbers(self) -> None:
        for name, number in (
            ("max", str(2**63 - 1)),
            ("over", str(2**64)),
            ("exact", str(2**53 + 1)),
            ("tiny", "1e-300"),
            ("huge", "1e308"),
            ("long", "1" * 300),
        ):
            with self.subTest(name):
                gw = json.dumps(h.gateway(name, self.ns, proxy={"config": {"x": "NUMBER"}}))
                self.check(
                    name, gw.replace('"NUMBER"', number), "served", "refused", "invalid"
                )
        for name, field in (("port", "port"), ("target", "targetPort")):
            gw = h.gateway(name, self.ns)
            gw["spec"]["ports"][0][field] = 2**62
            with self.subTest(name):
                self.check(name, gw, "refused", "invalid")

    def test_depths(self) -> None:
        for levels in (30, 60, 90, 500):
            with self.subTest(levels):
                gw = h.gateway(f"d{levels}", self.ns, proxy={"config": nested(levels)})
                self.check(f"d{levels}", gw, "served", "refused", "invalid")


if __name__ == "__main__":
    sys.exit(h.main())
