# SPDX-License-Identifier: GPL-2.0-only
"""Structs as headers declare them and as documents show them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reviewbot.parse.c_structs import DeclaredMember, declared_structs
from reviewbot.rulekit.layout import userspace_headers
from reviewbot.rulekit.named import DOCUMENTS
from reviewbot.rulekit.trees import UnsureFileError, View

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """Structs of headers by blob, those in documents by path, with the blob."""

    headers: dict[str, dict[str, tuple[DeclaredMember, ...]]]
    documents: dict[str, tuple[str, tuple[DocumentedStruct, ...]]]


def structs(view: View, path: str) -> Mapping[str, tuple[DeclaredMember, ...]]:
    """Structs of a header by tag, not preprocessed; empty where the tree has no such file."""
    blob = view.blob_id(path)
    if blob is None:
        return {}
    known = _of_base(view.base or view).headers
    if blob in known:
        return known[blob]
    return view.facts.of(("structs", blob), lambda: declared_structs(view.read(path) or b""))


def documented_structs(view: View, path: str) -> tuple[DocumentedStruct, ...]:
    """Whole structs in the code blocks of a document; those with "..." for what is left out are not."""
    blob = view.blob_id(path)
    known = _of_base(view.base or view).documents.get(path)
    if known and known[0] == blob:
        return known[1]
    key = ("documented structs", blob, path)
    return view.facts.of(key, lambda: tuple(_blocks(view.text(path), path)))


def _of_base(base: View) -> _Known:
    """What the tree before the series has, kept for the next series."""
    return base.facts.of(("structs of the base", id(base)), lambda: _load(base))


def _load(base: View) -> _Known:
    headers = {path: blob for path in userspace_headers() if (blob := _sure(base, path))}
    documents = {
        path: blob for path in base.paths(DOCUMENTS, ".rst") if (blob := _sure(base, path))
    }
    return base.facts.kept(
        ("structs", tuple(sorted(headers.values())), tuple(sorted(documents.items()))),
        _Known,
        lambda: _Known(
            headers={blob: declared_structs(base.read(p) or b"") for p, blob in headers.items()},
            documents={p: (b, tuple(_blocks(base.text(p), p))) for p, b in documents.items()},
        ),
    )


def _sure(view: View, path: str) -> str | None:
    try:
        return view.blob_id(path)
    except UnsureFileError:
        return None


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
