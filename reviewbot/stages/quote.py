# SPDX-License-Identifier: GPL-2.0-only
"""Quote a patch the way a reviewer does: the lines a remark is about, and little else.

Pure.  Quoted lines come out without the "> "; whoever renders adds that.
"""

from dataclasses import dataclass
from itertools import pairwise

from reviewbot.model.base import Moved
from reviewbot.model.run import Run
from reviewbot.model.series import FileDiff, Hunk, Patch
from reviewbot.parse.landing import as_landed
from reviewbot.stages.printable import clipped, one_line, printable
from reviewbot.stages.remarks import Remark

ELISION = "[...]"
_BEFORE = 4  # enough to see which struct or branch a line is in
_BRIDGE = 3  # a gap this small is shorter than saying that there is one


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Quoted lines, then what is said below them.  ``where`` names a place no hunk shows."""

    quote: tuple[str, ...]
    remarks: tuple[Remark, ...]
    where: str = ""


def moved(run: Run, patch: Patch) -> tuple[Moved, ...]:
    """The hunks that applied at an offset: remarks speak of lines of the after-tree.

    Of a patch that did not apply as a whole, those of its hunks that the rules looked at.
    """
    applied = run.applied.patches if run.applied else ()
    rest = run.check.moved if run.check else ()
    tried = tuple(place for number, place in rest if number == patch.number)
    return next((one.moved for one in applied if one.number == patch.number), tried)


def passages(
    patch: Patch, remarks: tuple[Remark, ...], offsets: tuple[Moved, ...] = ()
) -> tuple[Passage, ...]:
    """Remarks in the order of the patch; those on no line of it come last, the general ones first.

    ``offsets`` are what :func:`moved` says; what is quoted are the mail's own lines and numbers.
    """
    general = tuple(r for r in remarks if r.location is None)
    placed: list[Passage] = [Passage(quote=(), remarks=general)] if general else []
    done: set[int] = {id(r) for r in general}
    for file, there in zip(patch.files, as_landed(patch, offsets).files, strict=True):
        header = file_header(file)
        for hunk, numbered in zip(file.hunks, there.hunks, strict=True):
            anchors = anchored(file, numbered, remarks)
            if not anchors:
                continue
            done.update(id(r) for group in anchors.values() for r in group)
            placed.extend(_quote_hunk(header, hunk, anchors))
            header = ()
    placed.extend(_elsewhere(r) for r in remarks if id(r) not in done)
    return tuple(placed)


def file_header(file: FileDiff) -> tuple[str, ...]:
    """The two lines above the first hunk, as git writes them."""
    old = f"a/{file.old_path}" if file.old_path else "/dev/null"
    new = f"b/{file.new_path}" if file.new_path else "/dev/null"
    return (f"--- {one_line(old)}", f"+++ {one_line(new)}")


def hunk_header(hunk: Hunk) -> str:
    """The ``@@`` line, as git writes it."""
    old = _range(hunk.old_start, hunk.old_count)
    new = _range(hunk.new_start, hunk.new_count)
    return one_line(f"@@ -{old} +{new} @@ {hunk.section}")


def quoted_line(line: str) -> str:
    """One line of a hunk fit to be shown; an empty context line has no trailing space."""
    if not line.strip():
        return ""
    return clipped(printable(line.rstrip("\r\n")).replace("\n", " "))


def new_numbers(hunk: Hunk) -> tuple[int | None, ...]:
    """The after-tree line number of each line of a hunk; None for removed lines."""
    numbers: list[int | None] = []
    number = hunk.new_start
    for line in hunk.lines:
        removed = line[:1] in ("-", "\\")
        numbers.append(None if removed else number)
        number += not removed
    return tuple(numbers)


def anchored(file: FileDiff, hunk: Hunk, remarks: tuple[Remark, ...]) -> dict[int, list[Remark]]:
    """Index of a hunk line -> what is said below it.  The hunk is numbered as it landed."""
    numbers = {
        number: index for index, number in enumerate(new_numbers(hunk)) if number is not None
    }
    found: dict[int, list[Remark]] = {}
    for remark in remarks:
        place = remark.location
        if place and place.path == file.new_path and place.line in numbers:
            found.setdefault(numbers[place.line], []).append(remark)
    return dict(sorted(found.items()))


def _range(start: int, count: int) -> str:
    return str(start) if count == 1 else f"{start},{count}"


def _quote_hunk(
    header: tuple[str, ...], hunk: Hunk, anchors: dict[int, list[Remark]]
) -> list[Passage]:
    placed = []
    starts = [-1, *anchors]
    for before, anchor in pairwise(starts):
        quote = [*header, hunk_header(hunk)] if before == -1 else []
        first = max(before + 1, anchor - _BEFORE)
        if first - before - 1 <= _BRIDGE:
            first = before + 1
        else:
            quote.append(ELISION)
        quote += [quoted_line(line) for line in hunk.lines[first : anchor + 1]]
        placed.append(Passage(quote=tuple(quote), remarks=tuple(anchors[anchor])))
    return placed


def _elsewhere(remark: Remark) -> Passage:
    place = remark.location
    where = one_line(
        f"{place.path}:{place.line}" if place and place.line else place.path if place else ""
    )
    return Passage(quote=(), remarks=(remark,), where=where)
