# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes and Istio objects that the tests make."""

from __future__ import annotations

from typing import Any

from traffic import BACKEND

MESH_API = "networking.istio.io/v1"


def backend(namespace: str, name: str) -> list[dict[str, Any]]:
    """A pod that answers every request with `name`, and its Service on port 80."""
    meta = {"name": name, "namespace": namespace}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**meta, "labels": {"app": f"backend-{name}"}},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "http",
                    "image": "local/python",
                    "command": ["python3", "-c", BACKEND],
                    "env": [{"name": "NAME", "value": name}],
                    "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
                }
            ],
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {
            "selector": {"app": f"backend-{name}"},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
        },
    }
    return [pod, service]


def mesh_gateway(namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "type": "ingress",
        "ports": [{"name": "http2", "port": 80, "targetPort": 8080}],
    }
    return {
        "apiVersion": "istio.banzaicloud.io/v1beta1",
        "kind": "MeshGateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**base, **spec},
    }


def server(
    namespace: str, name: str, port: int, *hosts: str, redirect: bool = False, secret: str = ""
) -> dict[str, Any]:
    """Istio's Gateway: this MeshGateway's pods serve HTTP for these hosts, with a Secret HTTPS too."""
    http: dict[str, Any] = {
        "port": {"number": port, "name": "http", "protocol": "HTTP"},
        "hosts": list(hosts),
    }
    https = {
        "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
        "hosts": list(hosts),
        "tls": {"mode": "SIMPLE", "credentialName": secret},
    }
    if redirect:
        http["tls"] = {"httpsRedirect": True}
    return {
        "apiVersion": MESH_API,
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"gateway-name": name, "gateway-namespace": namespace},
            "servers": [http, https] if secret else [http],
        },
    }


def route(namespace: str, name: str, host: str, to: str, port: int = 80) -> dict[str, Any]:
    """A VirtualService on the Gateway of the same name."""
    return {
        "apiVersion": MESH_API,
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "hosts": [host],
            "gateways": [name],
            "http": [{"route": [{"destination": {"host": to, "port": {"number": port}}}]}],
        },
    }


def outside(namespace: str, name: str, host: str) -> dict[str, Any]:
    """A service outside of the mesh, which DNS knows."""
    return {
        "apiVersion": MESH_API,
        "kind": "ServiceEntry",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "hosts": [host],
            "location": "MESH_EXTERNAL",
            "resolution": "DNS",
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        },
    }
