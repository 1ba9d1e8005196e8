#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test_memory.py PROGRAM: the memory of the operator, which holds tokens and keys, is for nobody else."""
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path

PROGRAM = ""
TOKEN = "eyJhbGciOiJub25lIn0.a-token-that-must-not-be-found"
PTRACE_SEIZE = 0x4206
SOMEBODY = 65532


def unlimited() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Memory(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name)
        self.dir.chmod(0o777)
        config = {
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
            "users": [{"name": "u", "user": {"token": TOKEN}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        (self.dir / "kubeconfig").write_text(json.dumps(config))
        self.program = shutil.copy(PROGRAM, self.dir / "meshgateway")  # where every user may run it

    def start(self, before: Callable[[], None] = unlimited) -> "subprocess.Popen[str]":
        program = subprocess.Popen(
            [self.program, "run", "--kubeconfig", "kubeconfig", "--metrics-bind-address", "0",
             "--health-probe-bind-address", "0"],
            stderr=subprocess.PIPE, text=True, cwd=self.dir, preexec_fn=before,
            env={**os.environ, "ASAN_OPTIONS": "disable_coredump=0:handle_segv=0:handle_abort=0"})
        self.addCleanup(program.stderr.close)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        while '"started"' not in program.stderr.readline():
            self.assertIsNone(program.poll())
        return program

    def crash(self, process: "subprocess.Popen[str]") -> list[str]:
        """The core files of a process that ends like this."""
        process.send_signal(signal.SIGSEGV)
        self.assertEqual(process.wait(), -signal.SIGSEGV)
        return [p.name for p in self.dir.iterdir() if p.name.startswith("core")]

    def test_a_crash_leaves_no_core(self) -> None:
        program = self.start()
        limits = Path(f"/proc/{program.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        self.assertEqual(self.crash(program), [])
        # That means something where other programs leave one.
        other = subprocess.Popen(["sleep", "60"], cwd=self.dir, preexec_fn=unlimited, text=True)
        if not self.crash(other):
            self.skipTest("no program leaves a core file here (/proc/sys/kernel/core_pattern)")

    @unittest.skipUnless(os.geteuid() == 0, "only root can start the program as somebody else")
    def test_nobody_under_the_same_user_reads_it(self) -> None:
        def somebody() -> None:
            os.setgroups([])
            os.setgid(SOMEBODY)
            os.setuid(SOMEBODY)

        def reads(pid: int) -> bool:
            """Whether a process of that user can read memory or trace."""
            code = (
                "import ctypes, sys\n"
                f"traced = ctypes.CDLL(None).ptrace({PTRACE_SEIZE}, {pid}, 0, 0) == 0\n"
                "try:\n"
                f"    traced = bool(open('/proc/{pid}/environ', 'rb').read()) or traced\n"
                "except PermissionError:\n"
                "    pass\n"
                "sys.exit(traced)\n"
            )
            done = subprocess.run(["python3", "-c", code], preexec_fn=somebody, check=False)
            return done.returncode != 0

        program = self.start(somebody)
        other = subprocess.Popen(["sleep", "60"], preexec_fn=somebody)
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        self.assertTrue(reads(other.pid))
        self.assertFalse(reads(program.pid))
        program.terminate()
        self.assertEqual(program.wait(), 0)


if __name__ == "__main__":
    PROGRAM = str(Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
