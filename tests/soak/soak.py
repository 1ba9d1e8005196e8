#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An hour of random edits, faults and restarts; README.md tells what is done and what must hold."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests" / d) for d in ("integration", "controlplane")]
import controlplane  # noqa: E402
import foreign_crds  # noqa: E402
import harness as h  # noqa: E402
import issuing as i  # noqa: E402
import test_mesh  # noqa: E402
from actions import PAUSED, Actions  # noqa: E402
from checks import Checks, transitions  # noqa: E402
from operators import Replica, has_election, trend  # noqa: E402
from world import TAKEN, World, path_of  # noqa: E402

STORM_SECONDS = (40, 80)
FAULTS_A_STORM = 3
EDITS_A_SECOND = 1.0
SAMPLE_SECONDS = 10
QUIET_SECONDS, LAST_QUIET_SECONDS = 20, 60
# Processes are ended in the first third only; then they have the rest of the time to grow.
ENDINGS = 1 / 3
# Growth of a line through the quiet samples of one process.  Idle connections come and go.
FLAT_PERCENT, FLAT_MIB, FLAT_FDS = 10, 2, 12
ENOUGH_SAMPLES = 5
# A client that meets a fault: the request is lost, as a user's would be.
LOST = (OSError, http.client.HTTPException, controlplane.ControlPlaneError, AssertionError)


class Soak:
    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.chance = random.Random(args.seed)
        self.began = time.monotonic()
        self.end = self.began + args.minutes * 60
        self.wrong: list[str] = []
        self.lost = 0
        self.storms: list[dict[str, Any]] = []
        self.next_sample = 0.0
        namespaces = [[f"{side}-{n}" for n in range(3)] for side in ("asan", "release")]
        self.world = World(self.chance, namespaces[0] + namespaces[1], args.gateways)
        token = int(args.minutes * 60) + 7200
        self.election = has_election(args.asan)

        def replica(name: str, binary: Path, spaces: list[str], *more: str) -> Replica:
            options = [o for ns in spaces for o in ("--namespace", ns)] + ["--max-rolling", "25%"]
            return Replica(name, binary, [*options, *more], token)

        names = ("asan-1", "asan-2") if self.election else ("asan",)
        elect = ("--leader-elect", "--leader-elect-namespace", h.SYSTEM) if self.election else ()
        self.replicas = [replica(n, args.asan, namespaces[0], *elect) for n in names]
        # There are rights to one Lease; this one works alone.
        self.steady = [replica("release", args.release, namespaces[1])]
        self.actions = Actions(self.chance, self.world, self.replicas, self.steady)
        self.checks = Checks(self.world, args.release, self.wait)
        self.sanitized = set(namespaces[0])

    @property
    def everyone(self) -> list[Replica]:
        return [*self.replicas, *self.steady]

    def note(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:6.0f} s  {text}", flush=True)

    def fault_is(self, *found: str) -> None:
        for text in found:
            self.wrong.append(text)
            self.note(f"WRONG  {text}")

    def lose(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except LOST:
            self.lost += 1
            return None

    def insist(self, act: Callable[[], Any]) -> None:
        """What must succeed, though the API server may just be coming back."""
        deadline = time.monotonic() + 120
        while True:
            try:
                act()
                return
            except LOST:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def sample(self, quiet: bool = False) -> None:
        at = time.monotonic() - self.began
        if quiet or at >= self.next_sample:
            self.next_sample = at + SAMPLE_SECONDS
            for replica in self.everyone:
                replica.sample(at, self.world.count, quiet)

    def look(self) -> None:
        for replica in self.everyone:
            replica.check_alive(self.election)
            self.fault_is(*replica.ended)
            replica.ended.clear()

    def wait(self) -> None:
        """What goes on while the operators get everything in step."""
        self.look()
        self.lose(self.world.certify)

    def storm(self, seconds: float) -> int:
        """Edits all the time, faults at moments drawn beforehand; how much was done."""
        began = time.monotonic()
        moments = sorted(self.chance.uniform(0, seconds) for _ in range(FAULTS_A_STORM))
        undo: list[tuple[float, Callable[[], Any]]] = []
        done = 0
        while time.monotonic() - began < seconds:
            now = time.monotonic() - began
            if moments and now >= moments[0]:
                moments.pop(0)
                back = self.lose(self.actions.fault)
                undo += [(now + self.chance.uniform(5, 20), back)] if back else []
                done += 1
            for item in [u for u in undo if u[0] <= now]:
                undo.remove(item)
                self.insist(item[1])
            self.lose(self.actions.edit)
            done += 1
            self.look()
            self.sample()
            time.sleep(self.chance.expovariate(EDITS_A_SECOND))
        for _, back in undo:
            self.insist(back)
        return done

    def calm(self) -> None:
        """Everything is as it should be again, but for what the operators have to do."""
        self.insist(self.actions.restore_role)
        self.insist(self.world.ensure)
        if self.args.crds:
            missing = [g for g in i.GROUPS if not i.served(g)]
            if missing:
                self.insist(lambda: i.install(*missing))

        def go_on() -> None:
            self.world.level()
            for gw in self.world.gateways():
                if PAUSED in (gw["metadata"].get("annotations") or {}):
                    h.cp.must("PATCH", path_of(gw), {"metadata": {"annotations": {PAUSED: None}}})
            for ns in self.world.namespaces:
                if h.get("MeshGateway", ns, TAKEN) is None:
                    h.create(h.gateway(TAKEN, ns))

        self.insist(go_on)

    def cycle(self, last: bool) -> None:
        mark, lease = h.cp.audit_mark(), self.transitions()
        seconds = self.chance.uniform(*STORM_SECONDS)
        done = self.storm(seconds)
        self.calm()
        converged = self.checks.converge()
        self.fault_is(*self.checks.services_kept(), *self.world.touched())
        self.fault_is(*self.checks.bounded(mark, done))
        if self.election:
            changes = self.transitions() - lease
            self.fault_is(*self.checks.one_writer(mark, changes, self.sanitized))
        self.insist(self.world.certify)
        self.checks.settle()
        self.fault_is(*self.checks.quiet(LAST_QUIET_SECONDS if last else QUIET_SECONDS))
        self.sample(quiet=True)
        self.look()
        for replica in self.everyone:
            sick = h.SICK.search(replica.news(keep=True))
            if sick:
                self.fault_is(f"{replica.name}: {replica.news(keep=True)[sick.start() :][:4000]}")
            replica.news()
        told = ", ".join(
            f"{r.name} {r.samples[-1].rss_kib / 1024:.1f} MiB {r.samples[-1].fds} fds"
            for r in self.everyone
        )
        self.storms.append({"seconds": round(seconds), "actions": done, "converged": converged})
        self.note(f"storm of {seconds:.0f} s, {done} actions; in step {converged:.0f} s later; {told}")

    def transitions(self) -> int:
        return transitions(h.ACCOUNT) if self.election else 0

    def run(self) -> None:
        self.insist(self.world.ensure)
        istio = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": test_mesh.ISTIO}}
        h.cp.must("POST", "/api/v1/namespaces", istio)
        test_mesh.say(tag="1.31.0")
        for replica in self.everyone:
            replica.start()
        self.world.level()
        self.note(f"in step {self.checks.converge():.0f} s after the start")
        last = False
        while not last:
            left = self.end - time.monotonic()
            last = left < STORM_SECONDS[1] + 2 * LAST_QUIET_SECONDS
            self.actions.may_end = left > (1 - ENDINGS) * self.args.minutes * 60
            self.cycle(last)

    def finish(self) -> dict[str, Any]:
        """Ends the operators, which is when leaks are told, and sums up."""
        for replica in self.everyone:
            replica.terminate()
            self.fault_is(*replica.ended)
            replica.relay.stop()
            sick = h.SICK.search(replica.news(keep=True))
            if sick:
                self.fault_is(f"{replica.name}: {replica.news(keep=True)[sick.start() :][:4000]}")
        trends = {r.name: trend(r.samples) for r in self.everyone}
        for name, t in trends.items():
            if t["samples"] >= ENOUGH_SAMPLES:
                if t["growth_mib"] > FLAT_MIB and t["growth_percent"] > FLAT_PERCENT:
                    self.fault_is(f"{name} grew by {t['growth_mib']} MiB ({t['growth_percent']} %)")
                if t["growth_fds"] > FLAT_FDS:
                    self.fault_is(f"{name}: descriptors {t['fds']}")
        return {
            "seed": self.args.seed,
            "minutes": round((time.monotonic() - self.began) / 60, 1),
            "gateways": self.args.gateways,
            "election": self.election,
            "storms": self.storms,
            "actions": dict(sorted(self.actions.counts.items())),
            "lost": self.lost,
            "most_writes_of_an_object": self.checks.most_writes,
            "starts": {r.name: r.starts for r in self.everyone},
            "trends": trends,
            "samples": {r.name: [vars(s) for s in r.samples] for r in self.everyone},
            "wrong": self.wrong,
        }


def summary(result: dict[str, Any]) -> None:
    print(f"\nseed {result['seed']}, {result['minutes']} minutes, {result['gateways']} gateways")
    print(f"{sum(result['actions'].values())} edits and faults, {result['lost']} lost to faults:")
    print("  " + ", ".join(f"{k} {v}" for k, v in result["actions"].items()))
    took = sorted(s["converged"] for s in result["storms"])
    if took:
        print(f"{len(took)} storms; in step after {took[len(took) // 2]:.0f} s (median), {took[-1]:.0f} s at most")
    print(f"at most {result['most_writes_of_an_object']} writes of one object in a storm")
    for name, t in result["trends"].items():
        grown = f"{t['growth_mib']:+.2f} MiB ({t['growth_percent']:+.1f} %) in {t['seconds']} s" if "growth_mib" in t else "-"
        print(
            f"{name:8} {result['starts'][name]:3} starts; RSS {grown} over {t['samples']} quiet samples, "
            f"peak {t['peak_rss_mib']} MiB; fds {sorted(set(t.get('fds', [])))}, threads {t.get('threads', [])}"
        )
    print("\n".join(f"WRONG  {w[:500]}" for w in result["wrong"]) or "nothing was wrong")


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak.sh", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="default: 60")
    parser.add_argument("--gateways", type=int, default=24, help="at the end of each storm (default: 24)")
    parser.add_argument("--seed", type=int, default=None, help="repeats the draws of an earlier run")
    parser.add_argument("--asan", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--release", type=Path, required=True, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.seed = args.seed if args.seed is not None else random.SystemRandom().randrange(10**6)
    out = ROOT / "build" / "soak"
    out.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, interrupted)
    # Writes of the operators are all that is asked of the audit log; an hour of all would be large.
    controlplane.AUDIT_POLICY["rules"] = [
        {"level": "Metadata", "users": [h.OPERATOR_USER], "verbs": list(h.WRITES)},
        {"level": "None"},
    ]
    h.cp = controlplane.ControlPlane(("all",), crds=ROOT / "crds")
    soak, result = None, None
    try:
        h.cp.__enter__()
        signal.signal(signal.SIGTERM, interrupted)
        h.install()
        args.crds = installed()
        print(f"seed {args.seed}; state in {h.cp.dir}", flush=True)
        soak = Soak(args)
        soak.run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        if soak:
            soak.wrong.append("interrupted")
    except (AssertionError, *LOST) as e:
        if soak is None:
            raise
        soak.fault_is(f"{type(e).__name__}: {e}")
    finally:
        try:
            if soak:
                result = soak.finish()
                (out / "result.json").write_text(json.dumps(result, indent=1) + "\n")
                for replica in soak.everyone:
                    os.replace(replica.log, out / f"{replica.name}.log")
        finally:
            h.cp.stop()
    if result is None:
        return 1
    summary(result)
    return 1 if result["wrong"] else 0


def installed() -> bool:
    """The CRDs of Istio and cert-manager; without Go the soak goes without them."""
    try:
        i.install("istio", "cert-manager")
        return True
    except foreign_crds.NotThere as e:
        print(f"without Istio and cert-manager: {e}")
        return False


if __name__ == "__main__":
    sys.exit(main())
