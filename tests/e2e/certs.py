# SPDX-License-Identifier: Apache-2.0
"""A certification authority of a test's own, and the Secrets that users keep certificates in."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

from suite import NS

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]


class Authority:
    """Its files are in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        self.key, self.cert = self._make("ca", "-addext", "keyUsage=keyCertSign")

    def _make(self, name: str, *args: str) -> tuple[str, str]:
        key, cert = self.directory / f"{name}.key", self.directory / f"{name}.crt"
        run = ["openssl", "req", "-x509", *EC, "-subj", f"/CN={name}", *args]
        run += ["-keyout", str(key), "-out", str(cert)]
        subprocess.run(run, check=True, capture_output=True)
        return key.read_text(), cert.read_text()

    def pair(self, name: str, *hosts: str) -> tuple[str, str]:
        """PEM of a key and of its certificate for these hosts."""
        names = ",".join(f"DNS:{host}" for host in hosts)
        issuer = ["-CA", str(self.directory / "ca.crt"), "-CAkey", str(self.directory / "ca.key")]
        extensions = ["-addext", f"subjectAltName={names}"]
        extensions += ["-addext", "basicConstraints=critical,CA:FALSE"]
        return self._make(name, *issuer, *extensions)

    def tls_secret(self, name: str, *hosts: str) -> dict[str, Any]:
        """What `kubectl create secret tls` makes."""
        key, cert = self.pair(name, *hosts)
        return secret(name, {"tls.key": key, "tls.crt": cert}, kind="kubernetes.io/tls")

    def client(self, host: str) -> str:
        """A file with key and certificate of a client."""
        file = self.directory / f"{host}.pem"
        file.write_text("".join(self.pair(host, host)))
        return str(file)


def secret(
    name: str, files: dict[str, str], namespace: str = NS, kind: str = "Opaque"
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind,
        "metadata": {"name": name, "namespace": namespace},
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in files.items()},
    }
