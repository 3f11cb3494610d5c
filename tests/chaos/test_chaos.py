# SPDX-License-Identifier: GPL-2.0-only
"""A short storm on both databases at once; ``make chaos`` is the long one.

REVIEWBOT_CHAOS_SEED repeats a storm that was printed by a failure.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).resolve().parent / "chaos.py"
KILLS = 20


@pytest.mark.slow
def test_nothing_is_lost_sent_twice_or_stuck_whatever_breaks():
    seed = os.environ.get("REVIEWBOT_CHAOS_SEED") or str(random.SystemRandom().randrange(1_000_000))
    words = [sys.executable, CHAOS, "--kills", str(KILLS), "--seed", seed]
    storms = [
        subprocess.Popen(
            [*words, "--database", kind], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for kind in ("sqlite", "postgresql")
    ]  # fmt: skip
    said = [storm.communicate(timeout=600)[0] for storm in storms]
    for storm, lines in zip(storms, said, strict=True):
        assert storm.returncode == 0, f"repeat it with REVIEWBOT_CHAOS_SEED={seed}:\n{lines}"
        assert '"most often sent": 1' in lines, f"no mail was sent at all:\n{lines}"
