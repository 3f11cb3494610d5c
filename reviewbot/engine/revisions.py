# SPDX-License-Identifier: GPL-2.0-only
"""Two revisions of a series: their mails, and where there is a tree, the commits they become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewbot.model.errors import ReviewbotError, UserError
from reviewbot.model.status import Status
from reviewbot.parse.mail import MailError, parse_mail
from reviewbot.parse.series import assemble
from reviewbot.stages import apply, base
from reviewbot.stages.printable import one_line
from reviewbot.tools import again, b4
from reviewbot.tools.range_diff import range_diff

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewbot.engine.triage import Triage
    from reviewbot.model.base import Applied, Tree
    from reviewbot.model.series import Series
    from reviewbot.model.triage import Card
    from reviewbot.tools.context import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """git's range-diff, or why there is none."""

    text: str = ""
    why_not: str = ""


def raw_mails(triage: Triage, message_ids: Iterable[str]) -> dict[str, bytes]:
    """Mails at hand by message-id; those that were never read, or cannot be again, are left out."""
    found: dict[str, bytes] = {}
    origins = triage.desk.origins(message_ids)
    for name in {source for source, _ in origins.values()}:
        source = triage.sources.get(name)
        if source is None:
            continue
        here = {where: mail for mail, (list_, where) in origins.items() if list_ == name}
        for where, raw in again.mails(source, here).items():
            found[here[where]] = raw
    return found


def thread_of(triage: Triage, card: Card) -> list[bytes]:
    """All mails of the series' thread that are at hand, its own first; none when one of its own is not."""
    own = [name for name in (card.cover, *(one.message_id for one in card.patches)) if name]
    known = raw_mails(triage, [*own, *triage.desk.thread_of(card.message_id)])
    if any(name not in known for name in own):
        return []
    return [known.pop(name) for name in own] + list(known.values())


def series_of(triage: Triage, card: Card, tools: Tools) -> Series:
    """The revision with its patches: from the mails at hand, else from the archive.

    Raises UserError when they are nowhere to be had, or cannot be read.
    """
    raw = thread_of(triage, card)
    source = "the mails of the list"
    if not raw:
        fetched, source = b4.fetch_thread(b4.parse_wanted(card.message_id), tools.config.inbox)
        raw = list(fetched)
    mails = []
    for one in raw:
        try:
            mails.append(parse_mail(one))
        except MailError:
            continue
    found = assemble(mails, source=source, message_id=card.message_id)
    if found is None:
        raise UserError(f"{card.message_id}: none of its mails carries a patch")
    return found


def compare(old: Series, new: Series, trees: tuple[Tree, ...], tools: Tools) -> Compared:
    """Both revisions on the bases they were made for, compared by git."""
    if not trees:
        return Compared(why_not="no tree is configured; --tree PATH names one")
    try:
        first, second = (_applied(one, trees, tools) for one in (old, new))
    except ReviewbotError as error:
        return Compared(why_not=str(error))
    for series, one in ((old, first), (new, second)):
        if one.status is not Status.PASS:
            return Compared(why_not=f"v{series.revision} does not apply on {one.base.ref}")
    if first.repository != second.repository:
        return Compared(why_not="the two belong on different trees")
    return Compared(
        text=range_diff(
            first.repository, (first.base.commit, first.tip), (second.base.commit, second.tip)
        )
    )


def _applied(series: Series, trees: tuple[Tree, ...], tools: Tools) -> Applied:
    if series.missing:
        missing = ", ".join(map(str, series.missing))
        raise UserError(one_line(f"v{series.revision} lacks patch {missing}"))
    chosen = base.run(base.BaseRequest(series=series, trees=trees), tools)
    return apply.run(apply.ApplyRequest(series=series, base=chosen), tools)
