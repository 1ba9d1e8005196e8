#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes client by itself (client.c) against a real API server.

MESHGATEWAY_CLIENT names the program; without it, or without a control plane, the exit status is
77 (skipped).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "controlplane"))
from controlplane import ControlPlane, ControlPlaneError  # noqa: E402

PROGRAM = os.environ.get("MESHGATEWAY_CLIENT", "")
cp: ControlPlane  # set by main()


class Client:
    """The program under test; its lines come in by a thread."""

    def __init__(self, namespace: str, *args: str, kubeconfig: str | None = None) -> None:
        self.process = subprocess.Popen(
            [PROGRAM, "--kubeconfig", kubeconfig or cp.kubeconfig, "--namespace", namespace, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.lines: list[str] = []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()

    def say(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")

    def wait(self, pattern: str, since: int = 0, seconds: float = 60) -> str:
        """The first line from that one on that fits; fails when it does not come."""
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                for line in self.lines[since:]:
                    if re.fullmatch(pattern, line):
                        return line
                if not self.changed.wait(end - time.monotonic()):
                    raise AssertionError(f"no '{pattern}' in {self.lines[since:][-20:]}")

    def mark(self) -> int:
        with self.changed:
            return len(self.lines)

    def end(self) -> None:
        self.say("end")
        assert self.process.stdin and self.process.stdout
        self.process.wait(60)
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join()


@contextlib.contextmanager
def client(namespace: str, *args: str, kubeconfig: str | None = None) -> Iterator[Client]:
    c = Client(namespace, *args, kubeconfig=kubeconfig)
    try:
        yield c
        c.end()
        if c.process.returncode:
            raise AssertionError(f"exit status {c.process.returncode}")
    finally:
        c.kill()


@contextlib.contextmanager
def server_flags(*flags: str) -> Iterator[None]:
    """The API server with more flags, and without them afterwards."""
    argv = cp._argv["kube-apiserver"]
    argv.extend(flags)
    try:
        cp.restart("kube-apiserver")
        yield
    finally:
        del argv[len(argv) - len(flags) :]
        cp.restart("kube-apiserver")


@contextlib.contextmanager
def proxy() -> Iterator[tuple[str, list[str]]]:
    """An HTTP proxy that knows CONNECT; yields its URL and what it was asked for."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[str] = []

    def serve(one: socket.socket) -> None:
        with one, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += one.recv(4096)
            line = head.split(b"\r\n")[0].decode()
            asked.append(line)
            host, port = line.split()[1].rsplit(":", 1)
            with socket.create_connection((host, int(port))) as other:
                one.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                pair = {one: other, other: one}
                while True:
                    for ready in select.select(list(pair), [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        pair[ready].sendall(data)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@contextlib.contextmanager
def kubeconfig(**cluster: Any) -> Iterator[str]:
    """The administrator's kubeconfig with other fields of its cluster."""
    config = json.loads(Path(cp.kubeconfig).read_text())
    config["clusters"][0]["cluster"].update(cluster)
    with tempfile.TemporaryDirectory() as d:
        path = Path(d) / "kubeconfig"
        path.write_text(json.dumps(config))
        yield str(path)


class ClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.ns = "c-" + re.sub("[^a-z0-9]", "", self.id().lower().rsplit(".", 1)[1])[-40:]
        cp.must(
            "POST",
            "/api/v1/namespaces",
            {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": self.ns}},
        )

    def maps(self, name: str = "") -> str:
        return f"/api/v1/namespaces/{self.ns}/configmaps" + (f"/{name}" if name else "")

    def create(self, name: str) -> None:
        cp.must("POST", self.maps(), {"metadata": {"name": name}})

    def round_trip(self, c: Client) -> None:
        c.say('apply one {"a":"1"}')
        c.wait("reply apply one 201 ok")
        c.say("get one")
        c.wait("reply get one 200 ok")
        c.say("delete one")
        c.wait("reply delete one 200 ok")
        c.say("get one")
        c.wait("reply get one 404 NotFound")

    def test_verbs(self) -> None:
        for args in ((), ("--http2",)):
            with client(self.ns, *args) as c:
                self.round_trip(c)
                c.say('apply Wrong_Name {"a":"1"}')
                c.wait("reply apply Wrong_Name 422 Invalid")
        with client("absent") as c:
            c.say('apply one {"a":"1"}')
            c.wait("reply apply one 404 NotFound")

    def test_tls_server_name(self) -> None:
        with kubeconfig(**{"tls-server-name": "kubernetes.default.svc"}) as path:
            with client(self.ns, kubeconfig=path) as c:
                self.round_trip(c)
        with kubeconfig(**{"tls-server-name": "wrong.example"}) as path:
            with client(self.ns, kubeconfig=path) as c:
                c.say("get one")
                c.wait("reply get one 0 Transport")

    def test_proxy(self) -> None:
        for name in (None, "kubernetes.default.svc"):
            with proxy() as (url, asked):
                extra = {"tls-server-name": name} if name else {}
                with kubeconfig(**{"proxy-url": url}, **extra) as path:
                    with client(self.ns, kubeconfig=path) as c:
                        self.round_trip(c)
                self.assertEqual(asked[0].split()[1], f"127.0.0.1:{cp.port}")

    def watch_and_check(self, c: Client) -> None:
        c.say("watch")
        c.wait("synced")
        self.assertEqual(c.lines[0], "begin")
        for i in range(3):
            self.assertTrue(any(line.startswith(f"object m{i} ") for line in c.lines), c.lines)
        at = c.mark()
        cp.must("DELETE", self.maps("m1"))
        c.wait("deleted m1", at)
        self.create("m1")
        c.wait("object m1 .*", at)

    def test_watch(self) -> None:
        for i in range(3):
            self.create(f"m{i}")
        for args in ((), ("--http2",)):
            with client(self.ns, *args) as c:
                self.watch_and_check(c)

    def test_watch_after_pages(self) -> None:
        for i in range(3):
            self.create(f"m{i}")
        with client(self.ns) as c:  # more than one page
            c.say("load 1100 0")
            c.wait("load 1100 0 .*", seconds=180)
        with server_flags("--feature-gates=WatchList=false"), client(self.ns) as c:
            self.watch_and_check(c)
            self.assertGreaterEqual(sum(line.startswith("object ") for line in c.lines), 1103)
            self.assertEqual([line for line in c.lines if line.startswith("state")], [])

    def test_missed_while_the_server_was_away(self) -> None:
        """With etcd's history gone, only listing again shows what was deleted meanwhile."""
        for name in ("stays", "goes"):
            self.create(name)
        with client(self.ns) as c:
            c.say("watch")
            c.wait("synced")
            at = c.mark()
            os.kill(c.process.pid, 19)  # SIGSTOP: it must not see the deletion
            cp.must("DELETE", self.maps("goes"))
            self.create("comes")
            cp.end("kube-apiserver", kill=True)
            cp.compact()
            cp.begin("kube-apiserver")
            os.kill(c.process.pid, 18)
            c.wait("object comes .*", at)
            self.create("later")
            c.wait("object later .*", at)
            # The deletion came as one, or by a new full set without it.
            lines = c.lines[at:]
            if "deleted goes" not in lines:
                last = len(lines) - lines[::-1].index("begin")
                self.assertIn("synced", lines[last:])
                self.assertFalse(any(li.startswith("object goes ") for li in lines[last:]))
                self.assertTrue(any(li.startswith("object stays ") for li in lines[last:]))

    def test_server_restarted(self) -> None:
        self.create("one")
        with client(self.ns) as c:
            c.say("watch")
            c.wait("synced")
            at = c.mark()
            cp.restart("kube-apiserver", kill=True, down_seconds=2)
            self.create("two")
            c.wait("object two .*", at)
            # From where it was: nothing is listed again.
            self.assertNotIn("begin", c.lines[at:])

    def test_goaway(self) -> None:
        """HTTP/1.1 loses nothing. Over HTTP/2 a stream may end with its connection; asked again it is served."""
        with server_flags("--goaway-chance=0.02"):
            for args, again in (((), "0"), (("--http2",), "[0-9]+")):
                with client(self.ns, *args) as c:
                    c.say("load 1000 2")
                    c.wait(f"load 1000 0 {again}", seconds=180)


def main() -> int:
    global cp
    if not PROGRAM:
        print("MESHGATEWAY_CLIENT is not set: skipped")
        return 77
    try:
        plane = ControlPlane(audit=False)
        plane.start()
    except ControlPlaneError as e:
        print(f"no control plane: {e}")
        return 77
    cp = plane
    try:
        return 0 if unittest.main(exit=False, verbosity=2).result.wasSuccessful() else 1
    finally:
        plane.stop()


if __name__ == "__main__":
    sys.exit(main())
