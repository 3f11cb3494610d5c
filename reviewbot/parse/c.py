# SPDX-License-Identifier: GPL-2.0-only
"""Facts about a C source file: functions, calls, switch cases, conditions, macros, initialisers.

Parsed by tree-sitter, which gives ERROR nodes where kernel macros are not C; that is normal, and the
rest of the file is still right.  Nothing is preprocessed: both sides of an ``#ifdef`` are seen.  Texts
have comments removed and white space collapsed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that must hold where a call stands.

    ``kind`` is "if", "else" (``text`` is then false), "exit" (an earlier ``if (text) return/goto/
    continue/break`` in the same block: ``text`` is then false), "case" (``text`` is the label) or
    "loop".
    """

    kind: str
    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call.  ``function`` is the function it stands in, "" outside any."""

    name: str
    arguments: tuple[str, ...]
    line: int
    function: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A group of case labels that share a body.  ``labels`` holds "default" for the default."""

    labels: tuple[str, ...]
    line: int
    body: str
    switch: str
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """``target operator value;`` such as ``vcpu->run->flags |= KVM_RUN_X86_SMM``."""

    target: str
    operator: str
    value: str
    line: int
    function: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Macro:
    """A ``#define``.  ``parameters`` is "" for object-like ones; ``definition`` the whole directive."""

    name: str
    parameters: str
    value: str
    definition: str
    line: int

    @property
    def calls(self) -> frozenset[str]:
        """Names that the value calls, parsed as an expression."""
        root = _parser().parse(b"int value = " + self.value.encode() + b";").root_node
        called = (
            n.child_by_field_name("function") for n in _walk(root) if n.type == "call_expression"
        )
        return frozenset(node.text.decode() for node in called if node.type == "identifier")


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function definition; lines are 1-based and inclusive.  ``parameters`` are their texts."""

    name: str
    parameters: tuple[str, ...]
    line: int
    end: int
    static: bool
    text: str


_EXITS = frozenset({"return_statement", "goto_statement", "continue_statement", "break_statement"})
_LOOPS = frozenset({"for_statement", "while_statement", "do_statement"})


@cache
def _parser() -> Any:
    """The tree-sitter parser, imported late."""
    import tree_sitter  # noqa: PLC0415 - only reviews of C files pay for it
    import tree_sitter_c  # noqa: PLC0415

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_c.language()))


class CFile:
    """One parsed file.  Everything is worked out when it is first asked for."""

    def __init__(self, path: str, source: bytes) -> None:
        self.path = path
        self.source = source
        self._root = _parser().parse(source).root_node

    @cached_property
    def functions(self) -> dict[str, Function]:
        """Function definitions by name (of two under ``#ifdef``, the first)."""
        found: dict[str, Function] = {}
        for name, node in self._function_nodes.items():
            found[name] = Function(
                name=name,
                parameters=self._parameters(node),
                line=node.start_point[0] + 1,
                end=node.end_point[0] + 1,
                static=any(
                    c.type == "storage_class_specifier" and c.text == b"static"
                    for c in node.children
                ),
                text=self._text(node),
            )
        return found

    @cached_property
    def macros(self) -> dict[str, Macro]:
        """``#define``s by name, in order; of several, the first."""
        found: dict[str, Macro] = {}
        for node in self._top("preproc_def", "preproc_function_def"):
            name = self._text(node.child_by_field_name("name"))
            parameters = node.child_by_field_name("parameters")
            head = parameters or node.child_by_field_name("name")
            definition = self._spliced(node)
            value = definition[head.end_byte - node.start_byte :]
            macro = Macro(
                name=name,
                parameters=self._text(parameters) if parameters else "",
                value=without_comments(value),
                definition=definition.decode("utf-8", "replace"),
                line=node.start_point[0] + 1,
            )
            found.setdefault(name, macro)
        return found

    def mentions(self, name: str, function: str = "") -> tuple[int, ...]:
        """Lines where an identifier occurs in code (not in comments or strings)."""
        nodes = self._identifiers(name)
        return tuple(
            node.start_point[0] + 1
            for node in nodes
            if not function or self._function_of(node) == function
        )

    def identifiers(self, prefix: str) -> tuple[tuple[str, int], ...]:
        """Identifiers in code that start with ``prefix``, with their lines, in order."""
        wanted, found = prefix.encode(), []
        start = self.source.find(wanted)
        while start >= 0:
            node = self._root.descendant_for_byte_range(start, start + 1)
            if node is not None and node.start_byte == start and node.type == "identifier":
                found.append((self._raw(node), node.start_point[0] + 1))
            start = self.source.find(wanted, start + 1)
        return tuple(found)

    def calls(self, name: str, function: str = "") -> tuple[Call, ...]:
        """Calls of ``name``, in the whole file or in one function, with the conditions around them."""
        found = []
        for node in self._identifiers(name):
            call = node.parent
            if call is None or call.type != "call_expression":
                continue
            if call.child_by_field_name("function") != node:
                continue
            inside = self._function_of(call)
            if not function or inside == function:
                found.append(
                    Call(
                        name=name,
                        arguments=self._arguments(call),
                        line=call.start_point[0] + 1,
                        function=inside,
                        conditions=self._conditions(call),
                    )
                )
        return tuple(found)

    def calls_in(self, function: str) -> tuple[Call, ...]:
        """Every call by plain name in one function."""
        return tuple(
            Call(
                name=self._text(node.child_by_field_name("function")),
                arguments=self._arguments(node),
                line=node.start_point[0] + 1,
                function=function,
                conditions=self._conditions(node),
            )
            for node in self._within(function, "call_expression")
            if node.child_by_field_name("function").type == "identifier"
        )

    def assignments(self, function: str) -> tuple[Assignment, ...]:
        """Every assignment in one function."""
        return tuple(
            Assignment(
                target=self._text(node.child_by_field_name("left")),
                operator=self._text(node.child_by_field_name("operator")) or "=",
                value=self._text(node.child_by_field_name("right")),
                line=node.start_point[0] + 1,
                function=function,
                conditions=self._conditions(node),
            )
            for node in self._within(function, "assignment_expression")
        )

    def conditions(self, function: str) -> tuple[Condition, ...]:
        """The condition of every ``if`` in one function (kind "if")."""
        return tuple(
            Condition(
                kind="if",
                text=_bare(self._text(node.child_by_field_name("condition"))),
                line=node.start_point[0] + 1,
            )
            for node in self._within(function, "if_statement")
        )

    def switch_cases(self, function: str) -> tuple[Case, ...]:
        """Every case of every switch in one function; labels that fall through share an entry."""
        found = []
        for switch in self._within(function, "switch_statement"):
            subject = _bare(self._text(switch.child_by_field_name("condition")))
            labels: list[str] = []
            first = 0
            for node in switch.child_by_field_name("body").named_children:
                if node.type != "case_statement":
                    continue
                label, body = self._label_and_body(node)
                first = first or node.start_point[0] + 1
                labels.append(label)
                if body:
                    found.append(
                        Case(
                            labels=tuple(labels),
                            line=first,
                            body=body,
                            switch=subject,
                            function=function,
                        )
                    )
                    labels, first = [], 0
        return tuple(found)

    def array_initialiser(self, name: str) -> tuple[tuple[str, int], ...] | None:
        """Elements of ``name[] = {...}`` as (text, line); None when the file does not define it."""
        for node in self._identifiers(name):
            place = node.parent
            while place is not None and place.type in {"array_declarator", "pointer_declarator"}:
                place = place.parent
            if place is None or place.type != "init_declarator":
                continue
            value = place.child_by_field_name("value")
            if value is not None and value.type == "initializer_list":
                return tuple(
                    (self._text(element), element.start_point[0] + 1)
                    for element in value.named_children
                    if element.type not in {"comment", "ERROR"}
                    and not element.type.startswith("preproc")
                    and not element.text.startswith(b"#")
                ) + tuple(self._guarded_elements(value))
        return None

    def array_size(self, name: str) -> str | None:
        """The text between the brackets of an array's definition, None when there is none."""
        for node in self._identifiers(name):
            if node.parent is not None and node.parent.type == "array_declarator":
                size = node.parent.child_by_field_name("size")
                return self._text(size) if size is not None else ""
        return None

    def _guarded_elements(self, value: Any) -> Iterator[tuple[str, int]]:
        """Elements below ``#ifdef`` in an initialiser."""
        for block in value.named_children:
            if not block.type.startswith("preproc_if"):
                continue
            for element in block.named_children:
                if element == block.child_by_field_name("name"):
                    continue
                if element.type in {"identifier", "number_literal", "initializer_list"}:
                    yield self._text(element), element.start_point[0] + 1

    @cached_property
    def _function_nodes(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for node in self._top("function_definition"):
            name = _declared(node)
            if name is not None:
                found.setdefault(self._text(name), node)
        return found

    def _top(self, *kinds: str) -> Iterator[Any]:
        """Nodes outside functions, through ``#if`` blocks, ``extern "C"`` and ERROR nodes."""
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            if node.type in kinds:
                yield node
            elif node.type not in {"function_definition", "declaration", "type_definition"}:
                waiting.extend(reversed(node.named_children))

    def _within(self, function: str, kind: str) -> Iterator[Any]:
        node = self._function_nodes.get(function)
        if node is not None:
            yield from (each for each in _walk(node) if each.type == kind)

    def _identifiers(self, name: str) -> Iterator[Any]:
        """Nodes that spell ``name``, found by searching bytes: much quicker than walking the tree."""
        wanted = name.encode()
        start = self.source.find(wanted)
        while start >= 0 and wanted:
            end = start + len(wanted)
            node = self._root.descendant_for_byte_range(start, end)
            whole = node is not None and (node.start_byte, node.end_byte) == (start, end)
            if whole and node.type in {"identifier", "field_identifier", "type_identifier"}:
                yield node
            start = self.source.find(wanted, end)

    def _function_of(self, node: Any) -> str:
        while node is not None and node.type != "function_definition":
            node = node.parent
        name = _declared(node) if node is not None else None
        return self._text(name) if name is not None else ""

    def _conditions(self, node: Any) -> tuple[Condition, ...]:
        found: list[Condition] = []
        child, parent = node, node.parent
        while parent is not None and child.type != "function_definition":
            found += self._condition(parent, child)
            child, parent = parent, parent.parent
        return tuple(reversed(found))

    def _condition(self, parent: Any, child: Any) -> Iterator[Condition]:
        line = parent.start_point[0] + 1
        if parent.type == "if_statement":
            test = parent.child_by_field_name("condition")
            if child != test:
                kind = "else" if child == parent.child_by_field_name("alternative") else "if"
                yield Condition(kind=kind, text=_bare(self._text(test)), line=line)
        elif parent.type in _LOOPS and child == parent.child_by_field_name("body"):
            test = parent.child_by_field_name("condition")
            yield Condition(kind="loop", text=_bare(self._text(test)) if test else "", line=line)
        elif parent.type == "case_statement":
            yield Condition(kind="case", text=self._label_and_body(parent)[0], line=line)
        if parent.type in {"compound_statement", "case_statement"}:
            for sibling in parent.named_children:
                if sibling.start_byte >= child.start_byte:
                    break
                if sibling.type == "if_statement" and _always_leaves(sibling):
                    test = sibling.child_by_field_name("condition")
                    yield Condition(
                        kind="exit", text=_bare(self._text(test)), line=sibling.start_point[0] + 1
                    )

    def _label_and_body(self, node: Any) -> tuple[str, str]:
        value = node.child_by_field_name("value")
        label = "default" if value is None else self._text(value)
        body = [
            child
            for child in node.named_children
            if child != value and child.type not in {"comment", "ERROR"}
        ]
        for child in node.named_children:
            if value is not None and child.type == "ERROR" and child.text.startswith(b"..."):
                label += " " + self._text(child)
        return label, _squeeze(" ".join(self._text(child) for child in body))

    def _arguments(self, call: Any) -> tuple[str, ...]:
        arguments = call.child_by_field_name("arguments")
        return tuple(
            self._text(each) for each in arguments.named_children if each.type != "comment"
        )

    def _parameters(self, function: Any) -> tuple[str, ...]:
        name = _declared(function)
        place = name.parent if name is not None else None
        while place is not None and place.type != "function_declarator":
            place = place.parent
        listed = place.child_by_field_name("parameters") if place is not None else None
        return tuple(self._text(p) for p in listed.named_children) if listed is not None else ()

    def _spliced(self, node: Any) -> bytes:
        """A directive with its continuation lines; tree-sitter ends it at a comment."""
        end = node.start_byte
        while (end := self.source.find(b"\n", end)) >= 0:
            if not self.source[max(end - 2, 0) : end].endswith((b"\\", b"\\\r")):
                return self.source[node.start_byte : end]
            end += 1
        return self.source[node.start_byte :]

    def _raw(self, node: Any) -> str:
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def _text(self, node: Any) -> str:
        """A node's text, comments out and white space collapsed."""
        if node is None:
            return ""
        if not node.child_count:
            return _squeeze(self._raw(node))
        pieces, position = [], node.start_byte
        for part in _walk(node):
            if part.type == "comment":
                pieces.append(self.source[position : part.start_byte])
                position = part.end_byte
        pieces.append(self.source[position : node.end_byte])
        return _squeeze(b" ".join(pieces).decode("utf-8", "replace"))


def without_comments(value: bytes) -> str:
    """A macro's value with comments out and white space collapsed."""
    text = value.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    pieces, position = [], 0
    for node in _walk(_parser().parse(text).root_node):
        if node.type == "comment":
            pieces.append(text[position : node.start_byte])
            position = node.end_byte
    pieces.append(text[position:])
    return _squeeze(b" ".join(pieces).decode("utf-8", "replace"))


def _walk(node: Any) -> Iterator[Any]:
    """The node and everything below it, in source order, without recursion."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(current.children))


def _declared(function: Any) -> Any:
    """The identifier a function definition declares, or None for what only looks like one."""
    node = function.child_by_field_name("declarator")
    while node is not None and node.type != "identifier":
        inner = node.child_by_field_name("declarator")
        if inner is None:
            inner = next((c for c in node.named_children if c.type.endswith("declarator")), None)
        node = inner
    return node


def _always_leaves(statement: Any) -> bool:
    """Whether an ``if`` without else ends in return, goto, continue or break."""
    if statement.child_by_field_name("alternative") is not None:
        return False
    body = statement.child_by_field_name("consequence")
    if body.type == "compound_statement":
        inner: Sequence[Any] = [c for c in body.named_children if c.type != "comment"]
        return bool(inner) and inner[-1].type in _EXITS
    return body.type in _EXITS


def _squeeze(text: str) -> str:
    return " ".join(text.replace("\\\n", " ").split())


def _bare(text: str) -> str:
    """A condition without its outer parentheses."""
    return text[1:-1].strip() if text.startswith("(") and text.endswith(")") else text
