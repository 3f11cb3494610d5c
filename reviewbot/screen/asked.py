# SPDX-License-Identifier: GPL-2.0-only
"""What the screen asks for, and what it gets: values, so that showing them touches nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading

    from reviewbot.model.job import JobStatus
    from reviewbot.model.run import Run
    from reviewbot.model.series import Series
    from reviewbot.model.triage import Item

Hear = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """The rows of one moment.  ``names`` are short ids of series by message-id, ``me`` the user's addresses.

    ``working`` are runs that are being made on this host, by message-id of the series; ``troubles`` what
    could not be reached.
    """

    items: tuple[Item, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    me: frozenset[str] = frozenset()
    working: Mapping[str, str] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a command of ours came to.  ``complaint`` is "" when it did what it should."""

    text: str = ""
    complaint: str = ""


class Archive(Protocol):
    """Mails, reviews and marks.  Every method may take long, and is called from any thread but the screen's.

    All raise ReviewbotError.
    """

    def stamp(self) -> str:
        """What differs when :meth:`look` would bring something else.  Quick."""

    def look(self, *, mails: bool) -> Shot:
        """The rows; with ``mails`` lists are read before, over the network if need be."""

    def jobs(self) -> tuple[JobStatus, ...]:
        """What workers do or have before them."""

    def run(self, item: Item, working: str) -> Run | None:
        """The review of a row's revision: the one that is being made, "" for none, else the row's."""

    def series(self, item: Item) -> Series:
        """Its patches, from the mails."""

    def log(self, digest: str) -> bytes:
        """A log that a review kept."""

    def mark(
        self,
        item: Item,
        *,
        note: str | None = None,
        snoozed: float | None = None,
        done: bool | None = None,
    ) -> None:
        """Write down what the user says of a revision; None leaves it as it is."""

    def diff(self, item: Item, stop: threading.Event) -> Said:
        """What changed since the revision before."""

    def review(self, item: Item, *, rules_only: bool, hear: Hear, stop: threading.Event) -> Said:
        """Make a review; ``hear`` gets its progress line by line, ``stop`` ends it."""

    def command(self, item: Item, *words: str) -> str:
        """What to type in a shell for a row: "reviewbot triage WORDS ID" and where its mails are."""
