#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare.py DUMP: random lists of kubeconfig files mean the same to DUMP and to `kubectl config view`.

What is ours on top of kubectl's view is applied to it first: an exec plugin is not asked when there
is a token or a password, and nothing secret goes to an http server.
"""
import base64
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from typing import Any, Optional

CASES = 60
NAMES = ["a", "b", "null", "x@prod"]
CERT = "-----BEGIN CERTIFICATE-----\nbody\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN EC PRIVATE KEY-----\nbody\n-----END EC PRIVATE KEY-----\n"
SECRETS = ["client-certificate", "client-certificate-data", "client-key", "client-key-data", "token",
           "tokenFile", "username", "password", "exec"]


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def maybe(rng: random.Random, into: dict[str, Any], **values: Any) -> None:
    """Sets each key (with '-' for '_') at random, sometimes to null."""
    for key, value in values.items():
        if rng.random() < 0.4:
            into[key.replace("_", "-")] = None if rng.random() < 0.1 else value


def random_cluster(rng: random.Random, top: str) -> dict[str, Any]:
    cluster: dict[str, Any] = {"server": rng.choice(
        ["https://one", "https://two:6443/prefix/", "https://[::1]:1", "http://127.0.0.1:8001"])}
    if rng.random() < 0.2:
        cluster["insecure-skip-tls-verify"] = True
    else:
        maybe(rng, cluster, certificate_authority=rng.choice(["ca.crt", "../ca.crt", f"{top}/ca.crt"]))
        if not cluster.get("certificate-authority"):
            maybe(rng, cluster, certificate_authority_data=b64(CERT))
    maybe(rng, cluster, tls_server_name="sni", proxy_url="socks5://p:1080", disable_compression=True)
    return cluster


def random_user(rng: random.Random, _top: str) -> dict[str, Any]:
    user: dict[str, Any] = {}
    kind = rng.choice(["token", "basic", "none"])
    if kind == "token":
        maybe(rng, user, token=rng.choice(["secret", "~", ""]))
        if rng.random() < 0.5:
            user["tokenFile"] = rng.choice(["token", "sub/token", "/abs/token"])
    elif kind == "basic":
        user |= {"username": "me", "password": rng.choice(["p:w", "null", "ü"])}
    if rng.random() < 0.4:
        user |= rng.choice([{"client-certificate": "c.pem"}, {"client-certificate-data": b64(CERT)}])
        user |= rng.choice([{"client-key": "keys/k.pem"}, {"client-key-data": b64(KEY)}])
    if rng.random() < 0.3:
        user["as"] = "somebody"
        maybe(rng, user, as_uid="1000", as_groups=["g1", "g 2"],
              as_user_extra={"scopes": ["view", "a=b"], "x/y": ["1"]})
    if rng.random() < 0.3:
        user["exec"] = {"apiVersion": "client.authentication.k8s.io/v1", "command": "plugin",
                        "interactiveMode": "Never", "provideClusterInfo": False}
        maybe(rng, user["exec"], args=["a", "", "b c"], installHint="Install\nit.",
              env=[{"name": "A", "value": "b=c"}, {"name": "E", "value": ""}])
    return user


def random_file(rng: random.Random, top: str) -> dict[str, Any]:
    config: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "preferences": {}}
    maybe(rng, config, current_context=rng.choice(NAMES))

    def entries(member: str, make: Any) -> Optional[list[dict[str, Any]]]:
        names = rng.sample(NAMES, rng.randint(0, len(NAMES)))
        return [{"name": name, member: make(rng, top)} for name in names] or None

    config["clusters"] = entries("cluster", random_cluster)
    config["users"] = entries("user", random_user)
    config["contexts"] = entries("context", lambda r, _top: {
        "cluster": r.choice(NAMES), "user": r.choice(NAMES + [""]), "namespace": r.choice(["dev", ""])})
    return config


def yaml_of(value: Any, indent: str = "") -> str:
    """Block style, scalars as JSON writes them."""
    if isinstance(value, dict) and value:
        return "".join(f"\n{indent}{key}:{yaml_of(part, indent + '  ')}" for key, part in value.items())
    if isinstance(value, list) and value:
        return "".join(f"\n{indent}-{yaml_of(part, indent + '  ')}" for part in value)
    return " " + json.dumps(value)


def write_file(rng: random.Random, path: str, top: str) -> None:
    """A kubeconfig, and beside it the files that it may name: each says where it is."""
    folder = os.path.dirname(path)
    os.makedirs(f"{folder}/keys", exist_ok=True)
    for name, text in ((f"{top}/ca.crt", CERT), (f"{folder}/ca.crt", CERT), (f"{folder}/../ca.crt", CERT),
                       (f"{folder}/c.pem", CERT), (f"{folder}/keys/k.pem", KEY)):
        with open(name, "w", encoding="utf-8") as file:
            file.write(f"{os.path.normpath(name)}\n{text}")
    with open(path, "w", encoding="utf-8") as file:
        style = rng.random()
        if style < 0.1:
            return
        config = random_file(rng, top)
        file.write(json.dumps(config) if style < 0.4 else yaml_of(config).lstrip("\n") + "\n")


def run(command: list[str], kubeconfig: str) -> tuple[Optional[dict[str, Any]], str]:
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "KUBECONFIG": kubeconfig}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{command[0]} ended with status {done.returncode}:\n{done.stderr}")
    return (json.loads(done.stdout) if done.returncode == 0 else None), done.stderr


def expected(view: dict[str, Any]) -> dict[str, Any]:
    """kubectl's minified view, as DUMP writes it."""
    context = view["contexts"][0]
    cluster = view["clusters"][0]["cluster"]
    user = dict(view["users"][0]["user"]) if view.get("users") else {}
    for part in (cluster, user):
        for field in [name for name in part if name.endswith("-data")]:
            part[field] = base64.b64decode(part[field]).decode()
    if any(name in user for name in ("token", "tokenFile", "username", "password")):
        user.pop("exec", None)
    if cluster["server"].startswith("http:"):
        for name in SECRETS:
            user.pop(name, None)
    if "exec" in user:
        plugin = user["exec"]
        user["exec"] = {name: plugin[name] for name in ("command", "apiVersion", "installHint") if name in plugin}
        user["exec"]["args"] = plugin.get("args") or []
        user["exec"]["env"] = [f"{env['name']}={env['value']}" for env in plugin.get("env") or []]
    if "as-user-extra" in user:
        user["as-user-extra"] = sorted(f"{key}={value}" for key, values in user["as-user-extra"].items()
                                       for value in values)
    found = {"insecure-skip-tls-verify": False, "disable-compression": False} | cluster | user
    found["server"] = found["server"].rstrip("/")
    found["context"] = context["name"]
    if context["context"].get("namespace"):
        found["namespace"] = context["context"]["namespace"]
    return found


def same(got: dict[str, Any], view: dict[str, Any]) -> bool:
    """Compares with DUMP's output: the contents of files, and lists that come from maps in one order."""
    for name in ("certificate-authority", "client-certificate", "client-key"):
        if name in got:
            with open(got.pop(name), encoding="utf-8") as file:
                got[f"{name}-data"] = file.read()
    if "as-user-extra" in got:
        got["as-user-extra"].sort()
    want = expected(view)
    # kubectl shows this path as it is written.
    if "tokenFile" in want and got.get("tokenFile", "").endswith("/" + want["tokenFile"].lstrip("/")):
        got["tokenFile"] = want["tokenFile"]
    return got == want


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    if not shutil.which("kubectl"):
        print("skipped: there is no kubectl")
        return 77
    both = 0
    for seed in range(CASES):
        rng = random.Random(seed)
        with tempfile.TemporaryDirectory() as parent:
            top = f"{parent}/top"
            paths = [f"{top}/{name}" for name in rng.sample(["a", "sub/b", "c.json", "sub/deep/d"], rng.randint(1, 4))]
            for path in paths:
                write_file(rng, path, top)
            kubeconfig = ":".join(paths + rng.choices(paths + ["", f"{top}/missing"], k=2))
            context = rng.choice(NAMES) if rng.random() < 0.5 else None
            view, refusal = run(["kubectl", "config", "view", "--raw", "--minify", "--flatten", "-o", "json"]
                                + ([f"--context={context}"] if context else []), kubeconfig)
            got, error = run([sys.argv[1]] + ([context] if context else []), kubeconfig)
            if (view is None) != (got is None) or (got and not same(got, view)):
                print(f"seed {seed}, --context {context}, KUBECONFIG={kubeconfig}", refusal, error,
                      json.dumps(got, indent=1, sort_keys=True), "kubectl:",
                      json.dumps(view and expected(view), indent=1, sort_keys=True), sep="\n")
                return 1
            both += got is not None
    print(f"{CASES} lists of files, {both} of them usable, mean the same to both")
    return 0 if both > CASES // 4 else 1


if __name__ == "__main__":
    sys.exit(main())
