#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The operator replaced by a newer one, and back: no pod is replaced, nothing but status is written.

The earlier one is built from the commit that MESHGATEWAY_UPGRADE_FROM names; by default the newest
tag, else where this branch left main, else the commit before.  Where none of them is there (a
shallow clone), the exit status is 77.  Programs are kept by commit, with their manifests, in
~/.cache/meshgateway.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import harness as h
import issuing as i
from test_knobs import KNOBS
from test_mesh import most_at_once

KEPT = ("crds", "manifests")


def git(*args: str) -> str:
    """Its answer; "" when it has none."""
    done = subprocess.run(
        ["git", "-C", str(h.ROOT), *args], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def earlier() -> str:
    """The commit to come from; "" when there is none here."""
    named = os.environ.get("MESHGATEWAY_UPGRADE_FROM")
    if named:
        return git("rev-parse", "--verify", f"{named}^{{commit}}")
    head = git("rev-parse", "HEAD")
    tag = git("describe", "--tags", "--abbrev=0", "HEAD^")
    branches = [git("merge-base", "HEAD", name) for name in ("origin/main", "main")]
    for commit in (tag and git("rev-parse", f"{tag}^{{commit}}"), *branches):
        if commit and commit != head:
            return commit
    return git("rev-parse", "--verify", "HEAD^")


def build(commit: str) -> Path:
    """A folder with that commit's program and manifests."""
    kept = Path.home() / ".cache" / "meshgateway" / f"operator-{commit[:12]}"
    if (kept / "meshgateway").exists():
        return kept
    with tempfile.TemporaryDirectory() as scratch:
        source, out = Path(scratch) / "source", Path(scratch) / "build"
        made = Path(scratch) / "made"
        run = [
            ["git", "-C", str(h.ROOT), "worktree", "add", "--detach", str(source), commit],
            ["cmake", "-S", str(source), "-B", str(out), "-G", "Ninja"]
            + ["-DCMAKE_BUILD_TYPE=Release", "-DBUILD_TESTING=OFF"],
            ["cmake", "--build", str(out), "--target", "meshgateway"],
        ]
        try:
            for command in run:
                subprocess.run(command, check=True, capture_output=True, text=True)
            made.mkdir()
            shutil.copy(out / "meshgateway", made)
            for name in KEPT:
                shutil.copytree(source / name, made / name)
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(made, kept, dirs_exist_ok=True)
        finally:
            git("worktree", "remove", "--force", str(source))
    return kept


class Upgrade(h.IntegrationTest):
    autostart = False

    @classmethod
    def setUpClass(cls) -> None:
        i.install("istio", "cert-manager")
        cls.program = os.environ.get("MESHGATEWAY_BIN", h.binary())
        cls.earlier = build(earlier())
        super().setUpClass()

    def tearDown(self) -> None:
        os.environ["MESHGATEWAY_BIN"] = self.program

    def run_earlier(self) -> h.Operator:
        self.install(self.earlier)
        os.environ["MESHGATEWAY_BIN"] = str(self.earlier / "meshgateway")
        return self.start_operator()

    def run_present(self, *args: str) -> h.Operator:
        self.install(h.ROOT)
        os.environ["MESHGATEWAY_BIN"] = self.program
        return self.start_operator(*args)

    def install(self, root: Path) -> None:
        """As `kubectl apply -k` of that version does; nobody takes a CRD away."""
        for name in KEPT:
            h.cp.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(root / name))

    def samples(self) -> list[str]:
        """All of the earlier version's, in the test's namespace; returns the gateways' names."""
        files = sorted((self.earlier / "manifests" / "samples").rglob("*.yaml"))
        for file in files:
            if file.name != "kustomization.yaml":
                text = file.read_text().replace("namespace: default", f"namespace: {self.ns}")
                h.cp.kubectl("apply", "-f", "-", input=text)
        return [o["metadata"]["name"] for o in h.cp.must("GET", h.path("MeshGateway", self.ns))["items"]]

    def knobs(self) -> list[str]:
        """One gateway for each that the earlier version knows."""
        names = []
        for count, (_, spec, _) in enumerate(KNOBS):
            name = f"knob-{count}"
            gw = h.gateway(name, self.ns, **copy.deepcopy(spec))
            status, _, headers = h.cp.request("POST", h.path("MeshGateway", self.ns), gw)
            if status == 201 and "unknown field" not in headers.get("warning", ""):
                names.append(name)
            elif status == 201:
                h.delete("MeshGateway", self.ns, name)
        return names

    def state(self, names: list[str]) -> dict[str, dict[str, str]]:
        """Of each gateway: what must not change."""
        out: dict[str, dict[str, str]] = {}
        for name in names:
            deployment = h.get("Deployment", self.ns, name) or {"metadata": {}, "spec": {}}
            service = h.get("Service", self.ns, name) or {"metadata": {}, "spec": {}}
            spec = service["spec"]
            out[name] = {
                "uid": deployment["metadata"].get("uid", ""),
                "generation": str(deployment["metadata"].get("generation", "")),
                "template": json.dumps(deployment["spec"].get("template"), sort_keys=True),
                "service": service["metadata"].get("uid", ""),
                "address": json.dumps([spec.get(k) for k in ("clusterIP", "ports")]),
            }
        return out

    def assert_same(self, before: dict[str, dict[str, str]], mark: int) -> None:
        now = self.state(list(before))
        for name, parts in before.items():
            for part, value in parts.items():
                self.assertEqual(now[name][part], value, f"{part} of {name} has changed")
        writes = h.operator_writes(mark, self.ns, events=False)
        self.assertEqual([x for x in writes if "/status" not in x], [])

    def test_there_and_back(self) -> None:
        operator = self.run_earlier()
        names = self.samples()
        self.assertGreater(len(names), 5)
        names += self.knobs()
        self.assertGreater(len(names), 40)
        for name in names:
            h.eventually(
                lambda: h.condition(h.get("MeshGateway", self.ns, name), "Accepted"), name, 120
            )
        h.settled(3.0, 180)
        before = self.state(names)
        self.assertEqual(operator.stop(), 0)
        for there in (True, False):
            mark = h.cp.audit_mark()
            operator = self.run_present() if there else self.run_earlier()
            time.sleep(5)
            h.settled(3.0, 180)
            self.assert_same(before, mark)
            writes = len(h.operator_writes(mark, self.ns, events=False))
            way = "to the present version" if there else "back"
            print(f"{way}: {len(names)} gateways, {writes} writes of status, nothing else")
            # It works: what somebody changes is put right.
            h.delete("Service", self.ns, "knob-0")
            h.eventually(lambda: h.get("Service", self.ns, "knob-0"), "repaired", 30)
            h.settled(2.0, 60)
            before["knob-0"] = self.state(["knob-0"])["knob-0"]
            self.assertEqual(operator.stop(), 0)

    def test_a_version_with_another_default_rolls_in_turns(self) -> None:
        names = {f"gw-{n}" for n in range(6)}
        operator = self.run_earlier()
        for name in sorted(names):
            h.create(h.gateway(name, self.ns))
        for name in sorted(names):
            h.available(self.ns, name)
        h.settled()
        self.assertEqual(operator.stop(), 0)
        image = "registry.example.com/proxyv2:99"
        with h.Watch("Deployment", self.ns) as watch:
            operator = self.run_present("--set", f"proxyImage={image}", "--max-rolling", "2")

            def rolled() -> bool:
                for name in names:
                    live = h.get("Deployment", self.ns, name)
                    container = live["spec"]["template"]["spec"]["containers"][0]
                    assert container["image"] == image, name
                return True

            h.eventually(rolled, "all have the new default", 180)
            h.settled()
            self.assertEqual(operator.stop(), 0)
        self.assertLessEqual(most_at_once(watch.events, names), 2)


def main() -> int:
    commit = earlier()
    if not commit:
        print("skipped: there is no earlier commit here (MESHGATEWAY_UPGRADE_FROM names one)")
        return 77
    print(f"from {commit[:12]} to the working tree", flush=True)
    return i.main()


if __name__ == "__main__":
    sys.exit(main())
