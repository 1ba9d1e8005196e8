#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hack/release.sh: two clones in different folders give the same bytes, and those are what they should be.

It builds the last commit, not the files of the working tree.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from verdict import verdict  # noqa: E402

IMAGE = "registry.example.com/team/meshgateway"
SPDX_TOOLS = "spdx-tools==0.8.5"  # from PyPI: what validates an SBOM
work: Path  # set below, before the first test


def run(*command: str | Path, at: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {**{k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}, **env}
    return subprocess.run(command, cwd=at, text=True, capture_output=True, check=False, env=environment)


def must(*command: str | Path, at: Path = ROOT, **env: str) -> str:
    done = run(*command, at=at, **env)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def clone(name: str) -> Path:
    must("git", "clone", "--quiet", ROOT, work / name)
    return work / name


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def spdx_tools() -> Path:
    """Where the validator is; installed once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "meshgateway" / SPDX_TOOLS
    if not cache.exists():
        new = work / "spdx-tools"
        done = run(sys.executable, "-m", "pip", "install", "--quiet", "--root-user-action=ignore",
                   "--target", new, SPDX_TOOLS)  # fmt: skip
        if done.returncode:
            raise unittest.SkipTest(f"{SPDX_TOOLS} cannot be installed: {done.stderr.strip()[-300:]}")
        cache.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(new, cache)
    return cache


class Release(unittest.TestCase):
    version: str
    out: Path

    @classmethod
    def setUpClass(cls) -> None:
        # Of another length, so that a path that gets into a file moves what follows.
        first, second = clone("one"), clone("another-and-longer-folder")
        command = ("hack/release.sh", "--image", IMAGE, "--output")
        print(must(*command, work / "out", at=first), flush=True)
        must(*command, work / "out-again", at=second, TZ="Asia/Tokyo", LC_ALL="C.UTF-8")
        cls.out = work / "out"
        version = re.search(r"^project\(meshgateway VERSION (\S+)", (first / "CMakeLists.txt").read_text(), re.M)
        assert version is not None
        cls.version = version[1]

    def one(self, pattern: str) -> Path:
        (file,) = self.out.glob(pattern)
        return file

    def test_same_bytes(self) -> None:
        def digests(directory: Path) -> dict[str, str]:
            return {f.name: digest(f.read_bytes()) for f in directory.iterdir()}

        self.assertEqual(digests(work / "out"), digests(work / "out-again"))

    def test_sums(self) -> None:
        done = run("sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS", at=self.out)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        listed = {line.split("  ")[1] for line in (self.out / "SHA256SUMS").read_text().splitlines()}
        self.assertEqual(listed, {f.name for f in self.out.iterdir()} - {"SHA256SUMS"})
        self.assertEqual([f for f in listed if self.version not in f], [])

    def test_one_program(self) -> None:
        """The archive, the Debian package and the image have the same one."""
        with tarfile.open(self.one("*.tar.gz")) as tar:
            (name,) = [m.name for m in tar if m.name.endswith("/bin/meshgateway")]
            file = tar.extractfile(name)
            assert file is not None
            program = file.read()
        self.assertNotIn(str(work).encode(), program)
        must("dpkg-deb", "-x", self.one("*.deb"), work / "deb")
        self.assertEqual((work / "deb/usr/bin/meshgateway").read_bytes(), program)
        packages = {p["name"]: p for p in json.loads(self.one("*.spdx.json").read_text())["packages"]}
        self.assertEqual(packages["meshgateway"]["checksums"][0]["checksumValue"], digest(program))
        self.assertEqual(must(work / "deb/usr/bin/meshgateway", "version"), f"meshgateway {self.version}\n")

    def test_image_revision(self) -> None:
        with tarfile.open(self.one("*.oci.tar")) as tar:
            def read(name: str) -> bytes:
                file = tar.extractfile(name)
                assert file is not None
                return file.read()

            def blob(descriptor: dict[str, str]) -> bytes:
                content = read("blobs/" + descriptor["digest"].replace(":", "/"))
                self.assertEqual("sha256:" + digest(content), descriptor["digest"])
                return content

            manifest = json.loads(blob(json.loads(read("index.json"))["manifests"][0]))
            labels = json.loads(blob(manifest["config"]))["config"]["Labels"]
            with tarfile.open(fileobj=io.BytesIO(blob(manifest["layers"][0]))) as layer:
                self.assertEqual(len({m.mtime for m in layer}), 1)
        commit = must("git", "rev-parse", "HEAD", at=work / "one").strip()
        self.assertEqual(labels["org.opencontainers.image.revision"], commit)

    def test_manifests(self) -> None:
        install = self.one("*-install.yaml").read_text()
        self.assertIn(f"image: {IMAGE}:{self.version}\n", install)
        for folder, text in (
            ("manifests", install.replace(IMAGE, "meshgateway")),
            ("crds", self.one("*-crds.yaml").read_text()),
        ):
            shipped = must("kubectl", "kustomize", folder, at=work / "one")
            self.assertTrue(text == shipped, f"not what kustomize makes of {folder}")

    def test_charts(self) -> None:
        charts = sorted((work / "one/manifests").glob("helm/*/Chart.yaml"))
        self.assertEqual(len(list(self.out.glob("*.tgz"))), len(charts))
        for chart in charts:
            name = chart.parent.name
            with tarfile.open(self.one(f"{name}-*.tgz")) as tar:
                file = tar.extractfile(f"{name}/Chart.yaml")
                assert file is not None
                self.assertEqual(file.read(), chart.read_bytes())

    def test_sbom_is_valid(self) -> None:
        tools = spdx_tools()
        sbom = self.one("*.spdx.json")

        def validate(file: Path) -> int:
            return run(sys.executable, "-m", "spdx_tools.spdx.clitools.pyspdxtools", "--infile", file,
                       PYTHONPATH=str(tools)).returncode  # fmt: skip

        self.assertEqual(validate(sbom), 0)
        broken = work / "broken.spdx.json"
        broken.write_text(sbom.read_text().replace('"licenseDeclared": "MIT"', '"licenseDeclared": "M I T"'))
        self.assertNotEqual(validate(broken), 0)

    def test_refusals(self) -> None:
        tree = clone("refused")
        for tag in ("v9.9.9", f"v{self.version}.1"):
            must("git", "tag", tag, at=tree)
            done = run("hack/release.sh", at=tree)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"this commit has the tag {tag}, but", done.stderr)
            must("git", "tag", "-d", tag, at=tree)
        (tree / "README.md").write_text("changed")
        done = run("hack/release.sh", at=tree)
        self.assertEqual(done.returncode, 1)
        self.assertIn("files are not committed", done.stderr)


def obstacle() -> str | None:
    """Why no release can be built."""
    for program in ("buildah", "cpack", "dpkg-shlibdeps", "file", "git", "kubectl"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if os.geteuid() != 0:
        return "needs root, for the image"
    if run("git", "rev-parse", "--verify", "HEAD").returncode:
        return "not a git checkout"
    return None


def main() -> int:
    global work
    reason = obstacle()
    if reason:
        print(f"skipped: {reason}")
        return 77
    with tempfile.TemporaryDirectory(prefix="meshgateway-release.") as directory:
        work = Path(directory)
        result = unittest.main(module="__main__", exit=False, verbosity=2).result
    return verdict(result)


if __name__ == "__main__":
    sys.exit(main())
