# SPDX-License-Identifier: Apache-2.0
"""Istio's control plane, installed as its charts do: istiod is a pod like the gateways.

What differs is for upstream Envoy, which has not the extensions of Istio's own build
(metadata exchange, istio.stats, the ALPN filter): istiod is told to leave them out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kube import Client

SYSTEM = "istio-system"
REVISION = {"istio.io/rev": "default"}
LEFT_OUT = (
    "PILOT_ENABLE_METADATA_EXCHANGE",
    "PILOT_ENABLE_ALPN_FILTER",
    "PILOT_ENABLE_TELEMETRY_LABEL",
)


def from_field(name: str, where: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": where}}}


def istiod() -> dict[str, Any]:
    env: list[dict[str, Any]] = [
        {"name": "REVISION", "value": "default"},
        {"name": "PILOT_CERT_PROVIDER", "value": "istiod"},
        {"name": "CLUSTER_ID", "value": "Kubernetes"},
        from_field("POD_NAME", "metadata.name"),
        from_field("POD_NAMESPACE", "metadata.namespace"),
        from_field("SERVICE_ACCOUNT", "spec.serviceAccountName"),
    ]
    env += [{"name": name, "value": "false"} for name in LEFT_OUT]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "istiod",
            "namespace": SYSTEM,
            "labels": {"app": "istiod", **REVISION},
        },
        "spec": {
            "serviceAccountName": "istiod",
            "containers": [
                {
                    "name": "discovery",
                    "image": "local/pilot",
                    "command": ["/usr/local/bin/pilot-discovery"],
                    "args": ["discovery", "--monitoringAddr=:15014", "--domain", "cluster.local"],
                    "env": env,
                    "readinessProbe": {
                        "httpGet": {"path": "/ready", "port": 8080},
                        "periodSeconds": 1,
                        "timeoutSeconds": 5,
                    },
                }
            ],
        },
    }


def injector(template: str) -> dict[str, Any]:
    """The ConfigMap istio-sidecar-injector with the values that the gateway's template reads."""
    values = {
        "revision": "",
        "gateways": {"securityContext": {}, "seccompProfile": {}},
        "global": {
            "hub": "docker.io/istio",
            "tag": "local",
            "caAddress": "",
            "caName": "",
            "imagePullPolicy": "",
            "imagePullSecrets": [],
            "istioNamespace": SYSTEM,
            "logAsJson": False,
            "logging": {"level": "default:info"},
            "meshID": "",
            "multiCluster": {"clusterName": ""},
            "network": "",
            "pilotCertProvider": "istiod",
            "sds": {"token": {"aud": "istio-ca"}},
            "sts": {"servicePort": 0},
            "proxy": {
                "image": "proxyv2",
                "clusterDomain": "cluster.local",
                "componentLogLevel": "misc:error",
                "logLevel": "warning",
                "readinessFailureThreshold": 4,
                "readinessInitialDelaySeconds": 0,
                "readinessPeriodSeconds": 15,
            },
        },
    }
    # JSON is YAML.
    config = {
        "policy": "enabled",
        "defaultTemplates": ["gateway"],
        "templates": {"gateway": template},
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "istio-sidecar-injector", "namespace": SYSTEM, "labels": REVISION},
        "data": {"values": json.dumps(values), "config": json.dumps(config)},
    }


def webhook() -> dict[str, Any]:
    """The one of the chart's webhooks that matches a pod by its label; istiod adds its CA."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {
            "name": "istio-sidecar-injector",
            "labels": {**REVISION, "app": "sidecar-injector"},
        },
        "webhooks": [
            {
                "name": "object.sidecar-injector.istio.io",
                "clientConfig": {
                    "service": {
                        "name": "istiod",
                        "namespace": SYSTEM,
                        "path": "/inject",
                        "port": 443,
                    }
                },
                "sideEffects": "None",
                "rules": [
                    {
                        "operations": ["CREATE"],
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "resources": ["pods"],
                    }
                ],
                "failurePolicy": "Fail",
                "admissionReviewVersions": ["v1"],
                "objectSelector": {
                    "matchExpressions": [
                        {"key": "sidecar.istio.io/inject", "operator": "In", "values": ["true"]},
                        {"key": "istio.io/rev", "operator": "DoesNotExist"},
                    ]
                },
            }
        ],
    }


def install(client: Client, files: Path) -> None:
    """All but the CRDs; istiod is a pod from then on."""
    ports = {"grpc-xds": 15010, "https-dns": 15012, "https-webhook": 443, "http-monitoring": 15014}
    service_ports = [
        {"name": n, "port": p, "targetPort": 15017 if p == 443 else p} for n, p in ports.items()
    ]
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "istiod", "namespace": SYSTEM},
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "e2e-istiod"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "ServiceAccount", "name": "istiod", "namespace": SYSTEM}],
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": SYSTEM, "labels": REVISION},
            # With telemetry off there is no filter that upstream Envoy does not know.
            "data": {"mesh": json.dumps({"defaultProviders": {}, "accessLogFile": ""})},
        },
        injector((files / "gateway.yaml").read_text()),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "istiod", "namespace": SYSTEM, "labels": {"app": "istiod"}},
            "spec": {"selector": {"app": "istiod"}, "ports": service_ports},
        },
        webhook(),
        istiod(),
    ]
    for o in objects:
        client.apply(o)
