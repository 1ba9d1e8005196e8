#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tidy.py CLANG_TIDY BUILD_DIR FILE...: clang-tidy over the C files, all cores, with a memory.

A file that was clean is not looked at again while its preprocessed text, its comments and
.clang-tidy stay the same: .cache/tidy/ keeps an empty file named by their digest.
"""
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / ".cache" / "tidy"
DAYS_KEPT = 14


def preprocessed(command: list[str], source: Path, directory: str) -> bytes:
    """The text after macros and includes, with comments (NOLINT), without line markers."""
    keep = [arg for arg in command[1:] if re.match(r"-[DIU]|-isystem|-std", arg)]
    paths = [command[i + 1] for i, arg in enumerate(command) if arg == "-isystem"]
    args = [arg for arg in keep if arg != "-isystem"] + [f"-isystem{path}" for path in paths]
    run = subprocess.run(["cc", *args, "-E", "-P", "-C", str(source)], cwd=directory, capture_output=True, check=True)
    return run.stdout


def check(tidy: str, build: str, entry: dict[str, str], salt: bytes) -> str:
    source = Path(entry["file"])
    text = preprocessed(shlex.split(entry["command"]), source, entry["directory"])
    mark = CACHE / hashlib.sha256(salt + str(source.relative_to(ROOT)).encode() + text).hexdigest()
    if mark.exists():
        os.utime(mark)
        return ""
    # Warnings are the compilers' business, and gcc's options are unknown to clang.
    run = subprocess.run(
        [tidy, "--quiet", "-p", build, "--extra-arg=-w", "--extra-arg=-Wno-unknown-warning-option", str(source)],
        capture_output=True, text=True, check=False)
    if run.returncode == 0 and "warning:" not in run.stdout:
        mark.touch()
        return ""
    return run.stdout.replace(f"{ROOT}/", "").strip() or run.stderr.strip() or f"{source}: clang-tidy failed"


def main() -> None:
    tidy, build, *files = sys.argv[1:]
    wanted = {str(ROOT / f) for f in files}
    entries = {}
    for entry in json.loads(Path(build, "compile_commands.json").read_text(encoding="utf-8")):
        if entry["file"] in wanted:
            entries[entry["file"]] = entry
    CACHE.mkdir(parents=True, exist_ok=True)
    for old in CACHE.iterdir():
        if time.time() - old.stat().st_mtime > DAYS_KEPT * 86400:
            old.unlink(missing_ok=True)
    version = subprocess.run([tidy, "--version"], capture_output=True, check=True).stdout
    salt = version + (ROOT / ".clang-tidy").read_bytes()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for report in pool.map(lambda entry: check(tidy, build, entry, salt), entries.values()):
            if report:
                print(report)


if __name__ == "__main__":
    main()
