# SPDX-License-Identifier: Apache-2.0
"""The whole cluster of the end-to-end test: control plane, node, network, mesh, operator.

It takes over the network namespace that it runs in; hack/e2e.sh makes one for it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "integration")]
import certmanager  # noqa: E402
import harness  # noqa: E402
import mesh  # noqa: E402
from clusternet import ZONE  # noqa: E402
from controlplane import ControlPlane, end_process, start_time  # noqa: E402
from kube import Client, KubeError, path  # noqa: E402
from kubelet import BRIDGE, NODE_IP, Kubelet, ip  # noqa: E402
from pebble import SYSTEM as ACME, Pebble  # noqa: E402

T = TypeVar("T")


def until(what: str, check: Callable[[], T | None], seconds: float = 60.0, step: float = 0.02) -> T:
    """Calls check until it returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; last: {found!r}")
        time.sleep(step)


class Cluster:
    """with Cluster(files) as cluster: …   `files` is the directory that build.sh prints."""

    def __init__(self, files: Path) -> None:
        self.files = files
        self.keep = bool(os.environ.get("MESHGATEWAY_TEST_KEEP"))
        self.dir = Path(tempfile.mkdtemp(prefix="meshgateway-e2e-"))
        self.plane = ControlPlane(
            ("kube-controller-manager",), crds=ROOT / "crds", directory=self.dir / "cp"
        )
        self.client: Client
        self.kubelet: Kubelet
        self.operator: harness.Operator
        self._network: subprocess.Popen[bytes] | None = None
        self._zone: dict[str, str] = {}
        self._acme: dict[str, Pebble] = {}

    def __enter__(self) -> Cluster:
        # Pods' users pass through it to their volumes.
        self.dir.chmod(0o755)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _start(self) -> None:
        # kube-apiserver wants a default route; Services' and load balancers' addresses are local.
        ip(
            "link set lo up",
            # Else it has the address of some pod, and another one when that is gone.
            f"link add {BRIDGE} address 02:00:00:00:00:01 type bridge",
            f"addr add {NODE_IP}/16 dev {BRIDGE}",
            f"link set {BRIDGE} up",
            f"route add default dev {BRIDGE}",
            "route add local 10.0.0.0/12 dev lo",
            "route add local 172.30.0.0/16 dev lo",
        )
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        self._step("etcd, kube-apiserver, kube-controller-manager", self.plane.start)
        ca = str(self.dir / "cp" / "pki" / "apiserver.crt")
        self.client = Client(self.plane.url, self.plane.token, ca)
        for name in ("pods", "logs"):
            (self.dir / name).mkdir()
        # The operator runs beside the cluster, as its service account, so that it can be stopped.
        self.kubelet = Kubelet(
            self.client,
            self.files / "image",
            self.dir / "pods",
            self.dir / "logs",
            ignored=harness.SYSTEM,
        )
        self._step("the node", self.kubelet.start)
        self._step("DNS, Services, load balancers", lambda: self._start_network(ca))
        self._step("Istio's CRDs", lambda: self._install_crds("crds.yaml"))
        self._step("istiod", self._start_mesh)
        self._step("the operator", self._start_operator)

    def _step(self, what: str, action: Callable[[], Any]) -> None:
        began = time.monotonic()
        action()
        print(f"ok    {time.monotonic() - began:5.1f} s  start {what}", flush=True)

    def _start_network(self, ca: str) -> None:
        token = self.dir / "cp" / "pki" / "network-token"
        token.write_text(self.plane.token)
        with (self.dir / "logs" / "clusternet.log").open("ab") as log:
            self._network = subprocess.Popen(
                [sys.executable, str(HERE / "clusternet.py"), self.plane.url, ca, str(token)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _install_crds(self, name: str) -> None:
        self.plane.kubectl("apply", "--server-side", "-f", str(self.files / name))
        self.plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")

    def _start_mesh(self) -> None:
        mesh.install(self.client, self.files)
        self.wait_ready(mesh.SYSTEM, "istiod")
        until("istiod's CA in every namespace", self._has_ca)

    def _has_ca(self) -> bool:
        hook = self.client.get("MutatingWebhookConfiguration", None, "istio-sidecar-injector")
        return bool(
            self.client.get("ConfigMap", "default", "istio-ca-root-cert")
            and hook["webhooks"][0]["clientConfig"].get("caBundle")
        )

    def _start_operator(self) -> None:
        harness.cp = self.plane
        harness.install()
        self.operator = harness.Operator().start()

    def acme(self, name: str = "main", **options: Any) -> Pebble:
        """An ACME server, and cert-manager; `options` are a Pebble's, and count the first time."""
        self.install_cert_manager()
        return self.pebble(name, **options)

    def pebble(self, name: str = "main", **options: Any) -> Pebble:
        """The ACME server alone."""
        if name not in self._acme:
            server = self._acme[name] = Pebble(self.client, self.dir / "pebble", name, **options)
            self._step(f"Pebble {name}", server.install)
            self.wait_ready(ACME, name)
        return self._acme[name]

    def install_cert_manager(self) -> None:
        """From the second call on it does nothing."""
        if self.kubelet.running(certmanager.SYSTEM, "cert-manager"):
            return

        def install() -> None:
            certmanager.install(self.client)
            until("Secrets may be owned by a Certificate", self._ownable, 60, 0.5)
            self.client.apply(certmanager.controllers())
            self.wait_ready(certmanager.SYSTEM, "cert-manager")

        self._step("cert-manager's CRDs", lambda: self._install_crds("cert-manager.yaml"))
        self._step("cert-manager", install)

    def _ownable(self) -> bool:
        """The admission of owner references learns of a new kind up to half a minute later."""
        account = (certmanager.SYSTEM, certmanager.ACCOUNT)
        user = json.loads(Path(self.plane.service_account_kubeconfig(*account)).read_text())
        client = Client(self.plane.url, user["users"][0]["user"]["token"], self.client.ca)
        owner = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "name": "x", "uid": "x"}
        meta = {"name": "owned", "ownerReferences": [{**owner, "blockOwnerDeletion": True}]}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta}
        try:
            client.call("POST", path("Secret", "default") + "?dryRun=All", secret)
        except KubeError as e:
            if e.status == 403:
                return False
            raise
        return True

    def resolve(self, name: str, address: str) -> None:
        """What DNS says of this name or, for *.b, of all under b; BROKEN: the servers fail."""
        self._zone[name] = address
        lines = "".join(f"{n} {a}\n" for n, a in self._zone.items())
        meta = {"namespace": ZONE[0], "name": ZONE[1]}
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
        self.client.apply({**document, "data": {"zone": lines}})

    def wait_ready(self, namespace: str, prefix: str, count: int = 1, seconds: float = 60) -> None:
        def check() -> bool:
            if self.kubelet.problems:
                raise AssertionError("\n".join(self.kubelet.problems))
            return sum(p.ready for p in self.kubelet.running(namespace, prefix)) >= count

        until(f"{count} ready pods {namespace}/{prefix}…", check, seconds)

    def stop(self) -> None:
        if hasattr(self, "operator"):
            self.operator.kill()
        if hasattr(self, "kubelet"):
            for pod in list(self.kubelet.pods.values()):
                if pod.process is not None and pod.process.poll() is None:
                    os.killpg(pod.process.pid, 9)
                    pod.process.wait()
        if self._network is not None:
            end_process(self._network.pid, start_time(self._network.pid))
            self._network.wait()
        self.plane.stop()
        if self.keep:
            print(f"kept: {self.dir}", file=sys.stderr)
        else:
            subprocess.run(["umount", "-l", str(self.dir / "pods")], check=False)
            shutil.rmtree(self.dir, ignore_errors=True)
