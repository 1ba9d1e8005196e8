#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test_chart.py YAMLTOOL: the Helm chart makes what manifests/ does, and values that make no sense are refused.

tests/integration/test_helm.py installs it.  Without kubectl, or where helm cannot be built, the exit
status is 77 (skipped).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHART = ROOT / "manifests" / "helm" / "meshgateway-operator"
# What Helm says of an object beside what kustomize does.
HELM_LABELS = {
    "app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart",
}  # fmt: skip
HELM_ANNOTATIONS = {"helm.sh/resource-policy"}
# Made by --create-namespace.
NOT_IN_CHART = {("Namespace", "meshgateway-system")}

helm = ""
yamltool = ""

Objects = dict[tuple[str, str], dict[str, Any]]


def run(*args: str, text: str = "") -> str:
    done = subprocess.run(args, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(args)}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def objects(text: str) -> Objects:
    """By kind and name, of those of other namespaces namespace and name; none may occur twice."""
    found: Objects = {}
    for line in run(yamltool, "json", text=text).splitlines():
        document = json.loads(line)
        if document:
            metadata = document["metadata"]
            elsewhere = metadata.get("namespace", "meshgateway-system") != "meshgateway-system"
            key = (document["kind"], (metadata["namespace"] + "/" if elsewhere else "") + metadata["name"])
            assert key not in found, key
            found[key] = document
    return found


def template(*args: str, chart: Path = CHART) -> Objects:
    return objects(run(helm, "template", "meshgateway-operator", str(chart), "-n", "meshgateway-system", *args))


def without(document: dict[str, Any], labels: set[str], annotations: set[str]) -> dict[str, Any]:
    metadata = dict(document["metadata"])
    for field, names in (("labels", labels), ("annotations", annotations)):
        kept = {k: v for k, v in metadata.pop(field, {}).items() if k not in names}
        metadata.update({field: kept} if kept else {})
    return {**document, "metadata": metadata}


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """Rules of RBAC have no order, and may be divided."""
    rules = [
        (group, resource, name, verb)
        for rule in document.get("rules", [])
        for group in rule.get("apiGroups", [""])
        for resource in rule.get("resources", rule.get("nonResourceURLs"))
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    ]
    return {**document, "rules": sorted(rules)} if rules else document


class Chart(unittest.TestCase):
    maxDiff = 4000

    def container(self, *args: str) -> dict[str, Any]:
        return template(*args)["Deployment", "meshgateway-operator"]["spec"]["template"]["spec"]["containers"][0]

    def test_lint(self) -> None:
        run(helm, "lint", "--strict", str(CHART))

    def test_is_what_kustomize_makes(self) -> None:
        chart = template()
        kustomize = objects(run("kubectl", "kustomize", str(ROOT / "manifests")))
        self.assertEqual(set(kustomize) - set(chart), NOT_IN_CHART)
        self.assertEqual(set(chart) - set(kustomize), set())
        for key, document in chart.items():
            with self.subTest(key):
                self.assertLess(HELM_LABELS, set(document["metadata"]["labels"]))
                normal = without(document, HELM_LABELS, HELM_ANNOTATIONS)
                self.assertEqual(comparable(normal), comparable(kustomize[key]))

    def test_monitoring_is_what_kustomize_makes(self) -> None:
        enabled = [f"metrics.{what}.enabled=true" for what in ("serviceMonitor", "prometheusRule", "dashboard")]
        chart = template("--set", ",".join(enabled))
        kustomize = objects(run("kubectl", "kustomize", str(ROOT / "manifests" / "monitoring")))
        self.assertEqual(set(chart) - set(template()), set(kustomize))
        for key, document in kustomize.items():
            self.assertEqual(without(chart[key], HELM_LABELS, HELM_ANNOTATIONS), document, key)

    def test_a_package_has_all_of_it(self) -> None:
        """What the chart links to is in it."""
        directory = Path(tempfile.mkdtemp(prefix="chart-"))
        self.addCleanup(shutil.rmtree, directory)
        run(helm, "package", str(CHART), "-d", str(directory))
        (package,) = directory.iterdir()
        self.assertEqual(template(chart=package), template())

    def test_versions_are_the_operators(self) -> None:
        project = re.search(r"project\(\w+ VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())
        assert project
        text = (CHART / "Chart.yaml").read_text()
        self.assertEqual(re.findall(r"(?m)^(?:version|appVersion): (.*)$", text), [project[1]] * 2)

    def test_what_outlives_the_release(self) -> None:
        kept = {k for k, o in template().items() if "helm.sh/resource-policy" in o["metadata"].get("annotations", {})}
        self.assertEqual({kind for kind, _ in kept}, {"CustomResourceDefinition", "ClusterRole"})
        self.assertIn(("ClusterRole", "meshgateway-secret-reader"), kept)
        nothing = template("--set", "keepGateways=false")
        self.assertNotIn("helm.sh/resource-policy", str(nothing))
        absent = template("--set", "crds.install=false")
        self.assertNotIn("CustomResourceDefinition", {kind for kind, _ in absent})

    def test_options(self) -> None:
        rows = [
            ("replicas=1,leaderElection=false", ["run", "--metrics-bind-address=:8443", "--metrics-secure"]),
            ("metrics.enabled=false", ["run", "--leader-elect", "--metrics-bind-address=0"]),
            ("metrics.secure=false,metrics.port=8080", ["run", "--leader-elect", "--metrics-bind-address=:8080"]),
            (
                "metrics.certSecret=tls,namespaces={a,b},selector=shard!=a,logLevel=debug,maxRolling=5%,extraArgs={--max-inflight=8}",
                [
                    "run", "--leader-elect", "--metrics-bind-address=:8443", "--metrics-secure",
                    "--metrics-cert-path=/etc/meshgateway/metrics", "--namespace=a", "--namespace=b", "--selector=shard!=a",
                    "--log-level=debug", "--max-rolling=5%", "--max-inflight=8",
                ],
            ),
        ]  # fmt: skip
        for values, args in rows:
            self.assertEqual(self.container("--set", values)["args"], args, values)
        digest = "sha256:" + "0" * 64
        self.assertEqual(self.container("--set", f"image.digest={digest}")["image"], f"meshgateway@{digest}")
        self.assertEqual(self.container("--set", "image.tag=x")["image"], "meshgateway:x")

    def test_config(self) -> None:
        """It is a file, and its pods are replaced when it changes."""
        def pods(value: str) -> tuple[Any, Any]:
            made = template("--set", f"config.revision={value},config.proxyConfig.concurrency=2")
            (file,) = made["ConfigMap", "meshgateway-operator"]["data"].items()
            self.assertEqual(file[0], "config.yaml")
            self.assertEqual(json.loads(run(yamltool, "json", text=file[1])),
                             {"revision": value, "proxyConfig": {"concurrency": 2}})
            return (pod := made["Deployment", "meshgateway-operator"]["spec"]["template"])["metadata"], pod["spec"]

        (one, spec), (other, _) = pods("a"), pods("b")
        self.assertNotEqual(one, other)
        self.assertIn("--config=/etc/meshgateway/config/config.yaml", spec["containers"][0]["args"])
        self.assertEqual(spec["volumes"], [{"name": "config", "configMap": {"name": "meshgateway-operator"}}])

    def test_rights(self) -> None:
        for values in ("rbac.revisions={1-31}", "config.revision=1-31", "rbac.revisions={1-31},config.revision=1-31"):
            role = template("--set", values)["ClusterRole", "meshgateway-operator"]
            (maps,) = [r["resourceNames"] for r in role["rules"] if r.get("resources") == ["configmaps"]]
            self.assertEqual(maps, ["istio", "istio-sidecar-injector", "istio-1-31", "istio-sidecar-injector-1-31"])
        named = template("--set", "namespaces={a,b},config.istioNamespace=mesh")
        self.assertEqual({o["metadata"]["namespace"] for (kind, _), o in named.items() if kind == "Role"},
                         {"a", "b", "mesh", "meshgateway-system"})
        none = {kind for kind, _ in template("--set", "rbac.create=false")}
        self.assertEqual(none & {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}, set())
        self.assertNotIn("aggregate-to", str(template("--set", "rbac.aggregate=false")))

    def test_values_that_make_no_sense_are_refused(self) -> None:
        rows = {
            "replica=2": "replica",  # no such value
            "replicas=two": "/replicas",
            "replicas=2,leaderElection=false": "/replicas",
            "image.digest=latest": "/image/digest",
            "image.pullPolicy=Sometimes": "/image/pullPolicy",
            "namespaces=a": "/namespaces",
            "namespaces={A}": "/namespaces/0",
            "config.proxyimage=x": "proxyimage",
            "logLevel=trace": "/logLevel",
            "maxRolling=half": "/maxRolling",
            "extraArgs={debug}": "/extraArgs/0",
            "metrics.port=70000": "/metrics/port",
            "metrics.serviceMonitor.interval=often": "/metrics/serviceMonitor/interval",
            "networkPolicy.apiServerPorts={https}": "/networkPolicy/apiServerPorts/0",
            "podLabels.a.b=c": "/podLabels/a",
        }
        for values, told in rows.items():
            with self.assertRaises(RuntimeError, msg=values) as refused:
                template("--set", values)
            self.assertIn("values don't meet the specifications of the schema", str(refused.exception), values)
            self.assertIn(told, str(refused.exception), values)

    def test_every_value_is_in_the_schema_and_the_other_way_round(self) -> None:
        def compare(values: Any, schema: dict[str, Any], at: str) -> None:
            if schema.get("additionalProperties") is not False:
                return
            self.assertEqual(set(schema["properties"]) - set(values), set(), at)
            for name, value in values.items():
                compare(value, schema["properties"][name], f"{at}.{name}")

        schema = json.loads((CHART / "values.schema.json").read_text())
        values = json.loads(run(yamltool, "json", text=(CHART / "values.yaml").read_text()))
        config = schema["properties"].pop("config")["properties"]
        values.pop("config")
        schema["properties"].pop("global")  # Helm's own
        compare(values, schema, "values")
        rows = (ROOT / "operator" / "README.md").read_text().split("| key | default | |")[1].split("\n\n")[0]
        keys = {k for line in rows.splitlines() if line.startswith("| `") for k in re.findall(r"`(\w+)`", line.split("|")[1])}
        self.assertEqual(set(config), keys)


def main() -> int:
    global helm, yamltool
    yamltool = sys.argv.pop(1)
    found = subprocess.run([HERE / "build.sh", "helm"], stdout=subprocess.PIPE, text=True, check=False)
    if found.returncode != 0 or not shutil.which("kubectl"):
        return 77
    helm = str(Path(found.stdout.strip()) / "helm")
    return 0 if unittest.main(exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
