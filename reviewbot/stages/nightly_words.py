# SPDX-License-Identifier: GPL-2.0-only
"""Results and records of nightly sweeps in a few words.  Pure."""

from __future__ import annotations

from reviewbot.model.sweep import Kind, Night, Past, Seen
from reviewbot.stages.nightly_record import Record, bad_runs

THERE_OR_NOT = frozenset({Kind.WARNING, Kind.RULE, Kind.DOCUMENT, Kind.CONSOLE})
"""Kinds of which a night has only the bad ones."""

EXACT = frozenset({Kind.BUILD, Kind.WARNING, Kind.RULE, Kind.DOCUMENT})
"""Kinds for which the same tree says the same, always."""

TAKEN_UP = "what it saw was taken up by "
"""How a night says that it was cut off and holds nothing any more; the id of the next one follows."""


def taken_up(night: Night) -> bool:
    """Whether a later night of the same tree has what this one saw."""
    return any(one.startswith(TAKEN_UP) for one in night.missing)


def as_past(night: Night, one: Seen | None) -> tuple[Past, ...]:
    """An earlier night's result as the whole history: of mainline there may be no other."""
    if one is None:
        return ()
    return (
        Past(
            night=night.id,
            started=night.started,
            commit=night.commit,
            status=one.status,
            runs=one.runs,
            failures=one.failures,
            detail=one.detail,
        ),
    )


def differs(one: Seen, mine: Record) -> bool:
    """It always failed, in one way, and fails in another now.  Three nights say what its way is."""
    said = {past.detail for past in mine.nights if past.status.bad}
    return bool(
        mine.failing and one.detail and "" not in said and len(mine.nights) >= 3 and len(said) == 1
    ) and (one.detail not in said)


def failing_since(mine: Record) -> str:
    """The oldest night of the record in which it failed, "" for none."""
    failed = [one.night for one in mine.nights if bad_runs(one)]
    return failed[-1] if failed else ""


def shown(mine: Record) -> str:
    """The record in a few words."""
    last = mine.nights[0]
    if mine.failures == mine.runs:
        return text(last)
    if not mine.failures:
        return "pass"
    return f"failed {mine.failures} of {mine.runs}"


def text(one: Seen | Past) -> str:
    """A result in a few words."""
    if isinstance(one, Seen) and one.kind in EXACT & THERE_OR_NOT:
        return one.detail if one.detail and one.detail != one.name else "there"
    mixed = f" {one.failures} of {one.runs}" if 0 < one.failures < one.runs else ""
    return f"{one.status}{mixed}: {one.detail}" if one.detail else f"{one.status}{mixed}"
