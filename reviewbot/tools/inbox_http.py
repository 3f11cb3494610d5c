# SPDX-License-Identifier: GPL-2.0-only
"""A public-inbox followed by its search alone, for lists that cannot be cloned.

POST URL/?q=rt:FROM..TO&x=m answers with a gzipped mbox of what was received then (public-inbox needs
POST for it, so that crawlers do not start such work).
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import msgspec

from reviewbot.model.codec import to_json
from reviewbot.model.errors import UserError
from reviewbot.model.watch import Batch, Refused
from reviewbot.tools import network
from reviewbot.tools.mailbox import messages
from reviewbot.tools.source import admitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reviewbot.model.watch import Arrival

_DATE = re.compile(rb"^date:[ \t]*([^\n]{1,60})$", re.IGNORECASE | re.MULTILINE)
_PACKED_LIMIT = 12 * 1024 * 1024
_UNPACKED_LIMIT = 24 * 1024 * 1024
_ANSWER_SECONDS = 300.0
_WINDOW = 86400.0
_SHORTEST_WINDOW = 60.0
# The archive indexes a mail some time after it received it; asking again costs little.
_OVERLAP = 3600.0
# git, which reads the dates, takes smaller numbers for years and days (date.c, match_digit).
_SMALLEST_DATE = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """All that was received before ``until``, seconds since 1970, is recorded."""

    until: float


class HttpInbox:
    """The inbox at ``url``; ``clock`` tells the time."""

    def __init__(self, *, url: str, clock: Callable[[], float] = time.time) -> None:
        self.url = url.rstrip("/")
        self.clock = clock

    def batches(self, cursor: str | None, begin: float) -> Iterator[Batch]:
        """See tools.source.Source.  Mails are asked for a day at a time, and less when it is much."""
        known = _read(cursor)
        at = known.until - _OVERLAP if known else begin
        now = self.clock()
        window = _WINDOW if at else now + 1  # the whole archive: halved until it fits
        while at < now:
            end = min(at + window, now)
            try:
                data = self._mails(at, end)
            except network.TooLargeError as error:
                if window > _SHORTEST_WINDOW:
                    window = (end - at) / 2
                    continue
                refused = Refused(origin=f"{int(at)}..{int(end)}", reason=str(error))
                yield Batch(arrivals=(), refused=(refused,), cursor=_written(end))
            else:
                yield from _batches(data, at, end)
                window = min(window * 2, _WINDOW) if window < _WINDOW else window
            at = end

    def _mails(self, begin: float, end: float) -> bytes:
        if end < _SMALLEST_DATE:
            return b""
        since = int(begin) if begin >= _SMALLEST_DATE else ""
        address = f"{self.url}/?q=rt:{since}..{int(end)}&x=m"
        answer = network.ask(address, limit=_PACKED_LIMIT, timeout=_ANSWER_SECONDS, post=True)
        if answer.status == 404 and b"No results" in answer.body:
            return b""
        if answer.status != 200:
            raise UserError(
                f"{self.url}: answers with HTTP status {answer.status}; does this inbox offer search?"
            )
        return network.gunzip(answer.body, limit=_UNPACKED_LIMIT, source=address)


def _batches(data: bytes, begin: float, end: float) -> Iterator[Batch]:
    """One answer is one batch: mails come in no order, so there is no going on from its middle."""
    arrivals: list[Arrival] = []
    refused: list[Refused] = []
    for number, raw in enumerate(messages(data), start=1):
        origin = f"{int(begin)}..{int(end)}, mail {number}"
        item = admitted(raw, received=received(raw, begin, end), origin=origin)
        if isinstance(item, Refused):
            refused.append(item)
        else:
            arrivals.append(item)
    yield Batch(arrivals=tuple(arrivals), refused=tuple(refused), cursor=_written(end))


def received(raw: bytes, begin: float, end: float) -> float:
    """When the archive got a mail: the search only says between when, the sender what he likes."""
    found = _DATE.search(raw.partition(b"\n\n")[0])
    try:
        moment = parsedate_to_datetime(found[1].decode("ascii")) if found else None
        sent = moment.timestamp() if moment else end
    except (ValueError, OverflowError):
        sent = end
    return min(max(sent, begin), end)


def _read(cursor: str | None) -> Searched | None:
    try:
        return msgspec.json.decode(cursor, type=Searched) if cursor else None
    except msgspec.DecodeError:
        return None  # the list was of another kind before


def _written(until: float) -> str:
    return to_json(Searched(until=until)).decode()
