# SPDX-License-Identifier: Apache-2.0
"""What must hold when a storm is over."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness as h
from world import CHILD_KINDS, TAKEN, World, key_of, listed

CONVERGE_SECONDS = 600
# Of one object in one storm: what the edits and faults of the storm can bring about, many times over.
WRITES_OF_AN_OBJECT = 30
WRITES_AN_ACTION = 3
LOOKED_AT = 3  # gateways whose every object is asked for


def writes(since: int) -> list[dict[str, Any]]:
    """The operators' writes since then, but for their Lease."""
    found = h.cp.audit_events(since, h.OPERATOR_USER, h.WRITES)
    return [e for e in found if e.get("objectRef", {}).get("resource") != "leases"]


def told(event: dict[str, Any]) -> str:
    return f"{event['verb']} {event['requestURI']} {event.get('responseStatus', {}).get('code')}"


class Checks:
    def __init__(self, world: World, program: Path, look: Callable[[], None]) -> None:
        self.world = world
        self.program = program  # for status and diff
        self.look = look  # at the operators, while one waits
        self.most_writes = 0

    def command(self, *args: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.program), *args, "--kubeconfig", h.cp.kubeconfig],
            input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def programmed(self) -> str | None:
        """None: every gateway's present generation is applied, and none waits for its turn."""
        for gw in self.world.gateways():
            c, turn = h.condition(gw, "Programmed"), h.condition(gw, "UpToDate")
            generation = gw["metadata"]["generation"]
            if c.get("status") != "True" or c.get("observedGeneration") != generation:
                return f"{key_of(gw)} generation {generation}: {c}"
            if turn.get("status") == "False":
                return f"{key_of(gw)}: {turn}"
        return None

    def as_list(self) -> str:
        """The gateways, to be rendered."""
        items = [{k: v for k, v in g.items() if k != "status"} for g in self.world.gateways()]
        for item in items:
            item.update(kind="MeshGateway", apiVersion="istio.banzaicloud.io/v1beta1")
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})

    def owned(self) -> dict[tuple[str, str, str], str]:
        """What has a MeshGateway for its owner: (kind, namespace, name) and the owner's uid."""
        found = {}
        for ns in self.world.namespaces:
            for kind in CHILD_KINDS:
                for o in listed(kind, ns):
                    for owner in o["metadata"].get("ownerReferences", []):
                        if owner["kind"] == "MeshGateway":
                            found[kind, ns, o["metadata"]["name"]] = owner["uid"]
        return found

    def objects(self) -> str | None:
        """None: what gateways own is what render makes of them; what depends on certificates apart."""
        done = self.command("render", "-o", "json", "-f", "-", text=self.as_list())
        if done.returncode != 0:
            return f"render: {done.stderr}"
        want = {
            (o["kind"], o["metadata"]["namespace"], o["metadata"]["name"])
            for o in json.loads(done.stdout)["items"]
            if o["kind"] in h.CHILDREN
        }
        uids = {g["metadata"]["uid"] for g in self.world.gateways()}
        have = {k: uid for k, uid in self.owned().items() if k[2] != TAKEN}
        strays = {k for k, uid in have.items() if uid not in uids}
        core = {k for k in have if k[0] in h.CHILDREN}
        if strays or core != want:
            return f"of gateways that are gone: {strays}; missing: {want - core}; left over: {core - want}"
        return None

    def told_in_place(self) -> str | None:
        """None: status finds all objects of some gateways in place, those with servers first."""
        found = sorted(self.world.gateways(), key=lambda g: "servers" not in g["spec"])
        for gw in found[:LOOKED_AT]:
            ns, name = key_of(gw)
            done = self.command("status", name, "-n", ns, "-o", "json")
            if done.returncode != 0:
                return f"status {ns}/{name}: {done.stderr}"
            for o in json.loads(done.stdout)["objects"]:
                if o["state"] != "in place":
                    return f"{ns}/{name}: {o['kind']} {o['name']} is {o['state']}: {o.get('detail')}"
        return None

    def refused(self) -> str | None:
        """None: gateways that somebody else's Service is in the way of say so, and no longer what was before."""
        for ns in self.world.namespaces:
            c = h.condition(h.get("MeshGateway", ns, TAKEN), "Programmed")
            if c.get("reason") != "Conflict":
                return f"{ns}/{TAKEN}: Programmed says {c}"
        return None

    def difference(self) -> str | None:
        """None: a dry run of what diff renders changes nothing."""
        done = self.command("diff", "-f", "-", text=self.as_list())
        return None if done.returncode == 0 else f"exit {done.returncode}: {done.stdout}{done.stderr}"[:3000]

    def converge(self) -> float:
        """Waits until all is in step; how long it took."""
        began = time.monotonic()
        for check in (self.programmed, self.objects, self.told_in_place, self.difference, self.refused):
            while True:
                try:
                    why = check()
                except (OSError, ValueError) as e:
                    why = repr(e)
                if why is None:
                    break
                self.look()
                if time.monotonic() - began > CONVERGE_SECONDS:
                    raise AssertionError(f"not in step after {CONVERGE_SECONDS} s: {why}")
                time.sleep(0.5)
        return time.monotonic() - began

    def services_kept(self) -> list[str]:
        """Of gateways that live on, no Service is another one that nobody deleted."""
        wrong = []
        for gw in self.world.gateways():
            uid, key = gw["metadata"]["uid"], key_of(gw)
            live = h.get("Service", *key)
            now = (*key, live["metadata"]["uid"] if live else "none")
            before = self.world.services.get(uid)
            if before and before != now and key not in self.world.excused:
                wrong.append(f"the Service of {key} was {before[2]} and is {now[2]}")
            self.world.services[uid] = now
        self.world.excused.clear()
        return wrong

    def bounded(self, since: int, actions: int) -> list[str]:
        """No object was written far more often than anything happened."""
        counts: dict[str, int] = {}
        for event in writes(since):
            ref = event.get("objectRef", {})
            key = "/".join(ref.get(k, "") for k in ("resource", "namespace", "name", "subresource"))
            if ref.get("name"):
                counts[key] = counts.get(key, 0) + 1
        self.most_writes = max([self.most_writes, *counts.values()])
        limit = WRITES_OF_AN_OBJECT + WRITES_AN_ACTION * actions
        return [f"{n} writes of {key} in one storm" for key, n in counts.items() if n > limit]

    def settle(self, quiet: float = 10.0, seconds: float = 120.0) -> None:
        """Waits for the last consequences, such as counts of events, and pods that a foreign object keeps from Programmed."""
        mark, since = h.cp.audit_mark(), time.monotonic()
        deadline = since + seconds
        while time.monotonic() - since < quiet:
            time.sleep(0.2)
            found = [e for e in writes(mark) if e.get("responseStatus", {}).get("code") != 409]
            if found:
                last = told(found[-1])
                mark, since = h.cp.audit_mark(), time.monotonic()
                assert since < deadline, f"still written after {seconds:.0f} s: {last}"

    def quiet(self, seconds: float) -> list[str]:
        """Nothing is written; that an event was seen again may be counted late.

        What is in the place of a gateway's object is looked at again by an apply that is refused.
        """
        mark = h.cp.audit_mark()
        time.sleep(seconds)
        return [
            told(e)
            for e in writes(mark)
            if e.get("objectRef", {}).get("apiGroup") != "events.k8s.io"
            and e.get("responseStatus", {}).get("code") != 409
        ]

    def one_writer(self, since: int, transitions: int, namespaces: set[str]) -> list[str]:
        """Writes change hands only when the Lease does."""
        writers = [
            e["userAgent"]
            for e in sorted(writes(since), key=lambda e: str(e["requestReceivedTimestamp"]))
            if e.get("objectRef", {}).get("namespace", "") in namespaces
        ]
        changes = sum(a != b for a, b in zip(writers, writers[1:]))
        if changes > transitions:
            return [f"writes changed hands {changes} times, the Lease {transitions} times"]
        return []


def transitions(name: str) -> int:
    status, lease, _ = h.cp.request(
        "GET", f"/apis/coordination.k8s.io/v1/namespaces/{h.SYSTEM}/leases/{name}"
    )
    return int(lease["spec"].get("leaseTransitions", 0)) if status == 200 else 0
