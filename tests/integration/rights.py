# SPDX-License-Identifier: Apache-2.0
"""Least rights: what the operator used in the integration tests, compared with the rules of manifests/.

Each test file that ran whole leaves what the API server's audit log tells in the folder that
$MESHGATEWAY_TEST_RIGHTS names.  Afterwards, as a test of its own:

    rights.py FOLDER PROGRAM FILE…

Nothing may be missing: no request was forbidden that no rule covers.  Nothing may be unused: each verb of
each resource in each rule was allowed at least once.  When one of the files has not run with this PROGRAM,
the exit status is 77 (skipped).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "controlplane"))
from controlplane import ControlPlane  # noqa: E402

FOLDER = "MESHGATEWAY_TEST_RIGHTS"
# Rights that no request of its own uses, and why they are needed all the same.
SILENT = {
    "update istio.banzaicloud.io meshgateways/finalizers": "asked for by the admission plugin"
    " OwnerReferencesPermissionEnforcement, which the control plane of the tests has, at each creation",
    "bind rbac.authorization.k8s.io clusterroles meshgateway-secret-reader": "asked for at the creation of a"
    " RoleBinding; test_faults.py takes it away",
}
# What is forbidden as it should be: rules name the ConfigMaps of the default control plane and one Lease only.
FORBIDDEN = (
    "list core configmaps ",
    "watch core configmaps ",
    "get coordination.k8s.io leases somebody-elses",
)


class Right(NamedTuple):
    """One verb on one thing: (patch, "istio.banzaicloud.io", "meshgateways/status", "")."""

    verb: str
    group: str
    resource: str  # with its subresource; a path when there is no resource
    name: str  # where a rule names objects, else ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.verb, self.group or "core", self.resource, self.name)))


def of_rules(rules: list[dict[str, Any]]) -> Iterator[Right]:
    for rule in rules:
        for verb in rule["verbs"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for name in rule.get("resourceNames", [""]):
                        yield Right(verb, group, resource, name)


def granted(plane: ControlPlane, manifest: Path) -> list[dict[str, Any]]:
    """The rules of every role in a manifest that is bound to the operator: those that bear its name."""
    text = plane.kubectl("create", "--dry-run=client", "-o", "json", "-f", str(manifest)).stdout
    decoder, at, rules = json.JSONDecoder(), 0, []
    while text[at:].strip():
        document, at = decoder.raw_decode(text, len(text) - len(text[at:].lstrip()))
        for item in document.get("items", [document]):
            if item["kind"] in ("ClusterRole", "Role") and item["metadata"][
                "name"
            ].startswith("meshgateway-operator"):
                rules += item["rules"]
    return rules


def asked(event: dict[str, Any], named: set[tuple[str, str, str]]) -> Iterator[Right]:
    """What an audit event needed."""
    verb, ref = event["verb"], event.get("objectRef")
    if not ref:
        yield Right(verb, "", event["requestURI"].partition("?")[0], "")
        return
    group, resource = ref.get("apiGroup", ""), ref["resource"]
    name = ref.get("name", "") if (verb, group, resource) in named else ""
    if "subresource" in ref:
        resource += "/" + ref["subresource"]
    yield Right(verb, group, resource, name)
    # An apply of what is not there yet needs both.
    if verb == "patch" and event.get("responseStatus", {}).get("code") == 201:
        yield Right("create", group, resource, name)


def record(plane: ControlPlane, user: str, manifests: Path) -> None:
    folder = os.environ.get(FOLDER)
    if not folder or len(sys.argv) > 1:  # only some of the file's tests
        return
    rules = [
        rule
        for manifest in ("rbac.yaml", "migration/rbac.yaml")
        for rule in granted(plane, manifests / manifest)
    ]
    held = set(of_rules(rules))
    named = {(r.verb, r.group, r.resource) for r in held if r.name}
    used: dict[str, set[Right]] = {"allow": set(), "forbid": set()}
    for event in plane.audit_events(user=user):
        decision = event.get("annotations", {}).get("authorization.k8s.io/decision")
        if decision in used:
            used[decision].update(asked(event, named))
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / (Path(sys.argv[0]).stem + ".json")).write_text(
        json.dumps({"held": sorted(held), **{k: sorted(v) for k, v in used.items()}}, indent=1)
    )


def compare(folder: Path, program: Path, files: list[str]) -> int:
    records = {name: folder / f"test_{name}.json" for name in files}
    built = program.stat().st_mtime
    absent = [n for n, f in records.items() if not f.exists() or f.stat().st_mtime < built]
    if absent:
        print(f"skipped: these have not run whole with this program: {', '.join(absent)}")
        return 77
    read = [json.loads(f.read_text()) for f in records.values()]
    held, allowed, forbidden = (
        {Right(*r) for record in read for r in record[key]} for key in ("held", "allow", "forbid")
    )
    unused = {str(r) for r in held - allowed} - SILENT.keys()
    stale = SILENT.keys() - {str(r) for r in held - allowed}
    missing = [str(r) for r in forbidden - held if not str(r).startswith(FORBIDDEN)]
    for line in sorted(missing):
        print(f"forbidden, and no rule of manifests/ covers it: {line}")
    for line in sorted(unused):
        print(f"a rule of manifests/ allows it, and no test used it: {line}")
    for line in sorted(stale):
        print(f"listed as used by no request, which is not so: {line}")
    bad = len(missing) + len(unused) + len(stale)
    print(f"{len(held & allowed)} rights are used, {len(SILENT)} without a request of their own")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(compare(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
