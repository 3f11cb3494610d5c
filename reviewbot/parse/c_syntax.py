# SPDX-License-Identifier: GPL-2.0-only
"""The tree-sitter parser for C, and what its nodes mean to us.

Nodes are walked without recursion: strangers write the text.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

_EXITS = frozenset({"return_statement", "goto_statement", "continue_statement", "break_statement"})


@cache
def parser() -> Any:
    """The tree-sitter parser, imported late."""
    import tree_sitter  # noqa: PLC0415 - only reviews of C files pay for it
    import tree_sitter_c  # noqa: PLC0415

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_c.language()))


def without_comments(value: bytes) -> str:
    """A macro's value with comments out and white space collapsed."""
    text = value.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    pieces, position = [], 0
    for node in walk(parser().parse(text).root_node):
        if node.type == "comment":
            pieces.append(text[position : node.start_byte])
            position = node.end_byte
    pieces.append(text[position:])
    return squeeze(b" ".join(pieces).decode("utf-8", "replace"))


def walk(node: Any) -> Iterator[Any]:
    """The node and everything below it, in source order, without recursion."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(current.children))


def declared(function: Any) -> Any:
    """The identifier a function definition declares, or None for what only looks like one."""
    node = function.child_by_field_name("declarator")
    while node is not None and node.type != "identifier":
        inner = node.child_by_field_name("declarator")
        if inner is None:
            inner = next((c for c in node.named_children if c.type.endswith("declarator")), None)
        node = inner
    return node


def always_leaves(statement: Any) -> bool:
    """Whether an ``if`` without else ends in return, goto, continue or break."""
    if statement.child_by_field_name("alternative") is not None:
        return False
    body = statement.child_by_field_name("consequence")
    if body.type == "compound_statement":
        inner: Sequence[Any] = [c for c in body.named_children if c.type != "comment"]
        return bool(inner) and inner[-1].type in _EXITS
    return body.type in _EXITS


def parameters_of(function: Any) -> list[Any]:
    """The nodes of a function definition's parameters."""
    name = declared(function)
    place = name.parent if name is not None else None
    while place is not None and place.type != "function_declarator":
        place = place.parent
    listed = place.child_by_field_name("parameters") if place is not None else None
    return list(listed.named_children) if listed is not None else []


def text_of(source: bytes, node: Any) -> str:
    """A node's text, comments out and white space collapsed."""
    pieces, position = [], node.start_byte
    for part in walk(node) if node.child_count else ():
        if part.type == "comment":
            pieces.append(source[position : part.start_byte])
            position = part.end_byte
    pieces.append(source[position : node.end_byte])
    return squeeze(b" ".join(pieces).decode("utf-8", "replace"))


def spliced(source: bytes, start: int) -> bytes:
    """A directive with its continuation lines; tree-sitter ends it at a comment."""
    end = start
    while (end := source.find(b"\n", end)) >= 0:
        if not source[max(end - 2, 0) : end].endswith((b"\\", b"\\\r")):
            return source[start:end]
        end += 1
    return source[start:]


def squeeze(text: str) -> str:
    """White space collapsed, continuation lines joined."""
    return " ".join(text.replace("\\\n", " ").split())


def bare(text: str) -> str:
    """A condition without its outer parentheses."""
    return text[1:-1].strip() if text.startswith("(") and text.endswith(")") else text


def guarded_elements(value: Any) -> Iterator[Any]:
    """Elements below ``#ifdef`` in an initialiser."""
    for block in value.named_children:
        if not block.type.startswith("preproc_if"):
            continue
        for element in block.named_children:
            if element == block.child_by_field_name("name"):
                continue
            if element.type in {"identifier", "number_literal", "initializer_list"}:
                yield element
