# SPDX-License-Identifier: GPL-2.0-only
"""Where a list's mails come from, whatever that is: mails in order, and a cursor to go on from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from reviewbot.model.watch import Arrival, Batch, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAIL_LIMIT = 5 * 1024 * 1024
"""Bytes.  A larger mail is recorded and not read; vger takes none over 400 kB."""
BATCH_MAILS = 400
BATCH_BYTES = 16 * 1024 * 1024


class Source(Protocol):
    """One list."""

    def batches(self, cursor: str | None, begin: float) -> Iterator[Batch]:
        """What came since ``cursor``; from ``begin`` (seconds since 1970) on when that is None.

        A batch's cursor may be kept when all of the batch is recorded, not before.  Raises UserError
        when the list cannot be read now; what was yielded until then stays good.
        """


def batched(items: Iterable[Arrival | Refused], cursor: Callable[[str], str]) -> Iterator[Batch]:
    """Mails in portions that fit into memory; ``cursor(origin of the last)`` is where one ends."""
    arrivals: list[Arrival] = []
    refused: list[Refused] = []
    size, last = 0, ""
    for item in items:
        if isinstance(item, Refused):
            refused.append(item)
        else:
            arrivals.append(item)
            size += len(item.raw)
        last = item.origin
        if len(arrivals) + len(refused) >= BATCH_MAILS or size >= BATCH_BYTES:
            yield Batch(arrivals=tuple(arrivals), refused=tuple(refused), cursor=cursor(last))
            arrivals, refused, size = [], [], 0
    if arrivals or refused:
        yield Batch(arrivals=tuple(arrivals), refused=tuple(refused), cursor=cursor(last))


def admitted(raw: bytes, *, received: float, origin: str) -> Arrival | Refused:
    """A mail, or why it is too much."""
    if len(raw) > MAIL_LIMIT:
        return Refused(
            origin=origin,
            reason=f"larger than {MAIL_LIMIT >> 20} MiB",
        )
    return Arrival(raw=raw, received=received, origin=origin)
