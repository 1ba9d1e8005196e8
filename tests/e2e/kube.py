# SPDX-License-Identifier: Apache-2.0
"""The little of a Kubernetes client that the end-to-end test's parts need."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
KINDS = {
    "Namespace": "/api/v1/namespaces",
    "Node": "/api/v1/nodes",
    "Pod": "/api/v1/namespaces/{}/pods",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Service": "/api/v1/namespaces/{}/services",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    "Lease": "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "MutatingWebhookConfiguration": (
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
    ),
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "MeshGateway": "/apis/istio.banzaicloud.io/v1beta1/namespaces/{}/meshgateways",
    "Gateway": "/apis/networking.istio.io/v1/namespaces/{}/gateways",
    "VirtualService": "/apis/networking.istio.io/v1/namespaces/{}/virtualservices",
    "ServiceEntry": "/apis/networking.istio.io/v1/namespaces/{}/serviceentries",
    "ClusterIssuer": "/apis/cert-manager.io/v1/clusterissuers",
    "Issuer": "/apis/cert-manager.io/v1/namespaces/{}/issuers",
    "Certificate": "/apis/cert-manager.io/v1/namespaces/{}/certificates",
    "CertificateRequest": "/apis/cert-manager.io/v1/namespaces/{}/certificaterequests",
    "Challenge": "/apis/acme.cert-manager.io/v1/namespaces/{}/challenges",
}


class KubeError(RuntimeError):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def path(kind: str, namespace: str | None = None, name: str = "") -> str:
    """Of an object, or of a collection; without a namespace, of all namespaces' objects."""
    base = KINDS[kind]
    if "{}" in base:
        base = base.format(namespace) if namespace else base.replace("/namespaces/{}", "")
    return f"{base}/{name}" if name else base


class Client:
    """Requests to one API server as one user."""

    def __init__(self, server: str, token: str, ca: str) -> None:
        self.server, self.token, self.ca = server, token, ca
        self._netloc = urllib.parse.urlsplit(server).netloc
        self._tls = ssl.create_default_context(cafile=ca)

    def _send(
        self, method: str, where: str, body: Any, content: str, timeout: float
    ) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPSConnection(self._netloc, timeout=timeout, context=self._tls)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content}
        data = None if body is None else json.dumps(body)
        connection.request(method, where, body=data, headers=headers)
        return connection, connection.getresponse()

    def call(
        self, method: str, where: str, body: Any = None, content: str = "application/json"
    ) -> Any:
        connection, response = self._send(method, where, body, content, 30)
        try:
            text = response.read().decode()
        finally:
            connection.close()
        if response.status >= 300:
            raise KubeError(response.status, f"{method} {where}: {response.status}: {text[:500]}")
        return json.loads(text)

    def get(self, kind: str, namespace: str | None, name: str) -> Any:
        """The object, or None."""
        try:
            return self.call("GET", path(kind, namespace, name))
        except KubeError as e:
            if e.status == 404:
                return None
            raise

    def items(self, kind: str, namespace: str | None = None, selector: str = "") -> list[Any]:
        query = f"?labelSelector={urllib.parse.quote(selector)}" if selector else ""
        return list(self.call("GET", path(kind, namespace) + query)["items"])

    def apply(self, document: dict[str, Any]) -> Any:
        """Server-side apply."""
        meta = document["metadata"]
        where = path(document["kind"], meta.get("namespace"), meta["name"])
        return self.call("PATCH", f"{where}?fieldManager=e2e&force=true", document, APPLY)

    def merge(self, kind: str, namespace: str, name: str, patch: Any, sub: str = "") -> Any:
        return self.call("PATCH", path(kind, namespace, name) + sub, patch, MERGE)

    def delete(self, kind: str, namespace: str | None, name: str) -> None:
        try:
            self.call("DELETE", path(kind, namespace, name))
        except KubeError as e:
            if e.status != 404:
                raise

    def watch(
        self, kind: str, seen: Callable[[str, dict[str, Any]], None], query: str = ""
    ) -> threading.Thread:
        """Calls seen(type, object) in a thread of its own for what is there and what changes."""

        def run() -> None:
            known: dict[str, dict[str, Any]] = {}
            while True:
                try:
                    self._watch_once(kind, seen, query, known)
                except (OSError, http.client.HTTPException, ValueError, KubeError):
                    time.sleep(0.5)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def _watch_once(
        self,
        kind: str,
        seen: Callable[[str, dict[str, Any]], None],
        query: str,
        known: dict[str, dict[str, Any]],
    ) -> None:
        listed = self.call("GET", path(kind) + (f"?{query}" if query else ""))
        here = {o["metadata"]["uid"]: o for o in listed["items"]}
        for uid in set(known) - set(here):
            seen("DELETED", known.pop(uid))
        for uid, o in here.items():
            known[uid] = o
            seen("MODIFIED", o)
        version = listed["metadata"]["resourceVersion"]
        where = f"{path(kind)}?watch=1&resourceVersion={version}" + (f"&{query}" if query else "")
        connection, response = self._send("GET", where, None, "application/json", 3600)
        try:
            for line in response:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                uid = event["object"]["metadata"]["uid"]
                known[uid] = event["object"]
                if event["type"] == "DELETED":
                    del known[uid]
                seen(event["type"], event["object"])
        finally:
            connection.close()
