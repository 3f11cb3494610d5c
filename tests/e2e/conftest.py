# SPDX-License-Identifier: GPL-2.0-only
"""The real kernel tree, and whole reviews of it, kept in the cache that the product uses."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SECONDS = 3600


@pytest.fixture(scope="session")
def review(
    kernel_tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Review an mbox on the real tree; exit status and JSON report.  Each is run once a session."""
    state = tmp_path_factory.mktemp("state")
    known: dict[tuple[str, ...], tuple[int, dict[str, Any]]] = {}

    def run(mbox: Path, *options: str) -> tuple[int, dict[str, Any]]:
        key = (str(mbox), *options)
        if key not in known:
            argv = [sys.executable, "-m", "reviewbot", "review", str(mbox), "--tree"]
            done = subprocess.run(
                [*argv, str(kernel_tree), "--format", "json", *options],
                check=False,
                stdout=subprocess.PIPE,
                timeout=SECONDS,
                env={**os.environ, "XDG_STATE_HOME": str(state)},
            )
            assert done.stdout, f"no report, exit {done.returncode}; see the progress above"
            known[key] = done.returncode, json.loads(done.stdout)
        return known[key]

    return run
