# SPDX-License-Identifier: Apache-2.0
"""HTTPS from ten lines: a MeshGateway gets its certificates from a real ACME server, and new ones."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import acme
import byhand
import certmanager
import harness
import objects as o
import suite
from cluster import until
from suite import NS, backend
from traffic import Load, Record, ask

WEB = "172.30.1.2"
ELSEWHERE = "users"
NOBODYS = acme.TOKENS + "nobodys"


def greedy(host: str) -> dict[str, Any]:
    """A public VirtualService of another namespace that wants everything on the host."""
    vs = o.route(ELSEWHERE, host, host, backend("two"))
    (everything,) = vs["spec"]["http"]
    known = {"match": [{"uri": {"prefix": "/.well-known"}}], **everything}
    vs["spec"] |= {"gateways": [f"{NS}/web"], "http": [known, everything]}
    return vs


class Issue(acme.HttpsTest):
    def test_1_issue_and_renew(self) -> None:
        """Two hosts in one certificate; HTTP is never more than a redirect, but for tokens."""
        a, b = hosts = ("a.web.test", "b.web.test")
        suite.make_namespace(ELSEWHERE)
        server = suite.cluster.acme()
        suite.cluster.resolve("*.web.test", WEB)
        # Older than all that the operator makes.
        self.brought(greedy(b))
        asked = [(host, path) for host in hosts for path in ("/", NOBODYS)]
        with Record(WEB, *asked) as record:
            self.https("web", WEB, server, *hosts)
            paths = {host: self.routed(WEB, host) for host in hosts}
            self.certified("web")
            first = acme.verified(WEB, a, server.root(), "one").serial
            self.assertEqual(acme.verified(WEB, b, server.root(), "two").serial, first)
            self.assertEqual(ask(WEB, 443, b, NOBODYS, root=server.root()).body, "two")
            for host, path in paths.items():
                self.status(WEB, host, path, 301)

            with Load(WEB, 443, a, rate=50, root=server.root()) as load:
                acme.renew("web-server-0")
                path = self.routed(WEB, a)
                self.status(WEB, a, paths[a], 301)
                until("the status tells of the renewal", lambda: phase("web") == "Renewing")
                self.issued("web-server-0", 2)
                until(
                    "the renewed certificate is served",
                    lambda: acme.verified(WEB, a, server.root(), "one").serial != first,
                )
                self.status(WEB, a, path, 301)
                until("the status tells of its end", lambda: phase("web") == "Ready")
        self.assertEqual(load.failures, [])
        self.assertEqual(ask(WEB, 80, a, "/x").location, f"https://{a}/x")
        for answers in record.answers.values():
            statuses = [status for status, _ in answers]
            self.assertEqual(statuses[-1], 301)
            # Nothing listens yet; Envoy knows the server, but no route.
            self.assertLessEqual(set(statuses[: statuses.index(301)]), {0, 404})
            self.assertEqual(set(statuses[statuses.index(301) :]), {301})
        print(
            f"issued and renewed: {record.count} answers over HTTP, none but 301; "
            f"{len(load.failures)} of {load.count} requests over HTTPS failed",
            flush=True,
        )

    def test_2_ten_at_once(self) -> None:
        """Ten gateways in ten namespaces: ten challenges at the same moment."""
        server = suite.cluster.acme()
        spaces = {f"ten-{i}": f"172.30.2.{i + 1}" for i in range(10)}
        for name, where in spaces.items():
            suite.make_namespace(name)
            suite.cluster.resolve(f"{name}.test", where)
        mark = suite.cluster.plane.audit_mark()
        began = time.monotonic()
        for name, where in spaces.items():
            self.https("ten", where, server, f"{name}.test", namespace=name)
        for name in spaces:
            self.certified("ten", name)
        took = time.monotonic() - began
        for name, where in spaces.items():
            acme.verified(where, f"{name}.test", server.root(), "one")
        print(
            f"ten gateways at once: all certificates after {took:.1f} s; "
            + reaction(routing(name, "ten", mark) for name in spaces),
            flush=True,
        )

    def test_3_time(self) -> None:
        """By hand and by the operator, both at once on the same machine; three times."""
        server = suite.cluster.acme()
        suite.make_namespace("timed")
        parts: dict[str, list[float]] = {part: [] for part in ("ready", "served", "issued", "hand")}
        reactions = []
        for i in range(3):
            where = (f"172.30.3.{i + 1}", f"172.30.3.{i + 101}")
            names = (f"hand-{i}", f"mesh-{i}")
            hosts = [[f"{letter}.{name}.test" for letter in "ab"] for name in names]
            for name, address in zip(names, where):
                suite.cluster.resolve(f"*.{name}.test", address)
            mark = suite.cluster.plane.audit_mark()
            with ThreadPoolExecutor() as pool:
                by_hand = pool.submit(byhand.serve, self, names[0], where[0], server, *hosts[0])
                began = time.monotonic()
                self.https(names[1], where[1], server, *hosts[1], namespace="timed")
                self.certified(names[1], "timed")
                parts["ready"].append(time.monotonic() - began)
                acme.verified(where[1], hosts[1][0], server.root(), "one")
                parts["served"].append(time.monotonic() - began)
                issued, served = by_hand.result()
            parts["issued"].append(issued)
            parts["hand"].append(served)
            reactions.append(routing("timed", names[1], mark))
            self.doCleanups()
        m = {part: statistics.median(times) for part, times in parts.items()}
        print(
            f"from apply, median of 3: certificate after {m['ready']:.1f} s, by hand after "
            f"{m['issued']:.1f} s ({m['ready'] - m['issued']:+.1f} s); HTTPS after "
            f"{m['served']:.1f} s, by hand after {m['hand']:.1f} s "
            f"({m['served'] - m['hand']:+.1f} s, {m['served'] / m['hand']:.2f} times); "
            + reaction(reactions),
            flush=True,
        )


def phase(name: str) -> str:
    (certificate,) = acme.told(name)["certificates"]
    return str(certificate["phase"])


def at(event: dict[str, Any], which: str) -> float:
    return datetime.fromisoformat(event[which].replace("Z", "+00:00")).timestamp() * 1000


def routing(namespace: str, gateway: str, mark: int) -> tuple[float, float]:
    """Milliseconds from a solver's Service to the VirtualService that routes to it: sent, stored."""

    def events(user: str, verb: str, resource: str) -> list[dict[str, Any]]:
        return [
            e
            for e in suite.cluster.plane.audit_events(mark, user, [verb])
            if e["objectRef"]["resource"] == resource
            and e["objectRef"].get("namespace") == namespace
            and e["responseStatus"]["code"] < 300
        ]

    services = events(f":{certmanager.SYSTEM}:{certmanager.ACCOUNT}", "create", "services")
    made = min(at(e, "stageTimestamp") for e in services)
    return min(
        (at(e, "requestReceivedTimestamp") - made, at(e, "stageTimestamp") - made)
        for e in events(harness.OPERATOR_USER, "patch", "virtualservices")
        if e["objectRef"]["name"] == f"{gateway}-redirect" and at(e, "stageTimestamp") > made
    )


def reaction(times: Iterable[tuple[float, float]]) -> str:
    sent, stored = (statistics.median(part) for part in zip(*times))
    return (
        f"from a solver's Service to its route, median: sent after {sent:.0f} ms, "
        f"stored after {stored:.0f} ms"
    )
