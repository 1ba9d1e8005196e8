#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The operator under manifests/seccomp/meshgateway.json, where a system call that is not in it ends the process."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import unittest
from pathlib import Path

import harness as h

sys.path.insert(0, str(h.ROOT / "tests" / "support"))
import confine  # noqa: E402

PROFILE = h.ROOT / "manifests" / "seccomp" / "meshgateway.json"


class Confined(h.IntegrationTest):
    autostart = False

    @classmethod
    def setUpClass(cls) -> None:
        try:
            cls.spawn = {"preexec_fn": confine.confinement(PROFILE), "close_fds": False}
        except confine.NoLibrary as e:
            raise unittest.SkipTest(str(e)) from None

    def confined(self, *args: str, kubeconfig: str | None = None, ready: bool = True) -> h.Operator:
        operator = h.Operator(*args, kubeconfig=kubeconfig)
        operator.spawn = self.spawn
        self.addCleanup(operator.kill)
        return operator.start(ready)

    def test_a_gateway_is_made_and_repaired(self) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        operator = self.confined("--metrics-secure", "--metrics-bind-address", f"[::]:{port}")
        h.create(h.gateway("gw", self.ns))
        h.programmed(self.ns, "gw")
        h.delete("Service", self.ns, "gw")
        h.eventually(lambda: h.get("Service", self.ns, "gw"), "the Service comes back")
        scrape = subprocess.run(
            ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{port}"],
            input=f"GET /metrics HTTP/1.0\r\nAuthorization: Bearer {h.cp.token}\r\n\r\n",
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        self.assertIn("process_open_fds", scrape.stdout)
        self.assertEqual(operator.stop(), 0)

    def test_names_are_looked_up(self) -> None:
        """By the resolver of libc, in a thread."""
        config = json.loads(Path(h.cp.kubeconfig).read_text())
        config["clusters"][0]["cluster"]["server"] = "https://nowhere.invalid:6443"
        path = h.cp.dir / "kubeconfig-nowhere"
        path.write_text(json.dumps(config))
        operator = self.confined(kubeconfig=str(path), ready=False)
        h.eventually(lambda: "Could not resolve host" in operator.text(), "it was looked up", 60)
        self.assertEqual(operator.stop(), 0)

    def test_nothing_else_is_started(self) -> None:
        """A process that was taken over can become another program, but not start one."""
        done = subprocess.run(["/bin/sh", "-c", "/bin/true; exit 0"], check=False, **self.spawn)
        self.assertEqual(done.returncode, -signal.SIGSYS)


if __name__ == "__main__":
    sys.exit(h.main())
