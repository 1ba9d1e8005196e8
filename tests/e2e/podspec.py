# SPDX-License-Identifier: Apache-2.0
"""What a kubelet reads out of a pod: environment, arguments, volumes, probes.

Pure but for Volumes, which writes the files of a pod's volumes.  A field that changes what runs
and is not known here is an error, so that nothing of a rendered pod is left out silently.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

from kube import Client

CONTAINER_FIELDS = {
    "name", "image", "command", "args", "env", "ports", "resources", "volumeMounts",
    "startupProbe", "readinessProbe", "livenessProbe", "terminationMessagePath",
    "terminationMessagePolicy", "imagePullPolicy", "securityContext",
}  # fmt: skip
# What an image says of itself: its program and its user.
IMAGES = {
    "cert-manager-controller": ("cert-manager-controller", 1000),
    "cert-manager-acmesolver": ("cert-manager-acmesolver", 1000),
    "pebble": ("pebble", 0),
}
SUFFIX = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}
SUFFIX |= {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}


def image(reference: str) -> tuple[list[str], int]:
    """The program and the user of an image, as IMAGES has them; else proxyv2's program, and root."""
    name = reference.rpartition("/")[2].partition(":")[0]
    program, user = IMAGES.get(name, ("pilot-agent", 0))
    return [f"/usr/local/bin/{program}"], user


def quantity(text: str) -> float:
    found = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", text)
    if found is None:
        raise ValueError(f"not a quantity: {text}")
    return float(found[1]) * SUFFIX[found[2]]


def field(pod: dict[str, Any], where: str, address: str, node: str) -> str:
    """A fieldRef, as https://kubernetes.io/docs/concepts/workloads/pods/downward-api/ says."""
    meta, spec = pod["metadata"], pod["spec"]
    simple = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": address,
        "status.podIPs": address,
        "status.hostIP": node,
    }
    if where in simple:
        return str(simple[where])
    keyed = re.fullmatch(r"metadata\.(labels|annotations)\['(.*)'\]", where)
    if keyed:
        return str(meta.get(keyed[1], {}).get(keyed[2], ""))
    if where in ("metadata.labels", "metadata.annotations"):
        pairs = meta.get(where.removeprefix("metadata."), {})
        return "\n".join(f"{k}={go_quote(v)}" for k, v in sorted(pairs.items()))
    raise ValueError(f"unknown fieldPath {where}")


def go_quote(text: str) -> str:
    for raw, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t")):
        text = text.replace(raw, escaped)
    return f'"{text}"'


def resource(container: dict[str, Any], ref: dict[str, Any]) -> str:
    """A resourceFieldRef; without a limit it would be the node's, which is eight cores, 16 Gi."""
    kind, name = ref["resource"].split(".")
    have = container.get("resources", {}).get(kind, {})
    value = have.get(name, {"cpu": "8", "memory": "16Gi"}[name] if kind == "limits" else "0")
    divisor = ref.get("divisor", "1")
    return str(math.ceil(quantity(str(value)) / (quantity(str(divisor)) or 1.0)))


def expand(text: str, env: dict[str, str]) -> str:
    """$(NAME) of what is defined; $$(NAME) stands for itself."""

    def one(found: re.Match[str]) -> str:
        if found[0].startswith("$$"):
            return found[0][1:]
        return env.get(found[1], found[0])

    return re.sub(r"\$?\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)", one, text)


def environment(
    pod: dict[str, Any], container: dict[str, Any], address: str, node: str
) -> dict[str, str]:
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOSTNAME": pod["metadata"]["name"]}
    env |= {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    for item in container.get("env", []):
        source = item.get("valueFrom")
        if source is None:
            env[item["name"]] = expand(item.get("value", ""), env)
        elif "fieldRef" in source:
            env[item["name"]] = field(pod, source["fieldRef"]["fieldPath"], address, node)
        elif "resourceFieldRef" in source:
            env[item["name"]] = resource(container, source["resourceFieldRef"])
        else:
            raise ValueError(f"unknown valueFrom {source}")
    return env


class Volumes:
    """The directories of a pod's volumes under `base`."""

    def __init__(self, client: Client, pod: dict[str, Any], base: Path, address: str, node: str):
        self.client, self.pod, self.base = client, pod, base
        self.namespace = pod["metadata"]["namespace"]
        self.group = pod["spec"].get("securityContext", {}).get("fsGroup")
        self.address, self.node = address, node

    def make(self) -> None:
        """Raises LookupError while something does not exist that a kubelet would wait for."""
        for volume in self.pod["spec"].get("volumes", []):
            directory = self.base / volume["name"]
            directory.mkdir(parents=True, exist_ok=True)
            (kind,) = set(volume) - {"name"}
            if kind == "emptyDir":
                directory.chmod(0o777)
            elif kind == "projected":
                for source in volume["projected"]["sources"]:
                    self._source(directory, source)
            else:
                self._source(directory, {kind: volume[kind]})
            if self.group is not None:
                for file in (directory, *directory.iterdir()):
                    os.chown(file, -1, self.group)
                directory.chmod(0o2777 if kind == "emptyDir" else 0o2775)

    def _source(self, directory: Path, source: dict[str, Any]) -> None:
        ((kind, spec),) = source.items()
        if kind == "serviceAccountToken":
            self._write(directory, spec["path"], self._token(spec), 0o600)
        elif kind == "downwardAPI":
            for item in spec["items"]:
                text = field(self.pod, item["fieldRef"]["fieldPath"], self.address, self.node)
                self._write(directory, item["path"], text)
        elif kind == "configMap":
            self._config_map(directory, spec)
        else:
            raise ValueError(f"unknown volume source {kind}")

    def _token(self, spec: dict[str, Any]) -> str:
        meta = self.pod["metadata"]
        account = self.pod["spec"]["serviceAccountName"]
        wanted: dict[str, Any] = {
            "expirationSeconds": spec.get("expirationSeconds", 3600),
            "boundObjectRef": {
                "apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"],
            },
        }  # fmt: skip
        if spec.get("audience"):
            wanted["audiences"] = [spec["audience"]]
        answer = self.client.call(
            "POST",
            f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{account}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": wanted},
        )
        return str(answer["status"]["token"])

    def _config_map(self, directory: Path, spec: dict[str, Any]) -> None:
        found = self.client.get("ConfigMap", self.namespace, spec["name"])
        if found is None:
            if spec.get("optional"):
                return
            raise LookupError(f"no ConfigMap {self.namespace}/{spec['name']}")
        data = found.get("data", {})
        keys = {i["key"]: i["path"] for i in spec.get("items", [])} or {k: k for k in data}
        for key, target in keys.items():
            self._write(directory, target, data[key])

    def _write(self, directory: Path, name: str, text: str, mode: int = 0o644) -> None:
        file = directory / name
        file.write_text(text)
        # As a kubelet does (KEP-1205): with an fsGroup its members may read a token, else the
        # user that the pod names, else everybody.
        if mode == 0o600 and self.group is not None:
            file.chmod(0o640)
        elif mode == 0o600:
            contexts = [self.pod["spec"].get("securityContext", {})]
            contexts += [c.get("securityContext", {}) for c in self.pod["spec"]["containers"]]
            users = {c["runAsUser"] for c in contexts if "runAsUser" in c}
            file.chmod(0o600 if len(users) == 1 else 0o644)
            if len(users) == 1:
                os.chown(file, users.pop(), -1)
        else:
            file.chmod(mode)
