# SPDX-License-Identifier: Apache-2.0
"""Runs a program under a seccomp profile as a container runtime would, but for one thing: what the profile does
not allow ends the program, so that it cannot go by unnoticed.  Needs libseccomp (2.5 or newer).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

KILL_PROCESS, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
COMPARE = {"SCMP_CMP_EQ": 4, "SCMP_CMP_MASKED_EQ": 7}


class Comparison(ctypes.Structure):
    _fields_ = [
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    ]


class NoLibrary(RuntimeError):
    """There is no libseccomp here."""


def confinement(profile: Path) -> Callable[[], None]:
    """What a child calls before execve (preexec_fn)."""
    name = ctypes.util.find_library("seccomp")
    if name is None:
        raise NoLibrary("libseccomp is not installed (Debian package: libseccomp2)")
    library = ctypes.CDLL(name)
    library.seccomp_init.restype = ctypes.c_void_p
    document = json.loads(profile.read_text())
    if document["defaultAction"] != "SCMP_ACT_ERRNO":
        raise ValueError(f"defaultAction is {document['defaultAction']}")
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(KILL_PROCESS)))
    for entry in document["syscalls"]:
        add(library, context, entry)

    def confine() -> None:
        if library.seccomp_load(context) != 0:  # also sets no_new_privs
            raise OSError("seccomp_load")

    return confine


def add(library: Any, context: ctypes.c_void_p, entry: dict[str, Any]) -> None:
    action = {"SCMP_ACT_ALLOW": ALLOW, "SCMP_ACT_ERRNO": ERRNO | entry.get("errnoRet", 1)}
    arguments = [
        Comparison(a["index"], COMPARE[a["op"]], a["value"], a.get("valueTwo", 0))
        for a in entry.get("args", [])
    ]
    array = (Comparison * len(arguments))(*arguments)
    for name in entry["names"]:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            continue  # another architecture's; a runtime passes over it, too
        rc = library.seccomp_rule_add_array(
            context,
            ctypes.c_uint32(action[entry["action"]]),
            number,
            ctypes.c_uint(len(arguments)),
            array,
        )
        if rc != 0:
            raise OSError(-rc, f"the rule for {name}")
