# SPDX-License-Identifier: Apache-2.0
"""What can become of a request on its way through proxy.Proxy."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json

from proxy import Action, Exchange, Headers, plain

JSON: Headers = [("Content-Type", "application/json")]


def answer(status: int, body: bytes | None = None, kind: str = "application/json", **headers: str) -> Action:
    """Instead of the server; without a body that of kube-apiserver. `Retry_After` is Retry-After."""
    if body is None:
        body = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}).encode()
    lines = [("Content-Type", kind), *((k.replace("_", "-"), v) for k, v in headers.items())]

    async def act(exchange: Exchange) -> None:
        await exchange.say(status, lines, body)

    return act


def html(status: int) -> Action:
    """The page of a proxy that wants a login."""
    return answer(status, b"<html><body>Please log in</body></html>", "text/html")


def event(kind: str, **fields: object) -> Action:
    """A watch of this one event."""
    line = json.dumps({"type": kind, "object": {"kind": "Status", "apiVersion": "v1", **fields}}) + "\n"
    return answer(200, line.encode())


def expired() -> Action:
    return event("ERROR", status="Failure", reason="Expired", code=410, message="too old resource version: 1 (2)")


def in_turn(*actions: Action) -> Action:
    """One after the other, again and again."""
    turn = itertools.cycle(actions)

    async def act(exchange: Exchange) -> None:
        await next(turn)(exchange)

    return act


class Guard:
    """Answers 401 to whoever has none of these tokens, as an API server that has revoked it."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = set(tokens)
        self.refused = 0

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.request.headers.get("authorization", "").removeprefix("Bearer ") in self.tokens:
            await plain(exchange)
            return
        self.refused += 1
        await answer(401)(exchange)


def delayed(seconds: float) -> Action:
    async def act(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await exchange.pass_on(await exchange.forward())

    return act


async def done(exchange: Exchange) -> None:
    """The server has answered; a watch has begun."""
    found = await exchange.forward()
    if not exchange.request.is_watch:
        await found.whole()


async def reset_before(exchange: Exchange) -> None:
    """The server never sees the request."""
    exchange.reset()


async def reset_after(exchange: Exchange) -> None:
    """The server has done it, the client cannot know."""
    await done(exchange)
    exchange.reset()


async def reset_watch(exchange: Exchange) -> None:
    """After the headers, before the first event."""
    found = await exchange.forward()
    await exchange.head(found.status, found.headers)
    exchange.reset()


async def unanswered(exchange: Exchange) -> None:
    await exchange.hang()


async def unanswered_but_done(exchange: Exchange) -> None:
    await done(exchange)
    await exchange.hang()


def broken_off(stall: bool = False) -> Action:
    """Ends, or stops, in the middle of the body (a watch: of its first event)."""

    async def act(exchange: Exchange) -> None:
        found = await exchange.forward()
        await exchange.head(found.status, found.headers)
        async for data in found.body:
            await exchange.chunk(data[: len(data) // 2])
            break
        if stall:
            await exchange.hang()
        exchange.close()

    return act


async def truncated(exchange: Exchange) -> None:
    """Half of the body, as if that were all."""
    found = await exchange.forward()
    await exchange.head(found.status, found.headers)
    async for data in found.body:
        await exchange.chunk(data[: len(data) // 2])
        if exchange.request.is_watch:
            break
    exchange.link.last = True
    await exchange.end()


async def byte_by_byte(exchange: Exchange) -> None:
    """Each a chunk and a TLS record of its own, for the beginning of each part of the body."""
    found = await exchange.forward()
    await exchange.head(found.status, found.headers)
    async for data in found.body:
        for i in range(min(len(data), 500)):
            await exchange.chunk(data[i : i + 1])
        if data[500:]:
            await exchange.chunk(data[500:])
    await exchange.end()


async def gzipped(exchange: Exchange) -> None:
    """Where the client takes it, and every part of the body as a member of its own."""
    found = await exchange.forward()
    if "gzip" not in exchange.request.headers.get("accept-encoding", ""):
        await exchange.pass_on(found)
        return
    await exchange.head(found.status, [*found.headers, ("Content-Encoding", "gzip")])
    async for data in found.body:
        half = len(data) // 2
        for part in (data[:half], data[half:]):
            await exchange.chunk(gzip.compress(part))
    await exchange.end()


async def decorated(exchange: Exchange) -> None:
    """All that HTTP/1.1 allows: 1xx answers, headers twice, chunk extensions, trailers."""
    found = await exchange.forward()
    await exchange.link.send(b"HTTP/1.1 102 Processing\r\n\r\n")
    await exchange.link.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n")
    twice = [("Audit-Id", "one"), ("Audit-Id", "two"), ("X-Empty", "")]
    await exchange.head(found.status, [*found.headers, *twice])
    async for data in found.body:
        await exchange.chunk(data, ';name="va;lue"')
    await exchange.end("Content-Type: text/html\r\nRetry-After: 600\r\n")


async def closing(exchange: Exchange) -> None:
    """What HTTP/1.1 has in the place of GOAWAY."""
    found = await exchange.forward()
    exchange.link.last = True
    await exchange.head(found.status, found.headers, "Transfer-Encoding: chunked\r\nConnection: close")
    async for data in found.body:
        await exchange.chunk(data)
    await exchange.end()


def redirect(url: str) -> Action:
    return answer(307, b"", Location=url)


def long_line(size: int) -> Action:
    """A watch whose first event has so many bytes."""

    async def act(exchange: Exchange) -> None:
        await exchange.head(200, JSON)
        await exchange.chunk(b'{"type":"MODIFIED","object":{"metadata":{"annotations":{"x":"')
        for _ in range(size // 65536):
            await exchange.chunk(b"x" * 65536)
        await exchange.chunk(b'"}}}}\n')
        await exchange.hang()

    return act
