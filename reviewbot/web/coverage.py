# SPDX-License-Identifier: GPL-2.0-only
"""Coverage of added lines: by function, and each line in its patch.  Pure."""

from dataclasses import dataclass

from reviewbot.model.coverage import AddedCode, Span
from reviewbot.model.run import Run
from reviewbot.stages.ran_lines import Ran, RanLine, ran_lines

FUNCTIONS = 60
"""Functions that the page lists."""
SPANS = 12
"""Places of one function that it lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Lines that did not run, as "551-553"; ``anchor`` of the first on the page of ``patch``, 0 for none."""

    lines: str
    patch: int = 0
    anchor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """Added code of a function, and where it did not run; ``left`` places are not shown."""

    code: AddedCode
    places: tuple[Place, ...]
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """``lines`` that this guest can run and how many ``ran``; ``foreign`` ones it cannot."""

    functions: tuple[Function, ...]
    left: int
    lines: int
    ran: int
    foreign: int
    tests: int


def covered(run: Run) -> Covered | None:
    """What the page of a review shows; None when nothing was counted."""
    found = run.coverage
    if found is None or not found.code:
        return None
    here = [one for one in found.code if one.loaded]
    by_need = sorted(found.code, key=lambda one: (not one.loaded, one.executed - one.lines))
    places = _places(run)
    return Covered(
        functions=tuple(_function(one, places) for one in by_need[:FUNCTIONS]),
        left=max(0, len(by_need) - FUNCTIONS),
        lines=sum(one.lines for one in here),
        ran=sum(one.executed for one in here),
        foreign=sum(one.lines for one in found.code if not one.loaded),
        tests=len(found.tests),
    )


def marks(run: Run, patch: int) -> dict[int, dict[int, Ran]]:
    """Of the lines that a patch adds, by the file's position and the number after it: whether they ran."""
    found: dict[int, dict[int, Ran]] = {}
    for _, one in ran_lines(run, patch):
        found.setdefault(one.file, {})[one.line] = one.ran
    return found


def anchor(file: int, line: int) -> str:
    """What a line of the patch's file number ``file`` (from 0) is called on the patch's page."""
    return f"line-{file}-{line}"


def _places(run: Run) -> dict[tuple[str, int], tuple[int, RanLine]]:
    """Where a line of the tip that did not run was added: the patch, and the line there."""
    return {
        (line.tip_path, line.tip_line): (number, line)
        for number, line in ran_lines(run)
        if line.ran is not Ran.YES
    }


def _function(code: AddedCode, places: dict[tuple[str, int], tuple[int, RanLine]]) -> Function:
    return Function(
        code=code,
        places=tuple(_place(code.path, span, places) for span in code.missed[:SPANS]),
        left=max(0, len(code.missed) - SPANS),
    )


def _place(path: str, span: Span, places: dict[tuple[str, int], tuple[int, RanLine]]) -> Place:
    first, last = span
    number, line = places.get((path, first), (0, None))
    return Place(
        lines=str(first) if first == last else f"{first}-{last}",
        patch=number,
        anchor=anchor(line.file, line.line) if line else "",
    )
