# SPDX-License-Identifier: GPL-2.0-only
"""Nightly sweeps: what was seen of a branch in one night, what moved since, and which commit did it."""

from dataclasses import dataclass
from enum import StrEnum

from reviewbot.model.status import Status


class Kind(StrEnum):
    """What a :class:`Seen` is about."""

    BUILD = "build"
    WARNING = "warning"
    BOOT = "boot"
    TEST = "test"
    CONSOLE = "console"
    RULE = "rule"
    DOCUMENT = "document"


FOUND_BY_LOOKING = (Kind.RULE, Kind.DOCUMENT)
"""In a commit's text, so that the culprit is known and nothing is bisected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One thing that a sweep looked at.

    ``name`` is stable from night to night: a configuration ("i386"), a test
    ("x86_64/state_test", "x86_64/state_test [npt=0]"), a console fingerprint, a rule's code and what it
    names, a diagnostic without its line.  ``detail`` is one line for people, and what makes a failure the
    same failure: the assertion, the diagnostic, the crash's title.  ``failures`` of ``runs`` executions
    were bad.  ``log`` is a blob digest.
    """

    kind: Kind
    name: str
    status: Status
    detail: str = ""
    seconds: float = 0.0
    runs: int = 1
    failures: int = 0
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number: "kvm.ko text" in "bytes", "boot" in "seconds", "dirty_log_perf_test" in "instructions".

    ``samples`` are the single measurements in the order they were made.
    """

    name: str
    unit: str
    samples: tuple[float, ...]


class Ending(StrEnum):
    """How a night ended.  PARTIAL: the deadline came first, or it was stopped; what is there is true."""

    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"
    UNCHANGED = "unchanged"
    FAILED = "our tools failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One sweep of one branch.  Times are seconds since the epoch, UTC.

    ``branch`` is the configured tree and its branch ("kvm/queue").  ``seen`` of an UNCHANGED night is
    empty: the night of ``same_as`` holds.  ``missing`` says in sentences what was not looked at and why.
    ``machine`` is what results depend on besides the tree: accelerator, CPU model, compiler, profile.
    """

    id: str
    branch: str
    commit: str
    tree_id: str
    started: float
    ended: float
    ending: Ending
    machine: str = ""
    merge_base: str = ""
    same_as: str = ""
    seen: tuple[Seen, ...] = ()
    measures: tuple[Measure, ...] = ()
    missing: tuple[str, ...] = ()


class Move(StrEnum):
    """What became of one thing between two nights.

    UNCONFIRMED: it failed, or passes again, but chance explains that too: run it more often.
    """

    BROKE = "new failure"
    FIXED = "fixed"
    FLAKY = "flaky"
    STILL = "still failing"
    UNCONFIRMED = "not confirmed"
    ADDED = "new"
    GONE = "gone"
    WARNED = "new warning"
    SLOWER = "slower"
    FASTER = "faster"
    GREW = "bigger"
    SHRANK = "smaller"


class Against(StrEnum):
    """What a night is compared with."""

    PREVIOUS = "the last sweep"
    MERGE_BASE = "the merge base"
    MAINLINE = "mainline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One difference.  ``before`` and ``after`` are short texts ("pass", "fail: assertion", "1.20 M").

    ``likelihood`` is how probable what was seen would be if nothing had changed (binomial against the
    test's own record, 1.0 where there is none); ``low`` and ``high`` bound the ratio after/before of a
    measure at 95 %.  ``since`` is the id of the night that first saw it.
    """

    kind: Kind | None
    name: str
    move: Move
    against: Against
    before: str
    after: str
    likelihood: float = 1.0
    low: float = 0.0
    high: float = 0.0
    since: str = ""


class StepOutcome(StrEnum):
    """What a bisection step found about one failure."""

    GOOD = "good"
    BAD = "bad"
    SKIPPED = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One commit tried for one failure: ``failures`` of ``runs``; ``why`` when it cannot tell."""

    commit: str
    subject: str
    outcome: StepOutcome
    runs: int = 0
    failures: int = 0
    seconds: float = 0.0
    why: str = ""


class Reverted(StrEnum):
    """What reverting the culprit on the tip showed."""

    CURES = "reverting it on the tip cures it"
    DOES_NOT_CURE = "reverting it on the tip does not cure it"
    CONFLICTS = "it does not revert cleanly on the tip"
    NOT_BUILT = "the tip does not build without it"
    NOT_TRIED = "a revert was not tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprit:
    """The commit that did it.  ``author`` is "Name <address>"; ``message_id`` of its lore thread, or "".

    ``patch_id`` is git's, which a rebase does not change; "" for a merge, and for who does not ask.
    """

    commit: str
    subject: str
    author: str
    message_id: str = ""
    patch_id: str = ""
    reverted: Reverted = Reverted.NOT_TRIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Bisection:
    """The search for one failure's first bad commit in ``good..bad``.

    ``confidence`` is the probability that ``culprit`` is right given the test's flakiness; with commits
    that cannot tell next to it, ``suspects`` holds all that are left and ``culprit`` is None.
    ``reason`` says why there is no culprit: no time left, the failure is not there any more, ...
    ``note`` is what else the reader must know: that the selftest was built anew at every step, ...
    ``unfinished`` is a search that another try may end: no time was left, or our tools failed.
    """

    kind: Kind
    name: str
    detail: str
    good: str
    bad: str
    steps: tuple[Step, ...] = ()
    culprit: Culprit | None = None
    suspects: tuple[str, ...] = ()
    confidence: float = 0.0
    reason: str = ""
    note: str = ""
    unfinished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What one earlier night saw of one thing: ``failures`` of ``runs`` executions of ``commit``."""

    night: str
    started: float
    commit: str
    status: Status
    runs: int
    failures: int
    detail: str = ""


class Standing(StrEnum):
    """How a regression stands.  GONE: what failed is not there any more; DISMISSED: it was none."""

    OPEN = "open"
    FIXED = "fixed"
    GONE = "gone"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A failure that began in the night ``opened`` (at ``since``), until the night ``closed`` (at ``until``).

    ``good..bad`` is the range in which it began; ``number`` is the store's name for it.
    """

    number: int
    branch: str
    kind: Kind
    name: str
    detail: str
    opened: str
    since: float
    good: str = ""
    bad: str = ""
    standing: Standing = Standing.OPEN
    closed: str = ""
    until: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """A night in numbers: (all, bad ones) and seconds by kind, and the median of each measure by (name, unit)."""

    night: str
    started: float
    ended: float
    counts: dict[Kind, tuple[int, int]]
    seconds: dict[Kind, float]
    measures: dict[tuple[str, str], float]
