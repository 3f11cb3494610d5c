# SPDX-License-Identifier: GPL-2.0-only
"""The tree-sitter parser for C, and what its nodes mean to us.

Nodes are found by queries, which run outside Python, and walked without recursion: kernel files are
large, and strangers write the text.
"""

from bisect import bisect_left
from collections.abc import Iterator
from functools import cache, cached_property
from typing import Any

from reviewbot.parse.c_attributes import blanked, blanked_near
from reviewbot.parse.c_near import edits, reparse

_MOST_EDITS = 100


@cache
def _language() -> Any:
    import tree_sitter  # noqa: PLC0415 - only reviews of C files pay for it
    import tree_sitter_c  # noqa: PLC0415

    return tree_sitter.Language(tree_sitter_c.language())


@cache
def parser() -> Any:
    """The tree-sitter parser, imported late."""
    import tree_sitter  # noqa: PLC0415

    return tree_sitter.Parser(_language())


@cache
def _query(kinds: tuple[str, ...]) -> Any:
    import tree_sitter  # noqa: PLC0415

    alternatives = " ".join(f"({kind})" for kind in kinds)
    return tree_sitter.Query(_language(), f"[{alternatives}] @found")


def nodes_of(root: Any, *kinds: str) -> list[Any]:
    """The nodes of some kinds at or below ``root``, in source order."""
    import tree_sitter  # noqa: PLC0415

    found = tree_sitter.QueryCursor(_query(kinds)).captures(root).get("found", [])
    return sorted(found, key=lambda node: (node.start_byte, -node.end_byte))


class SourceText:
    """A file's bytes and tree, and the text of its nodes as rules want it.

    ``plain`` is what was parsed, the bytes without attributes; positions are the same.
    """

    def __init__(self, data: bytes, near: "SourceText | None" = None) -> None:
        """``near`` is another version of the file: what both have is not parsed again."""
        self.data = data
        tree = self._parse_near(near) if near is not None else None
        if tree is None:
            # Same length, so that positions are the file's: texts are cut from ``data``.
            self.plain = blanked(data)
            tree = parser().parse(self.plain)
        self.tree = tree
        self.root = tree.root_node

    def _parse_near(self, near: "SourceText") -> Any | None:
        changes = edits(near.data, self.data)
        if len(changes) > _MOST_EDITS:
            return None
        self.plain, changes = blanked_near(near.plain, self.data, changes)
        return reparse(parser(), near.tree, near.plain, self.plain, changes)

    @cached_property
    def _comments(self) -> tuple[list[int], list[int]]:
        nodes = nodes_of(self.root, "comment")
        return [node.start_byte for node in nodes], [node.end_byte for node in nodes]

    def of(self, node: Any) -> str:
        """A node's text, comments out and white space collapsed; "" for None."""
        return "" if node is None else self.between(node.start_byte, node.end_byte)

    def between(self, start: int, end: int) -> str:
        """The text between two byte positions, in the same way."""
        piece = self.data[start:end]
        if b"/*" not in piece and b"//" not in piece:
            return squeeze(piece.decode("utf-8", "replace"))
        starts, ends = self._comments
        index, pieces = bisect_left(starts, start), []
        while index < len(starts) and starts[index] < end:
            pieces.append(self.data[start : starts[index]])
            start = max(start, min(ends[index], end))
            index += 1
        pieces.append(self.data[start:end])
        return squeeze(b" ".join(pieces).decode("utf-8", "replace"))


def without_comments(value: bytes) -> str:
    """A macro's value with comments out and white space collapsed."""
    text = value.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    if b"/*" not in text and b"//" not in text:
        return squeeze(text.decode("utf-8", "replace"))
    pieces, position = [], 0
    for node in nodes_of(parser().parse(text).root_node, "comment"):
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


def parameters_of(function: Any) -> list[Any]:
    """The nodes of a function definition's parameters."""
    name = declared(function)
    place = name.parent if name is not None else None
    while place is not None and place.type != "function_declarator":
        place = place.parent
    listed = place.child_by_field_name("parameters") if place is not None else None
    return list(listed.named_children) if listed is not None else []


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
