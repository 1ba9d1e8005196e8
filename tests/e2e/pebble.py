# SPDX-License-Identifier: Apache-2.0
"""Pebble, an ACME server, as a pod: it validates over port 80 of the address that DNS tells.

Each has one profile: with several and none asked for, Pebble picks one at random.
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from kube import Client
from kubelet import DNS_IP

SYSTEM = "acme"
DOMAIN = "acme.test"
DAYS_90 = 90 * 24 * 3600


def make_certificate(directory: Path) -> tuple[str, str]:
    """PEM of a key and of a certificate that vouches for itself, for every Pebble's own HTTPS."""
    key, cert = directory / "key.pem", directory / "cert.pem"
    if not cert.exists():
        directory.mkdir()
        run = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=pebble"]
        run += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        run += ["-addext", f"subjectAltName=DNS:{DOMAIN},DNS:*.{DOMAIN}"]
        run += ["-addext", "keyUsage=digitalSignature,keyCertSign"]
        subprocess.run(
            [*run, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True
        )
    return key.read_text(), cert.read_text()


class Pebble:
    """The server https://NAME.acme.test/dir.

    `validity` is that of its certificates in seconds, `nonce_reject` how many per cent of good
    nonces it refuses, `validates` False lets every challenge pass unseen.
    """

    def __init__(
        self,
        client: Client,
        directory: Path,
        name: str,
        validity: int = DAYS_90,
        nonce_reject: int = 0,
        validates: bool = True,
        reuses: bool = False,
    ) -> None:
        self.client, self.name = client, name
        self.host = f"{name}.{DOMAIN}"
        self.url = f"https://{self.host}/dir"
        self.validity = validity
        self.env = {
            "PEBBLE_VA_NOSLEEP": "1",
            "PEBBLE_WFE_NONCEREJECT": str(nonce_reject),
            # How many per cent of the authorizations are those of an earlier order.
            "PEBBLE_AUTHZREUSE": "100" if reuses else "0",
        }
        if not validates:
            self.env["PEBBLE_VA_ALWAYS_VALID"] = "1"
        self._key, self._cert = make_certificate(directory)

    @property
    def ca_bundle(self) -> str:
        """For an Issuer: who vouches for the server's own HTTPS."""
        return base64.b64encode(self._cert.encode()).decode()

    def _config(self) -> str:
        pebble = {
            "listenAddress": "0.0.0.0:14000",
            "managementListenAddress": "0.0.0.0:15000",
            "certificate": "/etc/pebble/cert.pem",
            "privateKey": "/etc/pebble/key.pem",
            "httpPort": 80,
            "tlsPort": 443,
            "retryAfter": {"authz": 1, "order": 1},
            "keyAlgorithm": "ecdsa",
            "profiles": {"default": {"description": "", "validityPeriod": self.validity}},
        }
        return json.dumps({"pebble": pebble})

    def install(self) -> None:
        meta = {"name": self.name, "namespace": SYSTEM}
        files = {"pebble.json": self._config(), "key.pem": self._key, "cert.pem": self._cert}
        ports = [
            {"name": "acme", "port": 443, "targetPort": 14000},
            {"name": "management", "port": 15000, "targetPort": 15000},
        ]
        objects: list[dict[str, Any]] = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": files},
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {**meta, "annotations": {"e2e/hosts": self.host}},
                "spec": {"selector": {"pebble": self.name}, "ports": ports},
            },
            self._pod(),
        ]
        for o in objects:
            self.client.apply(o)

    def _pod(self) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": self.name,
                "namespace": SYSTEM,
                "labels": {"pebble": self.name},
            },
            "spec": {
                "automountServiceAccountToken": False,
                "containers": [
                    {
                        "name": "pebble",
                        "image": "ghcr.io/letsencrypt/pebble:2.10.1",
                        "args": ["-config=/etc/pebble/pebble.json", f"-dnsserver={DNS_IP}:53"],
                        "env": [{"name": n, "value": v} for n, v in self.env.items()],
                        "volumeMounts": [{"name": "config", "mountPath": "/etc/pebble"}],
                    }
                ],
                "volumes": [{"name": "config", "configMap": {"name": self.name}}],
            },
        }

    def root(self) -> str:
        """PEM of the root of its certificates, a new one at each start."""
        service = self.client.get("Service", SYSTEM, self.name)
        tls = ssl.create_default_context(cadata=self._cert)
        tls.check_hostname = False
        url = f"https://{service['spec']['clusterIP']}:15000/roots/0"
        with urllib.request.urlopen(url, timeout=5, context=tls) as answer:
            return str(answer.read().decode())
