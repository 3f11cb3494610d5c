# SPDX-License-Identifier: GPL-2.0-only
"""Structs as headers declare them and as documents show them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reviewbot.parse.c_structs import DeclaredMember, declared_structs
from reviewbot.rulekit.trees import View

__all__ = ["DeclaredMember", "DocumentedStruct", "documented_structs", "structs"]

_BEGIN = re.compile(r"[ \t]+(?:typedef )?struct (\w{1,100}) \{\s*(?:/\*.*)?")
# The longest in api.rst, struct kvm_run, has 300 lines and is never closed in one piece.
_LONGEST = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedStruct:
    """A struct in a code block of a document.  ``line`` is where it begins, members count from 1 there."""

    name: str
    members: tuple[DeclaredMember, ...]
    path: str
    line: int


def structs(view: View, path: str) -> Mapping[str, tuple[DeclaredMember, ...]]:
    """Structs of a header by tag, not preprocessed; empty where the tree has no such file."""
    data = view.read(path)
    if data is None:
        return {}
    return view.facts.of(("structs", view.blob_id(path)), lambda: declared_structs(data))


def documented_structs(view: View, path: str) -> tuple[DocumentedStruct, ...]:
    """Whole structs in the code blocks of a document; those with "..." for what is left out are not."""
    key = ("documented structs", view.blob_id(path), path)
    return view.facts.of(key, lambda: tuple(_blocks(view.text(path), path)))


def _blocks(text: str, path: str) -> Iterator[DocumentedStruct]:
    lines = text.split("\n")
    for at, line in enumerate(lines):
        match = _BEGIN.fullmatch(line)
        if not match:
            continue
        block = _block(lines[at : at + _LONGEST])
        if not block or "..." in block:
            continue
        members = declared_structs(block.encode()).get(match[1])
        if members:
            yield DocumentedStruct(name=match[1], members=members, path=path, line=at + 1)


def _block(lines: list[str]) -> str:
    """The lines up to the brace that closes the first, "" when text comes before it."""
    depth = 0
    for at, line in enumerate(lines):
        if line.strip() and not line.startswith((" ", "\t")):
            return ""
        depth += line.count("{") - line.count("}")
        if depth == 0:
            return "\n".join(lines[: at + 1])
    return ""
