# SPDX-License-Identifier: GPL-2.0-only
"""A few kills of reviews that build, boot and test; ``make chaos-lab KILLS=100`` is the long form."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_killed_reviews_leave_nothing_and_the_next_says_what_is_right(kernel_tree: Path) -> None:
    lab = Path(__file__).with_name("lab.py")
    done = subprocess.run(
        [sys.executable, str(lab), "--tree", str(kernel_tree), "--kills", "3"],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, (
        f"{done.stdout}\nsee what stays behind with: make chaos-lab KILLS=20"
    )
