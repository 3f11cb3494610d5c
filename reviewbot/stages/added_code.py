# SPDX-License-Identifier: GPL-2.0-only
"""Counted lines -> which of those that a series adds ran, by function.  Pure."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import add

from reviewbot.model.coverage import AddedCode, CountedFile, Span, Touched
from reviewbot.parse.c_jumps import Jump
from reviewbot.stages.covered import meets, spans


def together(runs: Iterable[Sequence[CountedFile]]) -> dict[str, CountedFile]:
    """Files of several runs of one kernel, by path, with counts added up."""
    found: dict[str, CountedFile] = {}
    for files in runs:
        for file in files:
            before = found.get(file.path)
            found[file.path] = file if before is None else _sum(before, file)
    return found


def _sum(one: CountedFile, other: CountedFile) -> CountedFile:
    lines = {line: one.lines.get(line, 0) + count for line, count in other.lines.items()}
    ran = {function.name for function in one.functions if function.executed}
    return CountedFile(
        path=one.path,
        functions=tuple(
            replace(function, executed=function.executed or function.name in ran)
            for function in other.functions
        ),
        lines=lines,
        loaded=one.loaded or other.loaded,
        foreign=one.foreign & other.foreign,
        branches={
            line: tuple(map(add, one.branches[line], counts))
            for line, counts in other.branches.items()
            if line in one.branches
        },
    )


def with_jumps(file: CountedFile, found: Iterable[Jump]) -> CountedFile:
    """A file and those of its ``return -EINVAL;`` for which the lines around say how often they ran.

    Of several ``goto out;`` that gcc made one, gcov counts all on the line of the first: what the lines around
    say is right of these as well.
    """
    lines, foreign = dict(file.lines), set(file.foreign)
    for jump in found:
        count = _taken(file, jump)
        if count is not None:
            lines[jump.line] = count
            if not file.foreign.isdisjoint(range(jump.condition, jump.line)):
                foreign.add(jump.line)
    return replace(file, lines=dict(sorted(lines.items())), foreign=frozenset(foreign))


def _taken(file: CountedFile, jump: Jump) -> int | None:
    """How often; None when that is not sure."""
    above = range(jump.condition, jump.line)
    before = next((file.lines[line] for line in above if line in file.lines), None)
    after = next((file.lines[line] for line in jump.behind if line in file.lines), None)
    if before is None or after is None:
        return None
    if before == 0:
        return 0
    ways = [count for line in above for count in file.branches.get(line, ())]
    if sum(ways[:2]) != before:
        # The first condition is not the line's only way on: what is inlined on the line is counted as coming again.
        return None
    if before == after:
        # gcc leads some ways past a condition: then all of its ways out may be taken, and the counts be the same.
        return 0 if 0 in ways else None
    # Two processors that count at the same time may lose a few.
    return before - after if (before - after) * 1000 >= before else None


def added_code(
    changes: Iterable[Touched],
    files: Mapping[str, CountedFile],
    loading: Mapping[str, CountedFile],
    holder: Callable[[str, int], str] = lambda _path, _line: "",
) -> tuple[AddedCode, ...]:
    """Added executable lines by function, in the order of the files; others are no code.

    ``files`` are as tests counted them, ``loading`` those before the first test; ``holder`` names the function of
    a line that gcov has in none.
    """
    found = []
    for change in changes:
        file = files.get(change.path)
        if file is None:
            continue
        added = [line for line in file.lines if _in_any(line, change.added)]
        by_function: dict[tuple[str, bool], list[int]] = {}
        for line in added:
            name = _function(file, line) or holder(file.path, line)
            place = (name, file.loaded and line not in file.foreign)
            by_function.setdefault(place, []).append(line)
        start = loading[file.path].lines if file.path in loading else {}
        found += [
            _added(file, name, lines, start, loaded)
            for (name, loaded), lines in by_function.items()
        ]
    return tuple(found)


def uncounted(changes: Iterable[Touched], files: Container[str]) -> tuple[str, ...]:
    """Sources of the kernel that get new lines and are none of ``files``, which were counted."""
    return tuple(
        change.path
        for change in changes
        if change.added
        and change.path.endswith((".c", ".S"))
        and change.path not in files
        and not change.path.startswith("tools/")
    )


def _added(
    file: CountedFile, name: str, lines: list[int], start: Mapping[int, int], loaded: bool
) -> AddedCode:
    unrun = [line for line in lines if not file.lines[line]]
    missed = [line for line in unrun if not start.get(line)]
    return AddedCode(
        path=file.path,
        function=name,
        lines=len(lines),
        executed=len(lines) - len(missed),
        missed=spans(missed, file.lines),
        loaded=loaded,
        counted=spans(lines, range(lines[0], lines[-1] + 1)),
        at_load=len(unrun) - len(missed),
    )


def _in_any(line: int, among: Iterable[Span]) -> bool:
    return any(meets((line, line), span) for span in among)


def _function(file: CountedFile, line: int) -> str:
    """Of several from one text, as paging_tmpl.h has, one that ran."""
    here = [one for one in file.functions if one.first <= line <= one.last]
    return max(here, key=lambda one: one.executed).name if here else ""
