# SPDX-License-Identifier: GPL-2.0-only
"""What one ``case`` of a switch does, in a whole file or in a hunk that adds the whole case."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reviewbot.model.series import Hunk
from reviewbot.parse.c import CFile
from reviewbot.parse.c_facts import Assignment, Call, Case, Condition
from reviewbot.rulekit.context import added


class CaseBody:
    """The facts of one case.

    ``name`` is its last label, the one its statements belong to; ``text`` the statements without
    comments; ``tests`` the condition of every ``if`` in it, ``tests_before`` of those that stand in
    the function before its first case.
    """

    def __init__(self, case: Case, last: int, facts: "_Facts", shift: int) -> None:
        self._first = case.line
        self._last = last
        self._shift = shift
        self.function = case.function
        self.name = case.labels[-1]
        self.text = case.body
        self.assignments = [one for one in facts.assignments if self._has(one.line)]
        self.calls = [one for one in facts.calls if self._has(one.line)]
        self.tests = [one.text for one in facts.tests if self._has(one.line)]
        self.tests_before = facts.tests_before

    @property
    def line(self) -> int:
        """The line of its first label, in the file."""
        return self._first + self._shift

    @property
    def falls_through(self) -> bool:
        """Whether the next case runs as well."""
        return self.text.endswith("fallthrough;")

    def hands_on(self, *names: str) -> bool:
        """Whether one of these variables is an argument, also of ``kvm_x86_call(some_op)(vcpu)``."""
        places = ("({})", "({},", ", {})", ", {},")
        return any(place.format(name) in self.text for name in names for place in places)

    def under(self, test: str) -> list[Assignment]:
        """Assignments that only happen when the ``if`` with this condition holds."""
        return [
            one
            for one in self.assignments
            if any(each.kind == "if" and each.text == test for each in one.conditions)
        ]

    def does_nothing_but_fail(self, test: str) -> bool:
        """Whether what happens when ``test`` holds is at most an error code and leaving."""
        changes = [one for one in self.under(test) if not one.value.startswith("-E")]
        called = any(
            each.kind == "if" and each.text == test for one in self.calls for each in one.conditions
        )
        return not changes and not called

    def _has(self, line: int) -> bool:
        return self._first <= line <= self._last


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What a function has, found once for all its cases."""

    assignments: tuple[Assignment, ...]
    calls: tuple[Call, ...]
    tests: tuple[Condition, ...]
    tests_before: list[str]


def case_bodies(
    source: CFile, function: str, prefix: str, switch: str, shift: int = 0
) -> Iterator[CaseBody]:
    """Cases of the function's ``switch (switch)`` whose last label starts with ``prefix``.

    ``shift`` is added to line numbers, for a text that is part of a file.
    """
    cases = source.switch_cases(function)
    if not any(case.switch == switch for case in cases):
        return
    tests = source.conditions(function)
    first = min(case.line for case in cases)
    facts = _Facts(
        assignments=source.assignments(function),
        calls=source.calls_in(function),
        tests=tests,
        tests_before=[test.text for test in tests if test.line < first],
    )
    for case in cases:
        if case.switch == switch and case.labels[-1].startswith(prefix):
            later = (each.line for each in cases if each.line > case.line)
            last = min(later, default=source.functions[function].end + 1) - 1
            yield CaseBody(case, last, facts, shift)


def added_cases(path: str, hunk: Hunk, prefix: str, switch: str) -> Iterator[CaseBody]:
    """Cases whose label starts with ``prefix`` and that the hunk adds from the label to the end.

    The end is a ``break;`` or ``return`` at the case's own depth.  What the switch is about is not
    in the hunk: ``switch`` only names it.
    """
    lines = list(added(hunk))
    for first, last in _runs(lines, prefix):
        text = "\n".join(line for _, line in lines[first : last + 1])
        closing = "}" * max(text.count("{") - text.count("}"), 0)
        head = f"int handler(void) {{ switch ({switch}) {{\n"
        source = CFile(path, f"{head}{text}{closing}\n}} }}\n".encode())
        yield from case_bodies(source, "handler", prefix, switch, lines[first][0] - 2)


def _runs(lines: Sequence[tuple[int, str]], prefix: str) -> Iterator[tuple[int, int]]:
    """First and last index of each case that is added whole."""
    start: int | None = None
    for index, (number, text) in enumerate(lines):
        if index and number != lines[index - 1][0] + 1:
            start = None
        word = text.strip()
        if word.startswith(f"case {prefix}") and (start is None or not _same(lines, start, index)):
            start = index
        elif start is not None and _leaves(word) and _indent(text) <= _indent(lines[start][1]) + 1:
            yield start, index
            start = None


def _leaves(statement: str) -> bool:
    return statement == "break;" or statement.startswith("return ")


def _same(lines: Sequence[tuple[int, str]], start: int, index: int) -> bool:
    """Whether only labels stand between two indexes: they share their statements."""
    return all(text.strip().startswith("case ") for _, text in lines[start:index])


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip("\t"))
