# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzz targets of build/fuzz/, a while each, and tells in a table what came of it.

A target begins with its corpus in the tree and what earlier runs found, which stays in
build/fuzz/found/.  A crash, a leak, a timeout or too much memory ends the run of that target and is
a find: the input and the log are named.  With --keep, what reached edges that the corpus in the
tree does not is added to it, the smallest first, up to KEEP_BYTES a target.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
BUILD = ROOT / "build" / "fuzz"
PROGRAMS = BUILD / "tests" / "fuzz"
FOUND = BUILD / "found"
KEEP_BYTES = 100_000
TIMEOUT_SECONDS = 20
SLOW_SECONDS = 5
RSS_MB = 1024
PROGRESS = re.compile(r"^#\d+\s+\S+\s+cov: (\d+) ft: (\d+) corp: (\d+)/(\S+)")
FIND_KINDS = ("crash-", "leak-", "timeout-", "oom-")


def all_targets() -> list[str]:
    return sorted(p.name.removeprefix("fuzz_") for p in PROGRAMS.glob("fuzz_*") if p.is_file())


def execute(argv: list[str], log: Path) -> tuple[int, float, float, int]:
    """Exit status, seconds on the clock and of a processor, peak memory in KiB."""
    began = time.monotonic()
    with log.open("ab") as out:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    # wait4 tells what this process alone used.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    return process.returncode, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def only_waited(program: str, artifacts: Path, log: Path) -> bool:
    """Takes away inputs that cost time only because others had the processor; were there some?

    libFuzzer goes by the clock.
    """
    found = [*artifacts.glob("timeout-*"), *artifacts.glob("slow-unit-*")]
    for path in found:
        _, _, cpu, _ = execute([program, str(path)], log)
        if cpu < SLOW_SECONDS:
            path.unlink()
    return any(not path.exists() for path in found)


def run(target: str, seconds: int) -> dict[str, Any]:
    """One run of a target; its figures."""
    corpus, artifacts = FOUND / target / "corpus", FOUND / target / "artifacts"
    corpus.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(artifacts, ignore_errors=True)
    artifacts.mkdir()
    log = FOUND / target / "log"
    log.write_bytes(b"")
    program = str(PROGRAMS / f"fuzz_{target}")
    total = {"seconds": 0.0, "cpu": 0.0, "peak": 0}
    while True:
        argv = [
            program,
            f"-max_total_time={max(round(seconds - total['seconds']), 1)}",
            f"-timeout={TIMEOUT_SECONDS}",
            f"-report_slow_units={SLOW_SECONDS}",
            f"-rss_limit_mb={RSS_MB}",
            "-print_final_stats=1",
            f"-artifact_prefix={artifacts}/",
            str(corpus),
            str(CORPUS / target),
        ]
        status, wall, cpu, peak = execute(argv, log)
        total["seconds"] += wall
        total["cpu"] += cpu
        total["peak"] = max(total["peak"], peak)
        waited = only_waited(program, artifacts, log)
        if status == 0 or not waited or total["seconds"] >= seconds:
            break
    names = sorted(p.name for p in artifacts.iterdir())
    finds = [n for n in names if n.startswith(FIND_KINDS)]
    return {
        "target": target,
        "seconds": round(total["seconds"]),
        "core": round(total["cpu"] / total["seconds"], 3),
        "peak_rss_mb": total["peak"] // 1024,
        "exit": status if finds or not waited else 0,
        "finds": finds,
        "slow": [n for n in names if n.startswith("slow-unit-")],
        **read_log(log.read_text(errors="replace")),
    }


def read_log(text: str) -> dict[str, Any]:
    figures: dict[str, Any] = {"executions": 0, "edges": 0, "features": 0, "corpus": 0}
    for line in text.splitlines():
        progress = PROGRESS.match(line)
        if progress:
            cov, ft, count, size = progress.groups()
            figures.update(edges=int(cov), features=int(ft), corpus=int(count), corpus_size=size)
        elif line.startswith("stat::number_of_executed_units:"):
            figures["executions"] += int(line.split()[1])
        elif line.startswith("INFO: Loaded") and "counters" in line:
            figures["edges_total"] = int(re.findall(r"\((\d+) inline", line)[0])
    return figures


def keep(target: str) -> int:
    """Adds to the corpus in the tree what reaches new edges; how many files."""
    control = FOUND / target / "merge"
    control.unlink(missing_ok=True)
    scratch = FOUND / target / "merged"
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(CORPUS / target, scratch)
    argv = [
        str(PROGRAMS / f"fuzz_{target}"),
        "-merge=1",
        f"-merge_control_file={control}",
        str(scratch),
        str(FOUND / target / "corpus"),
    ]
    subprocess.run(argv, check=True, capture_output=True)
    room = KEEP_BYTES - sum(p.stat().st_size for p in CORPUS.joinpath(target).iterdir())
    added = 0
    for path in new_edges(control.read_text()):
        data = path.read_bytes()
        room -= len(data)
        if room < 0:
            break
        (CORPUS / target / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)
        added += 1
    return added


def new_edges(control: str) -> list[Path]:
    """Of the control file of a merge: the new files that reach an edge which those before do not.

    First come two numbers, of all files and of those that were there, then the files, each part
    from small to large, then lines of what each one reached: "COV 7 120 121" means that file 7 was
    the first to reach edges 120 and 121.
    """
    lines = control.splitlines()
    count, old = int(lines[0]), int(lines[1])
    files, reached = lines[2 : 2 + count], []
    for line in lines[2 + count :]:
        words = line.split()
        if words[0] == "COV" and len(words) > 2 and int(words[1]) >= old:
            reached.append(int(words[1]))
    return [Path(files[i]) for i in reached]


def table(results: list[dict[str, Any]]) -> str:
    head = (
        "| target | executions | a second | corpus | edges | features | peak RSS, MiB "
        "| of a core | slow inputs | finds |\n|---|---|---|---|---|---|---|---|---|---|\n"
    )
    rows = []
    for r in results:
        speed = r["executions"] / max(r["seconds"], 1)
        rows.append(
            f"| `{r['target']}` | {r['executions']:,} | {speed:,.0f} "
            f"| {r['corpus']} ({r.get('corpus_size', '0b')}) "
            f"| {r['edges']} of {r.get('edges_total', 0)} | {r['features']} | {r['peak_rss_mb']} "
            f"| {r['core']:.0%} | {len(r['slow'])} | {', '.join(r['finds']) or 'none'} |\n"
        )
    return head + "".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz.sh", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10, help="of each target (default: 10)")
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time (default: 2)")
    parser.add_argument("--keep", action="store_true", help="add what is new to the tree's corpora")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all of them")
    args = parser.parse_args()
    known = all_targets()
    wrong = sorted(set(args.targets) - set(known))
    if wrong:
        parser.error(f"no such target: {', '.join(wrong)}; there are {', '.join(known)}")
    results = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        wanted = args.targets or known
        for r in pool.map(lambda t: run(t, int(args.minutes * 60)), wanted):
            results.append(r)
            (FOUND / r["target"] / "result.json").write_text(json.dumps(r, indent=1) + "\n")
            print(f"{r['target']}: {r['executions']} executions, {r['finds'] or 'no find'}", flush=True)
    report = table(results)
    (FOUND / "report.md").write_text(report)
    print(report, end="")
    bad = [r for r in results if r["exit"] != 0]
    for r in bad:
        print(f"FAIL  {r['target']}: exit {r['exit']}, see {FOUND / r['target']}/log", file=sys.stderr)
    if args.keep:
        for r in results:
            if r["exit"] == 0:
                print(f"{r['target']}: {keep(r['target'])} files added to its corpus")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
