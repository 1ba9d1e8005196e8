#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the end-to-end tests of this folder's test_*.py, all in one cluster.

    run.py FILES [-k NAME]…     FILES is what tests/e2e/build.sh prints

hack/e2e.sh runs it, in a network namespace of its own.  The tests run in the order of their names.
"""

from __future__ import annotations

import signal
import sys
import unittest
from pathlib import Path

import suite
from cluster import HERE, Cluster

sys.path.insert(0, str(HERE.parent / "support"))
from verdict import verdict  # noqa: E402


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    files, *selection = sys.argv[1:]
    argv = [sys.argv[0], "discover", "-s", str(HERE), *selection]
    with Cluster(Path(files).resolve()) as suite.cluster:
        suite.prepare()
        result = unittest.main(module=None, argv=argv, verbosity=2, exit=False).result
    return verdict(result)


if __name__ == "__main__":
    sys.exit(main())
