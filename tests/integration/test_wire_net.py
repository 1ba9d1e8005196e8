#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packets that get lost, names that do not resolve, and other surroundings that are not kind.

Needs root: everything runs in network, mount and PID namespaces of its own, and the operator in another
network namespace; what is between them is a pair of veth devices.  All of it goes with its processes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import harness as h
import wire

INSIDE = "MESHGATEWAY_TEST_NAMESPACES"
NAMESPACE = ("nsenter", "--net=/run/netns/operator")
# The ends of the wire: the proxy's, and the operator's.
HERE, THERE = "10.213.0.1", "10.213.0.2"
HERE_6, THERE_6 = "fd13::1", "fd13::2"
NOBODY = "02:00:00:00:00:99"
ROOM = Path("/mnt")  # a file system in memory


def ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True)


def make_network() -> None:
    ip("link", "set", "lo", "up")
    for path in ("/run", str(ROOM)):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path], check=True)
    ip("netns", "add", "operator")
    ip("link", "add", "wire0", "type", "veth", "peer", "name", "wire1", "netns", "operator")
    for end, addresses, where in (("wire0", (HERE, HERE_6), ()), ("wire1", (THERE, THERE_6), ("-n", "operator"))):
        for address in addresses:
            length, more = ("/64", ("nodad",)) if ":" in address else ("/24", ())
            ip(*where, "addr", "add", address + length, "dev", end, *more)
        ip(*where, "link", "set", end, "up")
    ip("-n", "operator", "link", "set", "lo", "up")
    ip("route", "add", "default", "via", THERE)  # kube-apiserver does not start without one
    # Names: from these files only.
    for name, text in (("hosts", "127.0.0.1 localhost\n"), ("resolv.conf", "nameserver 10.213.0.99\n")):
        (ROOM / name).write_text(text)
        subprocess.run(["mount", "--bind", str(ROOM / name), f"/etc/{name}"], check=True)


def lose(*directions: str) -> None:
    """What is sent that way gets lost: it goes to a network card that nobody has."""
    if "to the operator" in directions:
        ip("neigh", "replace", THERE, "lladdr", NOBODY, "dev", "wire0", "nud", "permanent")
    if "to the API server" in directions:
        ip("-n", "operator", "neigh", "replace", HERE, "lladdr", NOBODY, "dev", "wire1", "nud", "permanent")


def heal() -> None:
    for where, device in (((), "wire0"), (("-n", "operator"), "wire1")):
        ip(*where, "neigh", "flush", "dev", device, "nud", "permanent")
        ip(*where, "neigh", "flush", "dev", device)


class NetTest(wire.WireTest):
    alone = True

    def between(self, host: str = HERE, operator: str = THERE, via: tuple[str, ...] = (), **more: Any) -> h.Operator:
        """An operator on the other end of the wire."""
        self.wire = self.proxy(host)
        self.operator = h.Operator(kubeconfig=self.wire.kubeconfig(wire.account(), **more.pop("cluster", {})))
        self.operator.host = operator
        self.operator.via = (*NAMESPACE, *via)
        self.operator.env.update(more)
        self.addCleanup(self.operator.kill)
        return self.operator


class Loss(NetTest):
    def lost(self, *directions: str) -> None:
        self.between().start()
        self.prepare()
        self.addCleanup(heal)
        with self.bounded():
            lose(*directions)
            began = time.monotonic()
            self.change()
            h.eventually(
                lambda: '"watch interrupted","kind":"MeshGateway"' in self.operator.text(), "noticed", 120
            )
            noticed = time.monotonic() - began
            heal()
            healed = time.monotonic()
            self.assert_in_step(120)
        print(f"    noticed after {noticed:.0f} s, in step {time.monotonic() - healed:.0f} s later", file=sys.stderr)
        self.assertEqual(self.operator.stop(), 0)

    def test_both_ways(self) -> None:
        self.lost("to the operator", "to the API server")

    def test_to_the_operator_only(self) -> None:
        self.lost("to the operator")


class Surroundings(NetTest):
    def works(self) -> None:
        self.gateway(**wire.SCALED)
        self.assertEqual(self.difference(), "")
        self.assertEqual(self.operator.stop(), 0)

    def test_name_that_does_not_resolve_for_a_while(self) -> None:
        self.between()
        self.operator.kubeconfig = self.wire.kubeconfig(
            wire.account(), server=f"https://api.wire.test:{self.wire.port}"
        )
        self.operator.start(ready=False)
        time.sleep(8)
        self.assertTrue(self.operator.alive())
        self.assertEqual(self.operator.probe("healthz"), 200, "a slow resolver stops the loop")
        self.assertEqual(self.wire.requests, [])
        hosts = Path("/etc/hosts")
        before = hosts.read_text()
        self.addCleanup(hosts.write_text, before)
        hosts.write_text(f"{before}{HERE} api.wire.test\n")
        h.eventually(self.operator.ready, "ready", 90)
        self.prepare()
        hosts.write_text(before)
        with self.bounded():
            self.wire.reset_all()
            self.change()
            time.sleep(8)
            hosts.write_text(f"{before}{HERE} api.wire.test\n")
            self.assert_in_step(120)
        self.assertEqual(self.operator.stop(), 0)

    def test_ipv6_only(self) -> None:
        ip("-n", "operator", "addr", "flush", "dev", "wire1", "scope", "global")
        ip("-n", "operator", "-4", "addr", "flush", "dev", "lo")
        self.addCleanup(ip, "-n", "operator", "addr", "add", "127.0.0.1/8", "dev", "lo")
        self.addCleanup(ip, "-n", "operator", "addr", "add", f"{THERE}/24", "dev", "wire1")
        self.addCleanup(ip, "-n", "operator", "addr", "replace", f"{THERE_6}/64", "dev", "wire1", "nodad")
        ip("-n", "operator", "addr", "add", f"{THERE_6}/64", "dev", "wire1", "nodad")
        self.between(HERE_6, THERE_6).start()
        self.works()

    def test_proxies_of_the_environment(self) -> None:
        """NO_PROXY leads past one that is dead."""
        nowhere = "http://10.213.0.1:9"
        self.between(HTTPS_PROXY=nowhere, NO_PROXY="10.213.0.0/16,.svc").start()
        self.works()
        self.between(HTTPS_PROXY=nowhere).start(ready=False)
        time.sleep(3)
        self.assertTrue(self.operator.alive())
        self.assertEqual((self.operator.probe("readyz"), self.wire.requests), (503, []))
        self.assertEqual(self.operator.stop(), 0)

    def test_no_rights_and_nothing_to_write_to(self) -> None:
        """As in the shipped Deployment: no root, no capabilities, everything read-only; nor is there a /tmp."""
        program = shutil.copy(h.binary(), ROOM / "program")
        enter = "mount -o remount,bind,ro / && mount -o remount,bind,ro /mnt && mount -t tmpfs -o ro tmpfs /tmp"
        drop = "--reuid=65532 --regid=65532 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all"
        self.between(
            via=("unshare", "--mount", "sh", "-c", f'{enter} && shift && exec setpriv {drop} {program} "$@"', "sh"),
            # Who may not be traced cannot look for leaks.
            ASAN_OPTIONS="detect_leaks=0:abort_on_error=0:exitcode=99",
        )
        config = ROOM / "kubeconfig"
        config.write_text(Path(str(self.operator.kubeconfig)).read_text())
        config.chmod(0o444)
        self.operator.kubeconfig = str(config)
        self.operator.start()
        self.works()


def main() -> int:
    if os.environ.get(INSIDE):
        make_network()
        return h.main()
    if os.geteuid() != 0:
        print("skipped: needs root, for namespaces of its own")
        return 77
    namespaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*namespaces, "ip", "link", "add", "type", "veth"], capture_output=True, check=False).returncode:
        print("skipped: no network namespaces here, or no ip")
        return 77
    os.environ[INSIDE] = "1"
    os.execvp(namespaces[0], [*namespaces, sys.executable, *sys.argv])


if __name__ == "__main__":
    sys.exit(main())
