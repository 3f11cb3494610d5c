# SPDX-License-Identifier: GPL-2.0-only
"""A few kills of reviews that build, boot and test; ``make chaos-lab KILLS=100`` is the long form."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SOURCE = Path("/usr/src/linux-source-6.12.tar.xz")


@pytest.mark.skipif(not SOURCE.exists(), reason=f"needs {SOURCE}; deploy/setup-debian installs it")
def test_killed_reviews_leave_nothing_and_the_next_says_what_is_right() -> None:
    imported = subprocess.run(
        [sys.executable, "-m", "reviewbot", "import-source", str(SOURCE)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    tree = imported.stdout.strip().splitlines()[-1]
    lab = Path(__file__).with_name("lab.py")
    done = subprocess.run(
        [sys.executable, str(lab), "--tree", tree, "--kills", "3"],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, (
        f"{done.stdout}\nsee what stays behind with: make chaos-lab KILLS=20"
    )
