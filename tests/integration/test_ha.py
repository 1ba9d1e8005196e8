#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several operators, and what takes minutes: killed, stopped, cut off, the lease tampered with."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

import faults
import harness as h
import relay
import replicas as r

HERE = Path(__file__).resolve().parent
# The defaults of the operator, in seconds.
DURATION, DEADLINE, PERIOD = 15, 10, 2
SLACK = 15  # for a machine that does other things, too


def editor(ns: str, names: list[str]) -> faults.Nagger:
    """Somebody who edits gateways all the time, so that a leader always has something to write."""
    turns = itertools.count(1)

    def edit() -> None:
        i = next(turns)
        labels = {"serviceLabels": {"turn": f"t{i}"}}
        h.patch("MeshGateway", ns, names[i % len(names)], {"spec": labels})

    return faults.Nagger(edit)


class Ha(h.IntegrationTest):
    autostart = False

    def setUp(self) -> None:
        super().setUp()
        h.cp.request("DELETE", r.LEASE)
        self.mark = h.cp.audit_mark()
        self.names = [f"gw-{i}" for i in range(4)]
        for name in self.names:
            h.create(h.gateway(name, self.ns))

    def pair(self, kubeconfig: str | None = None) -> tuple[r.Replica, r.Replica]:
        """A leader, reached by this kubeconfig, and a standby."""
        first = r.replica(self, kubeconfig=kubeconfig).start()
        r.leads(first)
        return first, r.replica(self).start()

    def converges(self) -> None:
        for name in self.names:
            h.programmed(self.ns, name, 60)
            self.assert_children(name, h.BASE_CHILDREN)

    def lost(self, operator: r.Replica, seconds: float) -> None:
        """It ends by itself, as one that lost the election."""
        assert operator.process is not None
        self.assertEqual(operator.process.wait(seconds), 1)
        self.assertEqual(len(operator.lines("leader election lost")), 1, operator.text()[-2000:])
        self.assertIsNone(h.SICK.search(operator.text()))

    def test_killed(self) -> None:
        first, second = self.pair()
        taken = []
        for _ in range(3):
            with editor(self.ns, self.names):
                time.sleep(random.uniform(1, 4))
                mark = h.cp.audit_mark()
                first.kill()
                killed = time.time()
                r.leads(second, DURATION + PERIOD + SLACK)
                taken.append(r.taken_at(second, mark) - killed)
                self.assertLess(taken[-1], DURATION + PERIOD + SLACK)
                h.eventually(lambda: r.writes_of(second, mark), "it works")
            self.converges()
            first, second = second, r.replica(self).start()
        print(f"taken over after kill -9: {', '.join(f'{t:.1f} s' for t in taken)}", flush=True)
        r.assert_one_writer_at_a_time(self, self.mark)

    def test_stopped_for_a_while(self) -> None:
        first, second = self.pair()
        with editor(self.ns, self.names):
            h.eventually(lambda: r.writes_of(first, self.mark), "it works")
            assert first.process is not None
            first.process.send_signal(signal.SIGSTOP)
            r.leads(second, DURATION + PERIOD + SLACK)
            h.eventually(lambda: r.writes_of(second, self.mark), "the other one works")
            time.sleep(20)
            mark = h.cp.audit_mark()
            first.process.send_signal(signal.SIGCONT)
            self.lost(first, 10)
            time.sleep(3)
            self.assertEqual(r.writes_of(first, mark), [])
        self.converges()
        r.assert_one_writer_at_a_time(self, self.mark)
        self.assertEqual(second.stop(), 0)

    def test_stopped_too_shortly_to_lose(self) -> None:
        first, second = self.pair()
        assert first.process is not None
        transitions = r.lease()["spec"]["leaseTransitions"]
        with editor(self.ns, self.names):
            first.process.send_signal(signal.SIGSTOP)
            time.sleep(DEADLINE / 2)
            first.process.send_signal(signal.SIGCONT)
            time.sleep(DURATION)
        self.assertTrue(first.alive(), first.text()[-2000:])
        self.assertEqual(r.lease()["spec"]["leaseTransitions"], transitions)
        self.assertEqual(r.writes_of(second, self.mark), [])
        self.converges()

    def cut_off(self, *directions: str) -> None:
        wire = relay.Relay(h.cp.port)
        self.addCleanup(wire.close)
        config = json.loads(Path(h.cp.service_account_kubeconfig(h.SYSTEM, h.ACCOUNT)).read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{wire.port}"
        path = h.cp.dir / "kubeconfig-relay"
        path.write_text(json.dumps(config))
        first, second = self.pair(str(path))
        with editor(self.ns, self.names):
            h.eventually(lambda: r.writes_of(first, self.mark), "it works")
            wire.cut(*directions)
            cut = time.monotonic()
            self.lost(first, DEADLINE + SLACK)
            print(f"cut off, it stopped after {time.monotonic() - cut:.1f} s", flush=True)
            r.leads(second, DURATION + PERIOD + SLACK)
            h.eventually(lambda: r.writes_of(second, self.mark), "the other one works")
            wire.heal()
            time.sleep(5)
        self.converges()
        r.assert_one_writer_at_a_time(self, self.mark)

    def test_cut_off_both_ways(self) -> None:
        self.cut_off(relay.UP, relay.DOWN)

    def test_cut_off_from_the_answers(self) -> None:
        self.cut_off(relay.DOWN)

    def test_cut_off_from_the_server(self) -> None:
        self.cut_off(relay.UP)

    def test_three_race_for_a_lease_that_is_deleted(self) -> None:
        three = [r.replica(self).start(ready=False) for _ in range(3)]
        with editor(self.ns, self.names):
            for _ in range(10):
                time.sleep(random.uniform(0, 2 * PERIOD))
                h.cp.request("DELETE", r.LEASE)
        # Whoever found it taken has ended; who holds it now is one of the others.
        h.eventually(lambda: sum(self.holds(one) for one in three) == 1, "one of them leads", 60)
        for one in three:
            if not one.alive():
                self.lost(one, 0)
        self.converges()
        leading = [one for one in three if one.alive() and one.metric(r.STATUS) == 1]
        self.assertEqual([r.identity(one) for one in leading], [r.lease()["spec"]["holderIdentity"]])

    def holds(self, operator: r.Replica) -> bool:
        status, document, _ = h.cp.request("GET", r.LEASE)
        return status == 200 and document["spec"].get("holderIdentity") == r.identity(operator)

    def test_three_race_for_a_lease_that_runs_out(self) -> None:
        first, second = self.pair()
        third = r.replica(self).start()
        with editor(self.ns, self.names):
            first.kill()
            h.eventually(
                lambda: self.holds(second) or self.holds(third),
                "one of the others leads",
                DURATION + PERIOD + SLACK,
            )
            time.sleep(2 * PERIOD + 1)
        self.assertTrue(second.alive() and third.alive())
        self.assertEqual(second.metric(r.STATUS) + third.metric(r.STATUS), 1)
        self.converges()
        r.assert_one_writer_at_a_time(self, self.mark)

    def test_holder_edited_by_hand(self) -> None:
        first, second = self.pair()
        with editor(self.ns, self.names):
            h.eventually(lambda: r.writes_of(first, self.mark), "it works")
            h.cp.must("PATCH", r.LEASE, {"spec": {"holderIdentity": "by-hand"}}, h.MERGE)
            self.lost(first, 2 * PERIOD + SLACK)
            self.assertIn("by-hand", first.lines("leader election lost")[0]["err"])
            # Nobody has the lease that by-hand does not renew, until it has run out.
            r.leads(second, DURATION + PERIOD + SLACK)
            h.eventually(lambda: r.writes_of(second, self.mark), "the other one works")
        self.converges()
        r.assert_one_writer_at_a_time(self, self.mark)

    @unittest.skipUnless(shutil.which("cc"), "no C compiler")
    def test_wall_clocks_jump(self) -> None:
        library = h.cp.dir / "clockshift.so"
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-o", str(library), str(HERE / "clockshift.c")], check=True
        )
        # Certificates have a time, too; their being out of it is not what this is about.
        config = json.loads(Path(h.cp.service_account_kubeconfig(h.SYSTEM, h.ACCOUNT)).read_text())
        config["clusters"][0]["cluster"].pop("certificate-authority-data", None)
        config["clusters"][0]["cluster"].pop("certificate-authority", None)
        config["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
        path = h.cp.dir / "kubeconfig-clock"
        path.write_text(json.dumps(config))
        shifts = [h.cp.dir / f"shift-{i}" for i in range(2)]
        pair = [r.replica(self, kubeconfig=str(path)) for _ in shifts]
        for operator, shift in zip(pair, shifts):
            shift.write_text("0")
            operator.env |= {
                "CLOCKSHIFT": str(shift),
                "LD_PRELOAD": str(library),
                "ASAN_OPTIONS": "detect_leaks=0:exitcode=99:verify_asan_link_order=0",
            }
            operator.start()
            r.leads(pair[0])
        transitions = r.lease()["spec"]["leaseTransitions"]
        for shift in shifts:
            for seconds in (3600, -3600, 86400, -86400, 0):
                shift.write_text(str(seconds))
                before = r.lease()["spec"]["renewTime"]
                time.sleep(2 * PERIOD + 1)
                after = r.lease()["spec"]
                self.assertNotEqual(after["renewTime"], before)
                if shift is shifts[0]:
                    written = r.seconds_of(after["renewTime"]) - time.time()
                    self.assertLess(abs(written - seconds), 60, "the clock was not shifted")
        self.assertTrue(pair[0].alive() and pair[1].alive())
        self.assertEqual(r.lease()["spec"]["leaseTransitions"], transitions)
        self.assertEqual(r.lease()["spec"]["holderIdentity"], r.identity(pair[0]))
        self.assertEqual(r.writes_of(pair[1], self.mark), [])

    def test_sigterm_under_load(self) -> None:
        first, second = self.pair()
        more = [f"more-{i}" for i in range(30)]
        with editor(self.ns, self.names):
            for name in more:
                h.create(h.gateway(name, self.ns, minReplicas=2, maxReplicas=3))
            mark = h.cp.audit_mark()
            self.assertEqual(first.stop(40), 0)
            self.assertEqual(first.lines("passes did not end in time"), [])
            r.leads(second)
            taken = r.taken_after(second, mark)
        print(f"taken over {taken:.2f} s after the release, under load", flush=True)
        # Each write that arrived was waited for, and none came after the lease was given back.
        released = r.released_at(first, mark)
        late = [e for e in r.writes_of(first, mark) if r.seconds_of(e["stageTimestamp"]) > released]
        self.assertEqual(late, [])
        for name in more:
            h.programmed(self.ns, name, 120)
            self.assert_children(name, h.CHILDREN)
        self.converges()
        r.assert_one_writer_at_a_time(self, self.mark)
        self.assertEqual(second.stop(), 0)


if __name__ == "__main__":
    sys.exit(h.main())
