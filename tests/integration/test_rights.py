#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rights that nothing else uses for every kind; rights.py compares what all the tests used with the rules."""

from __future__ import annotations

import copy
import sys
from typing import Any

import harness as h
import issuing as i
import rights

# The objects of a gateway by kind; {} is its name.
OBJECTS = {
    **{kind: "{}" for kind in h.CHILDREN},
    "Gateway": "{}",
    "VirtualService": "{}-redirect",
    "Issuer": "{}-acme",
    "Certificate": "{}-web",
}
SPEC: dict[str, Any] = {
    "minReplicas": 2,
    "maxReplicas": 3,
    "ports": i.PORTS,
    "servers": [i.web("a.test")],
    "acme": {"server": "https://acme.example/dir"},
}


def resource(kind: str) -> str:
    return h.KINDS[kind].rpartition("/")[2]


def asked(mark: int, verb: str) -> set[tuple[str, str]]:
    """(resource, name) of the operator's requests."""
    refs = [e["objectRef"] for e in h.cp.audit_events(mark, h.OPERATOR_USER, (verb,))]
    return {(r["resource"], r.get("name", "")) for r in refs}


class Objects(i.IssuingTest):
    autostart = False

    def copies(self, name: str) -> dict[str, dict[str, Any]]:
        """The gateway's objects by kind, as somebody would write them again elsewhere."""

        def copied(kind: str) -> dict[str, Any]:
            found = h.eventually(
                lambda: h.get(kind, self.ns, OBJECTS[kind].format(name)), f"{kind} of {name}"
            )
            found = copy.deepcopy(found)
            found.pop("status", None)
            for field in ("uid", "resourceVersion", "managedFields", "creationTimestamp"):
                found["metadata"].pop(field, None)
            for field in ("clusterIP", "clusterIPs", "healthCheckNodePort"):
                found.get("spec", {}).pop(field, None)
            for port in found.get("spec", {}).get("ports", []) if kind == "Service" else []:
                port.pop("nodePort", None)
            return found

        return {kind: copied(kind) for kind in OBJECTS}

    def test_objects_that_are_left_over_or_foreign(self) -> None:
        self.operator = self.start_operator()
        self.serve(*SPEC["servers"], **{k: v for k, v in SPEC.items() if k != "servers"})
        copies = self.copies("gw")
        mark = h.cp.audit_mark()
        # Ours by owner and label, and under names that the gateway does not ask for.
        for kind, document in copies.items():
            document["metadata"]["name"] = f"spare-{document['metadata']['name']}"
            h.create(document)
        left = {(resource(kind), f"spare-{OBJECTS[kind].format('gw')}") for kind in OBJECTS}
        h.eventually(lambda: asked(mark, "delete") >= left, "all of them are deleted", 60)
        # Somebody else's, under the names that a gateway wants: each is looked at, and left alone.
        foreign = set()
        for kind, document in copies.items():
            name = f"own-{resource(kind)}"
            document["metadata"] = {"name": OBJECTS[kind].format(name), "namespace": self.ns}
            foreign.add((resource(kind), document["metadata"]["name"]))
            h.create(document)
            h.create(h.gateway(name, self.ns, **SPEC))
            if kind == "Certificate":
                self.account(name)  # before that none is asked for
        h.eventually(lambda: asked(mark, "get") >= foreign, "all of them are looked at", 60)
        for kind in OBJECTS:
            found = h.get(kind, self.ns, OBJECTS[kind].format(f"own-{resource(kind)}"))
            self.assertNotIn("ownerReferences", found["metadata"], kind)
        self.assertEqual(self.operator.stop(), 0)


class Unstreamed(h.IntegrationTest):
    """The last of the file: the API server stays like this."""

    autostart = False

    @classmethod
    def setUpClass(cls) -> None:
        i.install("istio", "cert-manager")

    def test_lists_where_initial_events_are_not_served(self) -> None:
        h.cp._argv["kube-apiserver"].append("--feature-gates=WatchList=false")
        h.cp.restart("kube-apiserver", kill=True)
        mark = h.cp.audit_mark()
        operator = self.start_operator(ready=False)
        h.create(h.gateway("gw", self.ns))
        # Pods and namespaces are looked at for such a gateway only.
        h.create(h.gateway("injected", self.ns, proxy={"mode": "Injected"}))
        rules = rights.granted(h.cp, h.ROOT / "manifests" / "rbac.yaml")
        listed = {(r.resource, r.name) for r in rights.of_rules(rules) if r.verb == "list"}

        def all_listed() -> bool:
            left = listed - asked(mark, "list")
            assert not left, left
            return True

        h.eventually(all_listed, "all kinds are listed", 60)
        h.programmed(self.ns, "gw", 60)
        self.assertEqual(operator.stop(), 0)


if __name__ == "__main__":
    sys.exit(i.main())
