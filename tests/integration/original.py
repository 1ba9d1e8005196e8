# SPDX-License-Identifier: Apache-2.0
"""What banzaicloud/istio-operator (release-1.10) leaves for a MeshGateway, as the test's admin writes it.

`Original(namespace, name, …).make()` creates the gateway and its objects and then replaces each
with a PUT, as that operator does, so that managedFields are what it would have caused.
"""

from __future__ import annotations

import base64
import copy
import io
import json
import zipfile
from typing import Any

import harness as h

MANAGER = "manager"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
h.KINDS.update(
    {
        "Pod": "/api/v1/namespaces/{}/pods",
        "Role": RBAC + "/namespaces/{}/roles",
        "ClusterRole": RBAC + "/clusterroles",
        "ClusterRoleBinding": RBAC + "/clusterrolebindings",
    }
)
LAST_APPLIED = "banzaicloud.com/last-applied"
# Names of what our operator has no use for, by kind; {} is the gateway's.
LEFT_OVERS = {
    "HorizontalPodAutoscaler": "{}-autoscaler",
    "ServiceAccount": "{}-service-account",
    "RoleBinding": "{}-role-binding-sds",
    "Role": "{}-role-sds",
    "ClusterRoleBinding": "{}-cluster-role-binding",
    "ClusterRole": "{}-cluster-role",
}


def last_applied(document: dict[str, Any]) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("original", json.dumps(document))
    return base64.b64encode(packed.getvalue()).decode()


class Original:
    def __init__(self, ns: str, name: str = "gw", **spec: Any) -> None:
        self.ns, self.name = ns, name
        # It writes its default labels back into the spec, below those of the user.
        labels = {"gateway-name": name, "gateway-type": "ingress", **spec.pop("labels", {})}
        self.gateway = h.gateway(name, ns, labels=labels, **spec)
        self.labels = {**labels, "istio.io/rev": "mesh.istio-system"}
        self.uid = ""

    def make(self) -> Original:
        self.gateway = h.create(self.gateway)
        self.uid = self.gateway["metadata"]["uid"]
        for document in self.objects():
            self.write(document)
        status = {"Status": "Available", "GatewayAddress": ["192.0.2.7"], "ErrorMessage": ""}
        h.cp.must(
            "PUT",
            h.path("MeshGateway", self.ns, self.name) + "/status?fieldManager=" + MANAGER,
            {**h.get("MeshGateway", self.ns, self.name), "status": status},
        )
        return self

    def write(self, document: dict[str, Any]) -> None:
        """POST of a part, then PUT of the whole with what that operator copies from the live one."""
        query = "?fieldManager=" + MANAGER
        collection = h.path(document["kind"], self.ns)
        name = document["metadata"]["name"]
        earlier = copy.deepcopy(document)
        if document["kind"] == "Deployment":
            container = earlier["spec"]["template"]["spec"]["containers"][0]
            container["env"] = container["env"][:-1]
        live = h.cp.must("POST", collection + query, self.finished(earlier))
        whole = self.finished(document)
        whole["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        if document["kind"] == "Service":
            whole["spec"]["clusterIP"] = live["spec"]["clusterIP"]
        # The controllers write too, and that operator tries again after a conflict.
        h.eventually(lambda: self.put(f"{collection}/{name}{query}", whole), f"PUT of {name}")

    def put(self, path: str, document: dict[str, Any]) -> bool:
        status, answer, _ = h.cp.request("PUT", path, document)
        if status == 409:
            live = h.cp.must("GET", path)
            document["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        assert status == 200, answer
        return True

    def finished(self, document: dict[str, Any]) -> dict[str, Any]:
        document = copy.deepcopy(document)
        metadata = document["metadata"]
        metadata["annotations"] = {LAST_APPLIED: last_applied(document)}
        metadata["ownerReferences"] = [self.owner(self.uid)]
        return document

    def owner(self, uid: str) -> dict[str, Any]:
        return {
            "apiVersion": "istio.banzaicloud.io/v1beta1",
            "kind": "MeshGateway",
            "name": self.name,
            "uid": uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }

    def object(self, api: str, kind: str, suffix: str = "", **body: Any) -> dict[str, Any]:
        metadata = {"name": self.name + suffix, "labels": self.labels}
        if not kind.startswith("Cluster"):
            metadata["namespace"] = self.ns
        return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}

    def objects(self) -> list[dict[str, Any]]:
        spec = self.gateway["spec"]
        scaled = spec.get("maxReplicas", 1) > spec.get("minReplicas", 1)
        return [
            *self.identity(),
            self.deployment(),
            self.service(),
            *([self.autoscaler()] if scaled else []),
            self.object(
                "policy/v1",
                "PodDisruptionBudget",
                spec={"minAvailable": 1, "selector": {"matchLabels": self.labels}},
            ),
        ]

    def identity(self) -> list[dict[str, Any]]:
        n, rbac = self.name, "rbac.authorization.k8s.io"
        account = {"kind": "ServiceAccount", "name": f"{n}-service-account"}

        def binding(kind: str, suffix: str, role_kind: str, role: str, ns: str) -> dict[str, Any]:
            ref = {"apiGroup": rbac, "kind": role_kind, "name": role}
            subjects = [{**account, "namespace": ns}]
            return self.object(f"{rbac}/v1", kind, suffix, roleRef=ref, subjects=subjects)

        istio = {
            "apiGroups": ["networking.istio.io"],
            "resources": ["virtualservices", "destinationrules", "gateways"],
            "verbs": ["get", "watch", "list", "update"],
        }
        secrets = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}
        return [
            self.object("v1", "ServiceAccount", "-service-account"),
            self.object(f"{rbac}/v1", "ClusterRole", "-cluster-role", rules=[istio]),
            binding(
                "ClusterRoleBinding",
                "-cluster-role-binding",
                "ClusterRole",
                f"{n}-cluster-role",
                "istio-system",
            ),
            self.object(f"{rbac}/v1", "Role", "-role-sds", rules=[secrets]),
            binding("RoleBinding", "-role-binding-sds", "Role", f"{n}-role-sds", self.ns),
        ]

    def autoscaler(self) -> dict[str, Any]:
        spec = self.gateway["spec"]
        cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
        return self.object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "-autoscaler",
            spec={
                "minReplicas": spec["minReplicas"],
                "maxReplicas": spec["maxReplicas"],
                "scaleTargetRef": {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "name": self.name,
                },
                "metrics": [{"type": "Resource", "resource": cpu}],
            },
        )

    def service(self) -> dict[str, Any]:
        spec = self.gateway["spec"]
        ports = [{"name": "status-port", "port": 15021, "protocol": "TCP", "targetPort": 15021}]
        ports += [{**p, "protocol": "TCP", "targetPort": p["port"]} for p in spec["ports"]]
        body = {"type": "LoadBalancer", "selector": self.labels, "ports": ports}
        policy = spec.get("serviceExternalTrafficPolicy")
        if policy:
            body["externalTrafficPolicy"] = policy
        return self.object("v1", "Service", spec=body)

    def deployment(self) -> dict[str, Any]:
        spec = self.gateway["spec"]
        inject = {"sidecar.istio.io/inject": "false"}
        return self.object(
            "apps/v1",
            "Deployment",
            spec={
                "replicas": spec.get("replicaCount", spec.get("minReplicas", 1)),
                "selector": {"matchLabels": self.labels},
                "template": {
                    "metadata": {
                        "labels": {**self.labels, **inject},
                        "annotations": {
                            **inject,
                            "scheduler.alpha.kubernetes.io/critical-pod": "",
                        },
                    },
                    "spec": {
                        "serviceAccountName": f"{self.name}-service-account",
                        "securityContext": {
                            "runAsUser": 1337,
                            "runAsGroup": 1337,
                            "runAsNonRoot": True,
                            "fsGroup": 1337,
                        },
                        "containers": [self.container()],
                        "volumes": self.volumes(),
                    },
                },
            },
        )

    def container(self) -> dict[str, Any]:
        def field(name: str, path: str) -> dict[str, Any]:
            ref = {"apiVersion": "v1", "fieldPath": path}
            return {"name": name, "valueFrom": {"fieldRef": ref}}

        values = {
            "SDS_ENABLED": "false",
            "JWT_POLICY": "third-party-jwt",
            "PILOT_CERT_PROVIDER": "istiod",
            "ISTIO_META_ROUTER_MODE": "sni-dnat",
            "ISTIO_META_WORKLOAD_NAME": self.name,
            "ISTIO_META_MESH_ID": "cluster.local",
            "CA_ADDR": "istiod-mesh.istio-system.svc:15012",
            "ISTIO_META_UNPRIVILEGED_POD": "true",
        }
        mounts = {
            "istio-envoy": "/etc/istio/proxy",
            "config-volume": "/etc/istio/config",
            f"{self.name}-certs": "/etc/istio/ingressgateway-certs",
            f"{self.name}-ca-certs": "/etc/istio/ingressgateway-ca-certs",
            "istio-data": "/var/lib/istio/data",
            "istiod-ca-cert": "/var/run/secrets/istio",
            "istio-token": "/var/run/secrets/tokens",
            "podinfo": "/etc/istio/pod",
        }
        ports = [{**p, "protocol": "TCP"} for p in self.gateway["spec"]["ports"]]
        return {
            "name": "istio-proxy",
            "image": "gcr.io/istio-release/proxyv2:1.10.4",
            "imagePullPolicy": "IfNotPresent",
            "args": ["proxy", "router", "--domain", "$(POD_NAMESPACE).svc.cluster.local"],
            "ports": [
                *({"name": p["name"], "containerPort": p["port"], "protocol": "TCP"} for p in ports),
                {"name": "http-envoy-prom", "containerPort": 15090, "protocol": "TCP"},
            ],
            "readinessProbe": {
                "httpGet": {"path": "/healthz/ready", "port": 15021, "scheme": "HTTP"},
                "initialDelaySeconds": 1,
                "periodSeconds": 2,
                "failureThreshold": 30,
            },
            "env": [
                field("POD_NAME", "metadata.name"),
                field("POD_NAMESPACE", "metadata.namespace"),
                field("NODE_NAME", "spec.nodeName"),
                *({"name": k, "value": v} for k, v in values.items()),
            ],
            "resources": {
                "requests": {"cpu": "100m", "memory": "128Mi"},
                "limits": {"cpu": "2000m", "memory": "1024Mi"},
            },
            "volumeMounts": [{"name": k, "mountPath": v} for k, v in mounts.items()],
        }

    def volumes(self) -> list[dict[str, Any]]:
        def secret(name: str) -> dict[str, Any]:
            return {"name": name, "secret": {"secretName": name, "optional": True}}

        token = {"audience": "istio-ca", "expirationSeconds": 43200, "path": "istio-token"}
        labels = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
        return [
            secret(f"{self.name}-certs"),
            secret(f"{self.name}-ca-certs"),
            {"name": "istiod-ca-cert", "configMap": {"name": "istio-ca-root-cert"}},
            {"name": "podinfo", "downwardAPI": {"items": [labels]}},
            {"name": "istio-envoy", "emptyDir": {}},
            {"name": "istio-data", "emptyDir": {}},
            {"name": "istio-token", "projected": {"sources": [{"serviceAccountToken": token}]}},
            {"name": "config-volume", "configMap": {"name": "istio", "optional": True}},
        ]
