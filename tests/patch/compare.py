#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare.py PATCHTOOL: our patches give what `kubectl patch --local` gives, or are refused as there.

First the cases of cases.py, then generated ones of a fixed seed. kubectl leaves some nulls and
directives in what it makes; those are left out before comparing. Known differences: KUBECTL_LAX and
KUBECTL_STRICT.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from typing import Any

import cases
import generate

SEED = 20240607
PATCHES = 80  # generated ones of each type
OBJECTS = 6  # that each is tried on

# RFC 6902, sections 4.3 to 4.5: the location must exist, and nothing moves into itself. kubectl makes
# a missing member, or copies null.
KUBECTL_LAX = re.compile(r"\[\d+\]: ((replace|copy) \S*: there is no /|move \S*: a value cannot)")
# $setElementOrder of a list that is empty.
KUBECTL_STRICT = "no elements in any of the given slices"

failures = 0


def fail(name: str, message: str) -> None:
    global failures
    failures += 1
    print(f"{name}: {message}", file=sys.stderr)


def clean(value: Any) -> Any:
    """Without nulls and directives."""
    if isinstance(value, dict):
        return {k: clean(v) for k, v in value.items() if v is not None and k[:1] != "$"}
    if isinstance(value, list):
        return [clean(v) for v in value if not (isinstance(v, dict) and "$patch" in v)]
    return value


def is_known(answer: dict[str, Any], why: str) -> bool:
    """Whether it is fine that only one of the two takes the patch."""
    if "error" in answer:
        return bool(KUBECTL_LAX.match(answer["error"]))
    return KUBECTL_STRICT in why


def kubectl(kind: str, objects: list[Any], patch: Any) -> tuple[dict[str, Any], str]:
    """The patched objects by name, without those that are refused, and standard error."""
    documents = "\n".join(json.dumps(o) for o in objects)
    command = ["kubectl", "patch", "--local", "-f", "-", f"--type={kind}", "-p", json.dumps(patch)]
    done = subprocess.run(
        [*command, "-o", "json"], input=documents, capture_output=True, text=True, timeout=60
    )
    rest, found = done.stdout.strip(), {}
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        found[value["metadata"]["name"]] = value
        rest = rest[end:].lstrip()
    return found, done.stderr.strip()


def ours(tool: str, kind: str, objects: list[Any], patch: Any) -> list[dict[str, Any]]:
    lines = "".join(
        json.dumps({"type": kind, "object": o, "patch": patch}) + "\n" for o in objects
    )
    done = subprocess.run([tool], input=lines, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise SystemExit(f"{tool} ended with {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(tool: str, name: str, kind: str, objects: list[Any], patch: Any) -> int:
    """Returns how many of the objects took the patch."""
    theirs, why = kubectl(kind, objects, patch)
    for o, answer in zip(objects, ours(tool, kind, objects, patch)):
        their = theirs.get(o["metadata"]["name"])
        if their is None or "error" in answer:
            if (their is None) != ("error" in answer) and not is_known(answer, why):
                fail(name, f"we: {answer}; kubectl: {why or 'took it'}; {o} patched with {patch}")
        elif clean(answer["object"]) != clean(their):
            fail(name, f"{answer['object']}\nkubectl: {their}\n{o} patched with {patch}")
    return len(theirs)


def main() -> int:
    tool = sys.argv[1]
    if not shutil.which("kubectl"):
        print("kubectl is not installed")
        return 77
    for name, kind, o, patch, taken in cases.CASES:
        if compare(tool, name, kind, [o], patch) != taken:
            fail(name, "kubectl refuses it" if taken else "kubectl takes it")
    rnd = random.Random(SEED)
    for kind in "strategic", "merge", "json":
        taken = 0
        for number in range(PATCHES):
            name = f"{kind} patch {number} of seed {SEED}"
            objects, patch = generate.case(rnd, kind, OBJECTS)
            taken += compare(tool, name, kind, objects, patch)
        print(f"{kind}: {taken} of {PATCHES * OBJECTS} generated patches apply")
        if taken < PATCHES * OBJECTS // 4:
            fail(kind, "the generated patches apply too rarely to say much")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
