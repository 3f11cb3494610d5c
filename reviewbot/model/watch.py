# SPDX-License-Identifier: GPL-2.0-only
"""What following a mailing list finds: series, what became of each, and what to tell the engine."""

from dataclasses import dataclass
from enum import StrEnum

from reviewbot.model.series import Address


class WatchState(StrEnum):
    """Where a revision of a series stands.

    WAITING: mails are missing and may still come.  INCOMPLETE: they did not come in time.
    """

    WAITING = "waiting"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"


class SkipReason(StrEnum):
    """Why a list's series is not reviewed; the first five are what DeclineReason says as well."""

    PULL_REQUEST = "pull request"
    QEMU = "QEMU series"
    KVM_UNIT_TESTS = "kvm-unit-tests series"
    OTHER_PROJECT = "series for another project"
    NO_PATCH = "no patch in the mail"
    STABLE = "stable backport"
    OTHER_SUBSYSTEM = "another subsystem's series"
    PATCH_IN_REPLY = "patch in a reply"
    ASKED = "its sender asks for it"
    AUTOMATIC = "automatic mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Why a series is not reviewed; ``evidence`` is one sentence saying what gave it away."""

    reason: SkipReason
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """A patch of a series: its place and its mail."""

    number: int
    message_id: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedSeries:
    """One revision of a series as it came over one or several lists.

    ``message_id`` is its cover's, else its first patch's; a report replies to it.  ``missing`` are
    announced patches nobody has seen.  ``thread`` is the mail its thread begins with, ``answers`` are
    all it was sent in reply to, ``earlier`` those it names as older versions ("v1: https://lore...").
    ``received`` is when its latest mail came, ``due`` until when what is missing is waited for, ``sent``
    what its mails say, all in seconds since 1970.  ``prefixes`` are the words in the brackets of its
    subjects.  ``amends`` is the patch of which this is a newer version, when only that one was sent
    again, in reply to it.  ``resend`` when the same patches were posted before under the same version.
    ``superseded_by`` is the next revision; ``own_state`` is what the series would be without it.
    """

    message_id: str
    lists: tuple[str, ...]
    subject: str
    sender: Address
    revision: int
    total: int
    patches: tuple[Numbered, ...]
    missing: tuple[int, ...]
    cover: str | None
    thread: str
    received: float
    due: float
    sent: float
    own_state: WatchState
    prefixes: tuple[str, ...] = ()
    skipped: Skipped | None = None
    change_id: str | None = None
    resend: bool = False
    amends: str = ""
    answers: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    superseded_by: str = ""
    notes: tuple[str, ...] = ()

    @property
    def state(self) -> WatchState:
        """Where it stands; a newer revision wins over everything but being none of our business."""
        if self.superseded_by and self.own_state is not WatchState.SKIPPED:
            return WatchState.SUPERSEDED
        return self.own_state

    @property
    def mails(self) -> tuple[str, ...]:
        """Message-ids of the cover and the patches, in order."""
        patches = tuple(one.message_id for one in self.patches)
        return (self.cover, *patches) if self.cover else patches


class EventKind(StrEnum):
    """What happened to a series.

    CHANGED: one that was complete or incomplete consists of other mails now - a late patch, a
    cover letter that came last, or one patch sent again.
    """

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    CHANGED = "changed"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEvent:
    """One change, told once.  ``number`` counts up; ``before`` is an older message-id of the series."""

    number: int
    kind: EventKind
    series: WatchedSeries
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A mail that was not read: where it was found, and why."""

    origin: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One raw mail and when the list received it, in seconds since 1970."""

    raw: bytes
    received: float
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a source had next; ``cursor`` is where to go on once all of it is recorded."""

    arrivals: tuple[Arrival, ...]
    cursor: str
    refused: tuple[Refused, ...] = ()
