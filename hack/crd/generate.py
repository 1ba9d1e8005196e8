#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes crds/meshgateways.yaml; with --check, tells whether it is up to date.

Exit status 77: there is no kube-apiserver to ask.

The fields, their descriptions and rules are here in hack/crd/; the schemas of Kubernetes' own types
come from the OpenAPI documents of a kube-apiserver that is started for it.
"""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "controlplane"))

from controlplane import ControlPlane, ControlPlaneError

import rules
from kubernetes import Types
from schema import record, text, with_rules
from spec import spec
from status import columns, status
from yaml_text import dump

DOCUMENTS = ("api/v1", "apis/apps/v1", "apis/autoscaling/v2")
GROUP = "istio.banzaicloud.io"
HEAD = "# SPDX-License-Identifier: Apache-2.0\n# Made by hack/update-crd.sh from hack/crd/; do not edit.\n"


def schema(types: Types) -> dict[str, Any]:
    root = record(
        "A gateway of an Istio mesh: proxies of its own with Service, autoscaling, hosts and certificates.",
        {
            "apiVersion": text("Version of this resource: istio.banzaicloud.io/v1beta1."),
            "kind": text("MeshGateway."),
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 253}}},
            "spec": spec(types),
            "status": status(),
        },
        required=("spec",),
    )
    return with_rules(root, *rules.METADATA)


def definition(types: Types) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"meshgateways.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": "MeshGateway",
                "listKind": "MeshGatewayList",
                "plural": "meshgateways",
                "singular": "meshgateway",
                "shortNames": ["mgw"],
                "categories": ["istio-io"],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1beta1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns(),
                    "schema": {"openAPIV3Schema": schema(types)},
                }
            ],
        },
    }


def generate() -> str:
    with ControlPlane(components=("etcd", "kube-apiserver")) as control_plane:
        documents = [control_plane.must("GET", f"/openapi/v3/{path}") for path in DOCUMENTS]
    return HEAD + dump(definition(Types(documents)))


def main() -> int:
    target = ROOT / "crds" / "meshgateways.yaml"
    try:
        made = generate()
    except ControlPlaneError as e:
        print(f"cannot ask a kube-apiserver: {e}", file=sys.stderr)
        return 77
    if sys.argv[1:] == ["--check"]:
        if target.read_text(encoding="utf-8") == made:
            return 0
        print(f"{target.relative_to(ROOT)} is not what hack/crd/ makes: run hack/update-crd.sh", file=sys.stderr)
        return 1
    target.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
