# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: a control plane, the operator as a process, ways to wait.

A test file ends with `sys.exit(h.main())`.  MESHGATEWAY_BIN names the program under test; without
it, or without a control plane, the exit status is 77 (skipped).  The operator runs as its own
service account under exactly the RBAC of manifests/.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / d) for d in ("controlplane", "support")]
import rights  # noqa: E402
from controlplane import ControlPlane, ControlPlaneError, end_process, established, start_time  # noqa: E402
from verdict import verdict  # noqa: E402

SYSTEM = "meshgateway-system"
ACCOUNT = "meshgateway-operator"
OPERATOR_USER = f"system:serviceaccount:{SYSTEM}:{ACCOUNT}"
MANAGER = "meshgateway-operator"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/meshgateways.istio.banzaicloud.io"
MERGE = {"Content-Type": "application/merge-patch+json"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}
WRITES = ("create", "update", "patch", "delete", "deletecollection")
# What a sanitizer or libc's checks print.
SICK = re.compile(
    r"ERROR: (Address|Leak)Sanitizer|runtime error:|Assertion .* failed|double free|stack smashing"
)

# Collections by kind; {} is the namespace.
KINDS = {
    "MeshGateway": "/apis/istio.banzaicloud.io/v1beta1/namespaces/{}/meshgateways",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Service": "/api/v1/namespaces/{}/services",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Pod": "/api/v1/namespaces/{}/pods",
}
CHILDREN = tuple(KINDS)[1:7]
# What every gateway has, whatever its scaling.
BASE_CHILDREN = ("ServiceAccount", "RoleBinding", "Deployment", "Service")

T = TypeVar("T")
cp: ControlPlane  # set by main() before the first test


def path(kind: str, namespace: str, name: str = "") -> str:
    return KINDS[kind].format(namespace) + (f"/{name}" if name else "")


def gateway(name: str, namespace: str, **spec: Any) -> dict[str, Any]:
    """A MeshGateway; an ingress with one port unless said otherwise."""
    base: dict[str, Any] = {"type": "ingress", "ports": [{"name": "http", "port": 8000}]}
    return {
        "apiVersion": "istio.banzaicloud.io/v1beta1",
        "kind": "MeshGateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**base, **spec},
    }


def get(kind: str, namespace: str, name: str) -> Any:
    """The live object; None when it is absent."""
    status, document, _ = cp.request("GET", path(kind, namespace, name))
    if status == 404:
        return None
    if status != 200:
        raise ControlPlaneError(f"GET {kind} {namespace}/{name}: {status}: {document}")
    return document


def patch(
    kind: str,
    namespace: str,
    name: str,
    body: Any,
    headers: dict[str, str] = MERGE,
    subresource: str = "",
) -> Any:
    """A foreign client's edit."""
    return cp.must(
        "PATCH", path(kind, namespace, name) + subresource + "?fieldManager=somebody", body, headers
    )


def create(document: dict[str, Any]) -> Any:
    return cp.must("POST", path(document["kind"], document["metadata"]["namespace"]), document)


def delete(kind: str, namespace: str, name: str) -> None:
    cp.must(
        "DELETE",
        path(kind, namespace, name),
        {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"},
    )


def replace_spec(namespace: str, name: str, spec: dict[str, Any]) -> Any:
    """Gives the gateway exactly this spec."""
    patched = [{"op": "replace", "path": "/spec", "value": spec}]
    return patch("MeshGateway", namespace, name, patched, JSON_PATCH)


def assign_address(namespace: str, name: str, *addresses: str) -> None:
    """Plays the cloud's load-balancer controller."""
    ingress = [
        {"ip": a} if re.fullmatch(r"[0-9.]+|[0-9a-f:]+", a) else {"hostname": a} for a in addresses
    ]
    patch(
        "Service",
        namespace,
        name,
        {"status": {"loadBalancer": {"ingress": ingress}}},
        MERGE,
        "/status",
    )


def condition(document: dict[str, Any] | None, kind: str) -> dict[str, Any]:
    """The condition of this type; {} when there is none."""
    conditions = (document or {}).get("status", {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {})


def eventually(check: Callable[[], T | None], what: str, seconds: float = 20.0) -> T:
    """Calls check until it returns something true, and returns that; what it looks at may not be there yet."""
    deadline = time.monotonic() + seconds
    why: Any = None
    while True:
        try:
            result = check()
            if result:
                return result
            why = result
        except AssertionError as e:
            why = e
        except (LookupError, TypeError) as e:
            why = repr(e)
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what} (last: {why})")
        time.sleep(0.05)


def programmed(namespace: str, name: str, seconds: float = 20.0) -> dict[str, Any]:
    """Waits until the operator has applied everything of the gateway's current generation."""

    def check() -> Any:
        gw = get("MeshGateway", namespace, name)
        c = condition(gw, "Programmed")
        assert gw is not None, "gone"
        assert (
            c.get("status") == "True"
            and c.get("observedGeneration") == gw["metadata"]["generation"]
        ), f"generation {gw['metadata']['generation']}, status {json.dumps(gw.get('status'))}"
        return gw

    return eventually(check, f"gateway {namespace}/{name} programmed", seconds)


def available(namespace: str, name: str, seconds: float = 60.0) -> None:
    """Waits until the gateway's pods are rolled out and told of; until then its status changes."""

    def check() -> bool:
        live = get("Deployment", namespace, name)
        status = (live or {}).get("status", {})
        assert live is not None and status.get("observedGeneration") == live["metadata"]["generation"]
        counts = {status.get(k) for k in ("replicas", "updatedReplicas", "availableReplicas")}
        assert counts == {live["spec"]["replicas"]}, status
        c = condition(get("MeshGateway", namespace, name), "Available")
        assert c.get("status") == "True", c
        return True

    eventually(check, f"gateway {namespace}/{name} available", seconds)


def operator_writes(since: int = 0, namespace: str = "", events: bool = True) -> list[str]:
    """The operator's writes in the audit log but for its lease, as "verb uri code"."""
    lines = []
    for e in cp.audit_events(since, OPERATOR_USER, WRITES):
        ref = e.get("objectRef", {})
        if namespace and ref.get("namespace") != namespace or ref.get("resource") == "leases":
            continue
        if events or ref.get("apiGroup") != "events.k8s.io":
            lines.append(f"{e['verb']} {e['requestURI']} {e.get('responseStatus', {}).get('code')}")
    return lines


def settled(quiet: float = 1.0, seconds: float = 30.0) -> None:
    """Waits until the operator has not written for a while."""
    deadline = time.monotonic() + seconds
    mark, since = cp.audit_mark(), time.monotonic()
    while time.monotonic() - since < quiet:
        time.sleep(0.1)
        if operator_writes(mark):
            mark, since = cp.audit_mark(), time.monotonic()
        if time.monotonic() > deadline:
            raise AssertionError(
                f"the operator still writes after {seconds:.0f} s: {operator_writes(mark)}"
            )


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """{"spec.ports[http].port": 80, …}: lists of named things by name, others by index."""
    out: dict[str, Any] = {}
    if isinstance(value, dict) and value:
        for key, item in value.items():
            out.update(flat(item, f"{prefix}.{key}" if prefix else key))
    elif isinstance(value, list) and value:
        for i, item in enumerate(value):
            named = isinstance(item, dict) and isinstance(item.get("name"), str)
            out.update(flat(item, f"{prefix}[{item['name'] if named else i}]"))
    else:
        out[prefix] = value
    return out


class Operator:
    """The program under test as a process."""

    spawn: dict[str, Any] = {}  # more of subprocess.Popen's arguments

    def __init__(self, *args: str, kubeconfig: str | None = None) -> None:
        self.args = args
        self.kubeconfig = kubeconfig
        self.process: subprocess.Popen[bytes] | None = None
        self.log = Path(tempfile.mkstemp(prefix="operator-", suffix=".log", dir=cp.dir)[1])
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self._started: str | None = None
        self.host = "127.0.0.1"  # where its health is asked for
        self.via: tuple[str, ...] = ()  # a command that runs it
        self.env = {
            **os.environ,
            "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
        }

    @property
    def address(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def start(self, ready: bool = True) -> Operator:
        config = self.kubeconfig or cp.service_account_kubeconfig(SYSTEM, ACCOUNT)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *self.via,
                    binary(),
                    "run",
                    "--kubeconfig",
                    config,
                    "--metrics-bind-address",
                    "0",
                    "--health-probe-bind-address",
                    self.address,
                    *self.args,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
                **self.spawn,
            )
        self._started = start_time(self.process.pid)
        if ready:
            eventually(self.ready, "the operator is ready", 30)
        return self

    def probe(self, what: str) -> int:
        """Status of the health server's /what; 0 when nothing answers."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/{what}", timeout=5) as r:
                return int(r.status)
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return 0

    def ready(self) -> bool:
        assert self.alive(), f"the operator ended:\n{self.text()[-3000:]}"
        return self.probe("readyz") == 200

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self, seconds: float = 30.0) -> int:
        """SIGTERM; the exit status.  Fails when it does not go or a sanitizer found something."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            end_process(process.pid, self._started, signal.SIGKILL)
            process.wait()
            raise AssertionError(
                f"the operator did not end within {seconds:.0f} s of SIGTERM"
            ) from None
        sick = SICK.search(self.text())
        if sick:
            raise AssertionError(f"sanitizer or libc: {self.text()[sick.start() :][:4000]}")
        return status


class Watch:
    """Everything a watch of one collection delivers, collected by a thread."""

    def __init__(self, kind: str, namespace: str) -> None:
        self.events: list[dict[str, Any]] = []
        self._request = urllib.request.Request(
            f"{cp.url}{path(kind, namespace)}?watch=1",
            headers={"Authorization": f"Bearer {cp.token}"},
        )
        self._stop = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._response = urllib.request.urlopen(self._request, context=cp.tls, timeout=60)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop = True
        self._thread.join(0.2)

    def _run(self) -> None:
        try:
            for line in self._response:
                if self._stop:
                    return
                self.events.append(json.loads(line))
        except (OSError, ValueError):
            pass


class IntegrationTest(unittest.TestCase):
    """Each test has a namespace (self.ns) and, with autostart, an operator (self.operator)."""

    autostart = True
    operator: Operator
    _shared: Operator | None = None
    _count = 0

    @classmethod
    def setUpClass(cls) -> None:
        if cls.autostart:
            cls._shared = Operator().start()

    @classmethod
    def tearDownClass(cls) -> None:
        if cls._shared is not None:
            status = cls._shared.stop()
            cls._shared = None
            if status != 0:
                raise AssertionError(f"the operator ended with {status} on SIGTERM")

    def setUp(self) -> None:
        IntegrationTest._count += 1
        words = re.sub(r"[^a-z0-9]+", "-", self._testMethodName.removeprefix("test_").lower())
        self.ns = self.namespace(f"{words[:40].strip('-')}-{IntegrationTest._count}")
        if self._shared is not None:
            self.operator = self._shared
            if not self.operator.alive():
                raise AssertionError(f"the operator is dead:\n{self.operator.text()[-3000:]}")

    def namespace(self, name: str) -> str:
        """A namespace that the test's end deletes."""
        cp.must(
            "POST",
            "/api/v1/namespaces",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        )
        self.addCleanup(lambda: cp.request("DELETE", f"/api/v1/namespaces/{name}"))
        return name

    def start_operator(self, *args: str, ready: bool = True) -> Operator:
        """An operator of this test's own."""
        operator = Operator(*args)
        self.addCleanup(operator.kill)
        return operator.start(ready)

    def gateway(self, name: str = "gw", **spec: Any) -> dict[str, Any]:
        """Creates a gateway and waits until it is programmed."""
        create(gateway(name, self.ns, **spec))
        return programmed(self.ns, name)

    def assert_no_writes(self, since: int, seconds: float = 2.0) -> None:
        """None in this test's namespace; those of earlier tests may still be going."""
        time.sleep(seconds)
        self.assertEqual(operator_writes(since, self.ns), [])

    def assert_children(self, name: str, kinds: Iterable[str], ns: str | None = None) -> None:
        """Exactly these kinds exist under the gateway's name, and all are its own."""
        owner = get("MeshGateway", ns or self.ns, name)
        assert owner is not None
        have = {k: get(k, ns or self.ns, name) for k in CHILDREN}
        self.assertEqual({k for k, o in have.items() if o}, set(kinds))
        for kind, o in have.items():
            if o:
                self.assertEqual(
                    [r["uid"] for r in o["metadata"]["ownerReferences"]],
                    [owner["metadata"]["uid"]],
                    kind,
                )


def binary() -> str:
    return os.environ.get("MESHGATEWAY_BIN", str(ROOT / "build" / "asan" / "meshgateway"))


def install() -> None:
    """The shipped manifests, as `kubectl apply -k` installs them."""
    cp.kubectl("apply", "--server-side", "-k", str(ROOT / "manifests"))
    owners_admitted()


def owners_admitted() -> None:
    """Waits until the operator may make objects that a MeshGateway owns."""
    token = json.loads(Path(cp.service_account_kubeconfig(SYSTEM, ACCOUNT)).read_text())
    owner = {"apiVersion": "istio.banzaicloud.io/v1beta1", "kind": "MeshGateway", "name": "x"}
    owned = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": "x",
            "ownerReferences": [{**owner, "uid": "x", "blockOwnerDeletion": True}],
        },
    }

    # The admission of owner references learns of a new kind up to half a minute later.
    def admitted() -> bool:
        status, document, _ = cp.request(
            "POST",
            path("ServiceAccount", "default") + "?dryRun=All",
            owned,
            token=token["users"][0]["user"]["token"],
        )
        assert status == 201, document
        return True

    eventually(admitted, "objects may be owned by a MeshGateway", 60)


def crd_established() -> None:
    eventually(lambda: established(cp.must("GET", CRD)), "the CRD is established", 30)


class _Result(unittest.TextTestResult):  # how long each test took
    def startTest(self, test: unittest.TestCase) -> None:
        self._began = time.monotonic()
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        print(f"    {time.monotonic() - self._began:.1f} s", file=sys.stderr)


def _terminate(*_: object) -> None:
    raise KeyboardInterrupt  # the one exception that unittest lets through


def main() -> int:
    """Runs the tests of the calling file, or those named on its command line."""
    global cp
    if not os.access(binary(), os.X_OK):
        print(f"skipped: no program at {binary()} (MESHGATEWAY_BIN)")
        return 77
    try:
        cp = ControlPlane(("all",), crds=ROOT / "crds")
        cp.__enter__()
    except ControlPlaneError as e:
        print(f"skipped: {e}")
        return 77
    signal.signal(signal.SIGTERM, _terminate)
    try:
        install()
        runner = unittest.TextTestRunner(resultclass=_Result, verbosity=2)
        result = unittest.main(module="__main__", testRunner=runner, exit=False).result
        rights.record(cp, OPERATOR_USER, ROOT / "manifests")
    except KeyboardInterrupt:
        return 130
    finally:
        keep = os.environ.get("MESHGATEWAY_TEST_KEEP")
        cp.keep = bool(keep)
        cp.stop()
        if keep:
            print(f"kept: {cp.dir}", file=sys.stderr)
    return verdict(result)
