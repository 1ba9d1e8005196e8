#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""status and diff against a cluster, also as a plugin of kubectl."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import harness as h


def run(*args: str, stdin: str = "", config: str | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [h.binary(), *args, "--kubeconfig", config or h.cp.kubeconfig],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not h.SICK.search(done.stderr), done.stderr
    return done


class Status(h.IntegrationTest):
    def status(self, *args: str) -> str:
        done = run("status", *args)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def report(self, name: str) -> dict[str, Any]:
        return json.loads(self.status(name, "-n", self.ns, "-o", "json"))

    def states(self, name: str) -> dict[str, str]:
        return {f"{o['kind']}/{o['name']}": o["state"] for o in self.report(name)["objects"]}

    def test_list(self) -> None:
        self.gateway("one")
        self.gateway("two", type="egress")
        h.assign_address(self.ns, "one", "203.0.113.7", "lb.example.com")
        h.eventually(
            lambda: h.condition(h.get("MeshGateway", self.ns, "one"), "Ready").get("status")
            == "True",
            "one is ready",
        )
        lines = self.status("-n", self.ns).splitlines()
        self.assertEqual(
            lines[0].split(),
            ["NAMESPACE", "NAME", "TYPE", "READY", "REASON", "PODS", "ADDRESSES", "AGE"],
        )
        self.assertEqual([line.split()[1:3] for line in lines[1:]],
                         [["one", "ingress"], ["two", "egress"]])
        self.assertRegex(lines[1], r"\bTrue +\w+ +1/1 +203\.0\.113\.7,lb\.example\.com +\d+s$")
        self.assertIn(lines[1].split()[:2], [w.split()[:2] for w in self.status("-A").splitlines()])
        self.assertIn("LoadBalancer", self.status("-n", self.ns, "-o", "wide"))
        items = json.loads(self.status("-n", self.ns, "-o", "json"))["items"]
        self.assertEqual([i["name"] for i in items], ["one", "two"])

    def test_one_screen(self) -> None:
        self.gateway("gw", deployment={"replicas": 1})
        h.assign_address(self.ns, "gw", "203.0.113.7")
        h.eventually(lambda: "203.0.113.7" in self.status("gw", "-n", self.ns), "the address")
        h.eventually(lambda: self.report("gw")["rollout"] == "complete", "the rollout")
        h.eventually(lambda: "Created" in self.status("gw", "-n", self.ns), "the events")
        text = self.status("gw", "-n", self.ns, "-o", "wide")
        for line in (
            rf"Gateway +{self.ns}/gw",
            r"Type +ingress, Service LoadBalancer, \d+s old",
            r"Pods +1 of 1 ready, 1 available, 1 of the new kind",
            r"Rollout +complete",
            r"Proxy +\S+/proxyv2:\S+",
            r"Programmed +True +\w+ +\d+s +\S",
            r"Deployment/gw +in place +\d+s +-",
            r"8000 +http +TCP +8000 +\d+",
            r"Created +Normal +\S+ +\d+ +\d+s +\S",
        ):
            self.assertRegex(text, rf"(?m)^{line}")
        self.assertLessEqual(max(len(line) for line in self.status("gw", "-n", self.ns).splitlines()), 220)
        self.assertIn(f"namespace: {self.ns}\n", self.status("gw", "-n", self.ns, "-o", "yaml"))

    def test_names_that_are_not_there(self) -> None:
        for args in (("none", "-n", self.ns), ("none", "-A"), ("-n", self.ns)):
            done = run("status", *args)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertEqual(run("status", "-n", self.ns, "-o", "json").stdout, '{\n    "items": []\n}\n')


class Objects(h.IntegrationTest):
    """What the operator has not seen, or leaves alone: without an operator."""

    autostart = False

    def test_objects_that_are_not_in_step(self) -> None:
        h.create({"apiVersion": "v1", "kind": "ServiceAccount",
                  "metadata": {"name": "gw", "namespace": self.ns}})
        live = h.create(h.gateway("gw", self.ns))
        owner = {"apiVersion": live["apiVersion"], "kind": "MeshGateway", "name": "gw",
                 "uid": live["metadata"]["uid"], "controller": True}
        h.create({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
                  "metadata": {"name": "gw", "namespace": self.ns, "ownerReferences": [owner]},
                  "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"a": "b"}}}})
        done = run("status", "gw", "-n", self.ns)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"(?m)^ServiceAccount/gw +foreign +\d+s +it does not belong")
        self.assertRegex(done.stdout, r"(?m)^PodDisruptionBudget/gw +left over ")
        self.assertRegex(done.stdout, r"(?m)^Deployment/gw +missing ")
        self.assertIn("No conditions yet: does the operator run?\n", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^Rollout +there is no Deployment$")

    def test_what_may_not_be_read_is_unknown(self) -> None:
        h.create(h.gateway("gw", self.ns))
        rule = {"apiGroups": ["istio.banzaicloud.io"], "resources": ["meshgateways"], "verbs": ["get"]}
        h.cp.must("POST", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.ns}/roles",
                  {"metadata": {"name": "reader"}, "rules": [rule]})
        h.create({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                  "metadata": {"name": "reader", "namespace": self.ns},
                  "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
                  "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": self.ns}]})
        h.eventually(lambda: h.get("ServiceAccount", self.ns, "default"), "the account")
        config = h.cp.service_account_kubeconfig(self.ns, "default")

        def check() -> bool:
            done = run("status", "gw", "-n", self.ns, config=config)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"(?m)^Deployment/gw +unknown .*forbidden")
            self.assertIn("Events cannot be read: ", done.stdout)
            return True

        h.eventually(check, "the role is in force")


class Watch(h.IntegrationTest):
    autostart = False

    def test_watch_goes_on_and_ends_with_its_reader(self) -> None:
        watch = subprocess.Popen(
            [h.binary(), "status", "-n", self.ns, "--watch", "--kubeconfig", h.cp.kubeconfig],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        try:
            assert watch.stdout and watch.stderr
            # Nothing is there yet; then something is.
            self.assertIn(f"no MeshGateway in {self.ns}", watch.stderr.readline())
            h.create(h.gateway("gw", self.ns))
            lines = iter(watch.stdout.readline, "")
            self.assertTrue(any(line.startswith(f"{self.ns}   gw ") for line in lines))
            h.create(h.gateway("later", self.ns))
            self.assertTrue(any(line.startswith(f"{self.ns}   later ") for line in lines))
            watch.stdout.close()
            self.assertEqual(watch.wait(20), 1)
            self.assertIsNone(h.SICK.search(watch.stderr.read()))
        finally:
            watch.kill()
            watch.wait()
            for stream in (watch.stdout, watch.stderr):
                if stream:
                    stream.close()


class Diff(h.IntegrationTest):
    def diff(self, *gateways: dict[str, Any], args: tuple[str, ...] = ()) -> Any:
        return run("diff", "-f", "-", *args, stdin="\n---\n".join(json.dumps(g) for g in gateways))

    def test_same_and_different(self) -> None:
        wanted = h.gateway("gw", self.ns, autoscaling={"minReplicas": 1, "maxReplicas": 3})
        h.create(wanted)
        h.programmed(self.ns, "gw")
        h.settled()
        mark = h.cp.audit_mark()
        done = self.diff(wanted)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        wanted["spec"]["ports"][0]["port"] = 8001
        wanted["spec"]["autoscaling"]["maxReplicas"] = 4
        done = self.diff(wanted)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertEqual(
            re.findall(r"(?m)^\+\+\+ (\w+) ", done.stdout),
            ["Deployment", "Service", "HorizontalPodAutoscaler"],
        )
        self.assertRegex(done.stdout, r"(?m)^-  maxReplicas: 3\n\+  maxReplicas: 4$")
        self.assertRegex(done.stdout, r"(?m)^@@ -\d+,\d+ \+\d+,\d+ @@$")
        self.assertNotIn("\033", done.stdout)
        self.assertIn("\033[32m+  maxReplicas: 4\033[0m\n",
                      self.diff(wanted, args=("--color", "always")).stdout)
        # Nothing was changed by it.
        self.assertEqual(h.get("Service", self.ns, "gw")["spec"]["ports"][1]["port"], 8000)
        writes = h.operator_writes(mark, self.ns)
        self.assertEqual([w for w in writes if "/status?" not in w], [])

    def test_new_and_deleted_objects(self) -> None:
        self.gateway("gw", autoscaling={"minReplicas": 1, "maxReplicas": 3})
        done = self.diff(h.gateway("gw", self.ns), h.gateway("new", self.ns))
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn(f"--- HorizontalPodAutoscaler {self.ns}/gw in the cluster\n"
                      f"+++ HorizontalPodAutoscaler {self.ns}/gw as wanted: deleted\n", done.stdout)
        self.assertIn(f"--- Deployment {self.ns}/new in the cluster: not there\n", done.stdout)
        self.assertIsNone(h.get("Deployment", self.ns, "new"))

    def test_trouble_is_status_2(self) -> None:
        rows = [
            (h.gateway("gw", self.ns, type="x"), "spec.type"),
            (h.gateway("gw", self.ns + "-none"), "not found"),
        ]
        for wanted, message in rows:
            done = self.diff(wanted)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn(message, done.stderr)
        h.create({"apiVersion": "v1", "kind": "ServiceAccount",
                  "metadata": {"name": "taken", "namespace": self.ns}})
        done = self.diff(h.gateway("taken", self.ns))
        self.assertEqual(done.returncode, 2)
        self.assertIn("ServiceAccount taken: is there and does not belong", done.stderr)
        self.assertEqual(run("diff", "-f", "-", config="/nonexistent").returncode, 2)


class Plugin(h.IntegrationTest):
    autostart = False

    def test_kubectl_mgw(self) -> None:
        h.create(h.gateway("gw", self.ns))
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "kubectl-mgw").symlink_to(Path(h.binary()).resolve())
            done = subprocess.run(
                ["kubectl", "mgw", "status", "-n", self.ns],
                env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}",
                     "KUBECONFIG": h.cp.kubeconfig},
                capture_output=True, text=True, check=False,
            )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, rf"(?m)^{self.ns} +gw +ingress +Unknown +NoStatusYet ")


if __name__ == "__main__":
    sys.exit(h.main())
