#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes control plane on this machine.

etcd, kube-apiserver and, as wanted, kube-controller-manager, kube-scheduler and kwok.  Everything
listens on 127.0.0.1 on free ports and keeps its state, keys and logs in one directory.  In a test:

    with ControlPlane(components=("kube-controller-manager",)) as cp:
        cp.kubectl("get", "namespaces")

As a program (the processes stay until `down`):

    tests/controlplane/controlplane.py up --dir D [--components all] [--nodes 3]
    tests/controlplane/controlplane.py down --dir D
"""

from __future__ import annotations

import argparse
import base64
import ctypes
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# The order in which they start; they end in the reverse order.
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
PR_SET_PDEATHSIG = 1
READY_SECONDS = 90.0
STOP_SECONDS = 3.0

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata"}],
}


class ControlPlaneError(RuntimeError):
    """Something of the control plane does not work; the text says what, with the end of its log."""


def tail(path: Path, lines: int = 15) -> str:
    try:
        text = path.read_text(errors="replace").splitlines()[-lines:]
    except OSError as e:
        return f"  (no log: {e})"
    return "\n".join("  | " + line for line in text)


def start_time(pid: int) -> str | None:
    """When a process started, in ticks: with the pid it names a process for good.  None: dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else fields[18]


def end_process(pid: int, started: str | None, sig: int = signal.SIGTERM) -> None:
    """Ends this process, if the pid is still the one that started then; at last with SIGKILL."""
    for attempt in (sig, signal.SIGKILL):
        if started is None or start_time(pid) != started:
            return
        try:
            os.kill(pid, attempt)
        except ProcessLookupError:
            return
        # An API server waits up to a minute for open watches; nobody here is worth that.
        deadline = time.monotonic() + STOP_SECONDS
        while start_time(pid) == started and time.monotonic() < deadline:
            time.sleep(0.02)


class ControlPlane:
    """See the top of the file.

    `components` are those beside etcd and kube-apiserver; `nodes` are kwok's fake nodes.
    `crds`, a kustomization, is applied before anything caches the list of kinds, which the garbage
    collector and the admission of owner references would only look at again half a minute later.
    """

    def __init__(
        self,
        components: Iterable[str] = (),
        nodes: int = 2,
        directory: str | os.PathLike[str] | None = None,
        audit: bool = True,
        keep: bool = False,
        stay: bool = False,
        hpa_sync: str = "2s",
        crds: str | os.PathLike[str] | None = None,
    ) -> None:
        extra = tuple(COMPONENTS[2:]) if tuple(components) == ("all",) else tuple(components)
        for name in extra:
            if name not in COMPONENTS:
                raise ControlPlaneError(
                    f"unknown component '{name}' (known: {', '.join(COMPONENTS)})"
                )
        self.components = tuple(c for c in COMPONENTS if c in COMPONENTS[:2] or c in extra)
        self.nodes = nodes
        self.audit = audit
        self.keep = keep or directory is not None
        self.stay = stay
        self.hpa_sync = hpa_sync
        self.crds = crds
        self.dir = (
            Path(directory) if directory else Path(tempfile.mkdtemp(prefix="meshgateway-cp-"))
        )
        self.token = ""
        self.port = 0
        self._bin = Path()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._argv: dict[str, list[str]] = {}
        self._reserved: list[socket.socket] = []
        self.tls: ssl.SSLContext | None = None
        self._old_sigterm: Any = None

    def __enter__(self) -> ControlPlane:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        try:
            # Python's default for SIGTERM would leave the servers running.
            self._old_sigterm = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        except ValueError:
            self._old_sigterm = None  # not the main thread: whoever owns it decides
        self.dir.mkdir(parents=True, exist_ok=True)
        os.chmod(self.dir, 0o700)
        self._bin = find_binaries(self.components)
        self._make_files()
        for name in self.components:
            self._spawn(name)
            self._wait(name)
            if name == "kube-apiserver" and self.crds is not None:
                self._install_crds()

    def _install_crds(self) -> None:
        self.kubectl("apply", "--server-side", "-k", str(self.crds))
        deadline = time.monotonic() + READY_SECONDS
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        for crd in self.must("GET", path)["items"]:
            while not established(self.must("GET", f"{path}/{crd['metadata']['name']}")):
                if time.monotonic() > deadline:
                    raise ControlPlaneError(f"{crd['metadata']['name']} is not established")
                time.sleep(0.1)
        self.restart("kube-apiserver", kill=True)

    def stop(self) -> None:
        """Ends every process, the last one first; removes the directory unless it was given."""
        for name in reversed(list(self._processes)):
            process = self._processes.pop(name)
            if process.poll() is None:
                end_process(process.pid, start_time(process.pid))
                process.wait()
        for reserved in self._reserved:
            reserved.close()
        self._reserved.clear()
        (self.dir / "pids").unlink(missing_ok=True)
        if self._old_sigterm is not None:
            signal.signal(signal.SIGTERM, self._old_sigterm)
            self._old_sigterm = None
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def restart(self, component: str, kill: bool = False, down_seconds: float = 0.0) -> None:
        """Ends one component and starts it again on the same port with the same data."""
        self.end(component, kill)
        time.sleep(down_seconds)
        self.begin(component)

    def end(self, component: str, kill: bool = False) -> None:
        process = self._processes.pop(component)
        end_process(
            process.pid, start_time(process.pid), signal.SIGKILL if kill else signal.SIGTERM
        )
        process.wait()

    def begin(self, component: str) -> None:
        self._spawn(component)
        self._wait(component)

    def compact(self) -> None:
        """Makes etcd forget every earlier version. An API server still knows those that it has seen."""
        urls = [a.split("=", 1)[1] for a in self._argv["etcd"] if a.startswith("--listen-client-urls=")]

        def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
            request = urllib.request.Request(urls[0] + path, json.dumps(body).encode())
            with urllib.request.urlopen(request, timeout=30) as answer:
                return dict(json.load(answer))

        revision = post("/v3/kv/range", {"key": "AA=="})["header"]["revision"]
        post("/v3/kv/compaction", {"revision": revision, "physical": True})

    def pid(self, component: str) -> int:
        return self._processes[component].pid

    @property
    def kubeconfig(self) -> str:
        """Path of the kubeconfig of the administrator."""
        return str(self.dir / "kubeconfig")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def kubectl(
        self, *args: str, input: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        env = {
            **os.environ,
            "KUBECONFIG": self.kubeconfig,
            "KUBECACHEDIR": str(self.dir / "kubectl-cache"),
        }
        done = subprocess.run(
            ["kubectl", *args], input=input, text=True, capture_output=True, env=env, check=False
        )
        if check and done.returncode != 0:
            raise ControlPlaneError(
                f"kubectl {' '.join(args)}: exit {done.returncode}: {done.stderr.strip()}"
            )
        return done

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        token: str | None = None,
    ) -> tuple[int, Any, dict[str, str]]:
        """One request as the administrator: (status, JSON or text, lower-case headers)."""
        send = {"Authorization": f"Bearer {token or self.token}", "Accept": "application/json"}
        data = None
        if body is not None:
            data = body if isinstance(body, (bytes, str)) else json.dumps(body)
            send["Content-Type"] = "application/json"
            if method == "PATCH":
                send["Content-Type"] = "application/merge-patch+json"
        send.update(headers or {})
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=30, context=self.tls
        )
        try:
            connection.request(method, path, body=data, headers=send)
            response = connection.getresponse()
            text = response.read().decode()
            got = {k.lower(): v for k, v in response.getheaders()}
        finally:
            connection.close()
        try:
            return response.status, json.loads(text), got
        except ValueError:
            return response.status, text, got

    def must(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        """As request, but any status beside 2xx raises; returns the document."""
        status, document, _ = self.request(method, path, body, headers)
        if not 200 <= status < 300:
            text = document.get("message", document) if isinstance(document, dict) else document
            raise ControlPlaneError(f"{method} {path}: {status}: {text}")
        return document

    def service_account_kubeconfig(self, namespace: str, name: str, seconds: int = 7200) -> str:
        """Path of a kubeconfig with a fresh token of the ServiceAccount."""
        answer = self.must(
            "POST",
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": seconds},
            },
        )
        path = self.dir / f"kubeconfig-{namespace}-{name}"
        self._write_kubeconfig(path, name, answer["status"]["token"])
        return str(path)

    @property
    def _audit_log(self) -> Path:
        return self.dir / "audit.log"

    def audit_mark(self) -> int:
        """A position in the audit log, for audit_events(since=…)."""
        return self._audit_log.stat().st_size if self._audit_log.exists() else 0

    def audit_events(
        self, since: int = 0, user: str | None = None, verbs: Iterable[str] = ()
    ) -> list[dict[str, Any]]:
        """The answered requests as audit.k8s.io/v1 events; `user` is the end of a user's name."""
        events: list[dict[str, Any]] = []
        wanted = set(verbs)
        if not self._audit_log.exists():
            return events
        with self._audit_log.open("rb") as f:
            if since:  # the mark may be within a line, which was begun before it
                f.seek(since - 1)
                f.readline()
            for line in f:
                if not line.endswith(b"\n"):
                    break  # half written
                event = json.loads(line)
                if user and not event["user"].get("username", "").endswith(user):
                    continue
                if not wanted or event["verb"] in wanted:
                    events.append(event)
        return events

    def log_path(self, component: str) -> Path:
        return self.dir / "logs" / f"{component}.log"

    def _free_port(self) -> int:
        # Bound and not listening, the socket keeps the port from others, also over a restart;
        # the servers bind it as well, with SO_REUSEADDR.
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        self._reserved.append(s)
        return int(s.getsockname()[1])

    def _make_files(self) -> None:
        d = self.dir
        for sub in ("logs", "pki", "etcd"):
            (d / sub).mkdir(exist_ok=True)
        key, public = d / "pki" / "sa.key", d / "pki" / "sa.pub"
        if not key.exists():
            openssl("genrsa", "-out", str(key), "2048")
            openssl("rsa", "-in", str(key), "-pubout", "-out", str(public))
        tokens = {
            name: secrets.token_hex(16)
            for name in ("admin", "kube-controller-manager", "kube-scheduler", "kwok")
        }
        self.token = tokens["admin"]
        (d / "pki" / "tokens.csv").write_text(
            "".join(
                (
                    f'{tokens["admin"]},admin,admin,"system:masters"\n',
                    f"{tokens['kube-controller-manager']},system:kube-controller-manager,kcm\n",
                    f"{tokens['kube-scheduler']},system:kube-scheduler,scheduler\n",
                    f'{tokens["kwok"]},kwok,kwok,"system:masters"\n',
                )
            )
        )
        (d / "pki" / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY))
        self.port, etcd_client, etcd_peer = self._free_port(), self._free_port(), self._free_port()
        self._tokens = tokens
        self._argv = self._command_lines(etcd_client, etcd_peer)

    def _command_lines(self, etcd_client: int, etcd_peer: int) -> dict[str, list[str]]:
        d = self.dir
        peer = f"http://127.0.0.1:{etcd_peer}"
        client = f"http://127.0.0.1:{etcd_client}"
        etcd = [
            "--name=default",
            f"--data-dir={d}/etcd",
            "--unsafe-no-fsync",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--log-level=warn",
        ]
        api = [
            f"--etcd-servers={client}",
            f"--secure-port={self.port}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={d}/pki",
            "--endpoint-reconciler-type=none",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={d}/pki/sa.pub",
            f"--service-account-signing-key-file={d}/pki/sa.key",
            "--service-cluster-ip-range=10.0.0.0/12",
            "--authorization-mode=RBAC",
            "--allow-privileged=true",
            f"--token-auth-file={d}/pki/tokens.csv",
            "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
            "--shutdown-delay-duration=0s",
            "--profiling=false",
        ]
        if self.audit:
            api += [
                f"--audit-policy-file={d}/pki/audit-policy.json",
                f"--audit-log-path={d}/audit.log",
                "--audit-log-mode=blocking",
                "--audit-log-maxsize=4000",
            ]
        controllers = [
            f"--kubeconfig={d}/pki/kube-controller-manager.kubeconfig",
            "--leader-elect=false",
            "--secure-port=0",
            f"--service-account-private-key-file={d}/pki/sa.key",
            f"--root-ca-file={d}/pki/apiserver.crt",
            "--use-service-account-credentials=true",
            f"--horizontal-pod-autoscaler-sync-period={self.hpa_sync}",
            "--kube-api-qps=300",
            "--kube-api-burst=600",
            "--concurrent-gc-syncs=20",
        ]
        scheduler = [
            f"--kubeconfig={d}/pki/kube-scheduler.kubeconfig",
            "--leader-elect=false",
            "--secure-port=0",
        ]
        kwok = [
            f"--kubeconfig={d}/pki/kwok.kubeconfig",
            f"--config={HERE}/kwok/stages.yaml",
            "--manage-all-nodes=true",
            "--node-lease-duration-seconds=40",
        ]
        return {
            "etcd": etcd,
            "kube-apiserver": api,
            "kube-controller-manager": controllers,
            "kube-scheduler": scheduler,
            "kwok": kwok,
        }

    def _spawn(self, name: str) -> None:
        def in_child() -> None:
            # Nothing may outlive a test run that is killed; `up` wants just that.
            if not self.stay:
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

        log = self.log_path(name).open("ab")
        env = {**os.environ, "HOME": str(self.dir)}
        try:
            self._processes[name] = subprocess.Popen(
                [str(self._bin / name), *self._argv[name]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.dir,
                env=env,
                start_new_session=True,
                preexec_fn=in_child,
            )
        finally:
            log.close()
        self._write_pids()

    def _write_pids(self) -> None:
        lines = [f"{name} {p.pid} {start_time(p.pid)}\n" for name, p in self._processes.items()]
        (self.dir / "pids").write_text("".join(lines))

    def _wait(self, name: str) -> None:
        checks = {
            "etcd": lambda: None,
            "kube-apiserver": self._api_ready,
            "kube-controller-manager": self._default_account,
            "kube-scheduler": lambda: None,
            "kwok": self._nodes_ready,
        }
        deadline = time.monotonic() + READY_SECONDS
        why: str | None = "it never answered"
        while time.monotonic() < deadline:
            if self._processes[name].poll() is not None:
                raise ControlPlaneError(
                    f"{name} ended with {self._processes[name].returncode}:\n"
                    f"{tail(self.log_path(name))}"
                )
            try:
                why = checks[name]()
            except (OSError, http.client.HTTPException, ControlPlaneError) as e:
                why = str(e)
            if why is None:
                return
            time.sleep(0.1)
        raise ControlPlaneError(
            f"{name} is not ready after {READY_SECONDS:.0f} s: {why}\n{tail(self.log_path(name))}"
        )

    def _api_ready(self) -> str | None:
        certificate = self.dir / "pki" / "apiserver.crt"
        if not certificate.exists():
            return "no certificate yet"
        if self.tls is None:
            # The file holds the serving certificate and the CA that signed it.
            self.tls = ssl.create_default_context(cafile=str(certificate))
            self._write_kubeconfig(Path(self.kubeconfig), "admin", self.token)
            for name in ("kube-controller-manager", "kube-scheduler", "kwok"):
                self._write_kubeconfig(
                    self.dir / "pki" / f"{name}.kubeconfig", name, self._tokens[name]
                )
        status, text, _ = self.request("GET", "/readyz")
        return None if status == 200 else f"/readyz: {status}: {str(text)[:200]}"

    def _default_account(self) -> str | None:
        status, _, _ = self.request("GET", "/api/v1/namespaces/default/serviceaccounts/default")
        return None if status == 200 else "no ServiceAccount default yet"

    def _nodes_ready(self) -> str | None:
        listed = self.must("GET", "/api/v1/nodes")["items"]
        have = {n["metadata"]["name"] for n in listed}
        for i in range(self.nodes):
            if f"node-{i}" not in have:
                self.must("POST", "/api/v1/nodes", fake_node(f"node-{i}"))
        ready = sum(
            any(
                c["type"] == "Ready" and c["status"] == "True"
                for c in n["status"].get("conditions", [])
            )
            and not n["spec"].get("taints")
            for n in listed
        )
        # Only the controller manager takes the not-ready taint away.
        if "kube-controller-manager" not in self.components or ready >= self.nodes:
            return None
        return f"{ready} of {self.nodes} nodes are ready"

    def _write_kubeconfig(self, path: Path, user: str, token: str) -> None:
        ca = base64.b64encode((self.dir / "pki" / "apiserver.crt").read_bytes()).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "local",
            "preferences": {},
            "clusters": [
                {"name": "local", "cluster": {"server": self.url, "certificate-authority-data": ca}}
            ],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": user}}],
        }
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(config, indent=1) + "\n")
        new.rename(path)


def fake_node(name: str) -> dict[str, Any]:
    room = {"cpu": "32", "memory": "256Gi", "pods": "1000"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "type": "kwok"},
        },
        "status": {"allocatable": room, "capacity": room},
    }


def established(crd: dict[str, Any]) -> bool:
    conditions = crd.get("status", {}).get("conditions") or []
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def openssl(*args: str) -> None:
    try:
        subprocess.run(["openssl", *args], check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise ControlPlaneError("openssl is not installed (Debian package: openssl)") from None
    except subprocess.CalledProcessError as e:
        raise ControlPlaneError(f"openssl {args[0]}: {e.stderr.strip()}") from None


def find_binaries(components: Sequence[str]) -> Path:
    """The directory with the components' programs; build.sh looks them up or builds them."""
    done = subprocess.run(
        [str(HERE / "build.sh"), *components], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise ControlPlaneError("the control plane's programs are missing (see above)")
    return Path(done.stdout.strip())


def down(directory: Path) -> None:
    """Ends what `up` started in this directory, the last one first."""
    path = directory / "pids"
    if not path.exists():
        return
    for line in reversed(path.read_text().splitlines()):
        _, pid, started = line.split()
        end_process(int(pid), started)
    path.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description="A Kubernetes control plane on this machine.")
    parser.add_argument("action", choices=("up", "down"))
    parser.add_argument(
        "--dir", required=True, type=Path, help="where state, logs, kubeconfig and pids go"
    )
    parser.add_argument(
        "--components",
        default="all",
        help="comma separated, beside etcd and kube-apiserver (default: all)",
    )
    parser.add_argument("--nodes", type=int, default=3, help="number of fake nodes (default: 3)")
    parser.add_argument("--crds", type=Path, help="a kustomization of CRDs to begin with")
    args = parser.parse_args()
    if args.action == "down":
        down(args.dir)
        return 0
    down(args.dir)
    shutil.rmtree(args.dir / "etcd", ignore_errors=True)
    plane = ControlPlane(
        [c for c in args.components.split(",") if c],
        args.nodes,
        args.dir.resolve(),
        audit=False,
        stay=True,
        crds=args.crds,
    )
    try:
        plane.start()
    except BaseException as e:
        plane.stop()
        if isinstance(e, ControlPlaneError):
            print(f"controlplane.py: {e}", file=sys.stderr)
            return 1
        raise
    print(plane.kubeconfig)
    return 0


if __name__ == "__main__":
    sys.exit(main())
