#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every right of the shipped role taken away by itself, brought to be missed, and given back.

The list is the role of manifests/rbac.yaml as it is installed: a new rule joins in by itself.
"""

from __future__ import annotations

import copy
import re
import sys
import time
from collections import Counter
from typing import Any

import harness as h
import issuing as i

ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/meshgateway-operator"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
# Children by resource: kind and name.
CHILDREN = {
    "serviceaccounts": ("ServiceAccount", "gw"),
    "services": ("Service", "gw"),
    "deployments": ("Deployment", "gw"),
    "horizontalpodautoscalers": ("HorizontalPodAutoscaler", "gw"),
    "poddisruptionbudgets": ("PodDisruptionBudget", "gw"),
    "rolebindings": ("RoleBinding", "gw"),
    "gateways": ("Gateway", "gw"),
    "virtualservices": ("VirtualService", "gw-redirect"),
    "issuers": ("Issuer", "gw-acme"),
    "certificates": ("Certificate", "gw-web"),
}
SPEC: dict[str, Any] = {
    "ports": i.PORTS,
    "minReplicas": 2,
    "maxReplicas": 3,
    "servers": [i.web("a.test")],
    "acme": {"server": "https://acme.example/dir"},
}
# What the deletion of one of its objects takes: the spec without it.
WITHOUT: dict[str, dict[str, Any]] = {
    "horizontalpodautoscalers": {"minReplicas": None, "maxReplicas": None},
    "poddisruptionbudgets": {"minReplicas": None, "maxReplicas": None},
    "gateways": {"servers": None, "acme": None},
    "virtualservices": {"servers": None, "acme": None},
    "issuers": {"servers": None, "acme": None},
    "certificates": {"servers": None, "acme": None},
    "serviceaccounts": {"serviceAccount": {"name": "other"}},
    "rolebindings": {"serviceAccount": {"name": "other", "create": False}},
}
# Denials that the API server words in its own way.
WORDS = {
    ("clusterroles", "bind"): "attempting to grant RBAC permissions not currently held",
    ("meshgateways/finalizers", "update"): "can't set finalizers on",
}
Right = tuple[str, str, str]  # API group, resource, verb


def split(rules: list[dict[str, Any]]) -> dict[Right, dict[str, Any]]:
    """One rule for each right."""
    rights = {}
    for rule in rules:
        for group in rule.get("apiGroups", []):
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    one = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
                    if "resourceNames" in rule:
                        one["resourceNames"] = rule["resourceNames"]
                    rights[(group, resource, verb)] = one
    return rights


def complaints(operator: h.Operator) -> int:
    """Lines of the log that somebody might want to act on; at a start there are others."""
    return len(re.findall('"level":"(?:warn|error)"', operator.text()))


class Rights(h.IntegrationTest):
    autostart = False

    @classmethod
    def setUpClass(cls) -> None:
        i.install("istio", "cert-manager")
        cls.rules = h.cp.must("GET", ROLE)["rules"]
        super().setUpClass()

    def tearDown(self) -> None:
        h.cp.must("PATCH", ROLE, {"rules": self.rules})

    def set_rules(self, right: Right, there: bool) -> None:
        rights = split(self.rules)
        one = rights[right]
        if not there:
            del rights[right]
        rules = self.rules if there else list(rights.values())
        h.cp.must("PATCH", ROLE, {"rules": rules})
        group, resource, verb = right
        attributes = {"group": group, "verb": verb, "namespace": self.ns}
        attributes["resource"], _, attributes["subresource"] = resource.partition("/")
        attributes["name"] = one.get("resourceNames", [""])[0]
        review = {"spec": {"user": h.OPERATOR_USER, "resourceAttributes": attributes}}

        def known() -> bool:
            answer = h.cp.must("POST", REVIEWS, review)
            return bool(answer["status"].get("allowed", False) == there)

        h.eventually(known, f"the authorizer knows of {right}")

    def begin(self) -> None:
        """The gateway as it is to be, with everything that it can have."""
        spec = h.gateway("gw", self.ns, **copy.deepcopy(SPEC))["spec"]
        if h.get("MeshGateway", self.ns, "gw") is None:
            h.create(h.gateway("gw", self.ns, **copy.deepcopy(SPEC)))
            h.create(h.gateway("injected", self.ns, proxy={"mode": "Injected"}))
        else:
            h.replace_spec(self.ns, "gw", spec)
        h.eventually(lambda: h.get("Issuer", self.ns, "gw-acme"), "the Issuer", 60)
        i.issuer_is(self.ns, "gw-acme", "True", "ACMEAccountRegistered", "registered")
        self.heals()

    def heals(self) -> None:
        h.programmed(self.ns, "gw", 120)
        for kind, name in CHILDREN.values():
            h.eventually(lambda: h.get(kind, self.ns, name), f"{kind} {name}", 60)

    def use(self, right: Right) -> None:
        """Makes the operator want it."""
        _, resource, verb = right
        if resource == "meshgateways/status":
            h.patch("MeshGateway", self.ns, "gw", {"spec": {"drainSeconds": 51}})
        elif resource in ("meshgateways/finalizers", "clusterroles"):
            h.delete("RoleBinding", self.ns, "gw")
        elif resource == "events":
            # The first of a kind is made, the second counted in it.
            name = f"events-{verb}"
            h.create(h.gateway(name, self.ns))
            for _ in range(2):
                h.programmed(self.ns, name, 60)
                h.delete("RoleBinding", self.ns, name)
                h.eventually(lambda: h.get("RoleBinding", self.ns, name), "made anew", 60)
        elif resource not in CHILDREN:
            return
        elif verb == "create":
            kind, name = CHILDREN[resource]
            h.delete(kind, self.ns, name)
        elif verb == "patch":
            kind, name = CHILDREN[resource]
            theirs = {"metadata": {"labels": {"app.kubernetes.io/name": "theirs"}}}
            h.patch(kind, self.ns, name, theirs)
        elif verb == "delete" and resource in WITHOUT:
            h.patch("MeshGateway", self.ns, "gw", {"spec": WITHOUT[resource]})
        elif verb == "get":
            # To see whose it is, after it was not to be made.
            kind, name = CHILDREN[resource]
            label = {"metadata": {"labels": {"app.kubernetes.io/managed-by": "somebody"}}}
            h.patch(kind, self.ns, name, label)

    def said(self, operator: h.Operator, since: int) -> str:
        """All that somebody can find: the log, the conditions, why it is not ready."""
        conditions = str((h.get("MeshGateway", self.ns, "gw") or {}).get("status"))
        return operator.text()[since:] + conditions.replace('\\"', '"')

    def refused(self, mark: int, right: Right) -> list[str]:
        """Requests that the right was missing for."""
        group, resource, verb = right
        name, _, subresource = resource.partition("/")
        found = []
        for e in h.cp.audit_events(mark, h.OPERATOR_USER):
            ref = e.get("objectRef", {})
            same = ref.get("resource") == name and ref.get("subresource", "") == subresource
            if (same or right[1:] in WORDS) and e.get("responseStatus", {}).get("code") == 403:
                found.append(e["requestURI"].partition("?")[0])
        return found

    def check(self, right: Right, operator: h.Operator, mark: int, since: int) -> bool:
        """False: nobody missed it."""
        _, resource, verb = right
        # An identity goes when no pod has it any more.
        wait = 30 if verb == "delete" and resource in WITHOUT else 8
        try:
            h.eventually(lambda: self.refused(mark, right), "it is missed", wait)
        except AssertionError:
            return False
        pattern = WORDS.get(right[1:]) or rf'cannot {verb} resource \\*"{resource}\\*"'

        def told() -> bool:
            text = self.said(operator, since)
            return bool(re.search(pattern, text))

        h.eventually(told, f"something names {verb} {resource}", 30)
        again = h.cp.audit_mark()
        lines = complaints(operator)
        time.sleep(5)
        self.assertTrue(operator.alive(), operator.text()[-3000:])
        for uri, count in Counter(self.refused(again, right)).items():
            self.assertLessEqual(count, 6, f"{uri} is asked in a loop")
        self.assertLess(complaints(operator) - lines, 20, "the log is flooded")
        return True

    def try_running(self, right: Right) -> bool:
        self.begin()
        mark, since = h.cp.audit_mark(), len(self.operator.text())
        self.set_rules(right, False)
        try:
            self.use(right)
            missed = self.check(right, self.operator, mark, since)
        finally:
            self.set_rules(right, True)
        return missed

    def try_starting(self, right: Right) -> bool:
        """A watch is only authorised when it begins; no other operator runs."""
        mark = h.cp.audit_mark()
        self.set_rules(right, False)
        operator = self.start_operator(ready=False)
        try:
            missed = self.check(right, operator, mark, 0)
        except BaseException:
            operator.kill()
            raise
        finally:
            self.set_rules(right, True)
        h.eventually(lambda: operator.probe("readyz") == 200, "ready after it is given back", 120)
        self.assertEqual(operator.stop(), 0)
        return missed

    def test_each_right(self) -> None:
        rights = split(self.rules)
        unused = []
        self.operator = self.start_operator()
        self.begin()
        for starting in (False, True):
            for right in rights:
                if (right[2] in ("list", "watch")) != starting:
                    continue
                with self.subTest(" ".join(right)):
                    missed = (self.try_starting if starting else self.try_running)(right)
                    if not missed:
                        unused.append(right[1:])
            if not starting:
                self.begin()
                self.assertEqual(self.operator.stop(), 0)
        print(f"{len(rights)} rights; not missed: {unused}")
        used = {right[1:] for right in rights} - set(unused)
        for resource in CHILDREN:
            for verb in ("create", "patch", "watch"):
                self.assertIn((resource, verb), used)
        for needed in (
            ("meshgateways", "watch"),
            ("meshgateways/status", "patch"),
            ("meshgateways/finalizers", "update"),
            ("clusterroles", "bind"),
            ("events", "create"),
            ("horizontalpodautoscalers", "delete"),
        ):
            self.assertIn(needed, used)


if __name__ == "__main__":
    sys.exit(i.main())
