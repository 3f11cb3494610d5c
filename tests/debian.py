# SPDX-License-Identifier: GPL-2.0-only
"""Debian's kernel sources, and git trees of them where the product keeps its own: made once per machine."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 3600


def archive(version: str = "6.12") -> Path:
    """What Debian's package linux-source-``version`` installs; the test is skipped without it."""
    place = Path(f"/usr/src/linux-source-{version}.tar.xz")
    if not place.is_file():
        pytest.skip(
            f"needs {place}: apt-get install linux-source-{version}, or deploy/setup-debian"
        )
    return place


@functools.cache
def kernel_tree(version: str = "6.12") -> Path:
    """A bare repository with that source as its only commit, as users make it; skipped without the source."""
    done = subprocess.run(
        [sys.executable, "-m", "reviewbot", "import-source", str(archive(version))],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
    )
    return Path(done.stdout.strip().splitlines()[-1])
