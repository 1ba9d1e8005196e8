#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two operators with --leader-elect: one works, the other takes over when it is told to stop."""

from __future__ import annotations

import sys

import harness as h
import replicas as r


class Replicas(h.IntegrationTest):
    autostart = False

    def test_sigterm_hands_the_lease_to_the_standby(self) -> None:
        first = r.replica(self).start()
        r.leads(first)
        self.gateway("one", minReplicas=2, maxReplicas=3)
        second = r.replica(self).start()
        # Made, changed and deleted while the second only looks on.
        self.gateway("two", minReplicas=2, maxReplicas=3)
        self.gateway("gone")
        h.patch("MeshGateway", self.ns, "two", {"spec": {"drainSeconds": 41}})
        h.patch("MeshGateway", self.ns, "one", {"spec": {"minReplicas": None, "maxReplicas": None}})
        h.programmed(self.ns, "one")
        h.programmed(self.ns, "two")
        h.delete("MeshGateway", self.ns, "gone")
        for name in ("one", "two"):
            h.available(self.ns, name)
        h.settled(3)
        self.assertEqual(r.writes_of(second), [])
        self.assertEqual(second.metric(r.STATUS), 0)
        before = r.lease()["spec"]

        mark = h.cp.audit_mark()
        self.assertEqual(first.stop(), 0)
        r.leads(second)
        print(f"taken over {r.taken_after(second, mark):.2f} s after the release", flush=True)
        self.assertLess(r.taken_after(second, mark), 10)
        after = r.lease()["spec"]
        self.assertEqual(after["leaseTransitions"], before["leaseTransitions"] + 1)
        self.assertEqual(after["leaseDurationSeconds"], 15)
        h.eventually(lambda: second.probe("readyz") == 200, "ready")
        self.assert_no_writes(mark)
        self.assertEqual(second.metric(r.STATUS), 1)

        # And it does work.
        h.patch("MeshGateway", self.ns, "one", {"spec": {"drainSeconds": 42}})
        h.programmed(self.ns, "one")
        h.delete("Service", self.ns, "two")
        h.eventually(lambda: h.get("Service", self.ns, "two"), "repaired by the second")
        self.assertEqual(second.stop(), 0)
        self.assertEqual(r.lease()["spec"]["holderIdentity"], "")
        r.assert_one_writer_at_a_time(self)

    def test_standby_ends_at_once_and_leaves_the_lease(self) -> None:
        first = r.replica(self).start()
        r.leads(first)
        second = r.replica(self).start()
        h.eventually(lambda: "another one leads" in second.text(), "it says who leads")
        self.assertEqual(second.stop(), 0)
        self.assertEqual(r.lease()["spec"]["holderIdentity"], r.identity(first))
        self.assertEqual(first.stop(), 0)

    def test_what_is_not_ours_in_the_lease_stays(self) -> None:
        first = r.replica(self).start()
        r.leads(first)
        foreign = {"labels": {"team": "edge"}, "annotations": {"example.com/a": "b"}}
        h.cp.must("PATCH", r.LEASE, {"metadata": foreign}, h.MERGE)
        renewed = r.lease()["spec"]["renewTime"]
        h.eventually(lambda: r.lease()["spec"]["renewTime"] > renewed, "renewed after the edit")
        self.assertEqual(first.stop(), 0)
        for key, value in foreign.items():
            self.assertEqual(r.lease()["metadata"][key], value)

    def test_without_the_right_to_the_lease_it_is_not_ready_and_says_why(self) -> None:
        operator = r.replica(self, "--leader-elect-lease", "somebody-elses").start(ready=False)
        h.eventually(lambda: "no access to the lease" in operator.text(), "it says so")
        h.eventually(lambda: "somebody-elses" in operator.body("readyz"), "and why it is not ready")
        self.assertEqual(operator.probe("readyz"), 503)
        self.assertEqual(operator.probe("healthz"), 200)
        self.assertEqual(operator.stop(), 0)


if __name__ == "__main__":
    sys.exit(h.main())
