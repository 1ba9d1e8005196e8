#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Helm chart against a real API server: what it renders is accepted, and a release from its beginning to its end."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import foreign_crds
import harness as h

CHART = h.ROOT / "manifests" / "helm" / "meshgateway-operator"
NAMESPACES = ["team-a", "team-b"]
RELEASE = ("meshgateway-operator", "-n", h.SYSTEM)
# Each turns something on or off that the others do not.
VALUES: list[dict[str, Any]] = [
    {},
    {"replicas": 1, "leaderElection": False, "topologySpreadConstraints": [], "serviceAccount": {"annotations": {"a": "b"}}},
    {
        "image": {"repository": "registry.test/mgw", "digest": "sha256:" + "0" * 64, "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "pull"}],
        "namespaces": NAMESPACES,
        "config": {"revision": "1-31", "imagePullSecrets": [{"name": "pull"}], "proxyConfig": {"concurrency": 2}},
        "maxRolling": 3,
        "extraArgs": ["--max-inflight=8"],
        "rbac": {"revisions": ["1-31"], "aggregate": False},
    },
    {
        "metrics": {"certSecret": "tls", "port": 9443, "dashboard": {"enabled": True}},
        "networkPolicy": {"metricsFrom": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}], "apiServerPorts": [6443]},
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"a": "b"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}},
        "podLabels": {"team": "edge"},
        "podAnnotations": {"a": "b"},
        "commonLabels": {"team": "edge"},
    },
    {"metrics": {"enabled": False}, "networkPolicy": {"enabled": False}, "keepGateways": False},
    {"metrics": {"secure": False, "port": 8080}, "podDisruptionBudget": {"enabled": False}},
]  # fmt: skip


def helm(*args: str) -> str:
    done = subprocess.run(
        [HELM, "--kubeconfig", h.cp.kubeconfig, *args], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"helm {' '.join(args)}: {done.stderr}"
    return done.stdout


def install() -> None:
    """The CRD is there already, as kubectl made it."""
    for namespace in (h.SYSTEM, "istio-system", *NAMESPACES):
        h.cp.kubectl("create", "namespace", namespace)
    helm("install", *RELEASE, str(CHART), "--take-ownership")
    h.owners_admitted()


def objects(kinds: str) -> set[str]:
    """Of the release."""
    labels = "app.kubernetes.io/instance=meshgateway-operator"
    return set(h.cp.kubectl("get", kinds, "-A", "-l", labels, "-o", "name").stdout.split())


class Chart(h.IntegrationTest):
    autostart = False

    def setUp(self) -> None:
        super().setUp()
        helm("upgrade", *RELEASE, str(CHART), "--reset-values")

    def test_a_values_are_accepted(self) -> None:
        for values in VALUES:
            with self.subTest(json.dumps(values)[:60]), tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                file.write(json.dumps(values))
                file.flush()
                rendered = helm("template", *RELEASE, str(CHART), "-f", file.name)
                # As Helm, so that what the release has and these values have not goes.
                args = ("--server-side", "--field-manager=helm", "--dry-run=server", "--validate=strict")
                h.cp.kubectl("apply", *args, "-f", "-", input=rendered)

    def serving(self) -> h.Operator:
        """A gateway that serves, and the operator that made it."""
        operator = self.start_operator()
        self.gateway("gw", deployment={"replicas": 2})
        h.available(self.ns, "gw")
        h.settled()
        return operator

    def test_b_upgrade_leaves_gateways_alone(self) -> None:
        self.serving()
        mark = h.cp.audit_mark()
        helm("upgrade", *RELEASE, str(CHART), "--set", "config.logLevel=warning,rbac.revisions={1-31}")
        deployment = h.get("Deployment", h.SYSTEM, "meshgateway-operator")
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        self.assertIn("--config=/etc/meshgateway/config/config.yaml", container["args"])
        self.assert_no_writes(mark)

    def test_c_rights_in_some_namespaces_only(self) -> None:
        """With namespaces, the operator may do nothing elsewhere, and is refused nothing that it asks for."""
        other = self.namespace(f"{self.ns}-other")
        helm("upgrade", *RELEASE, str(CHART), "--set", f"namespaces={{{self.ns},{other}}}")
        mark = h.cp.audit_mark()
        self.start_operator("--namespace", self.ns, "--namespace", other)
        self.gateway("gw", deployment={"replicas": 2})
        h.create(h.gateway("injected", other, proxy={"mode": "Injected"}))
        h.eventually(
            lambda: h.condition(h.get("MeshGateway", other, "injected"), "InjectionReady").get("reason") == "NoInjector",
            "the webhooks have been looked at",
        )
        for file in foreign_crds.files():
            h.cp.kubectl("apply", "--server-side", "-f", str(file))
        issuer = {"name": "ca", "kind": "ClusterIssuer"}
        tls = {"hosts": ["a.test"], "tls": {"certificate": {"issuerRef": issuer}}}
        ports = [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "https", "port": 443, "targetPort": 8443}]
        self.gateway("hosts", ports=ports, servers=[tls])
        certificates = f"/apis/cert-manager.io/v1/namespaces/{self.ns}/certificates"
        h.eventually(lambda: h.cp.must("GET", certificates)["items"], "there is a Certificate", 60)
        h.settled()
        verbs = (*h.WRITES, "get", "list", "watch")
        refused = [e for e in h.cp.audit_events(mark, h.OPERATOR_USER, verbs)
                   if e.get("responseStatus", {}).get("code") == 403]  # fmt: skip
        self.assertEqual([e["requestURI"] for e in refused], [])
        for verb, kind in (("list", "pods"), ("create", "deployments"), ("list", "configmaps")):
            can = h.cp.kubectl("auth", "can-i", verb, kind, "-n", "default", "--as", h.OPERATOR_USER, check=False)
            self.assertEqual(can.stdout.strip(), "no", f"{verb} {kind}")

    def test_d_uninstalled_gateways_go_on(self) -> None:
        """The CRD and what gateways read their Secrets by stay; without the CRD nothing does."""
        self.assertEqual(self.serving().stop(), 0)
        before = {kind: h.get(kind, self.ns, "gw") for kind in h.BASE_CHILDREN}
        helm("uninstall", *RELEASE)
        everything = "crd,clusterrole,clusterrolebinding,role,rolebinding,sa,deploy,svc,pdb,netpol,cm"
        stays = {
            "customresourcedefinition.apiextensions.k8s.io/meshgateways.istio.banzaicloud.io",
            "clusterrole.rbac.authorization.k8s.io/meshgateway-secret-reader",
        }
        h.eventually(lambda: objects(everything) == stays, "the release is gone but for what stays")
        for kind, document in before.items():
            now = h.get(kind, self.ns, "gw")
            self.assertEqual((now["metadata"]["uid"], now.get("spec")),
                             (document["metadata"]["uid"], document.get("spec")), kind)
        self.assertIsNotNone(h.get("MeshGateway", self.ns, "gw"))
        h.cp.kubectl("delete", "crd", "meshgateways.istio.banzaicloud.io", "--wait=false")
        for kind in before:
            h.eventually(lambda k=kind: h.get(k, self.ns, "gw") is None, f"the {kind} is gone", 60)  # type: ignore[misc]


if __name__ == "__main__":
    found = subprocess.run(
        [h.ROOT / "tests" / "manifests" / "build.sh", "helm"], stdout=subprocess.PIPE, text=True, check=False
    )
    if found.returncode != 0:
        sys.exit(77)
    HELM = str(Path(found.stdout.strip()) / "helm")
    h.install = install
    sys.exit(h.main())
