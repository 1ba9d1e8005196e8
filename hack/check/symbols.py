#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""symbols.py prefixes|unused BUILD_DIR: rules about the symbols that object files export."""
import json
import re
import subprocess
import sys
from pathlib import Path

# base/mem extends the C library, so its names follow the C library's.
EXCEPTIONS = {"mem": re.compile(r"x(malloc|calloc|realloc|strdup|strndup|asprintf)$"), "main": re.compile(r"main$")}
# What compilers and sanitizers add.
GENERATED = re.compile(r"_|\.|asan\.|ubsan\.")


def symbols(obj: str, which: str) -> list[tuple[str, str]]:
    """(type, name) of the object's symbols; `which` is an option of nm."""
    out = subprocess.run(["nm", "-P", which, obj], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines()]
    return [(row[1], row[0]) for row in rows if len(row) > 1 and not GENERATED.match(row[0])]


def exported(obj: str) -> list[str]:
    return [name for kind, name in symbols(obj, "--defined-only") if kind.isupper()]


def module(obj: str) -> str:
    return Path(obj).name.split(".")[0]


def prefixes(objects: list[str]) -> None:
    for obj in objects:
        if "/tests/" in obj:
            continue
        base = module(obj)
        for name in exported(obj):
            fits = name == base or name.startswith(base + "_")
            if not fits and not (base in EXCEPTIONS and EXCEPTIONS[base].match(name)):
                print(f"{base}.c: {name}")


def unused(objects: list[str]) -> None:
    used = {name for obj in objects for _, name in symbols(obj, "--undefined-only")}
    for obj in objects:
        if "/tests/" in obj:
            continue
        for name in exported(obj):
            if name not in used and name != "main":
                print(f"{module(obj)}.c: {name}")


def objects_of(build: str) -> list[str]:
    """What the build compiles now; a folder also keeps objects of files that are gone."""
    entries = json.loads(Path(build, "compile_commands.json").read_text(encoding="utf-8"))
    names = {re.search(r" -o (\S+)", entry["command"])[1] for entry in entries}
    return [f"{build}/{name}" for name in sorted(names) if Path(build, name).exists()]


if __name__ == "__main__":
    {"prefixes": prefixes, "unused": unused}[sys.argv[1]](objects_of(sys.argv[2]))
