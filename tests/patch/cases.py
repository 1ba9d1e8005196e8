# SPDX-License-Identifier: Apache-2.0
"""Patches by hand: (name, type, object, patch, whether it applies)."""

from __future__ import annotations

from typing import Any


def deployment(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "gw", "finalizers": ["a/x", "b/x"], "labels": {"a": "1", "b": "2"}},
        "spec": {
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "istio-proxy",
                            "image": "proxy:1",
                            "args": ["proxy", "router"],
                            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                            "ports": [{"containerPort": 80}, {"containerPort": 443}],
                            "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                        },
                        {"name": "log", "image": "log:1"},
                    ],
                    "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}],
                    "tolerations": [{"key": "a"}],
                    **spec,
                }
            },
        },
    }


def pod(**spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": spec}}}


SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "gw"},
    "spec": {
        "type": "LoadBalancer",
        "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 443}],
        "externalIPs": ["192.0.2.1"],
    },
}
GATEWAY = deployment()
PROXY = {"name": "istio-proxy"}

STRATEGIC: list[tuple[str, dict[str, Any], Any, bool]] = [
    ("nothing", GATEWAY, {}, True),
    ("an annotation", GATEWAY, {"metadata": {"annotations": {"x": "y"}}}, True),
    ("null removes", GATEWAY, {"metadata": {"labels": {"a": None}}}, True),
    ("null of what is not there", GATEWAY, {"spec": {"paused": None, "x": {"y": None}}}, True),
    ("a container's image", GATEWAY, pod(containers=[{"name": "log", "image": "log:2"}]), True),
    ("a new container comes first", GATEWAY, pod(containers=[{"name": "new"}]), True),
    ("a new element in between", GATEWAY, pod(containers=[{"name": "log"}, {"name": "new"}]), True),
    ("variables", GATEWAY, pod(containers=[{**PROXY, "env": [{"name": "C", "value": "3"}, {"name": "A", "value": "0"}]}]), True),
    ("args are replaced", GATEWAY, pod(containers=[{**PROXY, "args": ["x"]}]), True),
    ("tolerations are replaced", GATEWAY, pod(tolerations=[{"key": "b"}]), True),
    ("container ports", GATEWAY, pod(containers=[{**PROXY, "ports": [{"containerPort": 443, "name": "https"}]}]), True),
    ("a mount by its path", GATEWAY, pod(containers=[{**PROXY, "volumeMounts": [{"mountPath": "/v", "readOnly": True}]}]), True),
    ("no merge key", GATEWAY, pod(containers=[{"image": "x"}]), False),
    ("no object", GATEWAY, pod(containers=["x"]), False),
    ("a list instead of an object", GATEWAY, {"metadata": {"labels": ["x"]}}, True),
    ("$patch: delete", GATEWAY, pod(containers=[{"name": "log", "$patch": "delete"}]), True),
    ("$patch: delete without a key", GATEWAY, pod(containers=[{"$patch": "delete"}]), False),
    ("$patch: delete of what is not there", GATEWAY, pod(containers=[{"name": "x", "$patch": "delete"}]), True),
    ("$patch: replace of a list", GATEWAY, pod(containers=[{"name": "only"}, {"$patch": "replace"}]), True),
    ("$patch: replace of an object", GATEWAY, {"metadata": {"labels": {"$patch": "replace", "c": "3"}}}, True),
    ("$patch: delete of an object", GATEWAY, {"metadata": {"labels": {"$patch": "delete"}}}, True),
    ("$patch: delete of a new object", GATEWAY, {"metadata": {"annotations": {"$patch": "delete"}}}, True),
    ("$patch: something", GATEWAY, {"metadata": {"labels": {"$patch": "something"}}}, False),
    ("$patch: something in a list", GATEWAY, pod(containers=[{"name": "log", "$patch": "x"}]), False),
    ("finalizers", GATEWAY, {"metadata": {"finalizers": ["c/x", "a/x"]}}, True),
    ("$deleteFromPrimitiveList", GATEWAY, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/x"]}}, True),
    ("$setElementOrder", GATEWAY, pod(**{"$setElementOrder/containers": [{"name": "log"}, PROXY]}), True),
    ("$setElementOrder and a list", GATEWAY, pod(**{"$setElementOrder/volumes": [{"name": "w"}, {"name": "x"}, {"name": "v"}], "volumes": [{"name": "x"}]}), True),
    ("$setElementOrder of others", GATEWAY, pod(**{"$setElementOrder/volumes": [{"name": "w"}], "volumes": [{"name": "x"}]}), False),
    ("$setElementOrder of values", GATEWAY, {"metadata": {"$setElementOrder/finalizers": ["b/x", "a/x"]}}, True),
    ("$retainKeys of the strategy", GATEWAY, {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}, True),
    ("$retainKeys of a volume", GATEWAY, pod(volumes=[{"name": "v", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}]), True),
    ("$retainKeys without what is set", GATEWAY, {"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": {}}}}, False),
    ("$retainKeys is no list", GATEWAY, {"spec": {"strategy": {"$retainKeys": "type"}}}, False),
    ("a Service's ports", SERVICE, {"spec": {"ports": [{"port": 443, "nodePort": 30443}]}}, True),
    ("external addresses are replaced", SERVICE, {"spec": {"externalIPs": ["192.0.2.9"]}}, True),
    ("init containers that are new", GATEWAY, pod(initContainers=[{"name": "i", "env": [{"name": "X", "$patch": "delete"}]}]), True),
]  # fmt: skip

MERGE: list[tuple[str, dict[str, Any], Any, bool]] = [
    ("lists are replaced", GATEWAY, pod(containers=[{"name": "only"}]), True),
    ("null removes", GATEWAY, {"spec": {"strategy": None}, "metadata": {"labels": {"a": None}}}, True),
    ("null in what is new", GATEWAY, {"spec": {"x": {"y": None, "z": 1}}}, True),
    ("an object over a value", SERVICE, {"spec": {"type": {"a": 1}}}, True),
    ("a value over an object", GATEWAY, {"spec": {"strategy": 1}}, True),
]  # fmt: skip

IMAGE = "/spec/template/spec/containers/0/image"
JSON: list[tuple[str, dict[str, Any], Any, bool]] = [
    ("add to a list", SERVICE, [{"op": "add", "path": "/spec/ports/1", "value": {"port": 1}}], True),
    ("add at the end", SERVICE, [{"op": "add", "path": "/spec/ports/-", "value": {"port": 1}}], True),
    ("add after the end", SERVICE, [{"op": "add", "path": "/spec/ports/3", "value": {"port": 1}}], False),
    ("add below what is not there", SERVICE, [{"op": "add", "path": "/spec/a/b", "value": 1}], False),
    ("add with escapes", SERVICE, [{"op": "add", "path": "/metadata/labels", "value": {}}, {"op": "add", "path": "/metadata/labels/a~1b~0c", "value": "1"}], True),
    ("remove", GATEWAY, [{"op": "remove", "path": "/spec/strategy"}], True),
    ("remove what is not there", GATEWAY, [{"op": "remove", "path": "/spec/paused"}], False),
    ("replace", GATEWAY, [{"op": "replace", "path": IMAGE, "value": "x"}], True),
    ("move", GATEWAY, [{"op": "move", "from": IMAGE, "path": "/spec/image"}], True),
    ("copy", GATEWAY, [{"op": "copy", "from": "/spec/strategy", "path": "/spec/other"}], True),
    ("test that holds", GATEWAY, [{"op": "test", "path": IMAGE, "value": "proxy:1"}], True),
    ("test that does not", GATEWAY, [{"op": "test", "path": IMAGE, "value": "proxy:2"}], False),
    ("an unknown operation", GATEWAY, [{"op": "merge", "path": "/spec", "value": {}}], False),
]  # fmt: skip

CASES = [
    (f"{kind}: {name}", kind, o, patch, taken)
    for kind, rows in (("strategic", STRATEGIC), ("merge", MERGE), ("json", JSON))
    for name, o, patch, taken in rows
]
