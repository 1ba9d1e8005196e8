# SPDX-License-Identifier: Apache-2.0
"""HTTP requests as a client of the gateways sends them, one or a constant load."""

from __future__ import annotations

import http.client
import socket
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


def ask(
    address: str, port: int, host: str, path: str = "/", root: str = "", timeout: float = 5.0
) -> Answer:
    """GET; with `root`, a PEM, over TLS: the server's certificate is for the host and its CA that."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    serial = ""
    try:
        if root:
            connection.sock, serial = connect_tls(address, port, host, root, timeout)
        connection.request("GET", path, headers={"Host": host})
        response = connection.getresponse()
        location = response.getheader("location", "")
        return Answer(response.status, response.read().decode(), location, serial)
    except (OSError, http.client.HTTPException) as e:
        return Answer(0, f"{type(e).__name__}: {e}")
    finally:
        connection.close()


def connect_tls(
    address: str, port: int, host: str, root: str, timeout: float
) -> tuple[ssl.SSLSocket, str]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.load_verify_locations(cadata=root)
    plain = socket.create_connection((address, port), timeout)
    try:
        wrapped = tls.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise
    return wrapped, str((wrapped.getpeercert() or {})["serialNumber"])


def fetch(address: str, port: int, host: str) -> tuple[int, str]:
    """(status, body) of GET /; (0, why) when there is no answer."""
    answer = ask(address, port, host)
    return answer.status, answer.body


class Load:
    """Requests at a constant rate, half of them on connections that stay, half on new ones.

    Nothing is tried twice: an answer other than `status`, or none, is a failure.
    """

    def __init__(
        self,
        address: str,
        port: int,
        host: str,
        rate: float,
        clients: int = 8,
        status: int = 200,
    ) -> None:
        self.address, self.port, self.host, self.status = address, port, host, status
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
        connection = http.client.HTTPConnection(self.address, self.port, timeout=10)
        due = time.monotonic()
        while not self._done.is_set():
            failure = ""
            try:
                connection.request("GET", "/", headers={"Host": self.host})
                response = connection.getresponse()
                response.read()
                if response.status != self.status:
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
