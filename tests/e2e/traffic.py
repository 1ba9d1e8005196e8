# SPDX-License-Identifier: Apache-2.0
"""HTTP requests as a client of the gateways sends them, one or a constant load."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from dataclasses import dataclass

# What a backend's pod runs: every request is answered with its NAME, connections stay.
BACKEND = r"""
import asyncio, os
NAME = os.environ["NAME"].encode()
async def serve(reader, writer):
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(NAME)
            writer.write(head + NAME)
            await writer.drain()
    except (asyncio.IncompleteReadError, OSError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "0.0.0.0", 8080)
    await server.serve_forever()
asyncio.run(main())
"""


@dataclass
class Answer:
    """A status of 0: there is none, and the body says why."""

    status: int
    body: str
    location: str = ""
    # The serial number of the certificate that was verified.
    serial: str = ""


class Connection(http.client.HTTPConnection):
    """With `root`, a PEM, over TLS: the server's certificate is for the host and its CA that.

    `client` is a file with key and certificate of the client.
    """

    def __init__(
        self, address: str, port: int, host: str, root: str, timeout: float, client: str = ""
    ) -> None:
        super().__init__(address, port, timeout=timeout)
        self.name = host
        self.serial = ""
        self._tls: ssl.SSLContext | None = None
        if root:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._tls.load_verify_locations(cadata=root)
        if self._tls and client:
            self._tls.load_cert_chain(client)

    def connect(self) -> None:
        super().connect()
        if self._tls is not None:
            plain = self.sock
            try:
                self.sock = self._tls.wrap_socket(plain, server_hostname=self.name)
            except BaseException:
                plain.close()
                raise
            self.serial = str((self.sock.getpeercert() or {})["serialNumber"])


def ask(
    address: str,
    port: int,
    host: str,
    path: str = "/",
    root: str = "",
    timeout: float = 5.0,
    client: str = "",
) -> Answer:
    """GET, as a Connection with these options does."""
    connection = Connection(address, port, host, root, timeout, client)
    try:
        connection.request("GET", path, headers={"Host": host})
        response = connection.getresponse()
        location = response.getheader("location", "")
        return Answer(response.status, response.read().decode(), location, connection.serial)
    except (OSError, http.client.HTTPException) as e:
        return Answer(0, f"{type(e).__name__}: {e}")
    finally:
        connection.close()


def fetch(address: str, port: int, host: str) -> tuple[int, str]:
    """(status, body) of GET /; (0, why) when there is no answer."""
    answer = ask(address, port, host)
    return answer.status, answer.body


class Load:
    """Requests at a constant rate, half of them on connections that stay, half on new ones.

    Nothing is tried twice: an answer other than 200, or none, is a failure.
    """

    def __init__(
        self,
        address: str,
        port: int,
        host: str,
        rate: float,
        clients: int = 8,
        root: str = "",
    ) -> None:
        self.address, self.port, self.host, self.root = address, port, host, root
        self.count = 0
        self.failures: list[str] = []
        self._pause = clients / rate
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(i % 2 == 0,), daemon=True)
            for i in range(clients)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _run(self, stays: bool) -> None:
        connection = Connection(self.address, self.port, self.host, self.root, 10)
        due = time.monotonic()
        while not self._done.is_set():
            failure = ""
            try:
                connection.request("GET", "/", headers={"Host": self.host})
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    failure = str(response.status)
            except (OSError, http.client.HTTPException) as e:
                failure = f"{type(e).__name__}: {e}"
            # The next request opens it again.
            if failure or not stays:
                connection.close()
            with self._lock:
                self.count += 1
                if failure:
                    self.failures.append(failure)
            due = max(due + self._pause, time.monotonic() - self._pause)
            self._done.wait(max(0.0, due - time.monotonic()))
        connection.close()

    def wait_for(self, count: int) -> None:
        while self.count < count and not self._done.is_set():
            time.sleep(0.05)


class Record:
    """What port 80 answers for these (host, path), from before it answers at all."""

    def __init__(self, address: str, *asked: tuple[str, str]) -> None:
        self.address = address
        # Of each, the answers in their order, without repetitions: a status and a body.
        self.answers: dict[tuple[str, str], list[tuple[int, str]]] = {a: [] for a in asked}
        self.count = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Record:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(0.1):
            for (host, path), answers in self.answers.items():
                answer = ask(self.address, 80, host, path, timeout=2)
                now = (answer.status, answer.body if answer.status else "")
                self.count += answer.status != 0
                if not answers or answers[-1] != now:
                    answers.append(now)
