# SPDX-License-Identifier: GPL-2.0-only
"""What the report says of added lines that selftests ran, and of those that none did: pure."""

from collections.abc import Iterable

from reviewbot.model.coverage import AddedCode, PatchCoverage, Span
from reviewbot.model.run import Run
from reviewbot.stages.printable import count, one_line

_MOST_FUNCTIONS = 20
_MOST_SPANS = 6
_FOREIGN = {"amd": "VMX", "intel": "SVM"}

HEADING = "Added lines that no selftest ran:"


def row(run: Run) -> str:
    """One line of prose; "" when coverage was not wanted."""
    found = run.coverage
    if found is None:
        return ""
    if found.unavailable:
        return f"not known: {one_line(found.unavailable)}"
    here = [one for one in found.code if one.loaded]
    lines, ran = sum(one.lines for one in here), sum(one.executed for one in here)
    elsewhere = sum(one.lines for one in found.code if not one.loaded)
    said = []
    if lines:
        tests = count(len(found.tests), "selftest")
        said.append(f"{ran} of {count(lines, 'added executable line')} were run by {tests}")
    if elsewhere:
        said.append(f"{count(elsewhere, 'line')} cannot be run here ({_why(found)})")
    return "; ".join(said) or "no executable line was added"


def lines(run: Run) -> tuple[str, ...]:
    """The places, one line a function: "svm.c:123-130 nested_svm_vmexit(): 3 of 12 run"."""
    found = run.coverage
    if found is None:
        return ()
    missed = [one for one in found.code if one.executed < one.lines]
    shown = [_line(one, found) for one in missed[:_MOST_FUNCTIONS]]
    if len(missed) > _MOST_FUNCTIONS:
        shown.append(f"and {count(len(missed) - _MOST_FUNCTIONS, 'more function')}")
    return tuple(shown)


def _line(one: AddedCode, found: PatchCoverage) -> str:
    where = f"{one_line(one.path)}:{_spans(one.missed)}"
    who = f"  {one_line(one.function)}()" if one.function else ""
    if not one.loaded:
        return f"{where}{who}: cannot be run here, {_why(found)}"
    return f"{where}{who}: {one.executed} of {one.lines} run"


def _spans(missed: Iterable[Span]) -> str:
    words = [str(first) if first == last else f"{first}-{last}" for first, last in missed]
    more = f",+{len(words) - _MOST_SPANS}" if len(words) > _MOST_SPANS else ""
    return ",".join(words[:_MOST_SPANS]) + more


def _why(found: PatchCoverage) -> str:
    what = _FOREIGN.get(found.vendor, "such module")
    return f"no {what} {'under emulation' if found.emulated else 'on this host'}"
