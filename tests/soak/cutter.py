# SPDX-License-Identifier: Apache-2.0
"""A TCP relay before the API server, whose connections can be cut, frozen and refused."""

from __future__ import annotations

import selectors
import socket
import struct
import threading

CHUNK = 1 << 16
TICK_SECONDS = 0.1


class Relay:
    """Passes bytes from its port to `target` and back, in a thread of its own."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._frozen = self._refusing = self._stop = self._cut = False
        self.connections = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Resets every connection."""
        self._cut = True

    def freeze(self, on: bool) -> None:
        """Nothing passes, and nobody is told: as behind a firewall that forgot."""
        self._frozen = on

    def refuse(self, on: bool) -> None:
        """New connections are reset at once, those that stand go on."""
        self._refusing = on

    def stop(self) -> None:
        self._stop = True
        self._thread.join(5)

    def _run(self) -> None:
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        while not self._stop:
            if self._cut:
                self._cut = False
                for end in list(self._pairs):
                    self._close(end)
            if self._frozen:
                threading.Event().wait(TICK_SECONDS)
                continue
            for key, _ in self._selector.select(TICK_SECONDS):
                end = key.fileobj
                assert isinstance(end, socket.socket)
                if end is self._listener:
                    self._accept()
                elif end in self._pairs:
                    self._pass(end)
        for end in list(self._pairs):
            self._close(end)
        self._selector.close()
        self._listener.close()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if self._refusing:
            reset(client)
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            reset(client)
            return
        self.connections += 1
        for one, other in ((client, server), (server, client)):
            one.settimeout(10)
            self._pairs[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _pass(self, end: socket.socket) -> None:
        try:
            data = end.recv(CHUNK)
            if data:
                self._pairs[end].sendall(data)
                return
        except OSError:
            pass
        self._close(end)

    def _close(self, end: socket.socket) -> None:
        other = self._pairs.pop(end, None)
        if other is None:
            return
        del self._pairs[other]
        for one in (end, other):
            self._selector.unregister(one)
            reset(one)


def reset(connection: socket.socket) -> None:
    """Closes with a RST, what is on its way is lost."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    connection.close()
