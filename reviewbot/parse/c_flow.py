# SPDX-License-Identifier: GPL-2.0-only
"""What must hold where an expression stands: the ifs, early exits and case labels around it.

Only the structure of the statements counts; whether a variable changes in between is not known.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from reviewbot.parse.c_facts import Case, Condition
from reviewbot.parse.c_syntax import SourceText, bare, nodes_of

_EXITS = frozenset({"return_statement", "goto_statement", "continue_statement", "break_statement"})
_NEVER_RETURN = frozenset({b"BUG", b"panic", b"unreachable"})
_LOOPS = frozenset({"for_statement", "while_statement", "do_statement"})
_CHOICES = frozenset({"if_statement", "conditional_expression"})
_BLOCKS = frozenset({"compound_statement", "case_statement"})
_DEEPEST = 50
_Exit = tuple[int, int, Condition | None]  # start and end of an if; None: a case label
_Jumps = tuple[list[int], list[int]]


@dataclass(slots=True)
class Label:
    """One ``case`` of a switch with the statements up to the next, also those behind an ``#ifdef``."""

    text: str
    line: int
    start: int
    statements: list[Any] = field(default_factory=list)


class Flow:
    """The conditions in one file."""

    def __init__(self, text: SourceText) -> None:
        self._text = text
        self._labels: dict[int, list[Label]] = {}
        self._exits: dict[int, list[_Exit]] = {}
        self._jumps: dict[int, _Jumps] = {}

    def conditions(self, function: Any, node: Any) -> tuple[Condition, ...]:
        """What must hold in ``function`` for ``node`` to be reached, the outermost first."""
        found: list[Condition] = []
        parent = function
        while parent is not None and parent != node:
            child = parent.child_with_descendant(node)
            if child is None:
                break
            found += self._between(parent, child, node)
            parent = child
        return tuple(found)

    def cases(self, switch: Any, function: str) -> Iterator[Case]:
        """The cases of a switch; labels that share a body are one."""
        subject = bare(self._text.of(switch.child_by_field_name("condition")))
        together: list[Label] = []
        for label in self.labels(switch):
            together.append(label)
            body = " ".join(filter(None, map(self._text.of, label.statements)))
            if body:
                yield Case(
                    labels=tuple(each.text for each in together),
                    line=together[0].line,
                    body=body,
                    switch=subject,
                    function=function,
                )
                together = []

    def labels(self, switch: Any) -> list[Label]:
        """The labels of a switch in order, those below ``#ifdef`` and ``#else`` among the others."""
        if switch.start_byte not in self._labels:
            found: list[Label] = []
            self._labels[switch.start_byte] = found
            self._collect(switch.child_by_field_name("body"), found)
        return self._labels[switch.start_byte]

    def _collect(self, block: Any, into: list[Label]) -> None:
        # tree-sitter ends a case at an #ifdef: what follows stands beside the case then, not in it.
        waiting = list(reversed(block.named_children)) if block is not None else []
        while waiting:
            node = waiting.pop()
            if node.type == "case_statement":
                into.append(self._label(node))
            elif node.type.startswith("preproc_"):
                test = node.child_by_field_name("name") or node.child_by_field_name("condition")
                waiting += [child for child in reversed(node.named_children) if child != test]
            elif into and node.type not in {"comment", "ERROR"}:
                into[-1].statements.append(node)

    def _label(self, case: Any) -> Label:
        colon = next((child for child in case.children if child.type == ":"), None)
        word = case.children[0]
        ended = colon.start_byte if colon is not None else case.end_byte
        value = self._text.between(word.end_byte, ended)
        label = Label(text=value or "default", line=case.start_point[0] + 1, start=case.start_byte)
        for child in case.named_children:
            behind = colon is not None and child.start_byte >= colon.end_byte
            if behind and child.type not in {"comment", "ERROR"}:
                label.statements.append(child)
        return label

    def _between(self, parent: Any, child: Any, node: Any) -> Iterator[Condition]:
        """What the way from ``parent`` to its ``child`` adds."""
        kind = parent.type
        if kind in _CHOICES:
            test = parent.child_by_field_name("condition")
            if child != test:
                otherwise = child == parent.child_by_field_name("alternative")
                yield self._condition("else" if otherwise else "if", test, parent)
        elif kind in _LOOPS and child == parent.child_by_field_name("body"):
            yield self._condition("loop", parent.child_by_field_name("condition"), parent)
        elif kind == "switch_statement" and child == parent.child_by_field_name("body"):
            yield from self._reaching(parent, node)
        elif kind == "binary_expression" and child == parent.child_by_field_name("right"):
            operator = parent.child_by_field_name("operator").type
            if operator in {"&&", "||"}:
                left = parent.child_by_field_name("left")
                yield self._condition("if" if operator == "&&" else "else", left, parent)
        if kind in _BLOCKS or kind.startswith("preproc_"):
            yield from self._passed(parent, child)

    def _condition(self, kind: str, test: Any, at: Any) -> Condition:
        return Condition(kind=kind, text=bare(self._text.of(test)), line=at.start_point[0] + 1)

    def _reaching(self, switch: Any, node: Any) -> Iterator[Condition]:
        """The labels by which a statement in a switch is reached; those that fall through count."""
        before = [label for label in self.labels(switch) if label.start <= node.start_byte]
        for index in range(len(before) - 1, -1, -1):
            label = before[index]
            yield Condition(kind="case", text=label.text, line=label.line)
            above = before[index - 1].statements if index else []
            if above and self._leaves(above[-1]):
                break

    def _passed(self, block: Any, child: Any) -> list[Condition]:
        """Conditions behind the ifs of a block that leave it and stand before ``child``."""
        if block.id not in self._exits:
            self._exits[block.id] = list(self._exits_in(block))
        found: list[Condition] = []
        for start, end, condition in self._exits[block.id]:
            if start >= child.start_byte:
                break
            if condition is None:
                found = []
            elif not self._jumped_over(block, end, child.start_byte):
                found.append(condition)
        return found

    def _exits_in(self, block: Any) -> Iterator[_Exit]:
        for node in block.named_children:
            if node.type == "case_statement":
                yield node.start_byte, node.start_byte, None  # another way into the block
                for each in node.named_children:
                    yield from self._exit(each)
            elif node.type.startswith("preproc_"):
                if any(inner.type == "case_statement" for inner in node.named_children):
                    yield node.start_byte, node.start_byte, None
            else:
                yield from self._exit(node)

    def _exit(self, statement: Any) -> Iterator[_Exit]:
        """What holds behind an ``if`` because one of its branches leaves."""
        start, end = statement.start_byte, statement.end_byte
        while statement is not None and statement.type == "if_statement":
            test = statement.child_by_field_name("condition")
            branch = statement.child_by_field_name("alternative")
            below = branch.named_children if branch is not None else []
            rest = next((each for each in below if each.type != "comment"), None)
            if self._leaves(statement.child_by_field_name("consequence")):
                yield start, end, self._condition("exit", test, statement)
                statement = rest
                continue
            if rest is not None and self._leaves(rest):
                yield start, end, self._condition("if", test, statement)
            return

    def _leaves(self, statement: Any, depth: int = 0) -> bool:
        """Whether a statement never goes on to the next."""
        while statement is not None and depth < _DEEPEST:
            if statement.type in _EXITS:
                return True
            inner = [child for child in statement.named_children if child.type != "comment"]
            if statement.type == "expression_statement":
                called = inner[0].child_by_field_name("function") if inner else None
                return called is not None and called.text in _NEVER_RETURN
            if statement.type == "if_statement":
                branch = statement.child_by_field_name("alternative")
                then = statement.child_by_field_name("consequence")
                if branch is None or not self._leaves(then, depth + 1):
                    return False
                statement = branch
            elif statement.type in {"compound_statement", "else_clause", "labeled_statement"}:
                statement = inner[-1] if inner else None
            else:
                return False
        return False

    def _jumped_over(self, block: Any, end: int, place: int) -> bool:
        """Whether a goto from before ``end`` leads to a label between ``end`` and ``place``."""
        function = self._text.root
        while function.type != "function_definition" and function != block:
            function = function.child_with_descendant(block)
        if function.start_byte not in self._jumps:
            self._jumps[function.start_byte] = _jumps_in(function)
        labels, first = self._jumps[function.start_byte]
        index = bisect_left(labels, end)
        return any(jump < end for jump in first[index : bisect_right(labels, place)])


def _jumps_in(function: Any) -> _Jumps:
    """Positions of labels, and for each that of the first goto to it in the same function."""
    starts = [node.start_byte for node in nodes_of(function, "function_definition")]
    first: dict[tuple[int, bytes], int] = {}
    labels: dict[tuple[int, bytes], int] = {}
    for node in nodes_of(function, "goto_statement", "labeled_statement"):
        name = node.child_by_field_name("label")
        if name is not None:
            key = bisect_right(starts, node.start_byte), name.text
            found = first if node.type == "goto_statement" else labels
            found.setdefault(key, node.start_byte)
    pairs = sorted((place, first[key]) for key, place in labels.items() if key in first)
    return [place for place, _ in pairs], [jump for _, jump in pairs]
