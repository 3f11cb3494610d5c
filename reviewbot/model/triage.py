# SPDX-License-Identifier: GPL-2.0-only
"""What a maintainer wants to know about a pending series before reading it."""

from dataclasses import dataclass
from enum import StrEnum

from reviewbot.model.finding import Severity
from reviewbot.model.series import Address
from reviewbot.model.watch import Numbered, WatchState


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """A file a patch changes.

    ``seen`` and ``changed`` are packed 32-bit hashes of neighbouring lines of the file before it: those that
    the hunks show, and of them those between which something changes (see parse.footprint).
    """

    path: str
    added: int
    removed: int
    seen: bytes = b""
    changed: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What is kept of one mail besides its envelope.

    ``tags`` are (name, value) of review trailers: in a reply those its author gives, in a patch those of its
    changelog.  ``talk`` when a reply says more than such tags and courtesy.  ``taken`` is the line that says
    the series was applied, "" for none.  ``repairs`` when a patch has Fixes: or goes to stable.
    """

    tags: tuple[tuple[str, str], ...] = ()
    talk: bool = False
    taken: str = ""
    repairs: bool = False
    touched: tuple[Touched, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A review trailer somebody gave: "Reviewed-by" and who, for ``patch`` (0: the whole series)."""

    name: str
    who: str
    patch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What the patches change in one file."""

    path: str
    added: int
    removed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the mails say of one revision of a series; nothing in it depends on the time.

    ``message_id`` to ``state`` are those of model.watch.WatchedSeries.  ``next`` is the revision that
    supersedes it.  ``people`` are the addresses it was sent to.  ``tags`` come from changelogs and replies.
    ``remarks`` counts mails of others that bring words and no tag; ``remarked`` is when the last one
    came and ``remarker`` who sent it, ``answered`` when the author last wrote, seconds since 1970, 0 for never.  ``taken`` is the line by
    which somebody else said that it was applied.  ``read`` is False when replies and patches
    could not be read again: tags, remarks and sizes are then unknown.
    """

    message_id: str
    subject: str
    author: Address
    lists: tuple[str, ...]
    revision: int
    total: int
    patches: tuple[Numbered, ...]
    missing: tuple[int, ...]
    cover: str
    sent: float
    last: float
    state: WatchState
    area: str
    subsystem: str
    next: str = ""
    skipped: str = ""
    rfc: bool = False
    repairs: bool = False
    people: tuple[str, ...] = ()
    files: tuple[Size, ...] = ()
    tags: tuple[Tag, ...] = ()
    remarks: int = 0
    remarked: float = 0.0
    remarker: str = ""
    answered: float = 0.0
    taken: str = ""
    read: bool = True

    @property
    def added(self) -> int:
        """Lines all patches add."""
        return sum(one.added for one in self.files)

    @property
    def removed(self) -> int:
        """Lines all patches remove."""
        return sum(one.removed for one in self.files)


class Answer(StrEnum):
    """Yes, no, or nobody looked."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A finding of a review, as a list shows it."""

    code: str
    severity: Severity
    patch: int
    title: str
    place: str = ""


class Part(StrEnum):
    """What a review can look at, or leave to another."""

    FINDINGS = "findings"
    BASE = "base"
    BUILD = "build"
    TESTS = "tests"
    COVERAGE = "coverage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """That a part is from an earlier review of the same revision on the same tree; fields as in Reviewed."""

    part: Part
    run: str
    origin: str
    made: float
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """What reviewbot's last look at a revision came to.

    ``made`` is in seconds since 1970, ``origin`` "run" for one of this host's runs, else the job's id.
    ``tree`` names the tip it was applied to ("kvm-x86/next"); ``why_not`` says where it stops applying.
    ``regressions`` counts tests that got worse and new crashes, ``tests`` those that were compared.
    ``mails`` are the message-ids of cover (or "") and patches, ``unbuilt`` the patches that do not build.
    ``counted`` added lines can run here, of which selftests ran ``ran``; 0 when nothing was counted.
    ``checked`` when rules were run; ``earlier`` are parts that an earlier review looked at, and this one did not.
    """

    run: str
    origin: str
    series: str
    made: float
    verdict: str
    line: str
    mails: tuple[str, ...] = ()
    findings: tuple[Found, ...] = ()
    tree: str = ""
    base: str = ""
    tip: str = ""
    repository: str = ""
    applies: Answer = Answer.UNKNOWN
    why_not: str = ""
    builds: Answer = Answer.UNKNOWN
    build_line: str = ""
    unbuilt: tuple[int, ...] = ()
    tests: int = 0
    regressions: int = 0
    tests_line: str = ""
    counted: int = 0
    ran: int = 0
    checked: bool = False
    earlier: tuple[Earlier, ...] = ()

    def earlier_of(self, part: Part) -> Earlier | None:
        """Where a part is from, None for this review itself."""
        return next((one for one in self.earlier if one.part == part), None)

    @property
    def covered(self) -> int | None:
        """Percent of added lines that selftests ran, 100 for all of them only; None when nothing was counted."""
        return 100 * self.ran // self.counted if self.counted else None

    def count(self, severity: Severity) -> int:
        """How many findings are as grave as that."""
        return sum(one.severity is severity for one in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the user said of a revision.

    ``snoozed`` is until when it is not shown, ``done`` when it was put away, seconds since 1970, 0 for not.
    """

    message_id: str
    note: str = ""
    snoozed: float = 0.0
    done: float = 0.0


class Standing(StrEnum):
    """Who has to do what.  docs/triage.md has the definitions, parse.standing decides."""

    NEW = "new"
    REROLLED = "re-rolled"
    ANSWERED = "answered"
    READY = "ready"
    AUTHOR = "author"
    INCOMPLETE = "incomplete"
    APPLIED = "applied"
    SNOOZED = "snoozed"
    DONE = "done"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Another pending series that changes the same lines of ``paths``."""

    message_id: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One summand of the rank: how much, and for what."""

    score: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One row: a revision of a series with all that is known of it now.

    ``id`` is short and the same for all revisions.  ``history`` are older revisions, newest first.
    ``days`` since it was posted.  ``rank`` is the sum of ``points``.
    """

    id: str
    card: Card
    standing: Standing
    why: str
    days: float
    acked: int
    rank: int
    points: tuple[Point, ...]
    review: Reviewed | None = None
    mark: Mark | None = None
    notes: tuple[tuple[int, str], ...] = ()
    history: tuple[tuple[int, str], ...] = ()
    clashes: tuple[Clash, ...] = ()
