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


def language_options(command: list[str]) -> list[str]:
    """What decides about the text of the program: the rest is for gcc or for its optimiser."""
    kept = []
    for i, arg in enumerate(command):
        if arg == "-isystem":
            kept += [arg, command[i + 1]]
        elif re.match(r"-[DIU]|-std", arg) and "_FORTIFY_SOURCE" not in arg:
            kept.append(arg)
    return kept


def check(tidy: str, entry: dict[str, str], salt: bytes) -> str:
    source = entry["file"]
    options = language_options(shlex.split(entry["command"]))
    # With comments, since they hold NOLINT; without line markers, since they hold paths.
    text = subprocess.run(["cc", *options, "-E", "-P", "-C", source], capture_output=True, check=True).stdout
    mark = CACHE / hashlib.sha256(salt + source.removeprefix(str(ROOT)).encode() + text).hexdigest()
    if mark.exists():
        os.utime(mark)
        return ""
    run = subprocess.run([tidy, "--quiet", source, "--", "-w", *options], capture_output=True, text=True, check=False)
    if run.returncode == 0 and "warning:" not in run.stdout:
        mark.touch()
        return ""
    # The steps that lead there (": note:") are many; clang-tidy on the one file shows them.
    findings = [line for line in run.stdout.splitlines() if re.search(r": (error|warning): ", line)]
    return "\n".join(findings).replace(f"{ROOT}/", "") or run.stderr.strip() or f"{source}: clang-tidy failed"


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
        for report in pool.map(lambda entry: check(tidy, entry, salt), entries.values()):
            if report:
                print(report)


if __name__ == "__main__":
    main()
