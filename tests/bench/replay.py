#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""replay.py OBJECTS COUNT: an API server that has COUNT copies of one gateway and its children.

OBJECTS is a JSON object, resource -> object, as a real API server sent them.  Watches begin with
all copies, each with a name, uids and a version of its own, and then stay silent; writes are
counted, and refused.  So the memory that an operator needs at a start can be measured for more
gateways than an API server makes in the time.  Prints its URL, and at the end of stdin the number
of writes.
"""

from __future__ import annotations

import http.server
import json
import sys
import threading
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHUNK = 64 * 1024
VERSION = 10**6  # of the first copy
END = {
    "type": "BOOKMARK",
    "object": {
        "kind": "Bookmark",
        "apiVersion": "v1",
        "metadata": {
            "resourceVersion": "100000000",
            "annotations": {"k8s.io/initial-events-end": "true"},
        },
    },
}


def uid(name: str, i: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name}/{i}"))


class Copies:
    def __init__(self, objects: dict[str, Any], count: int) -> None:
        self.count = count
        self.writes = 0
        self.name = objects["meshgateways"]["metadata"]["name"]
        self.uids = {o["metadata"]["uid"] for o in objects.values()}
        self.lines = {}
        for resource, o in objects.items():
            line = json.dumps({"type": "ADDED", "object": o}, separators=(",", ":"))
            version = f'"resourceVersion":"{o["metadata"]["resourceVersion"]}"'
            self.lines[resource] = line.replace(version, '"resourceVersion":"VERSION"') + "\n"

    def of(self, resource: str) -> Iterator[str]:
        template = self.lines.get(resource)
        for i in range(self.count if template else 0):
            line = str(template).replace(self.name, f"gw-{i:06d}")
            for each in self.uids:
                line = line.replace(each, uid(each, i))
            yield line.replace('"VERSION"', f'"{VERSION + i}"')


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    copies: Copies

    def log_message(self, *_: Any) -> None:
        pass

    def chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def do_GET(self) -> None:
        url = urllib.parse.urlparse(self.path)
        query = urllib.parse.parse_qs(url.query)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        # Services of solvers have another selector, and there are none.
        solvers = "http01-solver" in query.get("labelSelector", [""])[0]
        try:
            text = ""
            for line in self.copies.of("" if solvers else url.path.rsplit("/", 1)[1]):
                text += line
                if len(text) > CHUNK:
                    self.chunk(text)
                    text = ""
            self.chunk(text + json.dumps(END) + "\n")
            while True:
                time.sleep(3600)
        except OSError:
            pass  # the operator has ended

    def refuse(self) -> None:
        self.copies.writes += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_PATCH = do_POST = do_DELETE = refuse


def main() -> int:
    Handler.copies = Copies(json.loads(Path(sys.argv[1]).read_text()), int(sys.argv[2]))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()
    print(Handler.copies.writes, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
