# SPDX-License-Identifier: GPL-2.0-only
"""Coverage of added lines: by function, and each line in its patch.  Pure."""

from dataclasses import dataclass

from reviewbot.model.coverage import AddedCode, Span
from reviewbot.model.run import Run
from reviewbot.stages.ran_lines import Origin, Ran, origins, ran_lines

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
    """``lines`` that this guest can run and how many ``ran``, ``at_load`` in no test; ``foreign`` ones it cannot."""

    functions: tuple[Function, ...]
    left: int
    lines: int
    ran: int
    at_load: int
    foreign: int
    tests: int


def covered(run: Run) -> Covered | None:
    """What the page of a review shows; None when nothing was counted."""
    found = run.coverage
    if found is None or not found.code:
        return None
    here = [one for one in found.code if one.loaded]
    by_need = sorted(found.code, key=lambda one: (not one.loaded, one.executed - one.lines))
    shown = by_need[:FUNCTIONS]
    added = origins(run, ((one.path, first) for one in shown for first, _ in one.missed[:SPANS]))
    return Covered(
        functions=tuple(_function(one, added) for one in shown),
        left=max(0, len(by_need) - FUNCTIONS),
        lines=sum(one.lines for one in here),
        ran=sum(one.executed for one in here),
        at_load=sum(one.at_load for one in here),
        foreign=sum(one.lines for one in found.code if not one.loaded),
        tests=len(found.tests),
    )


def marks(run: Run, patch: int) -> dict[int, dict[int, Ran]]:
    """Of the lines that a patch adds, by the file's position and the number after it: whether they ran."""
    found: dict[int, dict[int, Ran]] = {}
    for one in ran_lines(run, patch):
        found.setdefault(one.file, {})[one.line] = one.ran
    return found


def anchor(file: int, line: int) -> str:
    """What a line of the patch's file number ``file`` (from 0) is called on the patch's page."""
    return f"line-{file}-{line}"


def _function(code: AddedCode, added: dict[tuple[str, int], Origin]) -> Function:
    return Function(
        code=code,
        places=tuple(_place(span, added.get((code.path, span[0]))) for span in code.missed[:SPANS]),
        left=max(0, len(code.missed) - SPANS),
    )


def _place(span: Span, added: Origin | None) -> Place:
    first, last = span
    return Place(
        lines=str(first) if first == last else f"{first}-{last}",
        patch=added.patch if added else 0,
        anchor=anchor(added.file, added.line) if added else "",
    )
