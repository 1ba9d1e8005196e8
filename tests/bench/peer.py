# SPDX-License-Identifier: Apache-2.0
"""Two operators side by side: the same gateways, each on a control plane of its own.

Nothing is asked of a peer but that it reads $KUBECONFIG, watches MeshGateways, makes a Deployment,
a Service and a HorizontalPodAutoscaler of each with an owner reference to it, and ends at SIGTERM.
Everything is judged from outside: what exists, what the audit log says, and what /proc says of the
processes of its group.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness as h
import plot
import scale
from controlplane import ControlPlane

if TYPE_CHECKING:
    from bench import Bench

ACCOUNT = "bench-operator"
NAMESPACE = "bench"
AWAITED = ("Deployment", "Service", "HorizontalPodAutoscaler")
WRITES = ("create", "update", "patch", "delete")
QUIET_SECONDS = 5.0  # without a write: it has come to rest
BUSY = 0.05  # of one CPU: less is rest, too
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Figures:
    converged: float = 0.0
    writes: int = 0
    resident: float = 0.0
    peak: float = 0.0
    cpu: float = 0.0
    restarted: float = 0.0
    restart_writes: int = 0


class Group:
    """A command as a process group of its own."""

    def __init__(self, command: list[str], kubeconfig: str, log: Path) -> None:
        self.log = log
        self.began = time.time()
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, "KUBECONFIG": kubeconfig},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _members(self) -> list[tuple[Path, list[str]]]:
        members = []
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                fields = (directory / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # has ended
            if int(fields[2]) == self.process.pid:
                members.append((directory, fields))
        return members

    def mib(self, field: str) -> float:
        total = 0
        for directory, _ in self._members():
            try:
                status = (directory / "status").read_text()
            except OSError:
                continue
            total += sum(int(s.split()[1]) for s in status.splitlines() if s.startswith(field))
        return total / 1024

    def cpu(self) -> float:
        """Of the processes of the group, and of their children that have ended."""
        return sum(sum(map(int, f[11:15])) for _, f in self._members()) / TICK

    def check(self) -> None:
        if self.process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise SystemExit(f"it ended by itself ({self.process.returncode}):\n{tail}")

    def stop(self) -> None:
        for sig in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sig)
            except ProcessLookupError:
                pass
            try:
                self.process.wait(30)
                return
            except subprocess.TimeoutExpired:
                continue


def account(cp: ControlPlane) -> str:
    """A kubeconfig that may do everything: nobody knows what a peer needs."""
    path = f"/api/v1/namespaces/{h.SYSTEM}/serviceaccounts"
    cp.must("POST", path, {"metadata": {"name": ACCOUNT}})
    binding = {
        "metadata": {"name": ACCOUNT},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"
        },
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": h.SYSTEM}],
    }  # fmt: skip
    cp.must("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    return cp.service_account_kubeconfig(h.SYSTEM, ACCOUNT)


def writes(cp: ControlPlane, since: int) -> list[dict[str, Any]]:
    """What the operator wrote, leases aside: those go on for ever."""
    events = cp.audit_events(since, f":{ACCOUNT}", WRITES)
    return [e for e in events if e["objectRef"].get("resource") != "leases"]


def owned(cp: ControlPlane, kind: str) -> set[str]:
    """The uids of the MeshGateways that own an object of the kind."""
    items = cp.must("GET", h.path(kind, NAMESPACE))["items"]
    references = [r for o in items for r in o["metadata"].get("ownerReferences", [])]
    return {r["uid"] for r in references if r["kind"] == "MeshGateway"}


def is_complete(cp: ControlPlane, uids: set[str]) -> bool:
    if any(not uids <= owned(cp, kind) for kind in AWAITED):
        return False
    told = ["status" in g for g in cp.must("GET", h.path("MeshGateway", NAMESPACE))["items"]]
    return all(told) or not any(told)


def wait_quiet(group: Group, cp: ControlPlane, mark: int) -> None:
    """Until it has neither written nor computed for a while."""
    seen, cpu, since = -1, 0.0, time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        group.check()
        count, used = len(writes(cp, mark)), group.cpu()
        if count != seen or used - cpu > BUSY * (time.monotonic() - since + 1):
            seen, cpu, since = count, used, time.monotonic()
        time.sleep(1)


def converge(group: Group, cp: ControlPlane, uids: set[str], figures: Figures) -> None:
    while not is_complete(cp, uids):
        group.check()
        time.sleep(2)
    wait_quiet(group, cp, 0)
    events = writes(cp, 0)
    last = max(scale.seconds_of(e["stageTimestamp"]) for e in events)
    figures.converged = last - group.began
    figures.writes = len(events)
    figures.resident = group.mib("VmRSS")
    figures.peak = group.mib("VmHWM")
    figures.cpu = group.cpu()


def restart(group: Group, cp: ControlPlane, mark: int, figures: Figures) -> None:
    wait_quiet(group, cp, mark)
    figures.restarted = time.time() - group.began - QUIET_SECONDS
    figures.restart_writes = len(writes(cp, mark))


def measure(bench: Bench, command: list[str], gateway: Any) -> Figures:
    figures = Figures()
    with ControlPlane(audit=True) as cp:
        h.cp = bench.cp = cp
        h.install()
        kubeconfig = account(cp)
        made = scale.create(bench, NAMESPACE, bench.args.gateways, gateway)
        uids = {g["metadata"]["uid"] for g in made}
        for again in (False, True):
            mark = cp.audit_mark()
            group = Group(command, kubeconfig, cp.dir / "operator.log")
            try:
                if again:
                    restart(group, cp, mark, figures)
                else:
                    converge(group, cp, uids, figures)
            finally:
                group.stop()
    return figures


def run(bench: Bench, peer: str, gateway: Any) -> None:
    n = bench.args.gateways
    ours = [
        str(bench.binary), "run",
        "--metrics-bind-address", "0", "--health-probe-bind-address", "0",
    ]  # fmt: skip
    commands = {"meshgateway": ours, Path(shlex.split(peer)[0]).name + " (peer)": shlex.split(peer)}
    figures = {name: measure(bench, command, gateway) for name, command in commands.items()}
    rows: list[tuple[str, str, str]] = [
        (f"{n} gateways made after", "s", "converged"),
        ("writes", "", "writes"),
        ("resident then", "MiB", "resident"),
        ("peak", "MiB", "peak"),
        ("CPU", "s", "cpu"),
        ("restart: at rest after", "s", "restarted"),
        ("restart: writes", "", "restart_writes"),
    ]
    values = [
        (what, unit, [round(float(getattr(f, key)), 1) for f in figures.values()])
        for what, unit, key in rows
    ]
    shown = [(what, *(f"{v:g} {unit}".strip() for v in each)) for what, unit, each in values]
    text = plot.table([f"load {os.getloadavg()[0]:.1f}", *figures], shown)
    print(text, end="")
    bench.save("peer.md", text)
    bench.save("peer.svg", plot.bars(list(figures), values))
