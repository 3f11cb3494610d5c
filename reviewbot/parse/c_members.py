# SPDX-License-Identifier: GPL-2.0-only
"""Uses of a struct's members, and the names that variables and fields of a struct type have.

tree-sitter knows no types.  What an access is made on is therefore said by name: the last name of
``kvm_state->hdr.svm`` in ``kvm_state->hdr.svm.flags`` is ``svm``, a field.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from reviewbot.parse.c_syntax import SourceText

_DECLARING = frozenset({"parameter_declaration", "declaration", "field_declaration"})
_WRAPPING = {
    "parenthesized_expression": None,
    "subscript_expression": "argument",
    "pointer_expression": "argument",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """``object.name`` or ``object->name``.

    ``owner`` is the last name of the object, "" when it has none (a call, a cast); ``owner_is_field``
    tells ``state->hdr.flags`` (owner ``hdr``) from ``hdr->flags``.  ``written`` is True for the
    target of an assignment, compound ones included.
    """

    text: str
    name: str
    owner: str
    owner_is_field: bool
    written: bool
    line: int


def accesses(text: SourceText, nodes: Iterable[Any]) -> Iterator[Access]:
    """The member accesses among identifier nodes."""
    for node in nodes:
        whole = node.parent
        if whole is None or whole.type != "field_expression":
            continue
        if whole.child_by_field_name("field") != node:
            continue
        owner, is_field = _owner(text, whole.child_by_field_name("argument"))
        yield Access(
            text=text.of(whole),
            name=text.of(node),
            owner=owner,
            owner_is_field=is_field,
            written=_written(whole),
            line=node.start_point[0] + 1,
        )


def names_of_type(text: SourceText, nodes: Iterable[Any]) -> Iterator[tuple[str, bool]]:
    """Names declared with the struct or union tags in ``nodes``, and whether each is a field."""
    for node in nodes:
        specifier = node.parent
        if specifier is None or specifier.type not in {"struct_specifier", "union_specifier"}:
            continue
        place = specifier.parent
        if place is None or place.type not in _DECLARING:
            continue
        for declarator in place.children_by_field_name("declarator"):
            name = _innermost(declarator)
            if name is not None:
                yield text.of(name), place.type == "field_declaration"


def _owner(text: SourceText, node: Any) -> tuple[str, bool]:
    while node is not None and node.type in _WRAPPING:
        field = _WRAPPING[node.type]
        inner = [child for child in node.named_children if child.type != "comment"]
        node = node.child_by_field_name(field) if field else next(iter(inner), None)
    if node is None:
        return "", False
    if node.type == "field_expression":
        return text.of(node.child_by_field_name("field")), True
    return (text.of(node), False) if node.type == "identifier" else ("", False)


def _written(access: Any) -> bool:
    """Whether the access, or an element of it, is what an assignment changes."""
    node, parent = access, access.parent
    while parent is not None and parent.type == "subscript_expression":
        if parent.child_by_field_name("argument") != node:
            return False
        node, parent = parent, parent.parent
    return (
        parent is not None
        and parent.type == "assignment_expression"
        and parent.child_by_field_name("left") == node
    )


def _innermost(node: Any) -> Any:
    """The identifier of a declarator, or None."""
    while node is not None and node.type not in {"identifier", "field_identifier"}:
        inner = node.child_by_field_name("declarator")
        if inner is None:
            inner = next((c for c in node.named_children if c.type.endswith("declarator")), None)
        node = inner
    return node
