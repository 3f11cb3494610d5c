# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot`` in a hurry: impatient.py SETTINGS-AS-JSON ARGUMENTS...

The real commands, with hours made seconds, a clock that can be set from outside, and reviews that take no
work: what a job stores is a whole review of another series, made out to be about its own.
"""

import json
import random
import sys
import time
from dataclasses import replace
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
SETTINGS = json.loads(sys.argv[1])
_real_time, _real_monotonic = time.time, time.monotonic
_clock = [0.0, -1.0]


def _set_clock() -> float:
    """The time, and by how many seconds somebody has set the clock wrong (asked ten times a second)."""
    now = _real_monotonic()
    if now - _clock[1] > 0.1:
        try:
            _clock[:] = [float(Path(SETTINGS["clock"]).read_text(encoding="ascii") or 0), now]
        except OSError:
            _clock[1] = now
    return _real_time() + _clock[0]


time.time = _set_clock  # before anybody else imports it

import click  # noqa: E402

import reviewbot.cli.bot  # noqa: E402
import reviewbot.cli.sender  # noqa: E402
import reviewbot.cli.worker  # noqa: E402
from reviewbot.cli.main import main  # noqa: E402
from reviewbot.engine import clerk, sender, workers  # noqa: E402
from reviewbot.model.errors import InfrastructureError  # noqa: E402
from reviewbot.model.job import Done  # noqa: E402
from reviewbot.tools import source  # noqa: E402
from reviewbot.tools.finished import Finished  # noqa: E402


class Effortless:
    """A job without work: it sleeps a little in each stage, then stores its review as the real one does."""

    def __init__(self, job, cancelled, _settings):
        self.job, self.cancelled = job, cancelled

    def until(self, _stage):
        time.sleep(random.uniform(0, SETTINGS["stage_seconds"]))  # noqa: S311 - no secret
        if self.cancelled():
            raise InfrastructureError("cancelled")

    def result(self):
        finished = Finished(SETTINGS["url"])
        try:
            finished.put(self.job.id, _review(self.job.series))
        finally:
            finished.close()
        return Done(run=self.job.series, verdict="2 warnings.", exit_code=1)

    def close(self):
        pass


def _review(root):
    sys.path.insert(0, str(TESTS / "report"))
    import sample_runs

    run = sample_runs.findings()
    series = run.series
    patches = tuple(replace(p, message_id=f"{p.number}-{root}") for p in series.patches)
    cover = replace(series.cover, message_id=root)
    return replace(run, id=root[:40], series=replace(series, patches=patches, cover=cover))


def _hurry() -> None:
    source.BATCH_MAILS = 4
    for command in (reviewbot.cli.bot.bot, reviewbot.cli.sender.sender):
        for parameter in command.params:
            if parameter.name == "every":
                parameter.type = click.FLOAT
    clerk.Clerk.__init__.__kwdefaults__["archive_seconds"] = 0.2
    sender.RETRY_SECONDS, sender.LIMITED_SECONDS = 1.0, 1.0
    sender.UNCLEAR_SECONDS, sender.ARCHIVED_SECONDS = 4.0, 8.0
    workers.Worker.__init__.__kwdefaults__.update(
        retry_seconds=(0.2, 0.5), poll_seconds=0.2, rescue_seconds=1.0
    )
    reviewbot.cli.worker._LOOK_SECONDS = 0.5
    reviewbot.cli.worker.Session = Effortless


_hurry()
sys.argv[1:] = sys.argv[2:]
main()
