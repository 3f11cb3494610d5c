# SPDX-License-Identifier: GPL-2.0-only
"""The raw mails of a series that gets a job -> the shared database.

The ledger keeps no text, but where each mail was found; only a series that gets a job is read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewbot.tools import again
from reviewbot.tools.enclosed import LIMIT, Enclosed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reviewbot.model.config import Config
    from reviewbot.model.watch import WatchedSeries
    from reviewbot.parse.envelope import Envelope
    from reviewbot.tools.ledger import Ledger
    from reviewbot.tools.source import Source

_MOST_MAILS = 1000


class Encloser:
    """Puts mails beside jobs.  ``sources`` are the followed lists, by name."""

    def __init__(
        self, config: Config, ledger: Ledger, sources: Mapping[str, Source], rows: Enclosed
    ) -> None:
        self._private = private_lists(config)
        self._ledger = ledger
        self._sources = sources
        self._rows = rows

    def put(self, source: str, series: WatchedSeries) -> bool:
        """Enclose the mails of a series whose job is of the list ``source``.

        True when the worker must use them: they are there, or the list is private and no archive may
        be asked.  May be done twice.
        """
        mails = self._mails(source, series)
        return self._rows.put(source, series.message_id, mails) or source in self._private

    def drop(self, series: str, now: float) -> None:
        """A series is out of date; and so is everything that is old at ``now``."""
        for name in self._sources:
            self._rows.drop(name, series)
        self._rows.expire(now)

    def _mails(self, source: str, series: WatchedSeries) -> list[bytes]:
        """Its own mails, then what else of its thread is no talk; none when one of its own is not there."""
        found = self._ledger.gathering(f"m {name}" for name in series.mails)
        known = {
            name: kept
            for thread in found.threads.values()
            for name, kept in thread.items()
            if self._may(source, kept) and (name in series.mails or not _is_talk(kept))
        }
        own = [known.pop(name) for name in series.mails if name in known]
        if len(own) < len(series.mails):
            return []
        others = sorted(known.values(), key=lambda kept: kept.received)
        chosen = [*own, *others[: max(0, _MOST_MAILS - len(own))]]
        raw = self._raw(chosen)
        if any(kept.message_id not in raw for kept in own):
            return []
        mails: list[bytes] = []
        size = 0
        for kept in chosen:
            mail = raw.get(kept.message_id, b"")
            size += len(mail)
            if mail and size <= LIMIT:
                mails.append(mail)
        return mails if len(mails) >= len(own) else []

    def _may(self, source: str, kept: Envelope) -> bool:
        """What came over a private list stays there: a review of the public one must not quote it.

        Nor does a mail of the same Message-ID on the public list make it public.
        """
        return kept.source == source or kept.source not in self._private

    def _raw(self, mails: Iterable[Envelope]) -> dict[str, bytes]:
        by_list: dict[str, dict[str, str]] = {}
        for kept in mails:
            by_list.setdefault(kept.source, {})[kept.origin] = kept.message_id
        found: dict[str, bytes] = {}
        for name, names in by_list.items():
            if name in self._sources:
                read = again.mails(self._sources[name], names)
                found.update((names[origin], raw) for origin, raw in read.items())
        return found


def private_lists(config: Config) -> frozenset[str]:
    """Lists that no archive has: those that are delivered into a maildir."""
    return frozenset(name for name, each in config.lists.items() if each.follow == "maildir")


def _is_talk(kept: Envelope) -> bool:
    return kept.mail.subject.reply and not kept.mail.diff
