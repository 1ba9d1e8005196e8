# SPDX-License-Identifier: Apache-2.0
"""An HTTPS proxy before an API server, which does to requests what a test asks for.

    with Proxy(cp.port, cp.tls, directory) as wire:
        config = wire.kubeconfig(cp.service_account_kubeconfig(…))
        with wire.fault(actions.answer(503), method="PATCH", count=3) as fault:
            …
            assert fault.hits == 3

TLS on both sides, HTTP/1.1, in a thread of its own.  What becomes of a request is decided by an
*action*, a coroutine over an Exchange: one of actions.py, or the test's own.  Every request is
recorded with its time, whatever became of it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from authority import Authority

Headers = list[tuple[str, str]]
# Headers of one connection, and those that say how long a body is: each side has its own.
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "te", "trailer"}
BODIES = ("POST", "PATCH", "PUT", "DELETE")


class Gone(Exception):
    """One of the two connections is not there any more."""


@dataclass
class Request:
    at: float  # time.monotonic()
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    certificate: int | None  # serial number of the client's
    status: int = 0  # what the API server said

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def is_watch(self) -> bool:
        return "watch=1" in self.target

    @property
    def key(self) -> str:
        """What must not be asked for in a hot loop: one object, or one collection."""
        return f"{'WATCH' if self.is_watch else self.method} {self.path}"


@dataclass
class Answer:
    """What the API server said; the body is still on its way."""

    status: int
    headers: Headers
    body: AsyncIterator[bytes]

    async def whole(self) -> bytes:
        return b"".join([data async for data in self.body])


async def read_head(reader: asyncio.StreamReader) -> tuple[str, Headers]:
    """The first line, and the headers."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    pairs = (line.partition(":") for line in lines)
    return first, [(name.strip(), value.strip()) for name, _, value in pairs]


async def read_body(reader: asyncio.StreamReader, headers: Headers) -> AsyncIterator[bytes]:
    known = {k.lower(): v for k, v in headers}
    if known.get("transfer-encoding") == "chunked":
        while True:
            size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            data = await reader.readexactly(size + 2)
            if size == 0:
                return
            yield data[:-2]
    left = int(known.get("content-length", 0))
    while left:
        data = await reader.read(min(left, 65536))
        if not data:
            raise ConnectionResetError
        left -= len(data)
        yield data


class Link:
    """A client's connection. A dead one stays open, and nothing comes out of it any more."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.dead = False
        self.last = False  # it ends with this exchange
        self.upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, data: bytes) -> None:
        if self.writer.transport.is_closing():
            raise Gone
        if not self.dead:
            self.writer.write(data)
            await self.writer.drain()

    def reset(self) -> None:
        """RST; a close would send what is buffered, and FIN."""
        sock = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):  # it may be gone already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def end(self) -> None:
        self.writer.transport.abort()
        if self.upstream:
            self.upstream[1].transport.abort()


class Exchange:
    """One request, and what can be done with it."""

    def __init__(self, proxy: Proxy, link: Link, request: Request) -> None:
        self.proxy = proxy
        self.link = link
        self.request = request

    async def forward(self) -> Answer:
        """Asks the API server. When that is away, the client finds no server either."""
        r = self.request
        lines = [f"{r.method} {r.target} HTTP/1.1"]
        lines += [f"{k}: {v}" for k, v in r.headers.items() if k not in HOP | {"accept-encoding"}]
        if r.method in BODIES:
            lines.append(f"content-length: {len(r.body)}")
        lines += [f"{k}: {v}" for k, v in self.proxy.added]
        with self._upstream():
            if self.link.upstream is None:
                self.link.upstream = await self.proxy.connect()
            reader, writer = self.link.upstream
            writer.write("\r\n".join([*lines, "", ""]).encode() + r.body)
            await writer.drain()
            first, headers = await read_head(reader)
        r.status = int(first.split()[1])
        return Answer(r.status, headers, self._body(reader, headers))

    async def _body(self, reader: asyncio.StreamReader, headers: Headers) -> AsyncIterator[bytes]:
        with self._upstream():
            async for data in read_body(reader, headers):
                yield data

    @contextlib.contextmanager
    def _upstream(self) -> Iterator[None]:
        try:
            yield
        except (OSError, asyncio.IncompleteReadError):
            self.reset()

    async def head(self, status: int, headers: Headers, more: str = "Transfer-Encoding: chunked") -> None:
        lines = [f"{k}: {v}" for k, v in headers if k.lower() not in HOP]
        await self.link.send("\r\n".join([f"HTTP/1.1 {status} X", *lines, more, "", ""]).encode())

    async def chunk(self, data: bytes, extension: str = "") -> None:
        await self.link.send(f"{len(data):x}{extension}\r\n".encode() + data + b"\r\n")

    async def end(self, trailers: str = "") -> None:
        await self.link.send(f"0\r\n{trailers}\r\n".encode())

    async def pass_on(self, answer: Answer) -> None:
        await self.head(answer.status, answer.headers)
        async for data in answer.body:
            await self.chunk(data)
        await self.end()

    async def say(self, status: int, headers: Headers, body: bytes) -> None:
        await self.head(status, headers, f"Content-Length: {len(body)}")
        await self.link.send(body)

    def reset(self) -> None:
        self.link.reset()
        raise Gone

    def close(self) -> None:
        """The end of the connection without that of the answer."""
        self.link.writer.close()
        raise Gone

    async def hang(self) -> None:
        """Until the client gives up."""
        await asyncio.Event().wait()


Action = Callable[[Exchange], Awaitable[None]]


async def plain(exchange: Exchange) -> None:
    await exchange.pass_on(await exchange.forward())


class Fault:
    """An action for some of the requests: after the first `skip`, for the next `count` of them."""

    def __init__(self, action: Action, fits: Callable[[Request], bool], skip: int, count: int | None) -> None:
        self.action = action
        self.fits = fits
        self.skip = skip
        self.count = count
        self.requests: list[Request] = []

    @property
    def hits(self) -> int:
        return len(self.requests)

    def takes(self, request: Request) -> bool:
        if not self.fits(request) or self.hits == self.count:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.requests.append(request)
        return True


class Proxy:
    def __init__(self, port: int, tls: ssl.SSLContext, directory: Path, host: str = "127.0.0.1") -> None:
        self.requests: list[Request] = []
        self.added: Headers = []  # to what is forwarded
        self.authority = Authority(directory, "wire")
        self.host = host
        self.port = 0
        self._target = (port, tls)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._faults: list[Fault] = []
        self._links: set[Link] = set()
        self._silent = self._heard = False
        self._server: asyncio.AbstractServer | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Proxy:
        self.present(self.authority)
        self._thread.start()
        self.listen()
        return self

    def __exit__(self, *exc: object) -> None:
        self.refuse()
        self._do(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # For tests; from their own thread.

    @contextlib.contextmanager
    def fault(
        self,
        action: Action,
        method: str = "",
        path: str = "",
        watch: bool | None = None,
        skip: int = 0,
        count: int | None = None,
    ) -> Iterator[Fault]:
        """Expressions: method for all of it, path for a part of the target. The last fault that fits counts."""

        def fits(r: Request) -> bool:
            return (
                re.fullmatch(method or ".*", r.method) is not None
                and re.search(path, r.target) is not None
                and watch in (None, r.is_watch)
            )

        fault = Fault(action, fits, skip, count)
        self._faults.insert(0, fault)
        try:
            yield fault
        finally:
            self._faults.remove(fault)

    @contextlib.contextmanager
    def silence(self, requests_arrive: bool = False) -> Iterator[None]:
        """Nothing comes back, on old and new connections; the old ones stay so for ever."""
        self._silent, self._heard = True, requests_arrive
        for link in list(self._links):
            link.dead = True
        try:
            yield
        finally:
            self._silent = False

    def refuse(self) -> None:
        """Nobody listens any more, and what was open is reset."""
        self._do(self._refuse())

    def listen(self) -> None:
        self._do(self._listen())

    def reset_all(self) -> None:
        for link in list(self._links):
            self._loop.call_soon_threadsafe(link.reset)

    def present(self, authority: Authority, clients: Authority | None = None) -> None:
        """From the next listen() on: whose certificate the server has, and whose it asks clients for."""
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(*authority.issue("wire", [self.host], ["api.wire.test"]))
        if clients:
            self._tls.load_verify_locations(str(clients.certificate))
            self._tls.verify_mode = ssl.CERT_REQUIRED

    @property
    def url(self) -> str:
        return f"https://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def kubeconfig(self, like: str, name: str = "kubeconfig", user: Any = None, **cluster: Any) -> str:
        """Path of a kubeconfig like the given one that leads here."""
        config = json.loads(Path(like).read_text())
        ca = base64.b64encode(self.authority.certificate.read_bytes()).decode()
        here = {"server": self.url, "certificate-authority-data": ca, **cluster}
        config["clusters"][0]["cluster"] = {k: v for k, v in here.items() if v is not None}
        if user is not None:
            config["users"][0]["user"] = user
        path = self.authority.directory / name
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        return str(path)

    def mark(self) -> int:
        return len(self.requests)

    def counts(self, since: int) -> Counter[str]:
        return Counter(r.key for r in self.requests[since:])

    # Within the loop's thread.

    def _do(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        port, tls = self._target
        return await asyncio.open_connection("127.0.0.1", port, ssl=tls)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._server:
            self._server.close()
        for link in list(self._links):
            link.reset()

    async def _finish(self) -> None:
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _action(self, link: Link, request: Request) -> Action:
        if link.dead:

            async def nobody(exchange: Exchange) -> None:
                if self._heard:
                    await exchange.forward()
                await exchange.hang()

            return nobody
        return next((f.action for f in list(self._faults) if f.takes(request)), plain)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(reader, writer)
        self._links.add(link)
        try:
            while not link.last:
                request = await self._request(link)
                link.dead = link.dead or self._silent
                self.requests.append(request)
                await self._exchange(link, request)
        except (Gone, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the end of the connection, or of the proxy
        finally:
            self._links.discard(link)
            link.end()

    async def _request(self, link: Link) -> Request:
        first, headers = await read_head(link.reader)
        body = b"".join([data async for data in read_body(link.reader, headers)])
        peer = link.writer.get_extra_info("peercert")
        return Request(
            time.monotonic(),
            first.split()[0],
            first.split()[1],
            {k.lower(): v for k, v in headers},
            body,
            int(peer["serialNumber"], 16) if peer else None,
        )

    async def _exchange(self, link: Link, request: Request) -> None:
        """Until it is done or the client is gone."""
        exchange = Exchange(self, link, request)
        work = asyncio.ensure_future(self._action(link, request)(exchange))
        gone = asyncio.ensure_future(self._gone(link.reader))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise Gone
            work.result()
        finally:
            work.cancel()
            gone.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)

    @staticmethod
    async def _gone(reader: asyncio.StreamReader) -> None:
        while not reader.at_eof() and reader.exception() is None:
            await asyncio.sleep(0.1)
