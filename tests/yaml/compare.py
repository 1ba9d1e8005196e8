#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares data/yamlio with kubectl. Usage: compare.py YAMLTOOL DIRECTORY

corpus/    both read the same JSON out of a file, and kubectl reads the same out of what we write
refused/   both refuse the file
stricter/  we refuse what kubectl takes (operator/data/yamlio.h says why)

Then generated scalars, which both read, and generated values: kubectl reads what we write. Exits with 77, skipped, without kubectl.
"""
import json
import pathlib
import random
import shutil
import subprocess
import sys

SEED = 20011101
PIECES = [
    "a", "Z", "0", "1", "7", "x", "e", "_", ".", "-", "+", ":", ": ", " ", "  ", "\n", "\n\n", "\t",
    "\r", "#", " #", "'", '"', "\\", "{", "}", "[", "]", ",", "&", "*", "!", "|", ">", "%", "@", "`",
    "?", "~", "<<", "=", "---", "...", "yes", "no", "on", "null", "true", "inf", "0x", "0o", "0b",
    "2001-", "é", "\x01", "\x7f", "\x85", "\u2028", "\ufeff", "😀", "\ufffe",
]

failures = 0


def fail(name: str, message: str) -> None:
    global failures
    failures += 1
    print(f"{name}: {message}", file=sys.stderr)


def run(command: list[str], text: bytes) -> "tuple[bytes | None, str]":
    """Standard output, or None, and standard error."""
    done = subprocess.run(command, input=text, capture_output=True, timeout=60)
    return (done.stdout if done.returncode == 0 else None), done.stderr.decode(errors="replace").strip()


def kubectl(text: bytes) -> "tuple[bytes | None, str]":
    return run(["kubectl", "patch", "--local", "-f", "-", "--type=merge", "-p", "{}", "-o", "json"], text)


def values(text: bytes) -> list:
    """A stream of JSON values."""
    rest, found = text.decode().strip(), []
    while rest:
        value, end = json.JSONDecoder().raw_decode(rest)
        found.append(value)
        rest = rest[end:].lstrip()
    return found


def same(ours: object, theirs: object) -> bool:
    """Integers are integers on both sides, but for those that fit no int64: kubectl pads floats with zeros."""
    if isinstance(ours, float) and type(theirs) is int:
        return abs(ours) >= 2**63 and ours == float(theirs)
    return type(ours) is type(theirs) and (isinstance(ours, (dict, list)) or ours == theirs)


def first_difference(ours: object, theirs: object, path: str = "") -> str:
    if not same(ours, theirs):
        return f"{path}: {ours!r}, kubectl: {theirs!r}"
    if isinstance(ours, dict):
        if ours.keys() != theirs.keys():
            return f"{path}: keys {sorted(ours.keys() ^ theirs.keys())} differ"
        children = ours.items()
    elif isinstance(ours, list):
        if len(ours) != len(theirs):
            return f"{path}: {len(ours)} entries, kubectl: {len(theirs)}"
        children = enumerate(ours)
    else:
        return ""
    differences = (first_difference(value, theirs[key], f"{path}.{key}") for key, value in children)
    return next(filter(None, differences), "")


def compare(tool: str, name: str, text: bytes) -> None:
    theirs, their_error = kubectl(text)
    ours, our_error = run([tool, "json"], text)
    if theirs is None or ours is None:
        fail(name, f"refused: {our_error or 'not by us'}; kubectl: {their_error or 'took it'}")
        return
    difference = first_difference(values(ours), values(theirs))
    if difference:
        fail(name, difference)
        return
    written, _ = run([tool, "yaml"], text)
    read_back, error = kubectl(written or b"")
    if read_back is None:
        fail(name, f"kubectl refuses what we write: {error}")
        return
    difference = first_difference(values(read_back), values(theirs))
    if difference:
        fail(name, f"what we write: {difference}")


def generated(random_source: random.Random, depth: int) -> object:
    kind = random_source.randrange(10 if depth else 7)
    text = "".join(random_source.choices(PIECES, k=random_source.randrange(6)))
    if kind < 3:
        return text
    if kind == 3:
        return random_source.randrange(-2**63, 2**63) >> random_source.randrange(64)
    if kind == 4:
        return (random_source.randrange(2**40) * 2 + 1) / 2**20 - 2**18
    if kind == 5:
        return random_source.random() < 0.5
    if kind == 6:
        return None
    if kind == 7:
        return [generated(random_source, depth - 1) for _ in range(random_source.randrange(5))]
    return {
        "".join(random_source.choices(PIECES, k=random_source.randrange(6))): generated(random_source, depth - 1)
        for _ in range(random_source.randrange(5))
    }


def generated_scalars(random_source: random.Random) -> bytes:
    """Plain scalars that are nearly numbers."""
    lines = ["apiVersion: example.com/v1", "kind: Example", "metadata: {name: scalars}", "values:"]
    for _ in range(20000):
        text = "".join(random_source.choices("0011789_+-..eExXoObBaf", k=random_source.randrange(1, 8)))
        if text.strip("-"):
            lines.append(f"- {text}")
    return "\n".join(lines).encode()


def compare_generated(tool: str) -> None:
    random_source = random.Random(SEED)
    compare(tool, f"generated scalars of seed {SEED}", generated_scalars(random_source))
    for batch in range(3):
        value = {
            "apiVersion": "example.com/v1",
            "kind": "Example",
            "metadata": {"name": f"batch-{batch}"},
            "values": [generated(random_source, 4) for _ in range(2000)],
        }
        compare(tool, f"generated batch {batch} of seed {SEED}", json.dumps(value).encode())


def main() -> int:
    tool, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    if not shutil.which("kubectl"):
        print("kubectl is not installed")
        return 77
    for file in sorted((directory / "corpus").iterdir()):
        compare(tool, file.name, file.read_bytes())
    for folder in "refused", "stricter":
        for file in sorted((directory / folder).iterdir()):
            theirs, _ = kubectl(file.read_bytes())
            ours, _ = run([tool, "json"], file.read_bytes())
            if ours is not None:
                fail(file.name, "we take it")
            if (theirs is None) != (folder == "refused"):
                fail(file.name, "kubectl refuses it" if theirs is None else "kubectl takes it")
    compare_generated(tool)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
