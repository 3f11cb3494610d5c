# SPDX-License-Identifier: GPL-2.0-only
"""What changed between two revisions of a series: by the mails alone, and in what reviewbot found."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from reviewbot.stages.printable import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reviewbot.model.series import Patch, Series
    from reviewbot.model.triage import Found, Reviewed

_NOISE = re.compile(r"^(?:index [0-9a-f]+\.\.[0-9a-f]+.*|-- |\d+\.\d+(?:\.\d+)*(?:\.\w+)?)$")
_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")
_ALIKE = 0.5
_LINES = 4000


def mail_diff(old: Series, new: Series) -> Iterator[str]:
    """Patch by patch, as git range-diff does: "=" same, "!" changed, "<" dropped, ">" new.

    Line numbers and blob ids do not count: they change with the base.
    """
    pairs, dropped = _paired(old.patches, new.patches)
    for after in new.patches:
        before = pairs.get(after.number)
        if before is None:
            yield f" -:  ---- > {after.number:>2}:  new   {one_line(after.subject)}"
            continue
        same = _text(before) == _text(after)
        sign = "=" if same else "!"
        yield f"{before.number:>2}:  old  {sign} {after.number:>2}:  new   {one_line(after.subject)}"
        if not same:
            yield from _interdiff(before, after)
    for before in dropped:
        yield f"{before.number:>2}:  old  <  -:  ----  {one_line(before.subject)}"


def finding_changes(
    old: Reviewed | None, new: Reviewed | None, names: tuple[str, str]
) -> list[str]:
    """Lines: "fixed", "new" and "still" with the finding; what is missing when one was not reviewed."""
    lacking = [name for name, one in zip(names, (old, new), strict=True) if one is None]
    if old is None or new is None:
        return [
            f"findings: {' and '.join(lacking)} not reviewed; 'reviewbot review MESSAGE-ID' does it"
        ]
    before, after = _by_key(old), _by_key(new)
    lines = [
        *(f"fixed  {_said(one)}" for key, one in before.items() if key not in after),
        *(f"new    {_said(one)}" for key, one in after.items() if key not in before),
        *(f"still  {_said(one)}" for key, one in after.items() if key in before),
    ]
    return lines or ["findings: none in either"]


def counted_changes(old: Reviewed, new: Reviewed) -> tuple[int, int]:
    """(fixed, new): how many findings went, and came."""
    before, after = _by_key(old), _by_key(new)
    return len(before.keys() - after.keys()), len(after.keys() - before.keys())


def _by_key(review: Reviewed) -> dict[tuple[str, str], Found]:
    return {(one.code, one.title): one for one in review.findings}


def _said(one: Found) -> str:
    return f"{one.severity}: {one_line(one.title)} [{one.code}]"


def _paired(old: Sequence[Patch], new: Sequence[Patch]) -> tuple[dict[int, Patch], list[Patch]]:
    """New number -> old patch: the same subject, else the most alike diff; and what is left over."""
    left = list(old)
    pairs: dict[int, Patch] = {}
    for after in new:
        same = next((one for one in left if one.subject.lower() == after.subject.lower()), None)
        if same:
            pairs[after.number] = same
            left.remove(same)
    for after in new:
        if after.number in pairs or not left:
            continue
        scored = [(_likeness(one, after), one) for one in left]
        score, best = max(scored, key=lambda pair: pair[0])
        if score >= _ALIKE:
            pairs[after.number] = best
            left.remove(best)
    return pairs, left


def _likeness(one: Patch, other: Patch) -> float:
    """Share of changed lines that both have, 0 to 1."""
    first, second = _changed(one), _changed(other)
    return 2 * len(first & second) / (len(first) + len(second) or 1)


def _changed(patch: Patch) -> set[str]:
    lines = patch.diff.split("\n")[:_LINES]
    return {line for line in lines if line[:1] in ("+", "-") and len(line.strip()) > 3}


def _text(patch: Patch) -> list[str]:
    """Changelog and diff without what changes with the base."""
    lines = [*patch.changelog.strip().split("\n"), "", *patch.diff.rstrip().split("\n")]
    return [_HUNK.sub("@@", line) for line in lines if not _NOISE.match(line)][:_LINES]


def _interdiff(before: Patch, after: Patch) -> Iterator[str]:
    lines = difflib.unified_diff(_text(before), _text(after), lineterm="", n=2)
    for line in list(lines)[2:]:
        yield "    " + printable(_HUNK.sub("@@", line))
