# SPDX-License-Identifier: GPL-2.0-only
"""Words and dates as pages show them.  Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

from reviewbot import __version__
from reviewbot.model.finding import Severity
from reviewbot.model.triage import Item, Reviewed
from reviewbot.stages.printable import one_line
from reviewbot.stages.report_html import archive_link
from reviewbot.stages.triage_diff import counted_changes
from reviewbot.web.snapshot import Snapshot


def brief(text: str, most: int = 240) -> str:
    """One line that is no longer than people write."""
    whole = one_line(text[: 4 * most])
    return whole if len(whole) <= most else f"{whole[:most]}…"


def day(seconds: float) -> str:
    """2026-01-15, in UTC."""
    return _time(seconds).strftime("%Y-%m-%d")


def moment(seconds: float) -> str:
    """2026-01-15T12:00:00Z."""
    return _time(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(seconds: float) -> datetime:
    """A mail's date may be anything; year 1 and year 9999 are as far as dates go."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), 253402300799.0), UTC)


def tags(item: Item) -> list[tuple[str, str, str]]:
    """(tag, who, for which patches): somebody who tested all patches is named once."""
    found: dict[tuple[str, str], list[int]] = {}
    for one in item.card.tags:
        found.setdefault((one.name, one.who), []).append(one.patch)
    return [(name, who, _patches(numbers)) for (name, who), numbers in found.items()]


def _patches(numbers: list[int]) -> str:
    if 0 in numbers:
        return "the series"
    whole = sorted(set(numbers))
    starts = [one for one in whole if one - 1 not in whole]
    ends = [one for one in whole if one + 1 not in whole]
    spans = [str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True)]
    return f"patch {spans[0]}" if len(whole) == 1 else f"patches {', '.join(spans)}"


def changes(
    revisions: Sequence[tuple[int, str, tuple[Reviewed, ...]]],
) -> dict[str, tuple[int, int]]:
    """By run, the newest of each revision: findings that went and came since the reviewed one before it."""
    looked = [[one for one in reviews if one.checked] for _, _, reviews in revisions]
    newest = [reviews[0] for reviews in looked if reviews]
    return {one.run: counted_changes(before, one) for one, before in pairwise(newest)}


def revisions_of(shot: Snapshot, item: Item) -> tuple[tuple[int, str, tuple[Reviewed, ...]], ...]:
    """(number, message-id, its reviews) of all revisions, the newest first."""
    every = ((item.card.revision, item.card.message_id), *item.history)
    return tuple((number, name, shot.reviews_of.get(name, ())) for number, name in every)


WORDS = {
    "reviewbot": __version__,
    "severities": tuple(Severity),
    "day": day,
    "changes": changes,
    "mail_of": archive_link,
    "moment": moment,
}
"""What every page's template may use."""
