# SPDX-License-Identifier: GPL-2.0-only
"""What one ``case`` of a switch does, in a whole file or in a hunk that adds the whole case."""

from collections.abc import Iterator, Sequence

from reviewbot.model.series import Hunk
from reviewbot.parse.c import CFile
from reviewbot.parse.c_facts import Assignment, Call, Case
from reviewbot.rulekit.context import added


class CaseBody:
    """The facts of one case.

    ``name`` is its last label, the one its statements belong to; ``text`` the statements without
    comments; ``tests`` the condition of every ``if`` in it, ``tests_before`` of those that stand in
    the function before its first case; ``first`` and ``last`` are lines of the file.
    """

    def __init__(self, source: CFile, case: Case, shift: int = 0) -> None:
        function, cases = case.function, source.switch_cases(case.function)
        later = [one.line for one in cases if one.line > case.line]
        self._first = case.line
        self._last = min(later, default=source.functions[function].end + 1) - 1
        self._shift = shift
        self.function = function
        self.name = case.labels[-1]
        self.text = case.body
        self.assignments: list[Assignment] = [
            one for one in source.assignments(function) if self._has(one.line)
        ]
        self.calls: list[Call] = [one for one in source.calls_in(function) if self._has(one.line)]
        tests = source.conditions(function)
        self.tests = [one.text for one in tests if self._has(one.line)]
        self.tests_before = [one.text for one in tests if one.line < min(c.line for c in cases)]

    @property
    def line(self) -> int:
        """The line of its first label, in the file."""
        return self._first + self._shift

    @property
    def falls_through(self) -> bool:
        """Whether the next case runs as well."""
        return self.text.endswith("fallthrough;")

    def hands_on(self, *names: str) -> bool:
        """Whether a call in it has one of these variables as an argument."""
        return any(name in call.arguments for call in self.calls for name in names)

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
        for case in source.switch_cases("handler"):
            if case.switch == switch:
                yield CaseBody(source, case, lines[first][0] - 2)


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
