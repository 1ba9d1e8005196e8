# SPDX-License-Identifier: Apache-2.0
"""A scheduler and a kubelet for one node: a pod's containers run as processes of this machine.

Each pod has a network namespace behind the bridge e2e0 and a file system of its own; its one
container runs with the arguments, environment, volumes, user and probes that its spec says.  What
a real kubelet does beside that, a pod here must not need.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import signal
import subprocess
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import podspec
from kube import STRATEGIC, Client, KubeError, path

BRIDGE, NODE, NODE_IP, DNS_IP = "e2e0", "node-0", "10.244.0.1", "10.0.0.10"
ROOM = {"cpu": "64", "memory": "256Gi", "pods": "1000"}
HERE = Path(__file__).resolve().parent


def ip(*lines: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def probe(address: str, spec: dict[str, Any]) -> bool:
    """One attempt of an httpGet probe."""
    get = spec["httpGet"]
    try:
        connection = http.client.HTTPConnection(
            address, int(get["port"]), timeout=spec.get("timeoutSeconds", 1)
        )
        try:
            connection.request("GET", get.get("path", "/"))
            return 200 <= connection.getresponse().status < 400
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False


class Pod:
    """One pod, from its binding to its end, in a thread of its own."""

    def __init__(self, kubelet: Kubelet, pod: dict[str, Any], number: int) -> None:
        self.kubelet, self.pod = kubelet, pod
        self.address = f"10.244.{number // 250 + 1}.{number % 250 + 2}"
        self.device = f"e2e{number}"
        self.key = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        self.base = kubelet.directory / pod["metadata"]["uid"]
        self.process: subprocess.Popen[str] | None = None
        self.started = ""
        # When each step was done, on the monotonic clock.
        self.times = {"bound": time.monotonic()}
        self.deleted = threading.Event()
        self.ready = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def log(self) -> Path:
        return self.kubelet.logs / f"{self.pod['metadata']['name']}.log"

    def _run(self) -> None:
        try:
            self._start()
            self._live()
        except Exception as e:  # whatever it is, the test shall see it
            self.kubelet.problems.append(f"pod {self.key}: {type(e).__name__}: {e}")
            self.deleted.wait()
        self._end()

    def _prepare(self) -> dict[str, Any]:
        spec = self.pod["spec"]
        if spec.get("initContainers") or len(spec["containers"]) != 1:
            raise ValueError("only pods of one container run here")
        (container,) = spec["containers"]
        unknown = set(container) - podspec.CONTAINER_FIELDS
        if unknown:
            raise ValueError(f"fields of the container that are not played here: {unknown}")
        volumes = podspec.Volumes(
            self.kubelet.client, self.pod, self.base / "volumes", self.address, NODE_IP
        )
        while not self.deleted.is_set():
            try:
                volumes.make()
                break
            except LookupError:
                time.sleep(0.1)
        return self._config(spec, container)

    def _config(self, spec: dict[str, Any], container: dict[str, Any]) -> dict[str, Any]:
        security = spec.get("securityContext", {}) | container.get("securityContext", {})
        env = podspec.environment(self.pod, container, self.address, NODE_IP)
        program, user = podspec.image(container["image"])
        program = container.get("command") or program
        argv = [podspec.expand(a, env) for a in [*program, *container.get("args", [])]]
        user = security.get("runAsUser", user)
        if security.get("runAsNonRoot") and user == 0:
            raise ValueError("runAsNonRoot, and the user is 0")
        namespace = self.pod["metadata"]["namespace"]
        domains = " ".join((f"{namespace}.svc.cluster.local", "svc.cluster.local", "cluster.local"))
        root = self.base / "root"
        root.mkdir(parents=True, exist_ok=True)
        return {
            "root": str(root),
            "image": str(self.kubelet.image),
            "address": self.address,
            "gateway": NODE_IP,
            "hostname": self.pod["metadata"]["name"],
            "resolv": f"nameserver {DNS_IP}\nsearch {domains}\noptions ndots:5\n",
            "sysctls": {s["name"]: s["value"] for s in security.get("sysctls", [])},
            "mounts": [
                {
                    "path": m["mountPath"],
                    "source": str(self.base / "volumes" / m["name"]),
                    "readOnly": m.get("readOnly", False),
                }
                for m in container.get("volumeMounts", [])
            ],
            "readOnly": security.get("readOnlyRootFilesystem", False),
            "user": user,
            "group": security.get("runAsGroup", 0),
            "groups": [security["fsGroup"]] if "fsGroup" in security else [],
            "drop": "ALL" in security.get("capabilities", {}).get("drop", []),
            "noNewPrivileges": security.get("allowPrivilegeEscalation") is False,
            "argv": argv,
            "env": env,
        }

    def _start(self) -> None:
        config = self._prepare()
        file = self.base / "pod.json"
        file.write_text(json.dumps(config))
        with self.log.open("ab") as log:
            init = ["python3", "-S", str(HERE / "podinit.py"), str(file)]
            self.process = subprocess.Popen(
                ["unshare", "--net", "--mount", *init],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdin is not None and self.process.stdout is not None
        if not self.process.stdout.readline():
            raise RuntimeError(f"it did not start: {self.log.read_text()[-500:]}")
        ip(
            f"link add {self.device} type veth peer name {self.device}p",
            f"link set {self.device} master {BRIDGE} up",
            f"link set {self.device}p netns {self.process.pid}",
        )
        self.process.stdin.write(f"{self.device}p\n")
        self.process.stdin.close()
        self.process.stdout.close()
        self.started = now()
        self.times["started"] = time.monotonic()
        self._report(False)

    def _live(self) -> None:
        """Probes until the pod is deleted."""
        (container,) = self.pod["spec"]["containers"]
        startup, readiness = container.get("startupProbe"), container.get("readinessProbe")
        if startup and not self._startup(startup):
            if not self.deleted.is_set():
                raise RuntimeError(f"the startupProbe failed: {self.log.read_text()[-1500:]}")
            return
        if readiness is None:
            self._report(True)
            while not self.deleted.wait(0.5):
                self._check()
            return
        self.deleted.wait(readiness.get("initialDelaySeconds", 0))
        good = bad = 0
        while not self.deleted.is_set():
            ok = probe(self.address, readiness)
            good, bad = (good + 1, 0) if ok else (0, bad + 1)
            if not self.ready and good >= readiness.get("successThreshold", 1):
                self._report(True)
            elif self.ready and bad >= readiness.get("failureThreshold", 3):
                self._report(False)
            self._check()
            self.deleted.wait(readiness.get("periodSeconds", 10))

    def _check(self) -> None:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"the container ended: {self.log.read_text()[-1500:]}")

    def _startup(self, spec: dict[str, Any]) -> bool:
        self.deleted.wait(spec.get("initialDelaySeconds", 0))
        for _ in range(spec.get("failureThreshold", 3)):
            if self.deleted.is_set() or probe(self.address, spec):
                break
            self.deleted.wait(spec.get("periodSeconds", 10))
        else:
            return False
        return not self.deleted.is_set()

    def _report(self, ready: bool) -> None:
        self.ready = ready
        if ready:
            self.times.setdefault("ready", time.monotonic())
        (container,) = self.pod["spec"]["containers"]
        truth = "True" if ready else "False"
        conditions = {"PodScheduled": "True", "Initialized": "True"}
        conditions |= {"ContainersReady": truth, "Ready": truth}
        status = {
            "phase": "Running",
            "hostIP": NODE_IP,
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "startTime": self.started,
            "conditions": [
                {"type": t, "status": s, "lastTransitionTime": now()} for t, s in conditions.items()
            ],
            "containerStatuses": [
                {
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": "local",
                    "ready": ready,
                    "started": True,
                    "restartCount": 0,
                    "state": {"running": {"startedAt": self.started}},
                }
            ],
        }
        meta = self.pod["metadata"]
        where = path("Pod", meta["namespace"], meta["name"]) + "/status"
        try:
            self.kubelet.client.call("PATCH", where, {"status": status}, STRATEGIC)
        except KubeError as e:
            if e.status != 404:
                raise

    def _end(self) -> None:
        """SIGTERM, the grace period, SIGKILL; then the pod is gone."""
        grace = self.pod["metadata"].get("deletionGracePeriodSeconds", 30)
        if self.process is not None:
            self._stop(grace)
        meta = self.pod["metadata"]
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
        try:
            where = path("Pod", meta["namespace"], meta["name"])
            self.kubelet.client.call("DELETE", where, options)
        except (KubeError, OSError):
            pass  # gone, or the control plane is: both are an end
        self.times["ended"] = time.monotonic()

    def _stop(self, grace: float) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # What the container's first program left behind in its session.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def delete(self, pod: dict[str, Any]) -> None:
        self.pod = pod
        self.times.setdefault("deleted", time.monotonic())
        self.deleted.set()


class Kubelet:
    """Binds every pod to the one node and runs it; in the namespace `ignored` they stay Pending."""

    def __init__(
        self, client: Client, image: Path, directory: Path, logs: Path, ignored: str
    ) -> None:
        self.client, self.image, self.directory, self.logs = client, image, directory, logs
        self.ignored = ignored
        self.pods: dict[str, Pod] = {}
        self.problems: list[str] = []
        self._count = 0
        self._events: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()

    def start(self) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(self.directory)], check=True)
        node = {"metadata": {"name": NODE}, "apiVersion": "v1", "kind": "Node"}
        self.client.call("POST", path("Node"), node)
        self._node_ready()
        threading.Thread(target=self._heartbeat, daemon=True).start()
        threading.Thread(target=self._sync, daemon=True).start()
        self.client.watch("Pod", lambda kind, pod: self._events.put((kind, pod)))

    def running(self, namespace: str, prefix: str) -> list[Pod]:
        """The pods of this namespace whose name begins so, without the deleted ones."""
        start = f"{namespace}/{prefix}"
        pods = list(self.pods.values())
        return [p for p in pods if p.key.startswith(start) and not p.deleted.is_set()]

    def all_of(self, namespace: str, prefix: str) -> list[Pod]:
        start = f"{namespace}/{prefix}"
        return [p for p in list(self.pods.values()) if p.key.startswith(start)]

    def _node_ready(self) -> None:
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
        ready |= {"lastHeartbeatTime": now(), "lastTransitionTime": now()}
        status = {"capacity": ROOM, "allocatable": ROOM, "conditions": [ready]}
        where = path("Node", None, NODE) + "/status"
        self.client.call("PATCH", where, {"status": status}, STRATEGIC)

    def _heartbeat(self) -> None:
        while True:
            spec = {
                "holderIdentity": NODE,
                "leaseDurationSeconds": 40,
                "renewTime": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            }
            try:
                self.client.apply(
                    {
                        "apiVersion": "coordination.k8s.io/v1",
                        "kind": "Lease",
                        "metadata": {"name": NODE, "namespace": "kube-node-lease"},
                        "spec": spec,
                    }
                )
            except (KubeError, OSError) as e:
                self.problems.append(f"the node's lease: {e}")
            time.sleep(10)

    def _bind(self, pod: dict[str, Any]) -> None:
        meta = pod["metadata"]
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": NODE},
        }
        where = path("Pod", meta["namespace"], meta["name"]) + "/binding"
        try:
            self.client.call("POST", where, binding)
        except KubeError as e:
            if e.status not in (404, 409):
                self.problems.append(f"binding {meta['name']}: {e}")

    def _sync(self) -> None:
        while True:
            kind, pod = self._events.get()
            meta = pod["metadata"]
            if meta["namespace"] == self.ignored:
                continue
            mine = self.pods.get(meta["uid"])
            if kind == "DELETED" or meta.get("deletionTimestamp"):
                if mine is not None:
                    mine.delete(pod)
            elif not pod["spec"].get("nodeName"):
                self._bind(pod)
            elif mine is None:
                self._count += 1
                self.pods[meta["uid"]] = Pod(self, pod, self._count)
