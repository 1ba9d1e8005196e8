#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Debian package of a build: installed, used, removed by the real dpkg of this machine, which sees none of it.

MESHGATEWAY_BUILD is the build folder.  The test runs in a mount namespace, on a copy-on-write view of the whole file system,
so that dependencies, triggers and what was there before are real.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from verdict import verdict  # noqa: E402

BUILD = Path(os.environ.get("MESHGATEWAY_BUILD", ROOT / "build" / "release"))
INSIDE = "MESHGATEWAY_TEST_INSIDE"
# There is no bug that asks for the package.
LINTIAN = ["lintian", "--allow-root", "--suppress-tags", "initial-upload-closes-no-bugs", "--fail-on", "error,warning"]
package: Path  # these are set below, before the first test
view: Path


def make(directory: Path) -> Path:
    done = subprocess.run(
        ["cpack", "--config", BUILD / "CPackConfig.cmake", "-B", directory],
        text=True, capture_output=True, check=False, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (deb,) = directory.glob("*.deb")
    return deb


def there(*command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The command on the view."""
    return subprocess.run(["chroot", view, *command], input=stdin, text=True, capture_output=True, check=False)


def files() -> set[str]:
    done = there("find", "/usr", "/etc", "/opt", "-xdev")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines())


class Package(unittest.TestCase):
    def test_fields(self) -> None:
        done = subprocess.run(["dpkg-deb", "-f", package], text=True, capture_output=True, check=True)
        fields = dict(re.findall(r"^(\S+): (.*)$", done.stdout, re.M))
        version = re.search(r"^project\(meshgateway VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.M)
        assert version is not None
        self.assertEqual((fields["Package"], fields["Version"]), ("meshgateway", f"{version[1]}-1"))
        depends = {d.split(" (")[0] for d in fields["Depends"].split(", ")}
        self.assertLessEqual(
            {"libc6", "libcurl4", "libcyaml1", "libevent-2.1-7", "libjansson4", "libyaml-0-2"}, depends
        )

    def test_lintian(self) -> None:
        if not shutil.which("lintian"):
            self.skipTest("lintian is not installed")
        done = subprocess.run([*LINTIAN, package], text=True, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def test_same_bytes_again(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            self.assertEqual(make(Path(directory)).read_bytes(), package.read_bytes())

    def test_install_use_remove(self) -> None:
        before = files()
        shutil.copy(package, view / "meshgateway.deb")
        done = there("dpkg", "-i", "/meshgateway.deb")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        new = {f for f in files() - before if not (view / f[1:]).is_dir()}
        self.assertEqual({f for f in new if "bin/" in f}, {"/usr/bin/meshgateway", "/usr/bin/kubectl-mgw"})

        for name in ("meshgateway", "kubectl-mgw"):
            self.assertRegex(there(name, "version").stdout, r"^meshgateway \d+\.\d+\.\d+\n$")
            self.assertEqual(there("man", "-w", name).stdout, "/usr/share/man/man1/meshgateway.1.gz\n")
        sample = "/usr/share/meshgateway/manifests/samples/echo-ingress.yaml"
        self.assertIn("kind: Deployment", there("meshgateway", "render", "-f", sample).stdout)
        completion = "/usr/share/bash-completion/completions/meshgateway"
        self.assertIn(completion, new)
        self.assertIn("_meshgateway", there("bash", "-c", f". {completion} && complete -p meshgateway").stdout)
        self.assertEqual(there("kubectl", "kustomize", "/usr/share/meshgateway/manifests").stderr, "")
        # No check on documents: dpkg.cfg may leave them out.
        changed = there("dpkg", "-V", "meshgateway").stdout.splitlines()
        self.assertEqual([f for f in changed if "/usr/share/doc/" not in f], [])

        done = there("dpkg", "-P", "meshgateway")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(files() ^ before, set())
        self.assertNotEqual(there("dpkg-query", "-W", "meshgateway").returncode, 0)


def obstacle() -> str | None:
    """Why there can be no view of the file system."""
    for program in ("cpack", "dpkg-shlibdeps", "file", "kubectl", "man", "unshare"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if os.geteuid() != 0:
        return "needs root, to install a package"
    if not (BUILD / "CPackConfig.cmake").exists():
        return f"no build in {BUILD} (MESHGATEWAY_BUILD)"
    installed = subprocess.run(["dpkg-query", "-W", "meshgateway"], capture_output=True, check=False)
    if installed.returncode == 0:
        return "meshgateway is installed on this machine"
    done = subprocess.run(["unshare", "--mount", "true"], text=True, capture_output=True, check=False)
    return f"no mount namespace: {done.stderr.strip()}" if done.returncode else None


def mount(*args: str) -> str | None:
    done = subprocess.run(["mount", *args], text=True, capture_output=True, check=False)
    return done.stderr.strip() if done.returncode else None


def main() -> int:
    global package, view
    if INSIDE not in os.environ:
        reason = obstacle()
        if reason:
            print(f"skipped: {reason}")
            return 77
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    with tempfile.TemporaryDirectory(prefix="meshgateway-deb.") as directory:
        package = make(Path(directory) / "deb")
        layers = Path(directory) / "layers"
        view = layers / "view"
        layers.mkdir()
        # An overlay's own layer cannot lie on another overlay, as a container's root is.
        reason = mount("-t", "tmpfs", "none", str(layers))
        for name in ("upper", "work", "view"):
            (layers / name).mkdir()
        overlay = f"lowerdir=/,upperdir={layers}/upper,workdir={layers}/work"
        reason = reason or mount("-t", "overlay", "none", "-o", overlay, str(view))
        reason = reason or mount("-t", "proc", "none", str(view / "proc"))
        try:
            if reason:
                print(f"skipped: no copy-on-write view: {reason}")
                return 77
            result = unittest.main(module="__main__", exit=False, verbosity=2).result
        finally:
            subprocess.run(["umount", "--recursive", str(layers)], check=False)
    return verdict(result)


if __name__ == "__main__":
    sys.exit(main())
