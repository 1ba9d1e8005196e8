# SPDX-License-Identifier: Apache-2.0
"""A TCP relay that can be cut in either direction, without a word to either side."""

from __future__ import annotations

import select
import socket
import threading

UP, DOWN = "to the server", "from the server"


class Relay:
    """Listens on self.port and leads to 127.0.0.1:port."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open = {UP: threading.Event(), DOWN: threading.Event()}
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.heal()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *directions: str) -> None:
        for direction in directions:
            self._open[direction].clear()

    def heal(self) -> None:
        for event in self._open.values():
            event.set()

    def close(self) -> None:
        self.heal()
        for s in [self._listener, *self._sockets]:
            s.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._sockets += [client, server]
            for direction, source, sink in ((UP, client, server), (DOWN, server, client)):
                threading.Thread(
                    target=self._pump, args=(direction, source, sink), daemon=True
                ).start()

    def _pump(self, direction: str, source: socket.socket, sink: socket.socket) -> None:
        try:
            while True:
                select.select([source], [], [])
                held = not self._open[direction].is_set()
                self._open[direction].wait()
                # What a sender has taken back with a reset would not arrive after an outage either.
                if held and self._is_reset(source):
                    break
                data = source.recv(65536)
                if not data:
                    break
                sink.sendall(data)
        except (OSError, ValueError):
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @staticmethod
    def _is_reset(s: socket.socket) -> bool:
        poll = select.poll()
        poll.register(s, 0)
        return any(what & select.POLLERR for _, what in poll.poll(0))
