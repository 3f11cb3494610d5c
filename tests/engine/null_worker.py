# SPDX-License-Identifier: GPL-2.0-only
"""A worker in a process of its own whose jobs take a given time and note what they do.

null_worker.py SETTINGS-AS-JSON; prints "ready" and works until it is killed.
"""

import json
import os
import sys
import time
from pathlib import Path

from reviewbot.engine.workers import Cancelled, Worker
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.job import Done, Job, Need
from reviewbot.model.run import Stage


class Noted:
    """Each stage sleeps ``seconds`` and writes a line when it begins and when it ends."""

    def __init__(self, job: Job, cancelled: Cancelled, settings: dict[str, object]) -> None:
        self.job = job
        self.cancelled = cancelled
        self.settings = settings

    def until(self, stage: Stage) -> None:
        self._note(f"begin {stage}")
        if self.job.series == "kills":
            os.kill(os.getpid(), 9)
        if self.job.series == "fails":
            raise InfrastructureError("the disk is made of cheese")
        deadline = time.monotonic() + float(str(self.settings["seconds"]))
        while time.monotonic() < deadline:
            time.sleep(0.05)
            if self.cancelled():
                raise InfrastructureError("cancelled")
        self._note(f"end {stage}")

    def result(self) -> Done:
        if self.job.series == "away":
            return Done(failure="the inbox does not answer", away=True)
        return Done(run=f"by {self.settings['name']}", verdict="no findings")

    def close(self) -> None:
        self._note("close")

    def _note(self, what: str) -> None:
        line = f"{time.time():.3f} {self.settings['name']} {self.job.series} {what}\n"
        with Path(str(self.settings["log"])).open("a", encoding="ascii") as stream:
            stream.write(line)


def main() -> None:
    settings = json.loads(sys.argv[1])
    worker = Worker(
        settings["url"],
        Path(settings["state"]),
        name=settings["name"],
        abilities=frozenset(Need(word) for word in settings["can"]),
        perform=lambda job, cancelled: Noted(job, cancelled, settings),
        parallel=settings["parallel"],
        tree_limit=settings["tree_limit"],
        retry_seconds=(0.1, 0.1),
        away_seconds=(0.1, 0.1, 0.1, 0.1),
        poll_seconds=0.1,
        rescue_seconds=1.0,
    )
    worker.start()
    print("ready", flush=True)
    sys.stdin.read()
    worker.stop()


if __name__ == "__main__":
    main()
