# SPDX-License-Identifier: Apache-2.0
"""Random objects of the kinds that gateways are made of, and patches that nearly fit them."""

from __future__ import annotations

import random
from typing import Any

NAMES = "abcdefg"
# Lists with a merge key: (the list, its key, values of the key).
POD_LISTS: list[tuple[str, str, list[Any]]] = [
    ("volumes", "name", list(NAMES)),
    ("imagePullSecrets", "name", list(NAMES)),
    ("hostAliases", "ip", ["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
    ("topologySpreadConstraints", "topologyKey", ["zone", "host", "rack"]),
]
CONTAINER_LISTS: list[tuple[str, str, list[Any]]] = [
    ("env", "name", list(NAMES)),
    ("ports", "containerPort", [80, 443, 8080, 15021]),
    ("volumeMounts", "mountPath", ["/a", "/b", "/c"]),
]
EXTRA = {
    "hostAliases": "hostnames",
    "topologySpreadConstraints": "whenUnsatisfiable",
    "env": "value",
    "ports": "protocol",
    "volumeMounts": "readOnly",
}


def text(rnd: random.Random) -> str:
    return "".join(rnd.choices("xyz", k=3))


def elements(rnd: random.Random, name: str, key: str, values: list[Any]) -> list[Any]:
    found = []
    for value in rnd.sample(values, rnd.randrange(len(values))):
        element: dict[str, Any] = {key: value}
        if name in EXTRA and rnd.random() < 0.6:
            element[EXTRA[name]] = (
                [text(rnd)] if name == "hostAliases" else rnd.random() < 0.5 if name == "volumeMounts" else text(rnd)
            )
        if name == "volumes":
            element.update(rnd.choice([{"emptyDir": {}}, {"secret": {"secretName": text(rnd)}}, {}]))
        found.append(element)
    return found


def container(rnd: random.Random, name: str) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "image": text(rnd)}
    for listed, key, values in CONTAINER_LISTS:
        if rnd.random() < 0.7:
            made[listed] = elements(rnd, listed, key, values)
    if rnd.random() < 0.5:
        made["args"] = rnd.choices(NAMES, k=2)
    if rnd.random() < 0.5:
        made["resources"] = {"limits": {"cpu": str(rnd.randrange(5)), text(rnd): "1"}}
    return made


def pod_spec(rnd: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for listed in "containers", "initContainers":
        if rnd.random() < 0.8:
            made[listed] = [container(rnd, n) for n in rnd.sample(NAMES[:4], rnd.randrange(4))]
    for listed, key, values in POD_LISTS:
        if rnd.random() < 0.6:
            made[listed] = elements(rnd, listed, key, values)
    if rnd.random() < 0.4:
        made["tolerations"] = [{"key": text(rnd)} for _ in range(rnd.randrange(3))]
    if rnd.random() < 0.4:
        made["nodeSelector"] = {n: text(rnd) for n in rnd.sample(NAMES, 2)}
    return made


def metadata(rnd: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {"labels": {n: text(rnd) for n in rnd.sample(NAMES, 3)}}
    if rnd.random() < 0.5:
        made["finalizers"] = [f"{n}/x" for n in rnd.sample(NAMES[:4], rnd.randrange(4))]
    return made


def deployment(rnd: random.Random) -> dict[str, Any]:
    strategy: dict[str, Any] = {"type": "Recreate"}
    if rnd.random() < 0.5:
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": rnd.randrange(3)}}
    spec: dict[str, Any] = {"template": {"metadata": metadata(rnd), "spec": pod_spec(rnd)}}
    if rnd.random() < 0.5:
        spec.update(replicas=rnd.randrange(9), strategy=strategy)
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(rnd), "spec": spec}


def service(rnd: random.Random) -> dict[str, Any]:
    ports = [
        {"port": p, "name": text(rnd), **({"targetPort": p} if rnd.random() < 0.5 else {})}
        for p in rnd.sample([1, 2, 3, 4, 5], rnd.randrange(5))
    ]
    spec: dict[str, Any] = {"ports": ports, "type": rnd.choice(["ClusterIP", "NodePort"])}
    if rnd.random() < 0.5:
        spec["externalIPs"] = rnd.choices(["192.0.2.1", "192.0.2.2"], k=rnd.randrange(3))
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata(rnd), "spec": spec}


def service_account(rnd: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(rnd)}
    for listed in "secrets", "imagePullSecrets":
        if rnd.random() < 0.7:
            made[listed] = elements(rnd, listed, "name", list(NAMES))
    return made


def scaler(rnd: random.Random) -> dict[str, Any]:
    metrics = [{"type": text(rnd)} for _ in range(rnd.randrange(3))]
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(rnd),
        "spec": {"minReplicas": rnd.randrange(3), "maxReplicas": 5, "metrics": metrics},
    }


MAKERS = [deployment, deployment, deployment, service, service, service_account, scaler]
IDENTITY = ("apiVersion", "kind", "metadata", "spec")  # what kubectl insists on
MERGED = {name: key for name, key, _ in [*POD_LISTS, *CONTAINER_LISTS]}
MERGED |= {"containers": "name", "initContainers": "name"}


def key_of(kind: str, name: str) -> str | None:
    """The merge key of the list."""
    if kind == "Service" and name == "ports":
        return "port"
    if kind == "ServiceAccount":
        return "name" if name == "secrets" else None
    return MERGED.get(name)


def strategic(rnd: random.Random, kind: str, value: Any, name: str = "", depth: int = 0) -> Any:
    """The value as a patch: with parts missing, null, or turned into directives."""
    if isinstance(value, dict):
        made: dict[str, Any] = {}
        for k, v in value.items():
            if k == "name" or k == key_of(kind, name) or k in ("port", "containerPort", "ip"):
                made[k] = v
            elif rnd.random() < 0.75:
                made[k] = None if depth > 1 and rnd.random() < 0.15 else strategic(rnd, kind, v, k, depth + 1)
        for k in [k for k in made if isinstance(made[k], list)]:
            add_list_directives(rnd, kind, made, k, value[k])
        if name == "labels" and depth < 3 and rnd.random() < 0.2:
            made["$patch"] = "replace"
        elif depth > 1 and rnd.random() < 0.04:
            made["$retainKeys"] = [k for k in made if not k.startswith("$")]
        return made
    if isinstance(value, list):
        key = key_of(kind, name)
        made_list = [strategic(rnd, kind, v, name, depth + 1) for v in value]
        for element in made_list:
            if key and rnd.random() < 0.12:
                kept = element[key]
                element.clear()
                element.update({key: kept, "$patch": "delete"})
        if key and rnd.random() < 0.06:
            made_list.append({"$patch": "replace"})
        return made_list
    return value


def add_list_directives(
    rnd: random.Random, kind: str, made: dict[str, Any], name: str, values: list[Any]
) -> None:
    key = key_of(kind, name)
    if name == "finalizers" and rnd.random() < 0.3:
        made["$deleteFromPrimitiveList/finalizers"] = rnd.sample(values, len(values) // 2)
        del made[name]
    elif key and rnd.random() < 0.2 and all("$patch" not in e for e in made[name]):
        order = [{key: e[key]} for e in made[name]]
        extra = [{key: v} for v in (list(NAMES) if key == "name" else [])]
        known = [e[key] for e in order]
        order += [e for e in extra if e[key] not in known and rnd.random() < 0.4]
        made[f"$setElementOrder/{name}"] = order
        if rnd.random() < 0.3:
            del made[name]


def merge(rnd: random.Random, value: Any) -> Any:
    """Nulls inside of lists are left out: kubectl drops some of them, against the RFC."""
    if not isinstance(value, dict):
        return value
    return {
        k: None if k not in IDENTITY and rnd.random() < 0.2 else merge(rnd, v)
        for k, v in value.items()
        if rnd.random() < 0.7
    }


def pointers(value: Any, at: str = "") -> list[tuple[str, Any]]:
    found = [(at, value)] if at.count("/") > 1 else []
    if isinstance(value, dict):
        for k, v in value.items():
            found += pointers(v, f"{at}/{k.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for i, v in enumerate(value):
            found += pointers(v, f"{at}/{i}")
    return found


def operation(rnd: random.Random, o: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    places = [p for p in pointers(o) if not p[0].startswith("/metadata/name")]
    path, value = rnd.choice(places)
    _, foreign = rnd.choice(pointers(other))
    op = rnd.choice(["add", "add", "remove", "replace", "move", "copy", "test"])
    parent, last = path.rsplit("/", 1)
    if op in ("add", "copy", "move") and rnd.random() < 0.5:
        path = parent + "/" + rnd.choice(["-" if last.isdigit() else "new", "0" if last.isdigit() else "a~1b"])
    if op == "remove":
        return {"op": op, "path": path}
    if op in ("move", "copy"):
        return {"op": op, "path": path, "from": rnd.choice(places)[0]}
    if op == "test":
        return {"op": op, "path": path, "value": value if rnd.random() < 0.9 else foreign}
    return {"op": op, "path": path, "value": foreign}


def case(rnd: random.Random, kind: str, count: int) -> tuple[list[Any], Any]:
    """Objects of one kind, and one patch for all."""
    make = rnd.choice(MAKERS)
    objects = [make(rnd) for _ in range(count)]
    for i, o in enumerate(objects):
        o["metadata"]["name"] = f"o{i}"
    other = make(rnd)
    if kind == "strategic":
        return objects, strategic(rnd, other["kind"], other)
    if kind == "merge":
        return objects, merge(rnd, other)
    return objects, [operation(rnd, rnd.choice(objects), other) for _ in range(rnd.randrange(1, 4))]
