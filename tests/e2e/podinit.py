#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The first program of a pod: makes its file system and network, then becomes its container.

    unshare --net --mount podinit.py FILE

FILE is what kubelet.py wrote: {root, image, address, gateway, sysctls, mounts, readOnly, user,
group, groups, drop, argv, env}.  On standard output goes a line as soon as the namespaces exist;
on standard input comes the name of the network device when it has been moved here.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
PASSWD = "root:x:0:0::/:/bin/sh\nistio-proxy:x:1337:1337::/:/bin/sh\n"
libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    if libc.mount(source.encode(), str(target).encode(), kind.encode(), flags, data.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount {source} at {target}")


def bind(source: Path, target: Path, read_only: bool = False) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount(str(source), target, flags=MS_BIND | MS_REC)
    if read_only:
        mount("", target, flags=MS_REMOUNT | MS_BIND | MS_RDONLY)


def make_root(pod: dict[str, Any]) -> None:
    """The system's programs, the image's files on top, the pod's volumes; nothing else."""
    root = Path(pod["root"])
    image = Path(pod["image"])
    mount("", Path("/"), flags=MS_REC | MS_PRIVATE)
    mount("tmpfs", root, "tmpfs", data="mode=755")
    for name in ("usr", "lib", "lib64", "bin"):
        host = Path("/") / name
        if host.is_symlink():
            (root / name).symlink_to(os.readlink(host))
        elif host.is_dir():
            bind(host, root / name, True)
    bind(image / "usr/local/bin", root / "usr/local/bin", True)
    bind(image / "var/lib/istio/envoy", root / "var/lib/istio/envoy", True)
    bind(Path("/proc"), root / "proc")
    for device in ("null", "zero", "random", "urandom"):
        bind(Path("/dev") / device, root / "dev" / device)
    etc = root / "etc"
    etc.mkdir()
    (etc / "passwd").write_text(PASSWD)
    (etc / "group").write_text("root:x:0:\nistio-proxy:x:1337:\n")
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n{pod['address']} {pod['hostname']}\n")
    (etc / "resolv.conf").write_text(pod["resolv"])
    (etc / "nsswitch.conf").write_text("hosts: files dns\n")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    for item in pod["mounts"]:
        target = root / item["path"].lstrip("/")
        bind(Path(item["source"]), target, item["readOnly"])
    if pod["readOnly"]:
        mount("", root, flags=MS_REMOUNT | MS_RDONLY)


def make_network(pod: dict[str, Any]) -> None:
    device = sys.stdin.readline().strip()
    commands = (
        "link set lo up",
        f"link set {device} name eth0 up",
        f"addr add {pod['address']}/16 dev eth0",
        f"route add default via {pod['gateway']}",
    )
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)
    for name, value in pod["sysctls"].items():
        Path("/proc/sys", name.replace(".", "/")).write_text(value)


def main() -> None:
    print("namespaces", flush=True)
    pod = json.loads(Path(sys.argv[1]).read_text())
    make_network(pod)
    make_root(pod)
    os.chroot(pod["root"])
    os.chdir("/")
    run = ["setpriv", f"--reuid={pod['user']}", f"--regid={pod['group']}"]
    groups = ",".join(map(str, pod["groups"]))
    run += [f"--groups={groups}"] if groups else ["--clear-groups"]
    if pod["noNewPrivileges"]:
        run += ["--no-new-privs"]
    if pod["drop"]:
        run += ["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"]
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(2, 1)
    os.execvpe("setpriv", [*run, "--", *pod["argv"]], pod["env"])


if __name__ == "__main__":
    main()
