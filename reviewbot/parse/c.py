# SPDX-License-Identifier: GPL-2.0-only
"""Facts about a C source file: functions, calls, switch cases, conditions, macros, initialisers.

Parsed by tree-sitter, which gives ERROR nodes where kernel macros are not C; that is normal, and the
rest of the file is still right.  Nothing is preprocessed: both sides of an ``#ifdef`` are seen.  Texts
have comments removed and white space collapsed.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from reviewbot.parse.c_facts import Assignment, Call, Case, Condition, Function, Macro
from reviewbot.parse.c_flow import Flow
from reviewbot.parse.c_functions import Functions, function_at
from reviewbot.parse.c_members import Access, accesses, names_of_type
from reviewbot.parse.c_syntax import (
    SourceText,
    bare,
    declared,
    guarded_elements,
    nodes_of,
    spliced,
    without_comments,
)

# Function bodies and declarations; the others are many and have nothing in them.
_CLOSED = frozenset((
    "function_definition", "declaration", "type_definition", "comment", "preproc_include",
    "preproc_def", "preproc_function_def", "preproc_call", "identifier",
))  # fmt: skip


class CFile:
    """One parsed file.  Everything is worked out when it is first asked for."""

    def __init__(self, path: str, source: bytes, near: "CFile | None" = None) -> None:
        """``near`` is another version of the file, parsed before: it only saves time."""
        self.path = path
        self.source = source
        self._source = SourceText(source, near.text if near is not None else None)
        self._root = self._source.root
        self._text = self._source.of
        self._flow = Flow(self._source)
        self._calls: dict[str, tuple[Call, ...]] = {}

    @property
    def text(self) -> SourceText:
        """The bytes and their tree, for parsing another version."""
        return self._source

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        """Function definitions by name; of several under ``#if``, the first (see ``versions``)."""
        return Functions(self._source, self._function_nodes)

    def functions_with(self, *words: str) -> Iterator[Function]:
        """Those of ``functions`` in whose text, comments and all, one of the words occurs."""
        wanted = [word.encode() for word in words]
        if any(word in self.source for word in wanted):
            for name, (node, *_) in self._function_nodes.items():
                text = self.source[node.start_byte : node.end_byte]
                if any(word in text for word in wanted):
                    yield self.functions[name]

    def versions(self, name: str) -> tuple[Function, ...]:
        """Every definition of a function: a file may have one below ``#ifdef`` and one below ``#else``.

        Calls, cases, assignments and conditions of a function are those of all its definitions.
        """
        nodes = self._function_nodes.get(name, ())
        return tuple(function_at(self._source, name, node) for node in nodes)

    @cached_property
    def macros(self) -> dict[str, Macro]:
        """``#define``s by name, in order; of several, the first."""
        found: dict[str, Macro] = {}
        for node in self._top("preproc_def", "preproc_function_def"):
            name = self._text(node.child_by_field_name("name"))
            parameters = node.child_by_field_name("parameters")
            head = parameters or node.child_by_field_name("name")
            definition = spliced(self.source, node.start_byte)
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

    def accesses(self, member: str) -> tuple[Access, ...]:
        """Every ``object.member`` and ``object->member``, whatever the object's type is."""
        return tuple(accesses(self._source, self._identifiers(member)))

    def names_of_type(self, tag: str) -> frozenset[tuple[str, bool]]:
        """Variables, parameters and fields of type ``struct tag``, as (name, whether a field)."""
        return frozenset(names_of_type(self._source, self._identifiers(tag)))

    def calls(self, name: str, function: str = "") -> tuple[Call, ...]:
        """Calls of ``name``, in the whole file or in one function, with the conditions around them."""
        if name not in self._calls:
            self._calls[name] = tuple(self._calls_of(name))
        found = self._calls[name]
        return tuple(call for call in found if call.function == function) if function else found

    def _calls_of(self, name: str) -> Iterator[Call]:
        for node in self._identifiers(name):
            call = node.parent
            if call is None or call.type != "call_expression":
                continue
            if call.child_by_field_name("function") == node:
                yield self._call(name, call, self._function_of(call))

    def _call(self, name: str, call: Any, function: str) -> Call:
        return Call(
            name=name,
            arguments=self._arguments(call),
            line=call.start_point[0] + 1,
            function=function,
            conditions=self._conditions(call),
        )

    def calls_in(self, function: str) -> tuple[Call, ...]:
        """Every call by plain name in one function."""
        return tuple(
            self._call(self._text(node.child_by_field_name("function")), node, function)
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
                text=bare(self._text(node.child_by_field_name("condition"))),
                line=node.start_point[0] + 1,
            )
            for node in self._within(function, "if_statement")
        )

    def switch_cases(self, function: str) -> tuple[Case, ...]:
        """Every case of every switch in one function; labels that fall through share an entry."""
        return tuple(
            case
            for switch in self._within(function, "switch_statement")
            for case in self._flow.cases(switch, function)
        )

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
                ) + tuple(
                    (self._text(element), element.start_point[0] + 1)
                    for element in guarded_elements(value)
                )
        return None

    def array_size(self, name: str) -> str | None:
        """The text between the brackets of an array's definition, None when there is none."""
        for node in self._identifiers(name):
            if node.parent is not None and node.parent.type == "array_declarator":
                size = node.parent.child_by_field_name("size")
                return self._text(size) if size is not None else ""
        return None

    @cached_property
    def _function_nodes(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for node in self._top("function_definition"):
            name = declared(node)
            if name is not None:
                found.setdefault(self._text(name), []).append(node)
        return found

    def _top(self, *kinds: str) -> Iterator[Any]:
        """Nodes outside functions, through ``#if`` blocks, ``extern "C"`` and ERROR nodes."""
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            if node.type in kinds:
                yield node
            elif node.type not in _CLOSED:
                waiting.extend(reversed(node.named_children))

    def _within(self, function: str, kind: str) -> Iterator[Any]:
        for node in self._function_nodes.get(function, ()):
            yield from nodes_of(node, kind)

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

    def _definition_around(self, node: Any) -> Any:
        """The innermost function definition that has a node, or None."""
        place, found = self._root, None
        while place is not None:
            if place.type == "function_definition":
                found = place
            place = place.child_with_descendant(node) if place != node else None
        return found

    def _function_of(self, node: Any) -> str:
        definition = self._definition_around(node)
        name = declared(definition) if definition is not None else None
        return self._text(name) if name is not None else ""

    def _conditions(self, node: Any) -> tuple[Condition, ...]:
        return self._flow.conditions(self._definition_around(node), node)

    def _arguments(self, call: Any) -> tuple[str, ...]:
        arguments = call.child_by_field_name("arguments")
        return tuple(
            self._text(each) for each in arguments.named_children if each.type != "comment"
        )

    def _raw(self, node: Any) -> str:
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace")
