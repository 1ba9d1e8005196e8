#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The container image: what is in the archive of hack/image/build.sh, and that it runs as the shipped Deployment says.

podman runs it: as the user of the Deployment, without capabilities, on a read-only root file system, under its limit of
memory and the default seccomp profile.  The network is that of this machine, where the control plane listens.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
import harness as h  # noqa: E402

SAMPLE = ROOT / "manifests" / "samples" / "echo-ingress.yaml"
CREDENTIALS = "/var/run/secrets/kubernetes.io/serviceaccount"
# In the certificate of the API server; found by /etc/hosts, so that the image must resolve names.
API_HOST = "kubernetes.default.svc"
INSIDE = "MESHGATEWAY_TEST_INSIDE"
work: Path  # set below, before the first test


def build(archive: Path) -> None:
    command = [str(ROOT / "hack/image/build.sh"), "--program", h.binary(), "--output", str(archive)]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout.strip(), flush=True)


def podman(*args: str) -> list[str]:
    state = [f"--{what}={work / what}" for what in ("root", "runroot", "tmpdir")]
    return ["podman", *state, "--storage-driver=vfs", "--cgroup-manager=cgroupfs",
            "--events-backend=none", *args]  # fmt: skip


def run(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """One command of the image, which needs no network."""
    command = podman("run", "--rm", "-i", *LIMITS, "--network=none", "--read-only", "meshgateway", *args)
    return subprocess.run(command, input=stdin, text=True, capture_output=True, check=False)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


# podman raises these to what a machine may forbid.
LIMITS = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")


class Archive(unittest.TestCase):
    """The bytes, read without a container engine."""

    def setUp(self) -> None:
        self.tar = tarfile.open(work / "image.oci.tar")
        self.addCleanup(self.tar.close)
        index = self.json("index.json")
        self.assertEqual(len(index["manifests"]), 1)
        self.name = index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"]
        self.manifest = self.json(self.blob(index["manifests"][0]))
        self.config = self.json(self.blob(self.manifest["config"]))

    def json(self, name: str) -> Any:
        return json.loads(self.read(name))

    def read(self, name: str) -> bytes:
        file = self.tar.extractfile(name)
        assert file is not None, name
        return file.read()

    @staticmethod
    def blob(descriptor: dict[str, Any]) -> str:
        return "blobs/" + descriptor["digest"].replace(":", "/")

    def layer(self) -> tarfile.TarFile:
        (only,) = self.manifest["layers"]
        return tarfile.open(fileobj=io.BytesIO(self.read(self.blob(only))))

    def test_config(self) -> None:
        version = re.search(r"^project\(meshgateway VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.M)
        assert version is not None
        config = self.config["config"]
        self.assertEqual(self.name, f"meshgateway:{version[1]}")
        self.assertEqual(
            (config["User"], config["Entrypoint"], config["Cmd"]),
            ("65532:65532", ["/usr/bin/meshgateway"], ["run"]),
        )
        labels = {k.removeprefix("org.opencontainers.image."): v for k, v in config["Labels"].items()}
        self.assertEqual(labels["version"], version[1])
        self.assertEqual(labels["created"], self.config["created"])
        self.assertLessEqual({"title", "description", "licenses"}, set(labels))
        self.assertEqual([k for k in labels if not re.fullmatch("[a-z]+", k)], [])

    def test_files(self) -> None:
        with self.layer() as layer:
            for member in layer:
                self.assertEqual((member.uid, member.gid), (0, 0), member.name)
                if not member.issym():
                    self.assertEqual(member.mode & 0o7022, 0, f"{member.name}: {member.mode:o}")
            programs = [m.name for m in layer if m.isfile() and re.search(r"(^|/)s?bin/", m.name)]
        self.assertEqual(programs, ["usr/bin/meshgateway"])

    def test_libraries_and_sbom(self) -> None:
        loaded = subprocess.run(["ldd", h.binary()], text=True, capture_output=True, check=True).stdout
        with self.layer() as layer:
            files = {m.name: m for m in layer}
            for library in re.findall(r"(/\S+) \(", loaded):
                self.assertIn("usr" + library.removeprefix("/usr"), files)
            entries = {}
            for name in [f for f in files if "/status.d/" in f]:
                content = layer.extractfile(name)
                assert content is not None
                entry = dict(re.findall(r"^(\w+): (.*)$", content.read().decode(), re.M))
                entries[entry["Package"]] = entry["Version"]
                self.assertIn(f"usr/share/doc/{entry['Package']}/copyright", files)
        self.assertLess({"base-files", "ca-certificates", "libc6", "libcurl4"}, set(entries))
        sbom = json.loads((work / "image.spdx.json").read_text())
        debian = {p["name"]: p["versionInfo"] for p in sbom["packages"] if "externalRefs" in p}
        self.assertEqual(debian, entries)

    def test_same_bytes_again(self) -> None:
        build(work / "again.oci.tar")
        for end in ("oci.tar", "spdx.json"):
            again, first = (work / f"{name}.{end}" for name in ("again", "image"))
            self.assertEqual(again.read_bytes(), first.read_bytes(), end)


class Commands(unittest.TestCase):
    def test_version(self) -> None:
        done = run("version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^meshgateway \d+\.\d+\.\d+\n$")

    def test_render_and_lint(self) -> None:
        sample = SAMPLE.read_text()
        here = subprocess.run([h.binary(), "render", "-f", str(SAMPLE)], text=True, capture_output=True, check=True)
        done = run("render", "-f", "-", stdin=sample)
        self.assertEqual((done.returncode, done.stdout), (0, here.stdout), done.stderr)
        done = run("lint", "-f", "-", stdin=sample)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run("lint", "-f", "-", stdin=sample.replace("type: ingress", "type: ingres"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("spec.type", done.stdout + done.stderr)


class Run(h.IntegrationTest):
    """`run` as a pod of the shipped Deployment would."""

    autostart = False

    def credentials(self) -> Path:
        """What a kubelet mounts into a pod."""
        config = json.loads(Path(h.cp.service_account_kubeconfig(h.SYSTEM, h.ACCOUNT)).read_text())
        directory = work / "credentials"
        directory.mkdir()
        shutil.copy(h.cp.dir / "pki" / "apiserver.crt", directory / "ca.crt")
        (directory / "namespace").write_text(h.SYSTEM)
        (directory / "token").write_text(config["users"][0]["user"]["token"])
        return directory

    def options(self, container: dict[str, Any]) -> list[str]:
        """The container's securityContext and limits as podman's options."""
        security = container["securityContext"]
        self.assertIs(security["allowPrivilegeEscalation"], False)
        memory = container["resources"]["limits"]["memory"]
        return [
            *LIMITS,
            f"--user={security['runAsUser']}:{security['runAsGroup']}",
            *[f"--cap-drop={c}" for c in security["capabilities"]["drop"]],
            *(["--read-only", "--read-only-tmpfs=false"] if security["readOnlyRootFilesystem"] else []),
            "--security-opt=no-new-privileges",
            f"--memory={memory.removesuffix('Mi')}m",
        ]

    def confinement(self, pid: str, memory: int) -> None:
        """What the kernel says about the process."""
        status = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
        self.assertEqual(set(status["Uid"].split() + status["Gid"].split()), {"65532"})
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[kind], 16), 0, kind)
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        mounts = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
        (root,) = [m for m in mounts if m[4] == "/"]
        self.assertIn("ro", root[5].split(","))
        limits = []
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for file in (
                Path(f"/sys/fs/cgroup{path}/memory.max"),
                Path(f"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes"),
            ):
                if controllers in ("", "memory") and file.exists():
                    limits.append(file.read_text().strip())
        self.assertIn(str(memory), limits)
        print(f"in the image: {status['VmRSS'].split()[0]} KiB resident", flush=True)

    def test_run(self) -> None:
        deployment = h.cp.must("GET", h.path("Deployment", h.SYSTEM, "meshgateway-operator"))
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        health = h.Operator()  # only its port and log: podman starts the program
        # The ports are this machine's, so that they are not those of the manifest.
        args = [a for a in container["args"] if not a.startswith("--metrics-bind-address")]
        ports = [f"--metrics-bind-address=127.0.0.1:{free_port()}",
                 f"--health-probe-bind-address=127.0.0.1:{health.port}"]  # fmt: skip
        command = podman(
            "run", "--rm", "--name=operator", f"--pidfile={work / 'pid'}", *self.options(container),
            "--network=host", f"--add-host={API_HOST}:127.0.0.1",
            f"--volume={self.credentials()}:{CREDENTIALS}:ro",
            f"--env=KUBERNETES_SERVICE_HOST={API_HOST}", f"--env=KUBERNETES_SERVICE_PORT={h.cp.port}",
            "meshgateway", *args, *ports,
        )  # fmt: skip
        with health.log.open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        health.process = process
        self.addCleanup(subprocess.run, podman("rm", "--force", "operator"), capture_output=True)
        h.eventually(health.ready, "the operator in the image is ready", 60)
        self.gateway("boxed")
        self.assert_children("boxed", h.BASE_CHILDREN)
        memory = int(container["resources"]["limits"]["memory"].removesuffix("Mi")) << 20
        self.confinement((work / "pid").read_text().strip(), memory)
        process.send_signal(signal.SIGTERM)  # podman passes it on
        self.assertEqual(process.wait(60), 0, health.text()[-3000:])


def obstacle() -> str | None:
    """Why containers cannot be run here."""
    for program in ("buildah", "podman", "crun", "unshare"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if os.geteuid() != 0:
        return "needs root, to run containers of its own"
    done = subprocess.run(["unshare", "--mount", "true"], text=True, capture_output=True, check=False)
    return f"no mount namespace: {done.stderr.strip()}" if done.returncode else None


def no_container() -> str | None:
    """Why podman cannot run even a program of one file, so that nothing is the image's fault."""
    root = work / "static"
    root.mkdir()
    subprocess.run(["cc", "-static", "-x", "c", "-", "-o", root / "true"],
                   input="int main(void) { return 0; }", text=True, check=True)  # fmt: skip
    command = podman("run", "--rm", *LIMITS, "--network=none", "--rootfs", str(root), "/true")
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    return done.stderr.strip() if done.returncode else None


def load() -> None:
    command = podman("load", "--quiet", "--input", str(work / "image.oci.tar"))
    done = subprocess.run(command, text=True, capture_output=True, check=True)
    name = done.stdout.split(":", 1)[1].strip()
    subprocess.run(podman("tag", name, "meshgateway"), check=True, capture_output=True)


def main() -> int:
    global work
    if INSIDE not in os.environ:
        reason = obstacle()
        if reason:
            print(f"skipped: {reason}")
            return 77
        # A mount namespace of its own: nothing of the containers is seen outside. crun refuses cgroups of both
        # versions, so the second is taken away where both are mounted.
        os.environ[INSIDE] = "1"
        script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$0" "$@"'
        os.execvp("unshare", ["unshare", "--mount", "sh", "-c", script, sys.executable, *sys.argv])
    with tempfile.TemporaryDirectory(prefix="meshgateway-image.") as directory:
        work = Path(directory)
        reason = no_container()
        if reason:
            print(f"skipped: no container runs here: {reason}")
            return 77
        build(work / "image.oci.tar")
        load()
        return h.main()


if __name__ == "__main__":
    sys.exit(main())
