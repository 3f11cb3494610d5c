# SPDX-License-Identifier: GPL-2.0-only
"""What single tests executed -> who executes which function and line of a base.  Pure."""

from collections.abc import Iterable, Iterator, Sequence

from reviewbot.model.coverage import (
    CountedFile,
    Coverage,
    CoveredFile,
    CoveredFunction,
    CoveredLines,
    ExecutedFile,
    Loading,
    MeasuredTest,
    Span,
    TestCoverage,
    Touched,
)


def executed(files: Iterable[CountedFile]) -> tuple[ExecutedFile, ...]:
    """What ran of ``files``, without those of which nothing did."""
    found = []
    for file in files:
        functions = tuple(one.name for one in file.functions if one.executed)
        lines = spans([line for line, count in file.lines.items() if count], file.lines)
        if functions or lines:
            found.append(ExecutedFile(path=file.path, functions=functions, lines=lines))
    return tuple(found)


def loading(files: Sequence[CountedFile]) -> Loading:
    """What the counters of a guest that has loaded its modules say."""
    return Loading(
        files=executed(files), foreign=tuple(file.path for file in files if not file.loaded)
    )


def spans(lines: Sequence[int], among: Iterable[int]) -> tuple[Span, ...]:
    """Sorted ``lines`` as spans; a gap that holds none ``among`` the executable lines does not split."""
    following = dict(zip(ordered := sorted(among), ordered[1:], strict=False))
    found: list[list[int]] = []
    for line in lines:
        if found and following.get(found[-1][1]) == line:
            found[-1][1] = line
        else:
            found.append([line, line])
    return tuple((first, last) for first, last in found)


def assemble(
    commit: str,
    base: Iterable[CountedFile],
    tests: Sequence[TestCoverage],
    loaded: Loading | None = None,
) -> Coverage:
    """All tests side by side.  ``base`` are the same files as counted by any of them."""
    by_path = [{file.path: file for file in test.files} for test in tests]
    return Coverage(
        commit=commit,
        tests=tuple(
            MeasuredTest(key=test.key, name=test.test, status=test.status, seconds=test.seconds)
            for test in tests
        ),
        files=tuple(_file(file, [paths.get(file.path) for paths in by_path]) for file in base),
        loading=loaded or Loading(),
    )


def _file(file: CountedFile, tests: Sequence[ExecutedFile | None]) -> CoveredFile:
    functions = dict.fromkeys((one.name for one in file.functions), 0)
    lines = dict.fromkeys(file.lines, 0)
    for number, ran in enumerate(tests):
        if ran is None:
            continue
        for name in ran.functions:
            functions[name] = functions.get(name, 0) | 1 << number
        for line in _within(ran.lines, file.lines):
            lines[line] |= 1 << number
    for one in file.functions:
        # gcov says "blocks_executed: 0" of functions whose lines it counts, when arcs were optimised away.
        for line in lines.keys() & range(one.first, one.last + 1):
            functions[one.name] |= lines[line]
    return CoveredFile(
        path=file.path,
        functions=tuple(
            CoveredFunction(
                name=one.name, first=one.first, last=one.last, tests=f"{functions[one.name]:x}"
            )
            for one in file.functions
        ),
        lines=_runs(lines),
    )


def _within(wanted: Iterable[Span], lines: Iterable[int]) -> Iterable[int]:
    """Those of ``lines`` (sorted) in any of ``wanted`` (sorted)."""
    remaining = iter(wanted)
    span = next(remaining, None)
    for line in lines:
        while span and span[1] < line:
            span = next(remaining, None)
        if span and span[0] <= line:
            yield line


def _runs(lines: dict[int, int]) -> tuple[CoveredLines, ...]:
    runs: list[tuple[int, int, int]] = []
    for line, tests in lines.items():
        if runs and runs[-1][2] == tests:
            runs[-1] = (runs[-1][0], line, tests)
        else:
            runs.append((line, line, tests))
    return tuple(CoveredLines(first=a, last=b, tests=f"{tests:x}") for a, b, tests in runs)


def touched_functions(
    coverage: Coverage, touched: Iterable[Touched]
) -> dict[tuple[str, str], frozenset[int]]:
    """Functions (path, name) that hold a changed line, and numbers of the tests that execute them."""
    files = {file.path: file for file in coverage.files}
    found = {}
    for change in touched:
        for function in files[change.path].functions if change.path in files else ():
            if any(meets(span, (function.first, function.last)) for span in change.old):
                found[change.path, function.name] = numbers(function.tests)
    return found


def unexecuted_functions(
    coverage: Coverage, touched: Iterable[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Those of ``touched`` that nothing executes, neither a test nor loading the modules, although it could here."""
    none = {
        (file.path, one.name)
        for file in coverage.files
        if file.path not in coverage.loading.foreign
        for one in file.functions
        if one.tests == "0"
    }
    return frozenset(none - only_at_load(coverage)).intersection(touched)


def only_at_load(coverage: Coverage) -> frozenset[tuple[str, str]]:
    """Functions (path, name) that run while the modules are loaded, and in no test."""
    ran = {file.path: file.lines for file in coverage.loading.files}
    return frozenset(
        (file.path, one.name)
        for file in coverage.files
        for one in file.functions
        if one.tests == "0"
        and any(meets(span, (one.first, one.last)) for span in ran.get(file.path, ()))
    )


def touched_lines(
    coverage: Coverage, touched: Iterable[Touched]
) -> dict[tuple[str, str, str], frozenset[int]]:
    """What executes the very lines: (path, function, tests as in CoveredLines), and numbers of those tests.

    Of an insertion these are the lines around it.  Every test of KVM executes kvm_vcpu_ioctl(), few the case of
    it that a patch changes.  The function is "" where gcc has inlined it everywhere.
    """
    files = {file.path: file for file in coverage.files}
    return {
        (change.path, name, run.tests): numbers(run.tests)
        for change in touched
        if change.path in files
        for span in change.old
        for name, run in _lines_at(files[change.path], span)
        if run.tests != "0"
    }


def _lines_at(file: CoveredFile, span: Span) -> Iterator[tuple[str, CoveredLines]]:
    within = [run for run in file.lines if meets((run.first, run.last), span)]
    holders = [one for one in file.functions if meets((one.first, one.last), span)]
    for one in holders:
        runs = [run for run in file.lines if meets((run.first, run.last), (one.first, one.last))]
        here = [run for run in runs if run in within] or [
            *[run for run in runs if run.last < span[0]][-1:],
            *[run for run in runs if run.first > span[1]][:1],
        ]
        yield from ((one.name, run) for run in here)
    if not holders:
        # Of inlined functions only lines are known: those next to the change, or one line away, behind a brace.
        known = [(one.first, one.last) for one in file.functions]
        near = (span[0] - 2, span[1] + 2)
        for run in file.lines:
            place = (run.first, run.last)
            if meets(place, near) and not any(meets(place, function) for function in known):
                yield "", run


def meets(one: Span, other: Span) -> bool:
    """True when the spans have a line in common."""
    return one[0] <= other[1] and one[1] >= other[0]


def numbers(tests: str) -> frozenset[int]:
    """The set bits of a hexadecimal number."""
    bits = int(tests, 16)
    return frozenset(number for number in range(bits.bit_length()) if bits >> number & 1)
