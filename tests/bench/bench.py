#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the operator costs and how fast it is, against a real kube-apiserver.

The yardstick of speed is measured in the same run: a raw load generator (tests/support/loadgen.c)
that sends the same applies to the same server with as many in flight, and does nothing else.  Both
are counted from the audit log, by user agent.  Rounds alternate, so that both see the same machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "controlplane"))
sys.path.insert(0, str(ROOT / "tests" / "integration"))
import challenges  # noqa: E402
import harness as h  # noqa: E402
import peer  # noqa: E402
import scale  # noqa: E402
from controlplane import ControlPlane  # noqa: E402

WRITES = ("create", "update", "patch", "delete")
INFLIGHT = 32
STEADY_SECONDS = 60


def gateway(i: int, namespace: str) -> dict[str, Any]:
    """One with all six kinds of children."""
    return h.gateway(
        f"gw-{i:05d}",
        namespace,
        ports=[{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}],
        minReplicas=2,
        maxReplicas=4,
        serviceType="ClusterIP",
    )


class Operator:
    """`meshgateway run` as the shipped service account."""

    def __init__(self, binary: Path, kubeconfig: str, namespace: str, cp: ControlPlane) -> None:
        self.log = Path(tempfile.mkstemp(prefix="bench-operator-", dir=cp.dir)[1])
        self.started = time.monotonic()
        self.metrics_port = free_port()
        health = free_port()
        self.health = f"http://127.0.0.1:{health}/readyz"
        self.process = subprocess.Popen(
            [
                binary, "run", "--kubeconfig", kubeconfig, "--namespace", namespace,
                "--metrics-bind-address", f"127.0.0.1:{self.metrics_port}",
                "--health-probe-bind-address", f"127.0.0.1:{health}",
                "--max-inflight", str(INFLIGHT),
            ],
            stderr=self.log.open("wb"),
        )  # fmt: skip

    def metric(self, name: str) -> float:
        """All series of the name, or of the name and labels, summed."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10
        ) as reply:
            lines = reply.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def wait_ready(self) -> None:
        while True:
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            try:
                urllib.request.urlopen(self.health, timeout=5).close()
                return
            except OSError:
                time.sleep(0.01)

    def wait_idle(self, passes: int, every: float = 0.25) -> float:
        """
        Until so many passes have ended and none waits; the seconds since the start.

        It is asked for its metrics every so many seconds, which costs it time with each gateway.
        """
        while True:
            done = self.metric('controller_runtime_reconcile_total{controller="meshgateway",result="success"}')
            waiting = self.metric("workqueue_depth") + self.metric("controller_runtime_active_workers")
            if done >= passes and waiting == 0:
                return time.monotonic() - self.started
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            time.sleep(every)

    def resident_mib(self, field: str = "VmRSS") -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) / 1024
        return 0.0

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Bench:
    def __init__(self, args: argparse.Namespace, cp: ControlPlane) -> None:
        self.args = args
        self.cp = cp
        self.binary = Path(args.binary).resolve()
        self.kubeconfig = cp.service_account_kubeconfig(h.SYSTEM, h.ACCOUNT)
        self.rows: list[tuple[str, str, str]] = []

    def row(self, what: str, value: str, goal: str = "") -> None:
        self.rows.append((what, value, goal))
        print(f"  {what:<58} {value:>14}  {goal}", flush=True)

    def save(self, name: str, text: str) -> None:
        folder = ROOT / "build" / "bench"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        print(f"  wrote build/bench/{name}", flush=True)

    def writes(self, since: int, agent: str) -> tuple[int, float]:
        """How many successful writes the agent did since then, and over how many seconds."""
        events = [
            e
            for e in self.cp.audit_events(since, verbs=WRITES)
            if e.get("userAgent", "").startswith(agent)
        ]
        bad = [e for e in events if e["responseStatus"]["code"] >= 300]
        assert not bad, f"{len(bad)} writes of {agent} failed, e.g. {bad[0]['responseStatus']}"
        if not events:
            return 0, 0.0
        begin = min(scale.seconds_of(e["requestReceivedTimestamp"]) for e in events)
        end = max(scale.seconds_of(e["stageTimestamp"]) for e in events)
        return len(events), end - begin

    def create_gateways(self, namespace: str) -> list[dict[str, Any]]:
        self.cp.must("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        path = h.path("MeshGateway", namespace)
        return [
            self.cp.must("POST", path, gateway(i, namespace)) for i in range(self.args.gateways)
        ]

    def render(self, documents: list[dict[str, Any]]) -> tuple[str, float]:
        text = "---\n".join(json.dumps(d) + "\n" for d in documents)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=self.cp.dir) as f:
            f.write(text)
            f.flush()
            began = time.monotonic()
            done = subprocess.run(
                [self.binary, "render", "-f", f.name, "-o", "json"],
                stdout=subprocess.PIPE,
                check=True,
            )
            return done.stdout.decode(), time.monotonic() - began

    def raw_requests(self, gateways: list[dict[str, Any]], status: dict[str, Any]) -> Path:
        """The requests that the operator would send for these gateways, one JSON line each."""
        path = self.cp.dir / f"raw-{gateways[0]['metadata']['namespace']}.jsonl"
        query = "?fieldManager=meshgateway-operator&force=true"
        specs = [
            {**{k: g[k] for k in ("apiVersion", "kind", "spec")}, "metadata": identity(g)}
            for g in gateways
        ]
        bodies: dict[str, list[dict[str, Any]]] = {g["metadata"]["name"]: [] for g in gateways}
        for body in documents_of(self.render(specs)[0]):
            bodies[body["metadata"]["name"]].append(body)
        lines = []
        for live in gateways:
            namespace, name, uid = (live["metadata"][k] for k in ("namespace", "name", "uid"))
            owner = {
                "apiVersion": live["apiVersion"], "kind": live["kind"], "name": name,
                "uid": uid, "controller": True, "blockOwnerDeletion": True,
            }  # fmt: skip
            for body in bodies[name]:
                body["metadata"]["ownerReferences"] = [owner]
                body["metadata"]["resourceVersion"] = "1"
                lines.append({"path": h.path(body["kind"], namespace, name) + query, "body": body})
            body = {
                "apiVersion": live["apiVersion"], "kind": live["kind"],
                "metadata": {**identity(live), "uid": uid}, "status": status,
            }  # fmt: skip
            url = h.path("MeshGateway", namespace, name) + "/status"
            lines.append({"path": url + query, "body": body})
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    def raw_round(self, requests: Path) -> float:
        mark = self.cp.audit_mark()
        done = subprocess.run(
            [self.args.loadgen, "--kubeconfig", self.kubeconfig, "--inflight", str(INFLIGHT), requests],
            stdout=subprocess.PIPE,
            check=True,
        )
        result = json.loads(done.stdout)
        assert result["errors"] == 0, result
        count, seconds = self.writes(mark, "meshgateway-loadgen")
        return count / seconds

    def operator_round(self, namespace: str) -> dict[str, float]:
        mark = self.cp.audit_mark()
        operator = Operator(self.binary, self.kubeconfig, namespace, self.cp)
        try:
            operator.wait_ready()
            operator.wait_idle(self.args.gateways, every=4)
            time.sleep(1)
            count, seconds = self.writes(mark, "meshgateway/")
            return {
                "rate": count / seconds,
                "writes": count / self.args.gateways,
                "rss": operator.resident_mib(),
                "peak": operator.resident_mib("VmHWM"),
                "cpu": operator.cpu_seconds(),
            }
        finally:
            operator.stop()

    def commands(self) -> None:
        times = []
        for _ in range(20):
            began = time.monotonic()
            subprocess.run([self.binary, "version"], stdout=subprocess.DEVNULL, check=True)
            times.append(time.monotonic() - began)
        self.row("meshgateway version, median of 20", f"{statistics.median(times) * 1000:.1f} ms", "≤ 20 ms")
        documents = [gateway(i, "default") for i in range(self.args.gateways)]
        best = min(self.render(documents)[1] for _ in range(3))
        self.row(f"render of {self.args.gateways} documents, best of 3", f"{best:.2f} s", "≤ 0.5 s")

    def nothing(self) -> None:
        self.cp.must("POST", "/api/v1/namespaces", {"metadata": {"name": "bench-empty"}})
        operator = Operator(self.binary, self.kubeconfig, "bench-empty", self.cp)
        try:
            operator.wait_ready()
            self.row("resident with no gateway", f"{operator.resident_mib():.1f} MiB", "≤ 16 MiB")
        finally:
            operator.stop()

    def converge(self) -> None:
        n = self.args.gateways
        status: dict[str, Any] = {}
        ratios, results = [], []
        for i in range(self.args.rounds):
            namespace = f"bench-operator-{i}"
            self.create_gateways(namespace)
            result = self.operator_round(namespace)
            live = h.get("MeshGateway", namespace, "gw-00000")
            status = live["status"]
            raw = self.raw_round(self.raw_requests(self.create_gateways(f"bench-raw-{i}"), status))
            ratios.append(result["rate"] / raw)
            results.append(result)
            print(
                f"    round {i + 1}: operator {result['rate']:.0f} writes/s, raw {raw:.0f} writes/s",
                flush=True,
            )
        last = results[-1]
        self.row("operator's writes/s ÷ raw writes/s, median", f"{statistics.median(ratios):.2f}", "≥ 0.8")
        self.row("writes per gateway", f"{last['writes']:.2f}", "≤ 8")
        self.row(f"resident with {n} after convergence", f"{last['rss']:.1f} MiB", "≤ 40 MiB")
        self.row("peak resident", f"{last['peak']:.1f} MiB")
        self.row(f"CPU of the operator for the {n}", f"{last['cpu']:.2f} s", "≤ 2 s")

    def restart(self) -> None:
        namespace = f"bench-operator-{self.args.rounds - 1}"
        mark = self.cp.audit_mark()
        operator = Operator(self.binary, self.kubeconfig, namespace, self.cp)
        try:
            operator.wait_ready()
            seconds = operator.wait_idle(self.args.gateways)
            self.row("restart: in step after", f"{seconds:.2f} s", "≤ 3 s")
            self.row("restart: writes", f"{self.writes(mark, 'meshgateway/')[0]}", "0")
            self.row("restart: resident", f"{operator.resident_mib():.1f} MiB")
            mark = self.cp.audit_mark()
            time.sleep(self.args.steady)
            count = self.writes(mark, "meshgateway/")[0]
            self.row(f"steady state for {self.args.steady} s: writes", f"{count}", "0")
        finally:
            operator.stop()


def identity(document: dict[str, Any]) -> dict[str, Any]:
    return {k: document["metadata"][k] for k in ("name", "namespace")}


def documents_of(text: str) -> list[dict[str, Any]]:
    """JSON documents that stand one behind the other, or in a List."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        found += value["items"] if value.get("kind") == "List" else [value]
    return found


def numbers(text: str) -> list[int]:
    counts = [int(word) for word in text.split(",")]
    if min(counts) < 1:
        raise ValueError("not from 1")
    return counts


def measure(bench: Bench, args: argparse.Namespace, counts: list[int]) -> None:
    if args.peer:
        peer.run(bench, args.peer, gateway)
        return
    print(f"{args.gateways} gateways × 6 objects + status, {INFLIGHT} requests in flight", flush=True)
    bench.commands()
    bench.nothing()
    if len(counts) > 1:
        scale.run(bench, Operator, gateway, counts)
        namespace = f"bench-scale-{counts[0]}"
    else:
        bench.converge()
        bench.restart()
        namespace = f"bench-operator-{args.rounds - 1}"
    if args.replay:
        scale.replay(bench, Operator, namespace, args.replay)
    if args.challenges:
        challenges.run(bench, Operator, args.challenges)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True, help="the operator, a release build")
    parser.add_argument("--loadgen", required=True, help="the raw load generator")
    parser.add_argument(
        "--gateways",
        type=numbers,
        default=[1000],
        metavar="N[,N…]",
        help="how many; several: what grows with the number (scale.py)",
    )
    parser.add_argument(
        "--replay",
        type=numbers,
        metavar="N[,N…]",
        help="starts in step with so many copies of one gateway (replay.py)",
    )
    parser.add_argument(
        "--peer", metavar="CMD", help="another operator, to compare with side by side (peer.py)"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--challenges", type=int, default=0, help="route so many ACME challenges, too")
    parser.add_argument("--steady", type=int, default=STEADY_SECONDS, help="seconds to watch it idle")
    args = parser.parse_args()
    counts, args.gateways = args.gateways, args.gateways[0]
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs", flush=True)
    with ControlPlane(audit=True) as cp:
        h.cp = cp
        h.install()
        measure(Bench(args, cp), args, counts)
    print(f"load of the machine: {os.getloadavg()[0]:.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
