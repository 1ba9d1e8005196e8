# SPDX-License-Identifier: Apache-2.0
"""Operators as processes, each behind a relay of its own, and what is measured of them."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))
import harness as h  # noqa: E402
from cutter import Relay  # noqa: E402

PR_SET_PDEATHSIG = 1
# Freed memory is kept by the sanitizer to find late uses; a small store of it keeps growth visible.
ASAN_OPTIONS = "detect_leaks=1:exitcode=99:quarantine_size_mb=4:malloc_context_size=12"


@dataclass
class Sample:
    at: float  # seconds since the soak began
    started: int  # which process of the replica
    rss_kib: int
    fds: int
    threads: int
    gateways: int
    quiet: bool = False


@dataclass
class Replica:
    """One operator: the process may be replaced, its place stays."""

    name: str
    binary: Path
    args: list[str]
    seconds: int  # that its token must live
    samples: list[Sample] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)  # what must not have happened
    starts: int = 0

    def __post_init__(self) -> None:
        self.relay = Relay(h.cp.port)
        self.log = Path(h.cp.dir) / f"operator-{self.name}.log"
        self.log.touch()
        self.read = 0  # of the log
        self.process: subprocess.Popen[bytes] | None = None
        config = json.loads(
            Path(h.cp.service_account_kubeconfig(h.SYSTEM, h.ACCOUNT, self.seconds)).read_text()
        )
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self.relay.port}"
        self.kubeconfig = Path(h.cp.dir) / f"kubeconfig-soak-{self.name}"
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps(config))

    def start(self) -> None:
        def in_child() -> None:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

        env = {**os.environ, "ASAN_OPTIONS": ASAN_OPTIONS}
        env["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1:exitcode=99"
        argv = [str(self.binary), "run", "--kubeconfig", str(self.kubeconfig)]
        argv += ["--metrics-bind-address", "0", "--health-probe-bind-address", "0", *self.args]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, preexec_fn=in_child
            )
        self.starts += 1

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def check_alive(self, expect_loss: bool = False) -> None:
        """Starts it again when it ended by itself, and notes that; losing its lease is no fault."""
        if self.process is None or self.process.poll() is None:
            return
        status = self.process.returncode
        if not (expect_loss and status == 1 and '"lease' in self.news(keep=True)):
            self.ended.append(f"{self.name} ended by itself with {status}: {self.news()[-2000:]}")
        self.start()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def terminate(self, seconds: float = 60.0) -> None:
        """SIGTERM, also to a stopped one; a leak that the sanitizer finds then is an exit status."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.ended.append(f"{self.name} did not end within {seconds:.0f} s of SIGTERM")
            process.kill()
            process.wait()
            return
        if status != 0:
            self.ended.append(f"{self.name} ended with {status} on SIGTERM")

    def stop_for(self, seconds: float) -> None:
        """SIGSTOP for a while: as a machine that hangs."""
        if self.process is not None:
            self.process.send_signal(signal.SIGSTOP)
            time.sleep(seconds)
            self.process.send_signal(signal.SIGCONT)

    def news(self, keep: bool = False) -> str:
        """What the log has got since the last call."""
        with self.log.open("rb") as log:
            log.seek(self.read)
            text = log.read().decode(errors="replace")
        if not keep:
            self.read += len(text.encode())
        return text

    def sample(self, at: float, gateways: int, quiet: bool = False) -> Sample | None:
        if self.process is None:
            return None
        proc = Path(f"/proc/{self.process.pid}")
        try:
            status = dict(
                line.split(":", 1) for line in (proc / "status").read_text().splitlines()
            )
            fds = len(list((proc / "fd").iterdir()))
        except OSError:
            return None
        if "VmRSS" not in status:
            return None
        taken = Sample(
            round(at, 1), self.starts, int(status["VmRSS"].split()[0]), fds,
            int(status["Threads"]), gateways, quiet,
        )  # fmt: skip
        self.samples.append(taken)
        return taken


def has_election(binary: Path) -> bool:
    done = subprocess.run([binary, "run", "--help"], capture_output=True, text=True, check=True)
    return "--leader-elect " in done.stdout


def line(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Least squares: (slope, mean of y)."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
    return slope, mean_y


def longest_life(samples: list[Sample]) -> list[Sample]:
    """The quiet samples of the process that lived through most of them."""
    lives: dict[int, list[Sample]] = {}
    for s in samples:
        if s.quiet:
            lives.setdefault(s.started, []).append(s)
    return max(lives.values(), key=len, default=[])


def trend(samples: list[Sample]) -> dict[str, Any]:
    """Growth over the quiet samples, without the first fifth of them: then caches are warm."""
    life = longest_life(samples)
    life = life[len(life) // 5 :]
    told: dict[str, Any] = {"samples": len(life), "peak_rss_mib": 0.0}
    if samples:
        told["peak_rss_mib"] = round(max(s.rss_kib for s in samples) / 1024, 1)
        told["peak_fds"] = max(s.fds for s in samples)
    if len(life) < 2:
        return told
    span = life[-1].at - life[0].at
    slope, mean = line([(s.at, s.rss_kib) for s in life])
    opened, _ = line([(s.at, s.fds) for s in life])
    told.update(
        seconds=round(span),
        rss_mib=[round(s.rss_kib / 1024, 1) for s in life],
        growth_mib=round(slope * span / 1024, 2),
        growth_percent=round(100 * slope * span / mean, 1),
        fds=[s.fds for s in life],
        growth_fds=round(opened * span, 1),
        threads=sorted({s.threads for s in life}),
    )
    return told
