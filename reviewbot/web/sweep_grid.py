# SPDX-License-Identifier: GPL-2.0-only
"""Things by nights: what each night saw of each build, boot, test and console report, what matters first.  Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reviewbot.model.status import Status
from reviewbot.model.sweep import Against, Ending, Kind, Move, Movement, Night, Seen
from reviewbot.stages.nightly_record import bad_runs
from reviewbot.stages.nightly_words import taken_up

SHOWN = (Kind.BUILD, Kind.BOOT, Kind.TEST, Kind.CONSOLE)
"""Kinds that have rows; of the others a night has too many, they are counted and listed with it."""
SYMBOLS = {
    "pass": "·",
    "fail": "✗",
    "crash": "✸",
    "timeout": "◷",
    "flaky": "~",
    "skip": "-",
    "infra": "?",
    "none": "",
}
"""What stands in a cell: colours alone are not enough."""
WORDS = {
    "pass": "passed",
    "fail": "failed",
    "crash": "crashed",
    "timeout": "ran into the time limit",
    "flaky": "flaky",
    "skip": "skipped",
    "infra": "our tools failed",
    "none": "not looked at",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """``state`` is a key of SYMBOLS.  ``bad``: somebody may want to look at it; ``plain``: nothing is to be said.

    ``place`` is where in the night's ``seen`` a bad one is; ``turn`` is "broke" or "fixed" in the night in
    which it did so.
    """

    state: str
    plain: bool = True
    bad: bool = False
    place: int = -1
    turn: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing in all nights that are shown, the newest first.  ``now``: it failed when it last ran."""

    kind: Kind
    name: str
    cells: tuple[Cell, ...]
    now: bool
    bad: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """``moving`` rows have something bad in them, ``quiet`` ones do not."""

    nights: tuple[Night, ...]
    moving: tuple[Row, ...]
    quiet: tuple[Row, ...]


_PLAIN = {name: Cell(state=name) for name in SYMBOLS}
_BAD = frozenset({*(status for status in Status if status.bad), "flaky"})
_TURNS = {Move.BROKE: "broke", Move.FIXED: "fixed", Move.FLAKY: ""}


def decisive(
    nights: Sequence[Night], movements: Mapping[str, Sequence[Movement]], *, oldest: bool
) -> dict[str, tuple[Movement, ...]]:
    """What counts of each night, the newest first: since the last sweep, or the merge base in the first one.

    A night is the first when no older one of its machine has results; ``oldest`` when ``nights`` goes back to the
    branch's first.  What differs from mainline may have done so for weeks.
    """
    found = {}
    for place, night in enumerate(nights):
        older = nights[place + 1 :]
        known = (
            not oldest
            if not older
            else any(one.machine == night.machine and not taken_up(one) for one in older)
        )
        against = Against.PREVIOUS if known else Against.MERGE_BASE
        some = movements.get(night.id, ())
        found[night.id] = tuple(one for one in some if one.against is against)
    return found


def grid(nights: Sequence[Night], movements: Mapping[str, Sequence[Movement]]) -> Grid:
    """Of whole nights, the newest first."""
    turns = {
        (night, one.kind, one.name): one.move
        for night, some in movements.items()
        for one in some
        if one.move in _TURNS
    }
    found: dict[tuple[Kind, str], list[Cell]] = {}
    for column, night in enumerate(nights):
        for place, one in enumerate(night.seen):
            if one.kind not in SHOWN:
                continue
            cells = found.setdefault((one.kind, one.name), [_PLAIN["none"]] * len(nights))
            move = turns.get((night.id, one.kind, one.name))
            cells[column] = _cell(one, place, move)
    rows = [_row(kind, name, cells) for (kind, name), cells in found.items()]
    rows.sort(key=lambda one: (SHOWN.index(one.kind), one.name))
    moving = sorted((one for one in rows if one.bad), key=_urgency)
    quiet = tuple(one for one in rows if not one.bad)
    return Grid(nights=tuple(nights), moving=tuple(moving), quiet=quiet)


def state(one: Seen, move: Move | None = None) -> str:
    """A key of SYMBOLS: flaky is what its record says so of, or what failed and passed in one night."""
    if move is Move.FLAKY:
        return "flaky"
    if move is not Move.BROKE and 0 < bad_runs(one) < one.runs:
        return "flaky"
    return one.status.value


def _cell(one: Seen, place: int, move: Move | None) -> Cell:
    name = state(one, move)
    turn = _TURNS[move] if move else ""
    bad = name in _BAD
    if not bad and not turn:
        return _PLAIN[name]
    return Cell(state=name, plain=False, bad=bad, place=place, turn=turn, said=one.detail)


def _row(kind: Kind, name: str, cells: Sequence[Cell]) -> Row:
    ran = [one for one in cells if one.state not in ("none", "infra")]
    return Row(
        kind=kind,
        name=name,
        cells=tuple(cells),
        now=bool(ran) and ran[0].bad,
        bad=sum(one.bad for one in cells),
    )


def _urgency(row: Row) -> tuple[object, ...]:
    """What fails now first, what began last before what failed always, what is flaky behind that."""
    bad = [place for place, one in enumerate(row.cells) if one.bad]
    flaky = all(row.cells[place].state == "flaky" for place in bad)
    return (not row.now, flaky, bad[0], len(bad), SHOWN.index(row.kind), row.name)


def mood(night: Night, movements: Iterable[Movement]) -> str:
    """A night in one word: "broke", "still" (failing), "fixed", "good", or what kept it from saying so."""
    moves = {one.move for one in movements}
    if night.ending in (Ending.UNCHANGED, Ending.RUNNING, Ending.FAILED):
        return night.ending.name.lower()
    if Move.BROKE in moves or Move.WARNED in moves:
        return "broke"
    if Move.STILL in moves:
        return "still"
    if night.ending is Ending.PARTIAL:
        return "partial"
    return "fixed" if Move.FIXED in moves else "good"


def by_kind(seen: Iterable[Seen]) -> tuple[tuple[int, Seen], ...]:
    """(place, result) of a night, by kind and name; warnings, of which there are many, last."""
    kinds = (*(one for one in Kind if one is not Kind.WARNING), Kind.WARNING)
    return tuple(sorted(enumerate(seen), key=lambda one: (kinds.index(one[1].kind), one[1].name)))
