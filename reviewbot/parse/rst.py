# SPDX-License-Identifier: GPL-2.0-only
"""Sections, tables, field lists and code blocks of a kernel document, parsed by docutils.

Sphinx roles and directives are unknown to docutils; its complaints about those are dropped.  Files
are never inserted (``include``, ``raw``): the text may come from a patch.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

_SPHINX = re.compile(
    r"Unknown interpreted text role|No role entry|Unknown directive|No directive entry"
)


class DocumentUnreadableError(Exception):
    """docutils can not parse the document; ``str()`` says why in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.  ``rows`` hold the cells' text, the heading row first if there is one."""

    line: int
    rows: tuple[tuple[str, ...], ...]
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section without its subsections.

    ``number`` is "7.31" for "7.31 KVM_CAP_DISABLE_QUIRKS2" ("" when unnumbered), ``fields`` the field
    list (":Architectures: x86") with lower-case names, ``text`` everything below the heading.
    """

    title: str
    number: str
    line: int
    depth: int
    fields: tuple[tuple[str, str], ...]
    code: tuple[str, ...]
    text: str

    def field(self, name: str) -> str | None:
        """A field's text by lower-case name, or None."""
        return next((value for key, value in self.fields if key == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A docutils complaint.  ``level`` 2 is a warning, 3 an error, 4 severe."""

    level: int
    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One parsed file.

    A malformed table is no ``Table`` but a ``Message``, with its raw text in ``malformed`` as (line, text).
    ``names`` are what can be referred to, ``references`` what is; ``linked`` says whether there are
    explicit targets, references, substitutions, footnotes or citations at all.
    """

    sections: tuple[Section, ...]
    tables: tuple[Table, ...]
    messages: tuple[Message, ...]
    malformed: tuple[tuple[int, str], ...]
    text: str
    names: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()
    linked: bool = False

    def section(self, words: str) -> Section | None:
        """The first section whose title has ``words`` as whole words."""
        pattern = re.compile(rf"(?<!\w){re.escape(words)}(?!\w)")
        return next((s for s in self.sections if pattern.search(s.title)), None)

    def tables_in(self, words: str) -> tuple[Table, ...]:
        """Tables of sections whose title has ``words`` as whole words."""
        pattern = re.compile(rf"(?<!\w){re.escape(words)}(?!\w)")
        return tuple(table for table in self.tables if pattern.search(table.section))

    def mentions(self, word: str) -> tuple[int, ...]:
        """Lines (1-based) that have ``word`` as a whole word."""
        pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
        return tuple(
            number for number, line in enumerate(self.text.split("\n"), 1) if pattern.search(line)
        )


@cache
def _docutils() -> Any:
    import docutils.core  # noqa: PLC0415 - 0.15 s that only documentation patches pay
    import docutils.nodes  # noqa: PLC0415

    return docutils


def read(data: bytes) -> str:
    """A document's text; bytes that are not UTF-8 become U+FFFD."""
    return data.decode("utf-8", "replace")


def parse(data: bytes) -> Document:
    """Parse a document.  Messages are sorted by line.

    Raises DocumentUnreadableError for one that is nested too deeply, never for anything else in it.
    """
    try:
        return _parse(read(data))
    except RecursionError as error:
        raise DocumentUnreadableError("the document is nested too deeply to be parsed") from error


def _parse(text: str) -> Document:
    docutils = _docutils()
    tree = docutils.core.publish_doctree(
        text,
        settings_overrides={
            "file_insertion_enabled": False,
            "raw_enabled": False,
            "report_level": 5,
            "halt_level": 6,
            "input_encoding": "unicode",
            "_disable_config": True,
            "warning_stream": False,
            "sectnum_xform": False,
            "doctitle_xform": False,
            "line_length_limit": 1_000_000,
        },
    )
    messages: set[Message] = set()
    malformed: set[tuple[int, str]] = set()
    for note in [*tree.findall(docutils.nodes.system_message), *tree.parse_messages]:
        if note.parent is not None and note in note.parent.children:
            note.parent.remove(note)  # or it would be text of a cell or a field
        # Its own text is "<string>:8286: (ERROR/3) ...": the place is told apart.
        said = str(docutils.nodes.Element.astext(note)).split("\n")[0]
        if note["level"] >= 2 and not _SPHINX.search(said):
            messages.add(Message(level=note["level"], line=note.get("line", 0), text=said))
            if "Malformed table" in said:
                malformed.add((note.get("line", 0), _literal(note)))
    return Document(
        sections=tuple(_sections(tree, text.split("\n"))),
        tables=tuple(_tables(tree)),
        messages=tuple(sorted(messages, key=lambda m: (m.line, m.level, m.text))),
        malformed=tuple(sorted(malformed)),
        text=text,
        names=frozenset(tree.nametypes),
        references=frozenset(tree.refnames),
        linked=_linked(tree),
    )


def _linked(tree: Any) -> bool:
    nodes = _docutils().nodes
    kinds = (nodes.target, nodes.Referential, nodes.substitution_definition, nodes.footnote)
    return any(
        not isinstance(node, nodes.reference) or "refuri" not in node or "name" in node
        for kind in (*kinds, nodes.citation)
        for node in tree.findall(kind)
        if not isinstance(node, nodes.problematic)
    ) or bool(tree.refnames)


def _literal(note: Any) -> str:
    blocks = list(note.findall(_docutils().nodes.literal_block))
    return "\n".join(block.astext() for block in blocks)


def _heading_line(section: Any) -> int:
    """Docutils counts a heading by its underline; the text is one line above."""
    title = section.next_node(_docutils().nodes.title)
    line = (title.line if title is not None else None) or section.line or 1
    return max(int(line) - 1, 1)


def _sections(tree: Any, lines: list[str]) -> Iterator[Section]:
    nodes = _docutils().nodes
    found = list(tree.findall(nodes.section))
    starts = [_heading_line(section) for section in found]
    for index, section in enumerate(found):
        title = section.next_node(nodes.title).astext()
        end = starts[index + 1] - 1 if index + 1 < len(found) else len(lines)
        own = [child for child in section.children if not isinstance(child, nodes.section)]
        number = re.match(r"(\d+(?:\.\d+)*)\.?\s", title)
        yield Section(
            title=title,
            number=number.group(1) if number else "",
            line=starts[index],
            depth=_depth(section),
            fields=tuple(pair for child in own for pair in _fields(child)),
            code=tuple(b.astext() for c in own for b in c.findall(nodes.literal_block)),
            text="\n".join(lines[starts[index] : end]),
        )


def _depth(section: Any) -> int:
    depth, node = 0, section
    while node is not None:
        depth += isinstance(node, _docutils().nodes.section)
        node = node.parent
    return depth


def _fields(node: Any) -> Iterator[tuple[str, str]]:
    nodes = _docutils().nodes
    for field in node.findall(nodes.field):
        yield field[0].astext().strip().lower(), field[1].astext().strip()


def _tables(tree: Any) -> Iterator[Table]:
    nodes = _docutils().nodes
    for table in tree.findall(nodes.table):
        rows = tuple(
            tuple(" ".join(entry.astext().split()) for entry in row.findall(nodes.entry))
            for row in table.findall(nodes.row)
        )
        place = table.parent
        while place is not None and not isinstance(place, nodes.section):
            place = place.parent
        title = place.next_node(nodes.title).astext() if place is not None else ""
        yield Table(line=_line_of(table), rows=rows, section=title)


def _line_of(node: Any) -> int:
    for each in node.findall():
        if getattr(each, "line", None):
            return int(each.line)
    return 0
