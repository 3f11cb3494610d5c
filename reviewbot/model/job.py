# SPDX-License-Identifier: GPL-2.0-only
"""A review that waits to be made: what the engine's queues hold.  Small, because the database keeps it."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from reviewbot.model.run import Stage


class Need(StrEnum):
    """What a job asks of the host that does it; a worker takes only what it can do."""

    LAB = "lab"
    """Builds kernels and boots them, under emulation if it must be."""
    NESTED = "nested"
    """Hardware virtualization that really boots a kernel with nested KVM."""
    CROSS = "cross"
    """Compilers for other architectures."""


class Urgency(IntEnum):
    """The order of the queue, lowest first.  Half steps in between are for fixes."""

    ASKED = 10
    """Somebody waits for it: a command by mail, ``reviewbot queue add``."""
    BOT = 20
    """Seen on a list."""
    SWEEP = 40
    """The nightly sweep of a tree."""


ASKED = "asked"
"""The source of jobs that somebody queued by hand; only theirs may name a file or a URL."""

SWEEP = "sweep"
"""The source of jobs that the clock queued: their ``series`` is a branch and the day it was due."""

FIX_FIRST = 5
"""How much earlier a series of fixes comes than a feature from the same source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One series revision to review.

    ``series`` is what ``reviewbot review`` takes: a message-id or a path.  ``source`` names where it was
    seen (a list's address, "asked").  ``tree`` is the name of the configured tree to use, "" for any.
    ``earlier`` is the message-id of the revision before.  ``again`` counts reviews of the same revision that somebody asked for.
    ``enclosed``: its mails are in the database, and no archive is asked.
    """

    series: str
    source: str
    title: str = ""
    revision: int = 1
    tree: str = ""
    base: str = ""
    earlier: str = ""
    until: Stage = Stage.COMPARE
    needs: frozenset[Need] = frozenset({Need.LAB})
    urgency: int = Urgency.BOT
    again: int = 0
    enclosed: bool = False

    @property
    def id(self) -> str:
        """The same job has the same name, so that it is queued once whoever finds it."""
        again = f"/{self.again}" if self.again else ""
        tree = f"@{self.tree}" if self.tree else ""
        return f"{self.source}/{self.series}{tree}{again}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a job came to: the id of the review and its verdict.

    ``problem`` is set instead when nothing can be reviewed (the message-id is unknown): no try will
    help.  ``failure`` says that our own tools failed: another may.  ``away``: because a server that we need
    does not answer, which is tried for longer.
    """

    run: str = ""
    verdict: str = ""
    exit_code: int = 0
    problem: str = ""
    failure: str = ""
    away: bool = False


class JobState(StrEnum):
    """Where a job is.  PARKED ones have failed too often and wait for a person."""

    DELAYED = "delayed"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    PARKED = "parked"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """What the engine knows of a job.  Times are seconds since the epoch, 0 when it has not happened.

    ``worker`` had it last; ``tries`` counts workers that took it; ``stages`` are those that are done;
    ``error`` says why it is parked; ``run`` is the id of the finished review.  ``by_hand`` when a person
    cancelled it: what comes of the series later does not bring it back.
    """

    job: Job
    state: JobState
    queued: float
    started: float = 0.0
    ended: float = 0.0
    worker: str = ""
    tries: int = 0
    stages: tuple[str, ...] = ()
    run: str = ""
    verdict: str = ""
    error: str = ""
    by_hand: bool = False
