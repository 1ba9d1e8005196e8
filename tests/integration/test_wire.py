#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults between the operator and the API server that pass within seconds; test_wire_slow.py has the others."""

from __future__ import annotations

import sys
import time

import harness as h
import wire
from wire import actions


class Faults(wire.WireTest):
    def test_writes_fail_in_every_way(self) -> None:
        elsewhere = self.proxy()
        ways = [actions.answer(code) for code in (500, 502, 503, 504)]
        ways += [actions.html(200), actions.html(502), actions.truncated, actions.broken_off()]
        ways += [actions.reset_before, actions.reset_after, actions.redirect(elsewhere.url)]
        self.through(actions.in_turn(*ways), least=len(ways), method="PATCH", count=2 * len(ways))
        self.assertEqual(elsewhere.requests, [], "the token went to another server")

    def test_a_pause_that_the_server_asks_for_is_kept(self) -> None:
        """Whatever happens to the gateway meanwhile, and also where the server asks for none that makes sense."""
        ways = [actions.answer(429, Retry_After=text) for text in ("1", "abc")] + [actions.answer(429)]
        fault = self.through(actions.in_turn(*ways), least=3, method="PATCH", path="/deployments/edited", count=3)
        for earlier, later in zip(fault.requests, fault.requests[1:]):
            self.assertGreaterEqual(later.at - earlier.at, 0.9)

    def test_watches_are_too_old_each_time(self) -> None:
        self.through(actions.expired(), anew=True, watch=True)


class Operators(wire.WireTest):
    """Each has its own."""

    alone = True

    def test_what_http_allows_is_no_fault(self) -> None:
        ways = [actions.byte_by_byte, actions.gzipped, actions.decorated, actions.closing, actions.delayed(0.2)]
        for first in range(2):  # so that not the same requests get the same each time
            with self.wire.fault(actions.in_turn(*ways[first:], *ways[:first])) as fault:
                operator = self.behind(self.wire)
                if first == 0:
                    self.gateway(**wire.SCALED)
                h.delete("Service", self.ns, "gw")
                h.eventually(lambda: h.get("Service", self.ns, "gw"), "repaired")
                self.assertGreater(fault.hits, 10)
                self.assertEqual(operator.stop(), 0)
            self.assertNotRegex(operator.text(), '"level":"(warn|error)"')
            self.assertEqual(self.difference(), "")

    def test_killed_at_a_request(self) -> None:
        for i, (after, skip) in enumerate((a, s) for s in (1, 4) for a in (False, True)):
            h.create(h.gateway(f"gw-{i}", self.ns, **wire.SCALED))
            self.killed(after, skip, method="PATCH")
        self.behind(self.wire)
        for i in range(4):
            h.programmed(self.ns, f"gw-{i}", 60)
            self.assert_children(f"gw-{i}", h.CHILDREN)
        self.assertEqual(self.difference(), "")
        self.assertEqual(self.operator.stop(), 0)

    def test_token_swapped_and_the_old_one_revoked(self) -> None:
        first = wire.token()
        file = self.wire.authority.directory / "token"
        guard = actions.Guard(first)
        with self.wire.fault(guard):
            self.behind(self.wire, user={"tokenFile": wire.replace(file, first)})
            self.gateway()
            for i in range(1, 4):
                new = wire.token()
                self.assertNotIn(new, guard.tokens)
                wire.replace(file, new + "\n")
                guard.tokens = {new}
                h.patch("MeshGateway", self.ns, "gw", {"spec": {"drainSeconds": 100 + i}})
                h.programmed(self.ns, "gw")
                h.settled(0.5)
            # What was under way with the old one is refused; after that nothing is.
            self.assertLessEqual(guard.refused, 3 * 10)
            refused = guard.refused
            h.delete("Service", self.ns, "gw")
            h.eventually(lambda: h.get("Service", self.ns, "gw"), "repaired")
            self.assertEqual(guard.refused, refused)
        self.assertEqual(self.operator.stop(), 0)

    def test_ipv6(self) -> None:
        try:
            over = self.proxy("::1")
        except OSError as e:
            self.skipTest(f"no IPv6 here: {e}")
        self.behind(over)
        self.gateway()
        self.assertEqual(self.operator.stop(), 0)


if __name__ == "__main__":
    sys.exit(h.main())
