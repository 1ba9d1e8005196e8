#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults between the operator and the API server that last, or come at every moment."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import harness as h
import wire
from wire import actions

sys.path.insert(0, str(h.ROOT / "tests" / "faults"))
from authority import Authority  # noqa: E402

SOME = "/(meshgateways|deployments|services)"


class Writes(wire.WireTest):
    def test_server_errors_for_a_while(self) -> None:
        for code in (500, 502, 503, 504):
            with self.subTest(code=code):
                self.ns = self.namespace(f"code-{code}")
                self.through(actions.answer(code), 8, method="PATCH")

    def test_pages_and_halves_for_a_while(self) -> None:
        ways = [actions.html(200), actions.truncated, actions.broken_off(), actions.reset_before, actions.reset_after]
        self.through(actions.in_turn(*ways), 15, method="(PATCH|POST)")

    def test_a_long_pause_is_kept(self) -> None:
        fault = self.through(actions.answer(429, Retry_After="30"), 5, method="PATCH", count=40)
        of_one = [r.at for r in fault.requests if r.path.endswith("/deployments/edited")]
        self.assertEqual(len(of_one), 1, "asked again before 30 s were over")

    def test_no_answer_to_a_write(self) -> None:
        """The server did nothing, or did it; either way the request has an end, and comes again."""
        for way in (actions.unanswered, actions.unanswered_but_done):
            with self.subTest(way.__name__):
                self.ns = self.namespace(way.__name__.replace("_", "-"))
                self.through(way, method="PATCH", count=2)

    def test_an_answer_that_stops(self) -> None:
        self.through(actions.broken_off(stall=True), method="PATCH", count=2)


class Watches(wire.WireTest):
    def test_reset_before_the_first_event_each_time(self) -> None:
        self.through(actions.reset_watch, 20, anew=True, watch=True)

    def test_too_old_each_time(self) -> None:
        self.through(actions.expired(), 30, anew=True, watch=True)

    def test_errors(self) -> None:
        codes = (500, 502, 503, 504, 429, 410, 403, 401, 404, 400)
        self.through(actions.in_turn(*map(actions.answer, codes)), 20, anew=True, watch=True)

    def test_errors_told_within(self) -> None:
        codes = (500, 429, 410, 403, 404)
        ways = [actions.event("ERROR", status="Failure", code=code, message="no") for code in codes]
        ways += [actions.event("NEWS"), actions.event("ADDED"), actions.event("BOOKMARK")]
        self.through(actions.in_turn(*ways), 20, anew=True, watch=True)

    def test_pages_and_garbage(self) -> None:
        ways = [actions.html(200), actions.truncated, actions.broken_off(), actions.answer(200, b"\x00\xff}\n")]
        self.through(actions.in_turn(*ways), 20, anew=True, watch=True)

    def test_no_answer_to_a_watch(self) -> None:
        self.through(actions.unanswered, 1, anew=True, watch=True, path=SOME, count=3)

    def test_an_event_that_stops_in_the_middle(self) -> None:
        self.through(actions.broken_off(stall=True), 1, anew=True, watch=True, path=SOME, count=3)


class Memory(wire.WireTest):
    alone = True

    def test_an_endless_line(self) -> None:
        self.operator = h.Operator(kubeconfig=self.wire.kubeconfig(wire.account()))
        self.addCleanup(self.operator.kill)
        # What the program gives back counts no more.
        self.operator.env["ASAN_OPTIONS"] += ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
        self.operator.start()
        self.prepare()
        before = wire.peak_kib(self.operator)
        with self.bounded(), self.wire.fault(actions.long_line(100 << 20), watch=True, path="/meshgateways", count=2) as fault:
            self.wire.reset_all()
            self.change()
            h.eventually(lambda: fault.hits == 2, "a second time", 60)
        self.assert_in_step()
        grown = wire.peak_kib(self.operator) - before
        print(f"    {grown >> 10} MiB more for a line of 100 MiB", file=sys.stderr)
        self.assertLess(grown, 64 << 10)
        self.assertEqual(self.operator.stop(), 0)


class Silent(wire.WireTest):
    """Something on the way acknowledges what is sent, and that is all: only missing bookmarks tell."""

    def silent(self, requests_arrive: bool) -> None:
        self.prepare()
        with self.bounded():
            with self.wire.silence(requests_arrive):
                began = time.monotonic()
                self.change()
                time.sleep(20)
            self.assert_in_step(300)
        print(f"    in step {time.monotonic() - began - 20:.0f} s after it was over", file=sys.stderr)

    def test_silent_both_ways(self) -> None:
        self.silent(False)

    def test_silent_answers_only(self) -> None:
        self.silent(True)


class Killed(wire.WireTest):
    alone = True

    def check(self, names: list[str]) -> None:
        self.behind(self.wire)
        for name in names:
            h.programmed(self.ns, name, 90)
            self.assert_children(name, h.CHILDREN)
        self.assert_no_orphans(set(names))
        self.assertEqual(self.difference(), "")
        h.settled()
        self.assertEqual(self.operator.stop(), 0)

    def test_at_each_request_of_a_creation(self) -> None:
        names = []
        for skip in range(26):
            for after in (False, True):
                for half in "ab":
                    names.append(f"gw-{skip}-{after}-{half}".lower())
                    h.create(h.gateway(names[-1], self.ns, **wire.SCALED))
                self.killed(after, skip)
        self.check(names)

    def test_at_each_request_of_an_edit(self) -> None:
        names = [f"gw-{i}" for i in range(8)]
        for name in names:
            h.create(h.gateway(name, self.ns, **wire.SCALED))
        self.check(names)
        uids = {n: h.get("Service", self.ns, n)["metadata"]["uid"] for n in names}
        for skip in range(26):
            for after in (False, True):
                for name in names:
                    h.patch("MeshGateway", self.ns, name, {"spec": {"drainSeconds": 100 + 2 * skip + after}})
                self.killed(after, skip)
        self.check(names)
        self.assertEqual({n: h.get("Service", self.ns, n)["metadata"]["uid"] for n in names}, uids)


class Away(wire.WireTest):
    def away(self, kill: bool) -> None:
        self.prepare()
        h.settled()
        h.cp.end("kube-apiserver", kill)
        with self.bounded():
            time.sleep(75)
        self.assertTrue(self.operator.alive())
        audit, mark = h.cp.audit_mark(), self.wire.mark()
        h.cp.begin("kube-apiserver")
        began = time.monotonic()
        h.eventually(lambda: len(self.watches(mark)) >= 10, "all watches are back", 90)
        print(f"    all watches back after {time.monotonic() - began:.0f} s", file=sys.stderr)
        time.sleep(5)
        for what, versions in self.watches(mark).items():
            # The server decides whether the version is too old for its new cache.
            self.assertNotEqual(versions[0], "all", what)
            self.assertLessEqual(versions.count("all"), 1, what)
        # Other controllers report their observations anew, so only writes beside the status count.
        stray = [w for w in h.operator_writes(audit, self.ns, events=False) if "/status" not in w]
        self.assertEqual(stray, [])
        self.change()
        self.assert_in_step()

    def test_api_server_restarted_after_a_while(self) -> None:
        self.away(kill=False)

    def test_api_server_killed_for_a_while(self) -> None:
        self.away(kill=True)

    def test_history_is_gone(self) -> None:
        """Compaction and a restart while the operator is cut off: a deletion shows in a new full set only."""
        self.prepare()
        h.settled()
        self.wire.refuse()
        h.delete("Service", self.ns, "left")
        del self.uids["left"]
        h.delete("Deployment", self.ns, "edited")
        self.change()
        h.cp.end("kube-apiserver", kill=True)
        h.cp.compact()
        h.cp.begin("kube-apiserver")
        mark = self.wire.mark()
        self.wire.listen()
        self.assert_in_step()
        watches = self.watches(mark)
        for what, versions in watches.items():
            self.assertLessEqual(versions.count("all"), 1, what)
        self.assertIn("all", watches["/api/v1/services "])


class Credentials(wire.WireTest):
    alone = True

    def file(self, name: str, text: str) -> str:
        return wire.replace(self.wire.authority.directory / name, text)

    def recovered(self, seconds: float) -> None:
        began = time.monotonic()
        self.assert_in_step(seconds)
        print(f"    in step {time.monotonic() - began:.1f} s after it was mended", file=sys.stderr)

    def test_token_file_empty_and_missing_after_a_revocation(self) -> None:
        guard = actions.Guard(wire.token())
        with self.wire.fault(guard):
            self.behind(self.wire, user={"tokenFile": self.file("token", *guard.tokens)})
            self.prepare()
            new = wire.token()
            guard.tokens = {new}
            self.file("token", "")
            with self.bounded():
                self.wire.reset_all()
                self.change()
                time.sleep(15)
                Path(self.wire.authority.directory / "token").unlink()
                time.sleep(15)
            self.file("token", new)
            self.recovered(90)
            self.assertEqual(self.operator.stop(), 0)

    def test_token_revoked_by_the_api_server(self) -> None:
        secret = h.cp.must(
            "POST",
            f"/api/v1/namespaces/{h.SYSTEM}/secrets",
            {"metadata": {"name": "bound"}, "type": "Opaque"},
        )
        bound = {"kind": "Secret", "apiVersion": "v1", "name": "bound", "uid": secret["metadata"]["uid"]}
        answer = h.cp.must(
            "POST",
            f"/api/v1/namespaces/{h.SYSTEM}/serviceaccounts/{h.ACCOUNT}/token",
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"boundObjectRef": bound, "expirationSeconds": 3600},
            },
        )
        self.behind(self.wire, user={"tokenFile": self.file("bound", answer["status"]["token"])})
        self.prepare()
        h.cp.must("DELETE", f"/api/v1/namespaces/{h.SYSTEM}/secrets/bound")
        time.sleep(15)  # as long as the API server remembers a token
        with self.bounded():
            self.change()
            h.eventually(lambda: "Unauthorized" in self.operator.text(), "refused", 60)
            self.file("bound", wire.token())
            self.recovered(60)
        self.assertEqual(self.operator.stop(), 0)

    def test_authority_of_the_server_rotated(self) -> None:
        ca = self.file("ca.crt", self.wire.authority.certificate.read_text())
        self.behind(self.wire, **{"certificate-authority-data": None, "certificate-authority": ca})
        self.prepare()
        other = Authority(self.wire.authority.directory, "other")
        self.wire.refuse()
        self.wire.present(other)
        self.wire.listen()
        with self.bounded():
            self.change()
            time.sleep(5)
            self.file("ca.crt", other.certificate.read_text())
            self.recovered(60)
        self.wire.refuse()
        self.wire.present(self.wire.authority)
        self.wire.listen()
        self.file("ca.crt", self.wire.authority.certificate.read_text())
        self.assertEqual(self.operator.stop(), 0)

    def test_client_certificate_rotated(self) -> None:
        over = self.proxy()
        over.added.append(("Authorization", f"Bearer {wire.token()}"))
        directory = over.authority.directory
        authorities = [Authority(directory, name) for name in ("clients", "clients-2")]

        def rotate(clients: Authority) -> None:
            over.refuse()
            over.present(over.authority, clients)
            over.listen()

        def give(clients: Authority) -> None:
            for kind, path in zip(("crt", "key"), clients.issue("operator")):
                wire.replace(directory / f"client.{kind}", Path(path).read_text())

        give(authorities[0])
        rotate(authorities[0])
        files = {"client-certificate": str(directory / "client.crt"), "client-key": str(directory / "client.key")}
        self.behind(over, user=files)
        self.prepare()
        old = over.requests[-1].certificate
        rotate(authorities[1])
        self.change()
        time.sleep(5)
        give(authorities[1])
        self.recovered(60)
        self.assertNotIn(over.requests[-1].certificate, (None, old))
        self.assertEqual(self.operator.stop(), 0)

    def test_exec_plugin_prints_junk_fails_and_hangs(self) -> None:
        directory = self.wire.authority.directory
        plugin = directory / "plugin"
        plugin.write_text(
            f"""#!/bin/sh
case $(cat {directory}/mode) in
good) cat {directory}/credential ;;
junk) echo '{{"kind":' ;;
fail) echo 'no luck' >&2; exit 3 ;;
hang) exec sleep 1234 ;;
esac
"""
        )
        plugin.chmod(0o755)
        api = "client.authentication.k8s.io/v1"

        def give(token: str) -> None:
            credential = {"kind": "ExecCredential", "apiVersion": api, "status": {"token": token}}
            self.file("credential", json.dumps(credential))

        guard = actions.Guard(wire.token())
        user = {"exec": {"apiVersion": api, "command": str(plugin), "interactiveMode": "Never"}}
        give(*guard.tokens)
        self.file("mode", "junk")
        with self.wire.fault(guard):
            self.behind(self.wire, ready=False, user=user)
            time.sleep(3)
            self.assertNotEqual(self.operator.probe("readyz"), 200)
            self.file("mode", "fail")
            time.sleep(3)
            self.file("mode", "good")
            h.eventually(self.operator.ready, "ready", 60)
            self.prepare()
            guard.tokens = {wire.token()}
            give(*guard.tokens)
            self.file("mode", "hang")
            with self.bounded():
                self.change()
                time.sleep(10)
                self.file("mode", "good")
                self.recovered(150)
            self.assertEqual(self.operator.stop(), 0)
        left = subprocess.run(["pgrep", "-f", "sleep 1234"], capture_output=True, text=True, check=False)
        self.assertEqual(left.stdout, "", "the plugin that hung still runs")


if __name__ == "__main__":
    sys.exit(h.main())
