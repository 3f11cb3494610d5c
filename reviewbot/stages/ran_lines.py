# SPDX-License-Identifier: GPL-2.0-only
"""Which lines that a patch adds were run by selftests.  Pure.

What ran was counted on the series' tip; a line of an earlier patch is followed there through the later
ones, which may move it, rename its file or take it away.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from reviewbot.model.coverage import PatchCoverage
from reviewbot.model.run import Run
from reviewbot.model.series import FileDiff, Patch
from reviewbot.parse.landing import as_landed
from reviewbot.stages.quote import moved, new_numbers

_LAST = 1 << 40


class Ran(StrEnum):
    """Whether a line ran; FOREIGN when this guest cannot run its file."""

    YES = "ran"
    NO = "missed"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True, kw_only=True)
class RanLine:
    """An added line that was counted: ``line`` of ``path`` after the patch, where it is at the tip.

    ``file`` is the position of the file in the patch, from 0.
    """

    file: int
    path: str
    line: int
    tip_path: str
    tip_line: int
    ran: Ran


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a line of the tip was added: ``line`` after ``patch``, whose file number ``file`` (from 0) it is of."""

    patch: int
    file: int
    line: int


def ran_lines(run: Run, number: int) -> Iterator[RanLine]:
    """The counted lines among those that a patch adds and no later one takes away, in its order."""
    tip = _at_the_tip(run.coverage) if run.coverage else {}
    if not tip or run.series is None:
        return
    for patch in run.series.patches:
        if patch.number == number:
            yield from _of_patch(_landed(run, patch), tip, _onwards(run, patch))


def _onwards(run: Run, patch: Patch) -> list[dict[str, "_Way"]]:
    """What each later patch does to the files that ``patch`` changes."""
    paths = {file.new_path for file in patch.files}
    found = []
    for later in run.series.patches if run.series else ():
        if later.number > patch.number and any(file.old_path in paths for file in later.files):
            ways = {
                file.old_path: _Way(path=file.new_path or "", stays=_stays(file))
                for file in _landed(run, later).files
                if file.old_path and file.old_path in paths
            }
            paths |= {way.path for way in ways.values()}
            found.append(ways)
    return found


def _landed(run: Run, patch: Patch) -> Patch:
    places = moved(run, patch)
    return as_landed(patch, places) if places else patch


def origins(run: Run, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Origin]:
    """By path and line of the tip; what no patch added (after a three-way merge, say) is left out."""
    found: dict[tuple[str, int], Origin] = {}
    sought = {one: one for one in wanted}
    for patch in reversed(run.series.patches if run.series else ()):
        files = {
            file.new_path: (place, file)
            for place, file in enumerate(_landed(run, patch).files)
            if file.new_path and any(path == file.new_path for path, _ in sought.values())
        }
        stays = {path: _before(_stays(file)) for path, (_, file) in files.items()}
        for key, (path, line) in list(sought.items()):
            if path not in files:
                continue
            place, file = files[path]
            if before := _through(stays[path], line):
                sought[key] = (file.old_path or path, before)
            else:
                found[key] = Origin(patch=patch.number, file=place, line=line)
                del sought[key]
    return found


def _of_patch(
    patch: Patch, tip: dict[tuple[str, int], Ran], ways: list[dict[str, "_Way"]]
) -> Iterator[RanLine]:
    for place, file in enumerate(patch.files):
        if file.new_path is None:
            continue
        for line in _added(file):
            path, number = _followed(file.new_path, line, ways)
            if number and (ran := tip.get((path, number))):
                yield RanLine(
                    file=place,
                    path=file.new_path,
                    line=line,
                    tip_path=path,
                    tip_line=number,
                    ran=ran,
                )


def _at_the_tip(found: PatchCoverage) -> dict[tuple[str, int], Ran]:
    """What is known of each line; of reviews of earlier releases only that lines did not run."""
    known: dict[tuple[str, int], Ran] = {}
    for one in found.code:
        missed = {line for first, last in one.missed for line in range(first, last + 1)}
        for line in _lines(one.counted) if one.counted else sorted(missed):
            ran = Ran.NO if line in missed else Ran.YES
            known[one.path, line] = ran if one.loaded else Ran.FOREIGN
    return known


def _lines(spans: Iterable[tuple[int, int]]) -> Iterator[int]:
    for first, last in spans:
        yield from range(first, last + 1)


def _added(file: FileDiff) -> Iterator[int]:
    for hunk in file.hunks:
        for text, number in zip(hunk.lines, new_numbers(hunk), strict=True):
            if number is not None and text[:1] == "+":
                yield number


@dataclass(slots=True, kw_only=True)
class _Way:
    """Runs of lines that stay, by their first line before: (first, last, how far they move)."""

    path: str
    stays: list[tuple[int, int, int]]

    def after(self, line: int) -> int:
        """The line's number afterwards; 0 when it is taken away."""
        return _through(self.stays, line)


def _through(stays: list[tuple[int, int, int]], line: int) -> int:
    place = bisect_left(stays, (line + 1,)) - 1
    if place < 0:
        return 0
    _, last, shift = stays[place]
    return line + shift if line <= last else 0


def _before(stays: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The same, from afterwards to before."""
    return [(first + shift, last + shift, -shift) for first, last, shift in stays]


def _stays(file: FileDiff) -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = []
    first, shift = 1, 0
    for hunk in file.hunks:
        # A side of no lines is numbered by the line before it (diff -U0).
        old = hunk.new_start + (hunk.new_count == 0) - shift
        for text in hunk.lines:
            sign = text[:1]
            if sign in ("+", "-"):
                if old > first:
                    found.append((first, old - 1, shift))
                old += sign == "-"
                shift += 1 if sign == "+" else -1
                first = old
            elif sign != "\\":
                old += 1
    found.append((first, _LAST, shift))
    return found


def _followed(path: str, line: int, ways: Iterable[dict[str, _Way]]) -> tuple[str, int]:
    for one in ways:
        if line and (way := one.get(path)):
            path, line = way.path, way.after(line) if way.path else 0
    return path, line
