# SPDX-License-Identifier: Apache-2.0
"""What the tests of the wire share: an operator behind tests/faults/proxy.py, and what holds after each fault.

Gateways are there already, one of them is edited during the fault and one is new.  Afterwards all are in
step without a restart: what `meshgateway diff` would render is what is there, nothing came twice, the
Services are those of before.  And nothing was asked for in a hot loop meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import harness as h

sys.path.insert(0, str(h.ROOT / "tests" / "faults"))
import actions  # noqa: E402
from proxy import Action, Exchange, Fault, Proxy  # noqa: E402

# A failure is met with a few quick attempts, before the back-off is a second.
QUICK_ATTEMPTS = 12
SCALED = {"minReplicas": 2, "maxReplicas": 3}


def account() -> str:
    """A kubeconfig of the operator's account, with a new token, that leads to the API server itself."""
    return h.cp.service_account_kubeconfig(h.SYSTEM, h.ACCOUNT)


def token() -> str:
    return str(json.loads(Path(account()).read_text())["users"][0]["user"]["token"])


def replace(path: Path, text: str) -> str:
    """As kubelets and cert-manager write files: at once."""
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.rename(path)
    return str(path)


def peak_kib(operator: h.Operator) -> int:
    assert operator.process is not None
    status = Path(f"/proc/{operator.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found, status
    return int(found.group(1))


def killing(operator: h.Operator, after: bool) -> Action:
    """kill -9 of the operator, before the request gets to the API server or after it was answered."""

    async def act(exchange: Exchange) -> None:
        if after:
            await actions.done(exchange)
        assert operator.process is not None
        os.kill(operator.process.pid, signal.SIGKILL)
        exchange.reset()

    return act


class WireTest(h.IntegrationTest):
    """self.wire is between self.operator, or those that a test starts itself, and the API server."""

    autostart = False
    alone = False  # no operator of the class
    wire: Proxy

    @classmethod
    def setUpClass(cls) -> None:
        cls.wire = Proxy(h.cp.port, h.cp.tls, Path(tempfile.mkdtemp(dir=h.cp.dir)))
        cls.wire.__enter__()
        if cls.alone:
            return
        try:
            cls._shared = h.Operator(kubeconfig=cls.wire.kubeconfig(account())).start()
        except BaseException:
            cls.wire.__exit__()
            raise

    @classmethod
    def tearDownClass(cls) -> None:
        try:
            super().tearDownClass()
        finally:
            cls.wire.__exit__()

    def proxy(self, host: str = "127.0.0.1") -> Proxy:
        """Another one."""
        wire = Proxy(h.cp.port, h.cp.tls, Path(tempfile.mkdtemp(dir=h.cp.dir)), host)
        wire.__enter__()
        self.addCleanup(wire.__exit__)
        return wire

    def behind(self, wire: Proxy, ready: bool = True, user: Any = None, **cluster: Any) -> h.Operator:
        """An operator of the test's own; user and cluster as of Proxy.kubeconfig."""
        operator = h.Operator(kubeconfig=wire.kubeconfig(account(), "own", user, **cluster))
        self.addCleanup(operator.kill)
        self.operator = operator
        return operator.start(ready)

    def prepare(self) -> None:
        """Gateways that are in step."""
        self.uids: dict[str, str] = {}
        for name, spec in (("edited", SCALED), ("left", {})):
            h.create(h.gateway(name, self.ns, **spec))
        for name in ("edited", "left"):
            h.programmed(self.ns, name, 60)
            self.uids[name] = h.get("Service", self.ns, name)["metadata"]["uid"]

    def change(self) -> None:
        """What users do meanwhile."""
        h.patch("MeshGateway", self.ns, "edited", {"spec": {"drainSeconds": 77}})
        h.create(h.gateway("new", self.ns))
        h.delete("HorizontalPodAutoscaler", self.ns, "edited")

    def assert_in_step(self, seconds: float = 90) -> None:
        assert self.operator.alive(), f"the operator ended:\n{self.operator.text()[-3000:]}"
        names = {"edited": h.CHILDREN, "left": h.BASE_CHILDREN, "new": h.BASE_CHILDREN}
        for name in names:
            h.programmed(self.ns, name, seconds)
        h.eventually(lambda: not self.difference(), "no difference", seconds)
        for name, kinds in names.items():
            self.assert_children(name, kinds)
        self.assert_no_orphans(set(names))
        for name, uid in self.uids.items():
            self.assertEqual(
                h.get("Service", self.ns, name)["metadata"]["uid"], uid, f"Service {name} was made anew"
            )

    def difference(self) -> str:
        """Between what a clean operator would apply and what is there; "" when there is none."""
        kind = {"apiVersion": "istio.banzaicloud.io/v1beta1", "kind": "MeshGateway"}
        items = h.cp.must("GET", h.path("MeshGateway", self.ns))["items"]
        done = subprocess.run(
            [h.binary(), "diff", "-f", "-", "--kubeconfig", h.cp.kubeconfig],
            input="\n---\n".join(json.dumps({**kind, **o}) for o in items),
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return done.stdout

    def assert_no_orphans(self, names: set[str]) -> None:
        for kind in h.CHILDREN:
            items = h.cp.must("GET", h.path(kind, self.ns))["items"]
            ours = {o["metadata"]["name"] for o in items if "ownerReferences" in o["metadata"]}
            self.assertLessEqual(ours, names, f"orphans of kind {kind}")

    def watches(self, mark: int) -> dict[str, list[str]]:
        """What each watch began with and the server accepted, in order: "all" objects, or a version."""
        found: dict[str, list[str]] = {}
        for r in self.wire.requests[mark:]:
            if r.is_watch and r.status == 200:
                query = dict(urllib.parse.parse_qsl(r.target.partition("?")[2]))
                what = f"{r.path} {query.get('fieldSelector', '')}"
                found.setdefault(what, []).append("all" if "sendInitialEvents" in query else query["resourceVersion"])
        return found

    @contextlib.contextmanager
    def bounded(self) -> Iterator[None]:
        """For no object and no collection more than a request a second, after the first few."""
        mark, began = self.wire.mark(), time.monotonic()
        yield
        most = QUICK_ATTEMPTS + time.monotonic() - began
        for key, count in self.wire.counts(mark).items():
            self.assertLessEqual(count, most, key)

    def through(
        self, action: Action, seconds: float = 2, anew: bool = False, least: int = 1, **which: Any
    ) -> Fault:
        """The whole of it: before, during and after the fault, which hits at least so many requests.

        anew: all connections are reset first.
        """
        self.prepare()
        with self.bounded(), self.wire.fault(action, **which) as fault:
            if anew:
                self.wire.reset_all()
            self.change()
            h.eventually(lambda: fault.hits >= least, f"{least} requests are hit", 60)
            time.sleep(seconds)
        began = time.monotonic()
        self.assert_in_step()
        print(f"    in step {time.monotonic() - began:.1f} s after the fault", file=sys.stderr)
        return fault

    def killed(self, after: bool, skip: int, **which: Any) -> None:
        """An operator that is killed at its request number `skip`."""
        operator = h.Operator(kubeconfig=self.wire.kubeconfig(account()))
        self.addCleanup(operator.kill)
        with self.wire.fault(killing(operator, after), skip=skip, count=1, **which) as fault:
            operator.start(ready=False)
            process = operator.process
            h.eventually(lambda: process and process.poll() is not None, f"killed at request {skip}", 60)
        self.assertEqual((fault.hits, process.returncode), (1, -signal.SIGKILL), operator.text()[-2000:])
        operator.kill()
        self.assertIsNone(h.SICK.search(operator.text()))
