# SPDX-License-Identifier: GPL-2.0-only
"""Card, review and the user's marks -> who has to do what, and how much it deserves attention.

docs/triage.md explains both to users; a change here is a change there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewbot.model.finding import Severity
from reviewbot.model.run import VerdictKind
from reviewbot.model.triage import Answer, Item, Point, Standing
from reviewbot.model.watch import WatchState
from reviewbot.stages.printable import count, one_line

if TYPE_CHECKING:
    from reviewbot.model.triage import Card, Clash, Mark, Reviewed

DAY = 86400.0
HIDDEN = (
    Standing.SUPERSEDED,
    Standing.SKIPPED,
    Standing.DONE,
    Standing.SNOOZED,
    Standing.APPLIED,
)
"""Not shown unless asked for."""

_BASE = {
    Standing.READY: 60,
    Standing.REROLLED: 50,
    Standing.ANSWERED: 45,
    Standing.NEW: 40,
    Standing.AUTHOR: 10,
    Standing.INCOMPLETE: 5,
}
_YOURS = (Standing.READY, Standing.REROLLED, Standing.ANSWERED, Standing.NEW)
_PATIENCE = 14
_STALE = 90


def item(
    card: Card,
    *,
    name: str,
    now: float,
    me: frozenset[str] = frozenset(),
    review: Reviewed | None = None,
    mark: Mark | None = None,
    notes: tuple[tuple[int, str], ...] = (),
    history: tuple[tuple[int, str], ...] = (),
    clashes: tuple[Clash, ...] = (),
) -> Item:
    """One row.  ``now`` in seconds since 1970; ``me`` are the user's addresses, in small letters."""
    acked = acked_patches(card)
    standing, why = _standing(card, review, mark, now, acked, rerolled=bool(history))
    days = max(0.0, (now - card.sent) / DAY)
    points = tuple(
        _points(card, standing, review, days=days, acked=acked, me=me, clashes=len(clashes))
    )
    return Item(
        id=name,
        card=card,
        standing=standing,
        why=why,
        days=round(days, 2),
        acked=acked,
        rank=sum(one.score for one in points),
        points=points,
        review=review,
        mark=mark,
        notes=notes,
        history=history,
        clashes=clashes,
    )


def acked_patches(card: Card) -> int:
    """How many patches somebody else has reviewed or acked; a tag for the series counts for all."""
    good = {one.patch for one in card.tags if _approves(one.name)}
    return len(card.patches) if 0 in good else sum(one.number in good for one in card.patches)


def _approves(name: str) -> bool:
    words = name.lower()
    return "reviewed" in words or "acked" in words


def _standing(
    card: Card,
    review: Reviewed | None,
    mark: Mark | None,
    now: float,
    acked: int,
    *,
    rerolled: bool,
) -> tuple[Standing, str]:
    if card.state is WatchState.SKIPPED:
        return Standing.SKIPPED, card.skipped
    if card.state is WatchState.SUPERSEDED:
        return Standing.SUPERSEDED, f"superseded by {card.next}"
    if mark and mark.done:
        return Standing.DONE, "you put it away; a new revision brings it back"
    if mark and mark.snoozed > now:
        left = (mark.snoozed - now) / DAY
        return Standing.SNOOZED, f"for {left:.1f} more days, or until a new revision"
    if card.taken:
        return Standing.APPLIED, card.taken
    if card.missing or card.state in (WatchState.INCOMPLETE, WatchState.WAITING):
        have = f"{len(card.patches)} of {card.total} patches"
        return Standing.INCOMPLETE, f"{have} have arrived" if card.missing else "still arriving"
    return _turn(card, review, acked, rerolled=rerolled)


def _turn(
    card: Card, review: Reviewed | None, acked: int, *, rerolled: bool
) -> tuple[Standing, str]:
    """Whose turn it is."""
    if any("nacked" in one.name.lower() for one in card.tags):
        return Standing.AUTHOR, "somebody nacked it"
    if card.remarked > card.answered:
        return Standing.AUTHOR, f"{card.remarker} wrote last, and the author has not answered"
    if review and (trouble := _trouble(review)):
        return Standing.AUTHOR, trouble
    if card.patches and acked == len(card.patches) and not card.rfc:
        return Standing.READY, f"{count(acked, 'patch', 'patches')} reviewed or acked, nothing open"
    if card.remarks:
        return Standing.ANSWERED, "the author answered the last remark"
    if rerolled or card.revision > 1:
        return Standing.REROLLED, f"v{card.revision}, nobody has said anything about it"
    return Standing.NEW, "nobody has said anything about it"


def _trouble(review: Reviewed) -> str:
    """What keeps it from being taken, by our own review; "" for nothing."""
    if review.applies is Answer.NO and review.verdict != VerdictKind.WRONG_BASE:
        return f"does not apply: {review.why_not}" if review.why_not else "does not apply"
    if review.builds is Answer.NO:
        return review.build_line or "does not build"
    if review.regressions:
        return count(review.regressions, "regression")
    errors = [one for one in review.findings if one.severity is Severity.ERROR]
    return f"{count(len(errors), 'error')} found: {errors[0].code}" if errors else ""


def _points(
    card: Card,
    standing: Standing,
    review: Reviewed | None,
    *,
    days: float,
    acked: int,
    me: frozenset[str],
    clashes: int,
) -> list[Point]:
    """The summands of the rank; none for what is hidden."""
    if standing in HIDDEN:
        return []
    found = [Point(score=_BASE[standing], why=str(standing))]

    def add(score: float, why: str) -> None:
        if round(score):
            found.append(Point(score=round(score), why=why))

    yours = standing in _YOURS
    add(15 if card.repairs else 0, "repairs something")
    add(10 if me & set(card.people) else 0, "sent to you")
    add(10 * acked / len(card.patches) if card.patches else 0, "reviewed or acked")
    if yours and days <= _STALE:
        add(min(days, _PATIENCE), "waits")
    add(-min(30.0, (days - _STALE) / 10) if days > _STALE else 0, "old")
    add(-10 if card.rfc else 0, "RFC")
    if review:
        clean = not review.findings and not _trouble(review) and review.applies is Answer.YES
        add(10 if clean and review.checked and review.verdict else 0, "reviewbot found nothing")
        add(-min(10, 2 * review.count(Severity.WARNING)), "warnings")
        add(-min(20, 10 * review.count(Severity.ERROR)), "errors")
    add(-min(9, 3 * clashes), "clashes with other series")
    return found


def why_rank(item_: Item) -> str:
    """The sum as people read it: "re-rolled 50, repairs something +15, waits +3"."""
    first, *rest = item_.points or (Point(score=0, why="hidden"),)
    return one_line(
        ", ".join([f"{first.why} {first.score}", *(f"{p.why} {p.score:+}" for p in rest)])
    )
