# SPDX-License-Identifier: GPL-2.0-only
"""What the report says of added lines that selftests ran, and of those that none did: pure."""

from collections.abc import Sequence

from reviewbot.model.coverage import AddedCode, PatchCoverage, Span
from reviewbot.model.run import Run
from reviewbot.stages.printable import count, listed, one_line

_MOST_FUNCTIONS = 20
_MOST_SPANS = 6
_MOST_FILES = 3
_WIDTH = 76  # behind the two columns that blocks are indented: with a reader's "> " still 80
_FOREIGN = {"amd": "VMX", "intel": "SVM"}


def heading(run: Run) -> str:
    """Above :func:`lines`.  Tests that were not chosen might have run them."""
    tests = len(run.coverage.tests) if run.coverage else 0
    who = "the one selftest did not run" if tests == 1 else f"none of the {tests} selftests ran"
    return f"Added lines that {who}:"


def row(run: Run) -> str:
    """One line of prose; "" when coverage was not wanted."""
    found = run.coverage
    if found is None:
        return ""
    if found.unavailable:
        return f"not known: {one_line(found.unavailable)}"
    here = [one for one in found.code if one.loaded]
    elsewhere = sum(one.lines for one in found.code if not one.loaded)
    said = [_ran(here, len(found.tests))] if here else []
    if elsewhere:
        said.append(f"{count(elsewhere, 'line')} cannot be run here ({_why(found)})")
    if found.uncounted:
        files = listed(tuple(one_line(path) for path in found.uncounted), _MOST_FILES)
        said.append(f"not counted: {files} (not compiled into this KVM, or assembler)")
    return "; ".join(said) or "no executable line was added"


def _ran(here: Sequence[AddedCode], tests: int) -> str:
    lines, ran = sum(one.lines for one in here), sum(one.executed for one in here)
    by_tests = ran - sum(one.at_load for one in here)
    run = "was run" if lines == 1 else "were run"
    said = f"{ran} of {count(lines, 'added executable line')} {run}"
    who = count(tests, "selftest")
    if by_tests == ran:
        return f"{said} by {who}"
    return f"{said}: {by_tests} by {who}, {ran - by_tests} by loading the modules alone"


def lines(run: Run) -> tuple[str, ...]:
    """The places by function: "svm.c:123-130  nested_svm_vmexit(): 3 of 12 run"; last what cannot run, by file."""
    found = run.coverage
    if found is None:
        return ()
    missed = [one for one in found.code if one.loaded and one.executed < one.lines]
    shown = [line for one in missed[:_MOST_FUNCTIONS] for line in _lines(one)]
    if len(missed) > _MOST_FUNCTIONS:
        shown.append(f"and {count(len(missed) - _MOST_FUNCTIONS, 'more function')}")
    foreign: dict[str, int] = {}
    for one in found.code:
        if not one.loaded:
            foreign[one.path] = foreign.get(one.path, 0) + one.lines
    shown += [
        f"{one_line(path)}: {count(number, 'line')} cannot be run here"
        for path, number in foreign.items()
    ]
    return tuple(shown)


def _lines(one: AddedCode) -> tuple[str, ...]:
    """One line, or two when it would be wider than a mail is: blocks are not wrapped."""
    how = f"{one.executed} of {one.lines} run"
    who = f"{one_line(one.function)}(): {how}" if one.function else how
    path = one_line(one.path)
    room = _WIDTH - len(path) - 1
    most = max(
        (n for n in range(1, _MOST_SPANS + 1) if len(_spans(one.missed, n)) <= room), default=1
    )
    where = f"{path}:{_spans(one.missed, most)}"
    if len(where) + 2 + len(who) <= _WIDTH:
        return (f"{where}  {who}",)
    return (where, f"    {who}")


def _spans(missed: Sequence[Span], most: int) -> str:
    words = [str(first) if first == last else f"{first}-{last}" for first, last in missed]
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ",".join(words[:most]) + more


def _why(found: PatchCoverage) -> str:
    what = _FOREIGN.get(found.vendor, "such module")
    return f"no {what} {'under emulation' if found.emulated else 'on this host'}"
