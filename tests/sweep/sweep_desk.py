# SPDX-License-Identifier: GPL-2.0-only
"""The desk of one user who sweeps a branch."""

import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reviewbot.model.codec import from_json
from reviewbot.model.sweep_report import SweepReport

SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Desk:
    """One user's settings and state."""

    config: Path
    state: Path

    def environment(self) -> dict[str, str]:
        return {**os.environ, "XDG_STATE_HOME": str(self.state)}

    def run(self, *words: str, expected: Sequence[int] = (0,)) -> bytes:
        """Run reviewbot; its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "reviewbot", "--config", str(self.config), *words],
            check=False,
            stdout=subprocess.PIPE,
            timeout=SECONDS,
            env=self.environment(),
        )
        assert done.returncode in expected, f"exit {done.returncode}; see the progress above"
        return done.stdout

    def sweep(self, *words: str, expected: Sequence[int] = (0,)) -> SweepReport:
        """One sweep of the one branch."""
        return from_json(self.run("sweep", "--json", *words, expected=expected), SweepReport)

    def processor_seconds(self, *words: str) -> float:
        """What a command costs."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.run(*words)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
