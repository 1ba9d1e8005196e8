# SPDX-License-Identifier: Apache-2.0
"""cert-manager, installed as its chart does: a pod with a service account of its own.

Its webhook and cainjector are left out; the controllers that issue work without them.
"""

from __future__ import annotations

from typing import Any

from kube import Client

SYSTEM = ACCOUNT = "cert-manager"
VERSION = "v1.21.2"
RBAC = "rbac.authorization.k8s.io"
CERTS, ACME = "cert-manager.io", "acme.cert-manager.io"
CERTS_KINDS = ["issuers", "clusterissuers", "certificates", "certificaterequests"]
ACME_KINDS = ["orders", "challenges"]
READ = ["get", "list", "watch"]
WRITE = ["update", "patch"]
ALL = ["create", *WRITE, "delete"]
# What the chart's roles let the controllers do that run here: (group, resources, verbs).
RIGHTS: list[tuple[str, list[str], list[str]]] = [
    (CERTS, CERTS_KINDS, READ + WRITE),
    (CERTS, ["certificaterequests"], ["create", "delete"]),
    (CERTS, [f"{kind}/status" for kind in CERTS_KINDS], WRITE),
    (CERTS, [f"{kind}/finalizers" for kind in CERTS_KINDS], ["update"]),
    (ACME, ACME_KINDS, READ + ALL),
    (ACME, [f"{kind}/status" for kind in ACME_KINDS], WRITE),
    (ACME, [f"{kind}/finalizers" for kind in ACME_KINDS], ["update"]),
    (CERTS, ["signers"], ["approve"]),
    ("", ["secrets"], READ + ALL),
    ("", ["pods", "services"], [*READ, "create", "delete"]),
    ("", ["events"], ["create", "patch"]),
    ("networking.k8s.io", ["ingresses"], [*READ, "create", "update", "delete"]),
]


def controllers() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "cert-manager", "namespace": SYSTEM},
        "spec": {
            "serviceAccountName": ACCOUNT,
            "securityContext": {"runAsNonRoot": True},
            "containers": [
                {
                    "name": "cert-manager-controller",
                    "image": f"quay.io/jetstack/cert-manager-controller:{VERSION}",
                    "args": [
                        f"--cluster-resource-namespace={SYSTEM}",
                        f"--acme-http01-solver-image=quay.io/jetstack/cert-manager-acmesolver:{VERSION}",
                        # The first self-check comes before any route can; the next one would
                        # be 10 s later.
                        "--dns01-check-retry-period=2s",
                    ],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                }
            ],
        },
    }


def install(client: Client) -> None:
    """All but the CRDs and the pod."""
    rules = [{"apiGroups": [g], "resources": r, "verbs": v} for g, r, v in RIGHTS]
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": ACCOUNT, "namespace": SYSTEM},
        },
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "cert-manager"},
            "rules": rules,
        },
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "cert-manager"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cert-manager"},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": SYSTEM}],
        },
    ]
    for o in objects:
        client.apply(o)
