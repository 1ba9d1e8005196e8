#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The mesh's own values: taken from istiod's ConfigMaps, followed when they change, a few at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import harness as h

ISTIO = "istio-system"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


def values(tag: str, **more: Any) -> dict[str, Any]:
    """Of istiod's chart, as far as they matter here."""
    return {"global": {"hub": "registry.example.com/istio", "tag": tag, **more}}


def say(revision: str = "", tag: str = "", mesh: Any = None, **more: Any) -> None:
    """Writes a control plane's two ConfigMaps."""
    suffix = f"-{revision}" if revision else ""
    data = {
        f"istio{suffix}": {"mesh": json.dumps(mesh or {})},
        f"istio-sidecar-injector{suffix}": {"values": json.dumps(values(tag, **more))},
    }
    for name, content in data.items():
        document = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": ISTIO},
            "data": content,
        }
        h.cp.must(
            "PATCH",
            h.path("ConfigMap", ISTIO, name) + "?fieldManager=helm&force=true",
            document,
            h.APPLY,
        )


def silence(*revisions: str) -> None:
    for revision in revisions:
        for name in ("istio", "istio-sidecar-injector"):
            h.cp.request("DELETE", h.path("ConfigMap", ISTIO, f"{name}-{revision}".rstrip("-")))


def proxy(namespace: str, name: str) -> dict[str, Any]:
    deployment = h.get("Deployment", namespace, name)
    assert deployment is not None, f"no Deployment {name}"
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(container)


def env(namespace: str, name: str) -> dict[str, str]:
    return {e["name"]: e.get("value", "") for e in proxy(namespace, name)["env"]}


def image(namespace: str, name: str) -> str:
    return str(proxy(namespace, name)["image"]).rpartition(":")[2]


def tag_webhook(tag: str, revision: str) -> dict[str, Any]:
    """What `istioctl tag set` makes, without the parts that only admission reads."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {
            "name": f"istio-revision-tag-{tag}",
            "labels": {"istio.io/tag": tag, "istio.io/rev": revision, "app": "sidecar-injector"},
        },
        "webhooks": [
            {
                "name": "rev.object.sidecar-injector.istio.io",
                "clientConfig": {"service": {"name": "istiod", "namespace": ISTIO, "path": "/x"}},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "failurePolicy": "Ignore",
                "objectSelector": {"matchLabels": {"istio.io/rev": tag}},
            }
        ],
    }


def is_rolling(deployment: dict[str, Any]) -> bool:
    status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
    return (
        status.get("observedGeneration", 0) < deployment["metadata"]["generation"]
        or status.get("updatedReplicas", 0) < wanted
        or status.get("replicas", 0) != wanted
        or status.get("availableReplicas", 0) < wanted
    )


def most_at_once(events: list[dict[str, Any]], names: set[str]) -> int:
    """How many Deployments were rolling at the same time, in what a watch delivered."""
    rolling: set[str] = set()
    most = 0
    for event in events:
        o = event["object"]
        name = o.get("metadata", {}).get("name")
        if name in names:
            (rolling.add if is_rolling(o) else rolling.discard)(name)
            most = max(most, len(rolling))
    return most


class MeshTest(h.IntegrationTest):
    @classmethod
    def setUpClass(cls) -> None:
        h.cp.request(
            "POST",
            "/api/v1/namespaces",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ISTIO}},
        )
        silence("")
        super().setUpClass()

    def fleet(self, count: int) -> set[str]:
        names = {f"gw-{i:02}" for i in range(count)}
        for name in names:
            h.create(h.gateway(name, self.ns, serviceType="ClusterIP"))
        for name in names:
            h.available(self.ns, name)
        h.settled()
        return names


class Values(MeshTest):
    def test_the_mesh_wins_over_the_operator_and_the_spec_over_the_mesh(self) -> None:
        self.addCleanup(silence, "")
        say(
            tag="1.32.0",
            mesh={"trustDomain": "mesh.example", "defaultConfig": {"concurrency": 3}},
            network="net-1",
            multiCluster={"clusterName": "cluster-1"},
            imagePullSecrets=["pull"],
            proxy={"resources": {"requests": {"cpu": "77m"}}, "logLevel": "info"},
        )
        time.sleep(3)
        self.gateway("plain")
        self.gateway("own", proxy={"image": "example.com/mine:7", "trustDomain": "own.example"})
        plain, own = env(self.ns, "plain"), env(self.ns, "own")
        self.assertEqual(proxy(self.ns, "plain")["image"], "registry.example.com/istio/proxyv2:1.32.0")
        self.assertEqual(proxy(self.ns, "plain")["resources"], {"requests": {"cpu": "77m"}})
        self.assertEqual(plain["TRUST_DOMAIN"], "mesh.example")
        self.assertEqual(plain["ISTIO_META_NETWORK"], "net-1")
        self.assertEqual(plain["ISTIO_META_CLUSTER_ID"], "cluster-1")
        self.assertEqual(json.loads(plain["PROXY_CONFIG"])["concurrency"], 3)
        self.assertEqual(proxy(self.ns, "own")["image"], "example.com/mine:7")
        self.assertEqual(own["TRUST_DOMAIN"], "own.example")
        self.assertEqual(own["ISTIO_META_NETWORK"], "net-1")
        deployment = h.get("Deployment", self.ns, "plain")
        self.assertEqual(
            deployment["spec"]["template"]["spec"]["imagePullSecrets"], [{"name": "pull"}]
        )
        gw = h.get("MeshGateway", self.ns, "plain")
        self.assertEqual(gw["status"]["proxy"]["version"], "1.32.0")
        row = h.cp.kubectl("get", "mgw", "-n", self.ns, "plain", "-o", "wide", "--no-headers")
        self.assertIn(" 1.32.0 ", row.stdout)

    def test_a_text_that_is_no_yaml_changes_nothing(self) -> None:
        self.addCleanup(silence, "")
        say(tag="1.32.1")
        time.sleep(3)
        self.gateway()
        h.available(self.ns, "gw")
        h.settled()
        mark = h.cp.audit_mark()
        h.patch("ConfigMap", ISTIO, "istio-sidecar-injector", {"data": {"values": "{"}})
        self.assert_no_writes(mark, 4)
        self.assertEqual(image(self.ns, "gw"), "1.32.1")
        self.assertIn("cannot be read", self.operator.text())

    def test_a_mesh_that_goes_away_rolls_nothing(self) -> None:
        say(tag="1.32.2")
        time.sleep(3)
        self.gateway()
        h.available(self.ns, "gw")
        h.settled()
        mark = h.cp.audit_mark()
        silence("")
        self.assert_no_writes(mark, 5)
        self.assertEqual(image(self.ns, "gw"), "1.32.2")

    def test_a_restart_writes_nothing(self) -> None:
        self.addCleanup(silence, "")
        say(tag="1.32.3", mesh={"defaultConfig": {"statNameLength": 189, "concurrency": 1}})
        time.sleep(3)
        self.gateway()
        h.available(self.ns, "gw")
        h.settled()
        mark = h.cp.audit_mark()
        self.operator.stop()
        self.operator.start()
        self.assert_no_writes(mark)


class Revisions(MeshTest):
    """The shipped role names the default control plane's ConfigMaps; here the others' are added."""

    @classmethod
    def setUpClass(cls) -> None:
        names = ["istio", "istio-sidecar-injector"]
        names += [f"{n}-{r}" for n in names for r in ("1-31", "1-32")]
        role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/meshgateway-operator"
        rules = h.cp.must("GET", role)["rules"]
        for i, rule in enumerate(rules):
            if rule["resources"] == ["configmaps"]:
                rule["resourceNames"] = names
        h.cp.must("PATCH", role, {"rules": rules}, h.MERGE)
        super().setUpClass()

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(silence, "1-31", "1-32")
        say("1-31", "1.31.5")
        say("1-32", "1.32.5")

    def tag(self, name: str, revision: str) -> None:
        document = tag_webhook(name, revision)
        h.cp.must(
            "PATCH",
            f"{WEBHOOKS}/{document['metadata']['name']}?fieldManager=istioctl&force=true",
            document,
            h.APPLY,
        )

    def untag(self, name: str) -> None:
        h.cp.request("DELETE", f"{WEBHOOKS}/istio-revision-tag-{name}")

    def test_each_revision_has_its_own_values(self) -> None:
        for revision, tag in (("1-31", "1.31.5"), ("1-32", "1.32.5")):
            name = f"gw-{revision}"
            self.gateway(name, proxy={"revision": revision})
            self.assertEqual(image(self.ns, name), tag)
            self.assertEqual(env(self.ns, name)["CA_ADDR"], f"istiod-{revision}.{ISTIO}.svc:15012")

    def test_a_tag_means_the_revision_behind_it_and_follows_it(self) -> None:
        self.addCleanup(self.untag, "prod")
        self.tag("prod", "1-31")
        time.sleep(1)
        gw = self.gateway(proxy={"revision": "prod"})
        self.assertEqual(image(self.ns, "gw"), "1.31.5")
        self.assertEqual(env(self.ns, "gw")["CA_ADDR"], f"istiod-1-31.{ISTIO}.svc:15012")
        self.assertEqual(gw["status"]["proxy"]["revision"], "1-31")
        template = h.get("Deployment", self.ns, "gw")["spec"]["template"]["metadata"]
        self.assertEqual(template["labels"]["istio.io/rev"], "prod")
        self.assertEqual(template["annotations"]["istio.io/rev"], "1-31")
        h.available(self.ns, "gw")
        self.tag("prod", "1-32")
        h.eventually(lambda: image(self.ns, "gw") == "1.32.5", "the gateway follows its tag")
        self.assertEqual(env(self.ns, "gw")["CA_ADDR"], f"istiod-1-32.{ISTIO}.svc:15012")

    def test_without_a_default_control_plane_the_tag_default_counts(self) -> None:
        self.addCleanup(self.untag, "default")
        self.tag("default", "1-32")
        self.operator.stop()
        self.operator.start()
        self.gateway()
        self.assertEqual(image(self.ns, "gw"), "1.32.5")
        self.assertEqual(env(self.ns, "gw")["CA_ADDR"], f"istiod-1-32.{ISTIO}.svc:15012")


class Unreadable(MeshTest):
    def test_a_mesh_that_may_not_be_read_holds_its_gateways_and_says_so(self) -> None:
        h.create(h.gateway("gw", self.ns, proxy={"revision": "secret"}))

        def told() -> Any:
            c = h.condition(h.get("MeshGateway", self.ns, "gw"), "Programmed")
            return c if c.get("reason") == "MeshUnreadable" else None

        c = h.eventually(told, "the status says that the mesh cannot be read")
        self.assertEqual(c["status"], "False")
        self.assertIn("istio-secret", c["message"])
        self.assertIn("forbidden", c["message"])
        self.assertIsNone(h.get("Deployment", self.ns, "gw"))
        # Everybody else is looked after.
        self.gateway("other")

    def test_it_can_be_ignored(self) -> None:
        self.operator.stop()
        operator = self.start_operator("--ignore-mesh-config")
        try:
            self.gateway(proxy={"revision": "secret"})
            self.assertEqual(proxy(self.ns, "gw")["image"], "docker.io/istio/proxyv2:1.31.1")
        finally:
            operator.stop()
            self.operator.start()


class CommandLine(MeshTest):
    def run_command(self, name: str, *args: str) -> subprocess.CompletedProcess[str]:
        document = json.dumps(h.gateway("gw", self.ns))
        return subprocess.run(
            [h.binary(), name, "-f", "-", "--kubeconfig", h.cp.kubeconfig, *args],
            input=document,
            capture_output=True,
            text=True,
            check=False,
        )

    def test_render_and_diff_take_the_same_values(self) -> None:
        self.addCleanup(silence, "")
        say(tag="1.32.12")
        time.sleep(3)
        self.gateway()
        done = self.run_command("render", "--from-cluster")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("registry.example.com/istio/proxyv2:1.32.12", done.stdout)
        self.assertNotIn("1.32.12", self.run_command("render").stdout)
        done = self.run_command("diff")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        done = self.run_command("diff", "--ignore-mesh-config", "--set", "proxyImage=x/y:z")
        self.assertEqual(done.returncode, 1)
        self.assertIn("-        image: registry.example.com/istio/proxyv2:1.32.12", done.stdout)
        self.assertIn("+        image: x/y:z", done.stdout)

    def test_a_mesh_that_may_not_be_read_is_an_error(self) -> None:
        h.create(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": "nobody", "namespace": self.ns},
            }
        )
        config = h.cp.service_account_kubeconfig(self.ns, "nobody")
        done = self.run_command("render", "--from-cluster", "--kubeconfig", config)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("the mesh's configuration", done.stderr)
        self.assertIn("forbidden", done.stderr)


class Turns(MeshTest):
    COUNT = int(os.environ.get("MESHGATEWAY_TEST_FLEET", "12"))

    def test_a_change_rolls_all_but_only_some_at_a_time(self) -> None:
        self.addCleanup(silence, "")
        say(tag="1.32.6")
        time.sleep(3)
        names = self.fleet(self.COUNT)
        # Gateways of earlier tests may still be going.
        everybody = h.cp.must("GET", "/apis/istio.banzaicloud.io/v1beta1/meshgateways")["items"]
        limit = -(-len(everybody) // 10)
        with h.Watch("Deployment", self.ns) as watch:
            say(tag="1.32.7")
            waiting = h.eventually(self.waiting, "gateways wait for their turn")
            # A gateway that waits serves as before.
            self.assertNotEqual(h.condition(waiting, "Ready")["reason"], "WaitingForTurn")
            self.assertEqual(h.condition(waiting, "Available")["status"], "True")
            self.assertEqual(h.condition(waiting, "Programmed")["status"], "True")
            # What a user changes does not wait.
            name = waiting["metadata"]["name"]
            h.patch("MeshGateway", self.ns, name, {"spec": {"podAnnotations": {"a": "b"}}})
            h.programmed(self.ns, name)
            self.assertEqual(image(self.ns, name), "1.32.7")
            names.discard(name)
            for other in names:
                h.eventually(lambda: image(self.ns, other) == "1.32.7", f"{other} rolled", 180)
            for other in names:
                h.eventually(lambda: self.up_to_date(other), f"{other} is up to date", 60)
            self.assertLessEqual(most_at_once(watch.events, names), limit)
            self.assertGreater(most_at_once(watch.events, names), 0)

    def waiting(self) -> Any:
        for gw in h.cp.must("GET", h.path("MeshGateway", self.ns))["items"]:
            c = h.condition(gw, "UpToDate")
            if c.get("reason") == "WaitingForTurn":
                self.assertEqual(c["status"], "False")
                return gw
        return None

    def up_to_date(self, name: str) -> bool:
        return h.condition(h.get("MeshGateway", self.ns, name), "UpToDate").get("status") == "True"

    def test_a_change_while_the_operator_is_away_rolls_in_turns_too(self) -> None:
        self.addCleanup(silence, "")
        say(tag="1.32.8")
        time.sleep(3)
        names = self.fleet(6)
        self.operator.stop()
        say(tag="1.32.9")
        with h.Watch("Deployment", self.ns) as watch:
            operator = self.start_operator("--max-rolling", "2")
            for name in names:
                h.eventually(lambda: image(self.ns, name) == "1.32.9", f"{name} rolled", 120)
            h.settled()
            operator.stop()
        self.operator.start()
        self.assertEqual(most_at_once(watch.events, names), 2)

    def test_a_change_that_does_harm_stops(self) -> None:
        """The next gateway rolls only when one before is Available again."""
        self.addCleanup(silence, "")
        say(tag="1.32.10")
        time.sleep(3)
        names = self.fleet(4)
        self.operator.stop()
        operator = self.start_operator("--max-rolling", "1")
        self.addCleanup(self.operator.start)
        self.addCleanup(operator.stop)
        # The pod of the roll cannot be made.
        quota = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "full", "namespace": self.ns},
            "spec": {"hard": {"pods": "4"}},
        }
        quotas = f"/api/v1/namespaces/{self.ns}/resourcequotas"
        h.cp.must("POST", quotas, quota)
        h.eventually(
            lambda: h.cp.must("GET", f"{quotas}/full").get("status", {}).get("used", {}).get("pods")
            == "4",
            "the quota is full",
            120,
        )
        say(tag="1.32.11")
        h.eventually(
            lambda: any(image(self.ns, n) == "1.32.11" for n in names), "one began to roll", 30
        )
        time.sleep(5)
        self.assertEqual(sum(image(self.ns, n) == "1.32.11" for n in names), 1)
        h.cp.must("DELETE", f"{quotas}/full")
        for name in names:
            h.eventually(lambda: image(self.ns, name) == "1.32.11", f"{name} rolled", 180)


if __name__ == "__main__":
    sys.exit(h.main())
