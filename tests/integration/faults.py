# SPDX-License-Identifier: Apache-2.0
"""What tests of faults share: an admission webhook that a test plays, clients that do not stop."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import harness as h

GROUP = "/apis/admissionregistration.k8s.io/v1"
# What the test tries, as a dry run, to see whether the API server calls the webhook already.
PROBES: dict[str, dict[str, Any]] = {
    "services": {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 1}]}},
    "deployments": {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "istio-proxy", "image": "x"}]},
            },
        },
    },
}
Answer = Callable[[dict[str, Any]], dict[str, Any]]


def allow(_: dict[str, Any]) -> dict[str, Any]:
    return {"allowed": True}


def deny(code: int, message: str) -> Answer:
    return lambda _: {"allowed": False, "status": {"code": code, "message": message}}


def rewrite(*operations: dict[str, Any]) -> dict[str, Any]:
    """Allowed, after this JSON patch."""
    patch = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": patch}


def another_image_each_time() -> Answer:
    """An answer that gives a Deployment's pods an image of a number of its own."""
    numbers = iter(range(10**6))

    def answer(_: dict[str, Any]) -> dict[str, Any]:
        path = "/spec/template/spec/containers/0/image"
        value = f"mirror.example.com/proxy:{next(numbers)}"
        return rewrite({"op": "replace", "path": path, "value": value})

    return answer


class Webhook:
    """Called for one resource of one namespace; `answer` says what it says, also later."""

    def __init__(self, test: h.IntegrationTest, resource: str, answer: Answer = allow) -> None:
        self.ns = test.ns
        self.resource = resource
        self.answer = answer
        self.calls = 0
        self.delay = 0.0
        self._name = f"{test.ns}-{resource}"
        self._certificate = h.cp.dir / "webhook.crt"
        key = h.cp.dir / "webhook.key"
        if not key.exists():
            subprocess.run(
                [
                    *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
                    *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
                    *("-keyout", str(key), "-out", str(self._certificate)),
                ],
                check=True,
                capture_output=True,
            )
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self._certificate, key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self._down = False
        test.addCleanup(self.down)
        self._test = test
        self._url = ""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                request = review["request"]
                hook.calls += 1
                time.sleep(hook.delay)
                review["response"] = {"uid": request["uid"], **hook.answer(request)}
                body = json.dumps(review).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # the API server did not wait

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def install(self, mutating: bool = False, policy: str = "Fail", timeout: int = 10) -> None:
        """Registers it, and waits until the API server calls it."""
        kind = "MutatingWebhookConfiguration" if mutating else "ValidatingWebhookConfiguration"
        collection = f"{GROUP}/{kind.lower()}s"
        self._url = f"{collection}/{self._name}"
        rule = {
            "operations": ["CREATE", "UPDATE"],
            "apiGroups": ["*"],
            "apiVersions": ["*"],
            "resources": [self.resource],
        }
        hook = {
            "name": "hook.example.com",
            "clientConfig": {
                "url": f"https://127.0.0.1:{self._server.server_port}/",
                "caBundle": base64.b64encode(self._certificate.read_bytes()).decode(),
            },
            "rules": [rule],
            "failurePolicy": policy,
            "timeoutSeconds": timeout,
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.ns}},
        }
        document = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": self._name},
            "webhooks": [hook],
        }
        h.cp.must("POST", collection, document)
        self._test.addCleanup(h.cp.request, "DELETE", self._url)
        before = self.calls
        h.eventually(
            lambda: self.probe() not in (200, 201) or self.calls > before, "it is called", 30
        )

    def probe(self) -> int:
        """The status of a dry run that it is called for."""
        document = PROBES[self.resource]
        metadata = {"name": "probe", "namespace": self.ns}
        url = h.path(document["kind"], self.ns) + "?dryRun=All"
        return int(h.cp.request("POST", url, {**document, "metadata": metadata})[0])

    def set_policy(self, policy: str) -> None:
        change = [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": policy}]
        h.cp.must("PATCH", self._url, change, h.JSON_PATCH)

    def remove(self) -> None:
        """The API server calls it no more."""
        h.cp.must("DELETE", self._url)

        def quiet() -> bool:
            before = self.calls
            return self.probe() == 201 and self.calls == before

        h.eventually(quiet, "it is not called any more", 30)

    def down(self) -> None:
        """Nobody listens any more."""
        if not self._down:
            self._down = True
            self._server.shutdown()
            self._server.server_close()


class Nagger:
    """Calls something again and again, from a thread, while the block runs."""

    def __init__(self, action: Callable[[], object], pause: float = 0.1) -> None:
        self._action = action
        self._pause = pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Nagger:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._pause):
            self._action()


def programmed_false(ns: str, name: str, *words: str) -> dict[str, Any]:
    """Waits for the condition, with all these words in reason and message."""

    def told() -> dict[str, Any]:
        c = h.condition(h.get("MeshGateway", ns, name), "Programmed")
        assert c.get("status") == "False", c
        text = c["reason"] + ": " + c["message"]
        assert all(word in text for word in words), c
        return c

    return h.eventually(told, f"{ns}/{name} says {words}", 40)


def writes_about(mark: int, ns: str, resource: str) -> list[str]:
    """The operator's, events aside; resource: "services" or "services/name"."""
    return [x for x in h.operator_writes(mark, ns, events=False) if f"/{resource}" in x]
