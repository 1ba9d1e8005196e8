# SPDX-License-Identifier: Apache-2.0
"""Several operators with --leader-elect, and who wrote what when."""

from __future__ import annotations

import datetime
import json
import re
import socket
import unittest
import urllib.error
import urllib.request
from typing import Any

import harness as h

LEASE_NAME = "meshgateway-operator"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{h.SYSTEM}/leases"
LEASE = f"{LEASES}/{LEASE_NAME}"
STATUS = "leader_election_master_status"


class Replica(h.Operator):
    def __init__(self, *args: str, kubeconfig: str | None = None) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.metrics_port = s.getsockname()[1]
        super().__init__(
            "--leader-elect",
            "--leader-elect-namespace",
            h.SYSTEM,
            "--metrics-bind-address",
            f"127.0.0.1:{self.metrics_port}",
            *args,
            kubeconfig=kubeconfig,
        )

    def body(self, what: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{what}", timeout=5) as r:
                return str(r.read(), "utf-8")
        except urllib.error.HTTPError as e:
            return str(e.read(), "utf-8")

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as r:
            text = str(r.read(), "utf-8")
        found = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        assert found, f"no {name} in\n{text}"
        return float(found[1])

    def lines(self, message: str) -> list[dict[str, Any]]:
        """The lines of the log with this message."""
        found = []
        for line in self.text().splitlines():
            if line.startswith("{"):
                fields = json.loads(line)
                if fields["msg"] == message:
                    found.append(fields)
        return found


def replica(test: h.IntegrationTest, *args: str, kubeconfig: str | None = None) -> Replica:
    """One of several operators, not started; killed at the end of the test."""
    made = Replica(*args, kubeconfig=kubeconfig)
    test.addCleanup(made.kill)
    return made


def identity(operator: Replica) -> str:
    """Of its present process, or the last one."""
    return str(operator.lines("started")[-1]["identity"])


def lease() -> Any:
    return h.cp.must("GET", LEASE)


def leads(operator: Replica, seconds: float = 30) -> None:
    """Waits until it holds the lease."""

    def check() -> bool:
        assert operator.alive(), f"ended:\n{operator.text()[-3000:]}"
        status, document, _ = h.cp.request("GET", LEASE)
        assert status == 200, document
        return bool(document["spec"].get("holderIdentity") == identity(operator))

    h.eventually(check, "it holds the lease", seconds)


def seconds_of(time: str) -> float:
    return datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()


def _requests(since: int, verbs: tuple[str, ...]) -> list[dict[str, Any]]:
    return h.cp.audit_events(since, h.OPERATOR_USER, verbs)


def _is_by(event: dict[str, Any], who: str) -> bool:
    return f"({who})" in str(event.get("userAgent", ""))


def writes_of(operator: Replica, since: int = 0) -> list[dict[str, Any]]:
    """What it wrote, or tried to, but for the lease; events of the audit log."""
    return [
        e
        for e in _requests(since, h.WRITES)
        if e["objectRef"]["resource"] != "leases" and _is_by(e, identity(operator))
    ]


def _changes(since: int) -> list[tuple[float, dict[str, Any]]]:
    """The lease's changes that succeeded, with their times."""
    return [
        (seconds_of(e["stageTimestamp"]), e)
        for e in _requests(since, ("create", "update"))
        if e["objectRef"]["resource"] == "leases" and e["responseStatus"]["code"] < 300
    ]


def taken_at(operator: Replica, since: int) -> float:
    """When it took the lease, by the wall clock."""
    return next(at for at, e in _changes(since) if _is_by(e, identity(operator)))


def released_at(operator: Replica, since: int) -> float:
    """When it changed the lease for the last time."""
    return [at for at, e in _changes(since) if _is_by(e, identity(operator))][-1]


def taken_after(operator: Replica, since: int) -> float:
    """Seconds from the last change of the lease by another to the one that took it."""
    taken = taken_at(operator, since)
    return taken - [at for at, _ in _changes(since) if at < taken][-1]


def assert_one_writer_at_a_time(test: unittest.TestCase, since: int = 0) -> None:
    """
    From a process's first write to its last one no other writes.  A write takes effect somewhere
    between its arrival and its answer, so the span goes from the first arrival to the last answer:
    both are times of the one API server.  Writes that were refused count, too.
    """
    spans: dict[str, list[float]] = {}
    for e in _requests(since, h.WRITES):
        who = re.search(r"\((.*)\)", str(e.get("userAgent", "")))
        if e["objectRef"]["resource"] == "leases" or not who:
            continue
        begin, end = seconds_of(e["requestReceivedTimestamp"]), seconds_of(e["stageTimestamp"])
        span = spans.setdefault(who[1], [begin, end])
        span[:] = [min(span[0], begin), max(span[1], end)]
    ordered = sorted((span, who) for who, span in spans.items())
    for (before, one), (after, other) in zip(ordered, ordered[1:]):
        test.assertLess(before[1], after[0], f"{one} and {other} wrote at the same time")
