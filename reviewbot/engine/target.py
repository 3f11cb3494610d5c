# SPDX-License-Identifier: GPL-2.0-only
"""Which series a reply is about, and who its people are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewbot.engine.clerk import list_of
from reviewbot.model.outbox import Kind

if TYPE_CHECKING:
    from reviewbot.model.config import Config
    from reviewbot.model.watch import WatchedSeries
    from reviewbot.parse.mail import Mail
    from reviewbot.tools.ledger import Ledger
    from reviewbot.tools.outbox import Outbox

_LOOKED_AT = 20
"""Mails above a reply that are looked up; of longer threads the nearest and not the start count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A series that somebody talks about.

    ``inbox`` is the list whose policy counts.  ``authors`` are addresses in lower case, ``subjects`` those
    of its mails without brackets, ``thread`` the message-ids by which it can be muted.
    """

    series: str
    inbox: str
    watched: WatchedSeries
    authors: frozenset[str]
    subjects: frozenset[str]

    @property
    def thread(self) -> tuple[str, ...]:
        """The message-ids by which it can be muted: its own, and where its thread begins."""
        return tuple(dict.fromkeys((self.series, self.watched.thread)))


def target_of(mail: Mail, config: Config, ledger: Ledger, outbox: Outbox) -> Target | None:
    """The series that ``mail`` is about: that of the nearest mail above it, ours or a patch."""
    for above in reversed(mail.references[-_LOOKED_AT:]):
        entry = outbox.get(above)
        if entry and (watched := ledger.find(entry.series)):
            return _target(watched, config, outbox)
        around = ledger.around(above)
        holding = [one for one in around if above in one.mails]
        if holding:
            return _target(max(holding, key=lambda one: one.sent), config, outbox)
    # Talk below talk that we never saw, in a thread with one series.
    around = ledger.around(mail.references[-1]) if mail.references else []
    return _target(around[0], config, outbox) if len(around) == 1 else None


def _target(watched: WatchedSeries, config: Config, outbox: Outbox) -> Target:
    ours = outbox.entries(series=watched.message_id)
    # Of an answer it would be who asked, and that may be anybody.
    reported = {entry.author.lower() for entry in ours if entry.kind is not Kind.ANSWER}
    authors = {watched.sender.email.lower(), *reported}
    return Target(
        series=watched.message_id,
        inbox=list_of(config, watched.lists),
        watched=watched,
        authors=frozenset(authors - {""}),
        subjects=frozenset({watched.subject, *(patch.subject for patch in watched.patches)}),
    )
