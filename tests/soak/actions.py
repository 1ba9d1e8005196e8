# SPDX-License-Identifier: Apache-2.0
"""What is done to the cluster and to the operators during a storm.

Edits are drawn at random, each as often as its weight says.  Faults come from a shuffled deck, so
that each kind comes before any comes again; one that is undone later says how.
"""

from __future__ import annotations

import copy
import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import harness as h
import issuing as i
import test_mesh
from operators import Replica
from world import CHILD_KINDS, World, digest, key_of, path_of

ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/meshgateway-operator"
RIGHTS = (
    ("services", "patch"),
    ("deployments", "create"),
    ("deployments", "watch"),
    ("serviceaccounts", "create"),
    ("meshgateways", "list"),
    ("virtualservices", "patch"),
    ("events", "create"),
)
PAUSED = "meshgateway.banzaicloud.io/paused"
Undo = Callable[[], None]


def nothing() -> None:
    """For faults that are over at once."""


class Actions:
    def __init__(
        self, chance: random.Random, world: World, replicas: list[Replica], steady: list[Replica]
    ) -> None:
        self.chance = chance
        self.world = world
        self.replicas = replicas  # whose processes may be ended
        self.steady = steady
        self.may_end = True
        self.counts: dict[str, int] = {}
        self.role: dict[str, Any] = h.cp.must("GET", ROLE)
        self.tag = 0
        self.edits: list[tuple[int, Callable[[], None]]] = [
            (6, world.add),
            (5, self.delete_gateway),
            (12, self.edit_spec),
            (3, self.replace_gateway),
            (10, self.edit_child),
            (6, self.delete_child),
            (2, self.pause),
            (3, self.assign),
            (4, self.issue),
            (2, self.edit_status),
            (2, self.own_bystander),
        ]
        self.faults: list[Callable[[], Undo]] = [
            self.cut, self.freeze, self.refuse, self.hang, self.kill, self.terminate,
            self.api_restart, self.api_kill, self.api_hang, self.right, self.quota, self.mesh,
            self.namespace, self.foreign_crds,
        ]  # fmt: skip
        self.deck: list[Callable[[], Undo]] = []

    def edit(self) -> None:
        weights = [w for w, _ in self.edits]
        (chosen,) = self.chance.choices([e for _, e in self.edits], weights)
        self.count(chosen.__name__)
        chosen()

    def fault(self) -> Undo:
        if not self.deck:
            self.deck = list(self.faults)
            self.chance.shuffle(self.deck)
        chosen = self.deck.pop()
        self.count(chosen.__name__)
        return chosen()

    def count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    # Edits

    def delete_gateway(self) -> None:
        gw = self.world.some()
        if gw:
            h.cp.request("DELETE", path_of(gw))

    def edit_spec(self) -> None:
        gw = self.world.some()
        if gw:
            spec = h.gateway("x", "x", **self.world.spec())["spec"]
            put = [{"op": "replace", "path": "/spec", "value": spec}]
            h.cp.request("PATCH", path_of(gw), put, h.JSON_PATCH)

    def replace_gateway(self) -> None:
        """The same name again at once, as another object."""
        gw = self.world.some()
        if gw:
            h.cp.request("DELETE", path_of(gw))
            h.cp.request(
                "POST", h.path("MeshGateway", gw["metadata"]["namespace"]),
                h.gateway(gw["metadata"]["name"], gw["metadata"]["namespace"], **self.world.spec()),
            )  # fmt: skip

    def child(self) -> dict[str, Any] | None:
        gw = self.world.some()
        if gw is None:
            return None
        kind = self.chance.choice(CHILD_KINDS)
        status, found, _ = h.cp.request("GET", h.path(kind, *key_of(gw)))
        return {**found, "kind": kind} if status == 200 else None

    def edit_child(self) -> None:
        """Fields that are the operator's and fields that are not."""
        child = self.child()
        if child is None:
            return
        where = h.path(child["kind"], *key_of(child)) + "?fieldManager=somebody"
        edits: list[dict[str, Any]] = [
            {"metadata": {"labels": {"gateway-name": "other"}}},
            {"metadata": {"annotations": {"example.com/foreign": str(self.chance.random())}}},
            {"metadata": {"labels": None}},
        ]
        own = {
            "Deployment": {"spec": {"replicas": self.chance.randint(0, 4)}},
            "Service": {"spec": {"sessionAffinity": "ClientIP"}},
            "HorizontalPodAutoscaler": {"spec": {"maxReplicas": 9}},
            "Gateway": {"spec": {"servers": []}},
        }
        if child["kind"] in own:
            edits.append(own[child["kind"]])
        h.cp.request("PATCH", where, self.chance.choice(edits))

    def delete_child(self) -> None:
        child = self.child()
        if child is None:
            return
        if child["kind"] == "Service":
            self.world.excused.add(key_of(child))
        h.cp.request("DELETE", h.path(child["kind"], *key_of(child)))

    def pause(self) -> None:
        gw = self.world.some()
        if gw:
            paused = (gw["metadata"].get("annotations") or {}).get(PAUSED)
            body = {"metadata": {"annotations": {PAUSED: None if paused else "true"}}}
            h.cp.request("PATCH", path_of(gw), body)

    def assign(self) -> None:
        """The cloud gives an address, or another one."""
        gw = self.world.some()
        live = h.get("Service", *key_of(gw)) if gw else None
        if gw and live and live["spec"].get("type") == "LoadBalancer":
            h.assign_address(*key_of(gw), f"203.0.113.{self.chance.randint(1, 250)}")

    def issue(self) -> None:
        """cert-manager at work: an account, a challenge, an end."""
        gw = self.world.some()
        if gw is None or not gw["spec"].get("servers"):
            return
        ns, name = key_of(gw)
        if h.cp.request("GET", h.path("Certificate", ns, f"{name}-web"))[0] != 200:
            return
        i.issuer_is(ns, f"{name}-acme", "True", "ACMEAccountRegistered", "registered")
        revision = self.chance.randint(1, 10**6)  # each attempt has objects of its own
        attempt = i.Attempt(ns, f"{name}-web", revision)
        challenge = attempt.challenge(gw["spec"]["servers"][0]["hosts"][0]).solver()
        challenge.release()  # a namespace or a CRD that goes must not wait for it
        if self.chance.random() < 0.4:
            challenge.end()
            attempt.issued()
            challenge.delete()
        elif self.chance.random() < 0.5:
            attempt.failed("the soak says no")

    def edit_status(self) -> None:
        """Another client writes into the status, also over what is the operator's."""
        gw = self.world.some()
        if gw:
            body = {"status": {"Status": "Unmanaged", "conditions": []}}
            where = path_of(gw) + "/status?fieldManager=somebody"
            h.cp.request("PATCH", where, body)

    def own_bystander(self) -> None:
        """Somebody edits his own object, which looks like a gateway's."""
        found = sorted(self.world.bystanders)
        kind, ns, name = self.chance.choice(found)
        body = {"metadata": {"annotations": {"example.com/edited": str(self.chance.random())}}}
        status, live, _ = h.cp.request("PATCH", h.path(kind, ns, name), body)
        if status == 200:
            self.world.bystanders[kind, ns, name] = digest(live)

    # Faults

    def all_replicas(self) -> list[Replica]:
        return [*self.replicas, *self.steady]

    def cut(self) -> Undo:
        for replica in self.all_replicas():
            replica.relay.cut()
        return nothing

    def freeze(self) -> Undo:
        chosen = self.all_replicas() if self.chance.random() < 0.5 else self.replicas[:1]
        for replica in chosen:
            replica.relay.freeze(True)

        def thaw() -> None:
            for replica in chosen:
                replica.relay.freeze(False)

        return thaw

    def refuse(self) -> Undo:
        for replica in self.all_replicas():
            replica.relay.refuse(True)
            replica.relay.cut()

        def accept() -> None:
            for replica in self.all_replicas():
                replica.relay.refuse(False)

        return accept

    def hang(self) -> Undo:
        replica = self.chance.choice(self.all_replicas())
        replica.stop_for(self.chance.choice((1, 5, 20)))
        return nothing

    def kill(self) -> Undo:
        if self.may_end:
            replica = self.chance.choice(self.replicas)
            replica.kill()
            time.sleep(self.chance.uniform(0, 2))
            replica.start()
        return nothing

    def terminate(self) -> Undo:
        if self.may_end:
            replica = self.chance.choice(self.replicas)
            replica.terminate()
            replica.start()
        return nothing

    def api_restart(self) -> Undo:
        h.cp.restart("kube-apiserver", down_seconds=self.chance.uniform(0, 4))
        return nothing

    def api_kill(self) -> Undo:
        h.cp.restart("kube-apiserver", kill=True, down_seconds=self.chance.uniform(0, 4))
        return nothing

    def api_hang(self) -> Undo:
        """The API server's process stands still; its connections stay."""
        pid = h.cp.pid("kube-apiserver")
        stopped(pid, self.chance.uniform(2, 8))
        return nothing

    def right(self) -> Undo:
        resource, verb = self.chance.choice(RIGHTS)
        rules = copy.deepcopy(self.role["rules"])
        for rule in rules:
            if resource in rule["resources"]:
                rule["verbs"] = [v for v in rule["verbs"] if v != verb]
        h.cp.must("PATCH", ROLE, {"rules": [r for r in rules if r["verbs"]]})
        return self.restore_role

    def restore_role(self) -> None:
        h.cp.must("PATCH", ROLE, {"rules": self.role["rules"]})

    def quota(self) -> Undo:
        ns = self.chance.choice(self.world.namespaces)
        where = f"/api/v1/namespaces/{ns}/resourcequotas"
        hard = {self.chance.choice(("count/deployments.apps", "services")): "0"}
        document = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "soak"}}
        h.cp.request("POST", where, {**document, "spec": {"hard": hard}})
        return lambda: void(h.cp.request("DELETE", f"{where}/soak"))

    def mesh(self) -> Undo:
        """istiod is upgraded, or its ConfigMaps go."""
        self.tag += 1
        if self.chance.random() < 0.2:
            test_mesh.silence("")
        else:
            test_mesh.say(tag=f"1.31.{self.tag}", mesh={"trustDomain": f"td-{self.tag % 3}.example"})
        return nothing

    def namespace(self) -> Undo:
        ns = self.chance.choice(self.world.namespaces)
        h.cp.request("DELETE", f"/api/v1/namespaces/{ns}")
        self.world.forget(ns)
        return nothing

    def foreign_crds(self) -> Undo:
        group = self.chance.choice(("cert-manager", "cert-manager", "istio"))
        i.uninstall(group)
        return lambda: i.install(group)


def stopped(pid: int, seconds: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


def void(_: object) -> None:
    """For lambdas whose value nobody wants."""
