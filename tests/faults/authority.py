# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of a test's own."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Sequence
from pathlib import Path


class Authority:
    _count = itertools.count(1)

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.name = name
        self.certificate = directory / f"{name}-ca.crt"
        self._key = directory / f"{name}-ca.key"
        self._openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
            *("-subj", f"/CN={name}", "-keyout", str(self._key), "-out", str(self.certificate)),
        )

    def issue(self, name: str, addresses: Sequence[str] = (), hosts: Sequence[str] = ()) -> tuple[str, str]:
        """Paths of a new certificate and its key."""
        stem = f"{self.name}-{name}-{next(self._count)}"
        key, request, cert = (str(self.directory / f"{stem}.{end}") for end in ("key", "csr", "crt"))
        names = [f"IP:{a}" for a in addresses] + [f"DNS:{h}" for h in hosts] or ["DNS:" + name]
        self._openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-subj", f"/CN={name}", "-addext", "subjectAltName=" + ",".join(names)),
            *("-keyout", key, "-out", request),
        )
        self._openssl(
            *("x509", "-req", "-in", request, "-CA", str(self.certificate), "-CAkey", str(self._key)),
            *("-CAcreateserial", "-days", "2", "-copy_extensions", "copyall", "-out", cert),
        )
        return cert, key

    @staticmethod
    def _openssl(*args: str) -> None:
        subprocess.run(["openssl", *args], check=True, capture_output=True, text=True)
