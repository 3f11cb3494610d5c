# SPDX-License-Identifier: GPL-2.0-only
"""Members of structs as the text declares them: for documents, where nothing compiles."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reviewbot.parse.c_syntax import SourceText, nodes_of

# linux/stddef.h: in a header for userspace the macro stands for an array without a size.
_FLEXIBLE = re.compile(rb"\b(?:__)?DECLARE_FLEX_ARRAY\(\s*([^,()]{1,100}),\s*(\w{1,100})\s*\)")
_DEEPEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredMember:
    """One member.  ``name`` has the names of the structs around it ("hdr.svm.flags").

    ``size`` is the text between an array's brackets, "" for ``[]``, None for no array; ``line`` is
    1-based within the source.
    """

    name: str
    type: str
    size: str | None
    line: int


def declared_structs(source: bytes) -> dict[str, tuple[DeclaredMember, ...]]:
    """The members of every struct with a tag and a body, anonymous structs and unions flattened.

    Of two definitions under ``#ifdef`` the first.  What does not parse is left out.
    """
    text = SourceText(_FLEXIBLE.sub(rb"\1 \2[]", source))
    found: dict[str, tuple[DeclaredMember, ...]] = {}
    for node in nodes_of(text.root, "struct_specifier"):
        body, name = node.child_by_field_name("body"), node.child_by_field_name("name")
        if body is not None and name is not None:
            found.setdefault(text.of(name), tuple(_members(text, body, "", 0)))
    return found


def _members(text: SourceText, body: Any, prefix: str, depth: int) -> Iterator[DeclaredMember]:
    if depth > _DEEPEST:
        return
    for node in body.named_children:
        if node.type.startswith("preproc_if"):
            yield from _members(text, node, prefix, depth + 1)
        if node.type != "field_declaration":
            continue
        kind = node.child_by_field_name("type")
        inner = kind.child_by_field_name("body") if kind is not None else None
        declarators = node.children_by_field_name("declarator")
        if inner is not None and not declarators:
            yield from _members(text, inner, prefix, depth + 1)
        for declarator in declarators:
            name, size = _name_and_size(text, declarator)
            if inner is not None:
                yield from _members(text, inner, f"{prefix}{name}.", depth + 1)
            else:
                yield DeclaredMember(
                    name=prefix + name,
                    type=text.of(kind),
                    size=size,
                    line=declarator.start_point[0] + 1,
                )


def _name_and_size(text: SourceText, declarator: Any) -> tuple[str, str | None]:
    size = None
    while declarator is not None and declarator.type != "field_identifier":
        if declarator.type == "array_declarator":
            bound = declarator.child_by_field_name("size")
            size = text.of(bound)
        inner = declarator.child_by_field_name("declarator")
        declarator = inner or next(iter(declarator.named_children), None)
    return text.of(declarator), size
