# SPDX-License-Identifier: Apache-2.0
"""What grows with the number of gateways, and what must not.

For each number: a start with so many gateways that all have to be made, users' edits in the midst
of that, edits at rest, and a restart in step.  A straight line is laid through the memory.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness as h
import plot

if TYPE_CHECKING:
    from bench import Bench, Operator

EDITS = 7
GRACE = 15  # a pod may live so much longer than its gateway drains
RAW = 1000  # gateways of the raw load, to compare with
KIB = 1024.0
RESOURCES = {
    "meshgateways": "MeshGateway",
    "serviceaccounts": "ServiceAccount",
    "rolebindings": "RoleBinding",
    "deployments": "Deployment",
    "services": "Service",
    "horizontalpodautoscalers": "HorizontalPodAutoscaler",
    "poddisruptionbudgets": "PodDisruptionBudget",
}


def seconds_of(stamp: str) -> float:
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def fit(points: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Least squares: slope, base, and how far from the line the farthest point is."""
    slope, base = statistics.linear_regression(*zip(*points))
    return slope, base, max(abs(y - slope * x - base) for x, y in points)


def edit(namespace: str, name: str, drain: int) -> float:
    """A user's change; the seconds until the Deployment has it."""
    began = time.monotonic()
    h.patch("MeshGateway", namespace, name, {"spec": {"drainSeconds": drain}})
    while True:
        live = h.get("Deployment", namespace, name)
        pod = live["spec"]["template"]["spec"] if live else {}
        if pod.get("terminationGracePeriodSeconds") == drain + GRACE:
            return time.monotonic() - began
        time.sleep(0.01)


def told(times: list[float]) -> str:
    if not times:
        return "none"
    return f"{statistics.median(times) * 1000:.0f} / {max(times) * 1000:.0f} ms"


def storm_edits(operator: Operator, namespace: str, count: int) -> list[float]:
    """Of gateways at the end of the queue, while at least a fifth of all still waits there."""
    times: list[float] = []
    while len(times) < EDITS and operator.metric("workqueue_depth") > count / 5:
        times.append(edit(namespace, f"gw-{count - 1 - len(times):05d}", 40 + len(times)))
        time.sleep(0.3)
    return times


def sent_by_server(bench: Bench, namespace: str) -> float:
    """Seconds that the API server itself needs to send what a restart reads: all kinds at once."""

    def read(kind: str) -> None:
        query = "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        request = urllib.request.Request(
            bench.cp.url + h.path(kind, namespace) + query,
            headers={"Authorization": f"Bearer {bench.cp.token}"},
        )
        with urllib.request.urlopen(request, context=bench.cp.tls, timeout=600) as answer:
            for line in answer:
                if b"initial-events-end" in line:
                    return

    began = time.monotonic()
    threads = [threading.Thread(target=read, args=(kind,)) for kind in RESOURCES.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


def create(bench: Bench, namespace: str, count: int, gateway: Any) -> list[dict[str, Any]]:
    bench.cp.must("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    path = h.path("MeshGateway", namespace)
    with ThreadPoolExecutor(8) as pool:
        return list(
            pool.map(lambda i: bench.cp.must("POST", path, gateway(i, namespace)), range(count))
        )


def storm(bench: Bench, operator_of: Any, namespace: str, count: int) -> tuple[float, float]:
    """A start with gateways that all have to be made: its writes/s, and the memory afterwards."""
    mark = bench.cp.audit_mark()
    operator = operator_of(bench.binary, bench.kubeconfig, namespace, bench.cp)
    try:
        operator.wait_ready()
        in_storm = storm_edits(operator, namespace, count)
        operator.wait_idle(count, every=4)
        time.sleep(1)
        writes, seconds = bench.writes(mark, "meshgateway/")
        resident = operator.resident_mib()
        bench.row("edit in the storm, median / max", told(in_storm), "≤ 1000 ms")
        at_rest = [edit(namespace, f"gw-{i:05d}", 80 + i) for i in range(EDITS)]
        bench.row("edit at rest, median / max", told(at_rest))
        bench.row("resident after convergence", f"{resident:.1f} MiB", limit(count, 96))
        bench.row("peak", f"{operator.resident_mib('VmHWM'):.1f} MiB", limit(count, 160))
        cpu = operator.cpu_seconds() / count * 1000
        bench.row("CPU for each gateway", f"{cpu:.2f} ms", "the same for any number")
        return writes / seconds, resident
    finally:
        operator.stop()


def restart(bench: Bench, operator_of: Any, namespace: str, count: int) -> float:
    """In step: its memory."""
    server = sent_by_server(bench, namespace)
    mark = bench.cp.audit_mark()
    operator = operator_of(bench.binary, bench.kubeconfig, namespace, bench.cp)
    try:
        operator.wait_ready()
        seconds = operator.wait_idle(count)
        resident = operator.resident_mib()
        bench.row("restart: in step after", f"{seconds:.2f} s")
        bench.row("… the API server alone, to send the same", f"{server:.2f} s")
        bench.row("restart: writes", f"{bench.writes(mark, 'meshgateway/')[0]}", "0")
        bench.row("restart: resident", f"{resident:.1f} MiB", limit(count, 96))
        bench.row("restart: peak", f"{operator.resident_mib('VmHWM'):.1f} MiB", limit(count, 160))
        cpu = operator.cpu_seconds() / count * 1000
        bench.row("restart: CPU for each gateway", f"{cpu:.2f} ms", "the same for any number")
        return resident
    finally:
        operator.stop()


def limit(count: int, mib: int) -> str:
    return f"≤ {mib} MiB" if count >= 10000 else ""


def memory_line(bench: Bench, what: str, points: list[tuple[float, float]]) -> None:
    if len(points) < 2:
        return
    slope, base, off = fit(points)
    bench.row(f"{what}: for each gateway", f"{slope * KIB:.2f} KiB", f"and {base:.1f} MiB")
    bench.row("… farthest from the straight line", f"{off:.1f} MiB")
    name = what.replace(" ", "-")
    text = plot.line(f"Resident memory, {what}", "gateways", "MiB", points, (slope, base))
    bench.save(f"memory-{name}.svg", text)


def run(bench: Bench, operator_of: Any, gateway: Any, counts: list[int]) -> None:
    after_storm, after_restart = [], []
    for count in counts:
        print(f"{count} gateways", flush=True)
        namespace = f"bench-scale-{count}"
        create(bench, namespace, count, gateway)
        rate, resident = storm(bench, operator_of, namespace, count)
        status = h.get("MeshGateway", namespace, "gw-00000")["status"]
        raw = create(bench, f"bench-scale-raw-{count}", min(count, RAW), gateway)
        ratio = rate / bench.raw_round(bench.raw_requests(raw, status))
        bench.row("operator's writes/s ÷ raw writes/s", f"{ratio:.2f}", "≥ 0.8")
        after_storm.append((float(count), resident))
        after_restart.append((float(count), restart(bench, operator_of, namespace, count)))
    memory_line(bench, "after convergence", after_storm)
    memory_line(bench, "after a restart", after_restart)


def captured(bench: Bench, namespace: str) -> Path:
    """The objects of one gateway that is in step, as the API server has them."""
    objects = {r: h.get(kind, namespace, "gw-00000") for r, kind in RESOURCES.items()}
    path = bench.cp.dir / "captured.json"
    path.write_text(json.dumps(objects))
    return path


def replay(bench: Bench, operator_of: Any, namespace: str, counts: list[int]) -> None:
    """Starts with copies of a gateway in step, from a server that does nothing but send them."""
    objects, points = captured(bench, namespace), []
    print("replayed: starts in step with copies of one gateway, without TLS", flush=True)
    for count in counts:
        server = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("replay.py"), objects, str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert server.stdout is not None
        config = bench.cp.dir / "kubeconfig-replay"
        config.write_text(json.dumps(kubeconfig(server.stdout.readline().strip())))
        operator = operator_of(bench.binary, str(config), namespace, bench.cp)
        try:
            operator.wait_ready()
            operator.wait_idle(count)
            resident = operator.resident_mib()
            points.append((float(count), resident))
            bench.row(f"{count}: resident", f"{resident:.1f} MiB", limit(count, 96))
            peak = operator.resident_mib("VmHWM")
            bench.row(f"{count}: peak", f"{peak:.1f} MiB", limit(count, 160))
            cpu = operator.cpu_seconds() / count * 1000
            bench.row(f"{count}: CPU for each gateway", f"{cpu:.2f} ms")
        finally:
            operator.stop()
            writes = server.communicate()[0].strip()
        bench.row(f"{count}: writes", writes, "0")
    memory_line(bench, "replayed", points)


def kubeconfig(server: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "replay", "cluster": {"server": server}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "replay", "context": {"cluster": "replay", "user": "nobody"}}],
        "current-context": "replay",
    }
