#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""summary.py FILE…: adds up ctest's JUnit files.

Prints the failed tests by name, then "N passed, N failed, N skipped".

A test program that says how many cases it has (check's and our Python tests' last line) counts with
each of them, any other as one.  The exit status is 1 when something failed or nothing ran.
"""

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

# "100%: Checks: 12, Failures: 0, Errors: 0"
CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.M)
# "12 passed, 0 failed, 1 skipped"
CASES = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.M)


def count(case: ET.Element) -> tuple[int, int, int]:
    """(passed, failed, skipped) of one ctest test."""
    output = case.findtext("system-out") or ""
    passed = failed = skipped = 0
    for checks, failures, errors in CHECK.findall(output):
        failed += int(failures) + int(errors)
        passed += int(checks) - int(failures) - int(errors)
    for p, f, s in CASES.findall(output):
        passed, failed, skipped = passed + int(p), failed + int(f), skipped + int(s)
    status = case.get("status")
    if status == "fail":
        return passed, max(failed, 1), skipped
    if passed + failed + skipped > 0:
        return passed, failed, skipped
    return (1, 0, 0) if status == "run" else (0, 0, 1)


def main() -> int:
    totals = [0, 0, 0]
    for path in sys.argv[1:]:
        for case in ET.parse(path).getroot().iter("testcase"):
            counts = count(case)
            totals = [a + b for a, b in zip(totals, counts)]
            if counts[1]:
                print(f"failed: {case.get('name')} ({Path(path).stem})")
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(main())
