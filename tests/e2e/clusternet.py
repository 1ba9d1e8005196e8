#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The network of a cluster as one program: DNS, Services, the cloud's load balancers.

    clusternet.py SERVER CA-FILE TOKEN-FILE

It binds every address of a Service (they are local to this network namespace) and carries each
connection to one ready endpoint.  A Service of type LoadBalancer gets the address that it asks for,
or one of 172.30.0.0/24.

DNS on 10.0.0.10 knows the Services, what the annotation e2e/hosts of one adds, and the ConfigMap
kube-system/e2e-dns: its key `zone` has a line "NAME ADDRESS" for each name; *.b stands for all names
under b, and an ADDRESS of SERVFAIL for a name whose servers do not work.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kube import Client, KubeError

DNS_IP = "10.0.0.10"
ZONE = ("kube-system", "e2e-dns")
BROKEN = "SERVFAIL"
# What DNS answers for these addresses: NXDOMAIN, SERVFAIL.
CODES = {"": 3, BROKEN: 2}
Key = tuple[str, str]


class Pipe(asyncio.Protocol):
    """One direction's reader; writes what it reads to its peer."""

    def __init__(self, connected: Callable[[Pipe], None] | None = None) -> None:
        self.connected = connected
        self.peer: asyncio.Transport | None = None
        self.transport: asyncio.Transport | None = None
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self.connected is not None:
            self.connected(self)

    def data_received(self, data: bytes) -> None:
        if self.peer is None:
            self.early.append(data)
        else:
            self.peer.write(data)

    def join(self, peer: asyncio.Transport) -> None:
        self.peer = peer
        for data in self.early:
            peer.write(data)
        self.early.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.peer is not None:
            if exc is None:
                self.peer.close()
            else:
                self.peer.abort()


class Network:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.loop = asyncio.get_running_loop()
        self.services: dict[Key, dict[str, Any]] = {}
        self.slices: dict[str, dict[str, Any]] = {}
        self.wanted: dict[tuple[str, int], tuple[Key, dict[str, Any]]] = {}
        self.changed = asyncio.Event()
        self.servers: dict[tuple[str, int], asyncio.Server] = {}
        self.balancers: dict[Key, str] = {}
        # A task that nobody refers to may be collected before it ends.
        self.carried: set[asyncio.Task[None]] = set()
        self.hosts: dict[str, str] = {}
        self.zone: dict[str, str] = {}

    def seen(self, kind: str, o: dict[str, Any]) -> None:
        """From a watch's thread."""
        self.loop.call_soon_threadsafe(self._seen, kind, o)

    def _seen(self, kind: str, o: dict[str, Any]) -> None:
        meta = o["metadata"]
        key = (meta["namespace"], meta["name"])
        if "endpoints" in o:
            self.slices[meta["uid"]] = o
            if kind == "DELETED":
                del self.slices[meta["uid"]]
            return
        if key == ZONE:
            self.zone = dict(line.split() for line in o["data"]["zone"].splitlines())
            return
        if kind == "DELETED":
            self.services.pop(key, None)
        else:
            self.services[key] = o
            if o["spec"].get("type") == "LoadBalancer":
                self._balance(key, o)
        self.changed.set()

    def _balance(self, key: Key, service: dict[str, Any]) -> None:
        free = f"172.30.0.{len(self.balancers) + 1}"
        address = service["spec"].get("loadBalancerIP") or self.balancers.get(key, free)
        self.balancers[key] = address
        if service["status"].get("loadBalancer", {}).get("ingress") != [{"ip": address}]:
            self.loop.run_in_executor(None, self._assign, key)

    def _assign(self, key: Key) -> None:
        ingress = [{"ip": self.balancers[key]}]
        try:
            self.client.merge(
                "Service", *key, {"status": {"loadBalancer": {"ingress": ingress}}}, "/status"
            )
        except KubeError as e:
            print(f"no address for {key}: {e}", file=sys.stderr, flush=True)

    def _desired(self) -> None:
        self.wanted = {}
        self.hosts = {}
        for key, service in self.services.items():
            spec = service["spec"]
            cluster = spec.get("clusterIP", "None")
            if cluster == "None":
                continue
            for name in (f"{key[1]}.{key[0]}.svc", f"{key[1]}.{key[0]}.svc.cluster.local"):
                self.hosts[name] = cluster
            extra = service["metadata"].get("annotations", {}).get("e2e/hosts", "")
            self.hosts |= {name: cluster for name in extra.split()}
            for address in filter(None, (cluster, self.balancers.get(key))):
                for port in spec["ports"]:
                    if port.get("protocol", "TCP") == "TCP":
                        self.wanted[(address, port["port"])] = (key, port)

    def address(self, name: str) -> str:
        """What DNS says of a name; "" when it does not exist."""
        if name in self.hosts:
            return self.hosts[name]
        labels = name.split(".")
        wildcards = [".".join(["*", *labels[i:]]) for i in range(1, len(labels))]
        return next((self.zone[n] for n in (name, *wildcards) if n in self.zone), "")

    async def listen(self) -> None:
        """Keeps the listeners those of the Services."""
        while True:
            await self.changed.wait()
            self.changed.clear()
            self._desired()
            for where in set(self.servers) - set(self.wanted):
                self.servers.pop(where).close()
            for where in set(self.wanted) - set(self.servers):
                self.servers[where] = await self._serve(where)

    async def _serve(self, where: tuple[str, int]) -> asyncio.Server:
        def carry(pipe: Pipe) -> None:
            self.carried.add(task := self.loop.create_task(self._carry(pipe, where)))
            task.add_done_callback(self.carried.discard)

        return await self.loop.create_server(
            lambda: Pipe(carry), *where, backlog=1024, reuse_address=True
        )

    def _endpoints(self, where: tuple[str, int]) -> list[tuple[str, int]]:
        key, port = self.wanted[where]
        if key == ("default", "kubernetes"):
            netloc = self.client.server.rpartition(":")
            return [("127.0.0.1", int(netloc[2]))]
        found = []
        for s in self.slices.values():
            meta = s["metadata"]
            name = meta.get("labels", {}).get("kubernetes.io/service-name")
            if (meta["namespace"], name) != key:
                continue
            named = port.get("name", "")
            ports = [p["port"] for p in s.get("ports") or [] if p.get("name", "") == named]
            for endpoint in s.get("endpoints") or []:
                if endpoint["conditions"].get("ready") and ports:
                    found.append((endpoint["addresses"][0], ports[0]))
        return found

    async def _carry(self, pipe: Pipe, where: tuple[str, int]) -> None:
        assert pipe.transport is not None
        try:
            address, port = random.choice(self._endpoints(where))
            transport, peer = await self.loop.create_connection(Pipe, address, port)
        except (IndexError, KeyError, OSError):
            pipe.transport.abort()
            return
        if pipe.transport.is_closing():
            transport.abort()
            return
        peer.join(pipe.transport)
        pipe.join(transport)


class Dns(asyncio.DatagramProtocol):
    """A records; every other question has no answer (RFC 1035 section 4.1)."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(self.reply(data), addr)

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The same over TCP, where two bytes of length come first; Pebble asks so."""
        try:
            while True:
                (size,) = struct.unpack(">H", await reader.readexactly(2))
                reply = self.reply(await reader.readexactly(size))
                writer.write(struct.pack(">H", len(reply)) + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    def reply(self, data: bytes) -> bytes:
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += data[at] + 1
        name = ".".join(labels).lower()
        end = at + 5
        (kind,) = struct.unpack(">H", data[at + 1 : at + 3])
        address = self.network.address(name)
        code = CODES.get(address, 0)
        answers = 1 if code == 0 and kind == 1 else 0
        head = data[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, answers, 0, 0)
        reply = head + data[12:end]
        if answers:
            record = struct.pack(">HHHIH", 0xC00C, 1, 1, 5, 4)
            reply += record + ipaddress.IPv4Address(address).packed
        return reply


async def main() -> None:
    server, ca, token = sys.argv[1:4]
    client = Client(server, Path(token).read_text(), ca)
    network = Network(client)
    loop = asyncio.get_running_loop()
    dns = Dns(network)
    await loop.create_datagram_endpoint(lambda: dns, local_addr=(DNS_IP, 53))
    await asyncio.start_server(dns.stream, DNS_IP, 53)
    client.watch("Service", network.seen)
    client.watch("EndpointSlice", network.seen)
    client.watch("ConfigMap", network.seen, "fieldSelector=metadata.name%3D" + ZONE[1])
    await network.listen()


if __name__ == "__main__":
    asyncio.run(main())
