# SPDX-License-Identifier: Apache-2.0
"""The last line of a test program, which hack/summary.py adds up, and its exit status."""

from __future__ import annotations

import unittest


def verdict(result: unittest.TestResult) -> int:
    """Prints the line; 1 when a test failed or none ran."""
    # A test with several broken subtests counts once.
    bad = len({getattr(t, "test_case", t) for t, _ in result.failures + result.errors})
    skipped = len(result.skipped)
    print(f"{result.testsRun - bad - skipped} passed, {bad} failed, {skipped} skipped", flush=True)
    return 1 if bad or not result.testsRun else 0
