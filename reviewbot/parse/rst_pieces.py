# SPDX-License-Identifier: GPL-2.0-only
"""Parse a new version of a document by its difference from one that is known.

docutils needs 0.4 s for api.rst, and a series changes a few sections of it.  A document is cut at its
headings; only the pieces that differ, with a neighbour on either side, are parsed, each as if it stood
where it stands.  What is not sure to come out as from the whole document is left to
:func:`reviewbot.parse.rst.parse`: pieces whose targets, references, substitutions or footnotes change,
new kinds of headings, and a known version that does not come out the same in pieces.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from reviewbot.parse.rst import Document, Section, parse, read

_ADORNMENT = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_ODD_ENDS = frozenset(
    "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
)  # ends of lines for docutils, not for us
_MOST_PIECES = 2000
Piece = tuple[str, ...]
_Style = tuple[str, bool]


class _NotSureError(Exception):
    """The whole document has to be parsed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """A document in pieces: each begins with a heading but the first.

    Lines are 0-based.  ``titles`` are those of all headings, also of those that no piece begins with.
    """

    lines: tuple[str, ...]
    pieces: tuple[Piece, ...]
    starts: tuple[int, ...]
    titles: tuple[int, ...]


def parse_near(data: bytes, known: Document) -> Document:
    """As :func:`parse`, quicker when ``known`` is an earlier version of the same document."""
    text = read(data)
    if text == known.text:
        return known
    try:
        return _in_pieces(text, known)
    except _NotSureError:
        return parse(data)


def _in_pieces(text: str, known: Document) -> Document:
    if (
        any(line < 1 for line in _lines(known))
        or _ODD_ENDS & set(text)
        or _ODD_ENDS & set(known.text)
    ):
        raise _NotSureError
    styles = _styles(known)
    old, new = _cut(known.text), _cut(text)
    headings = {section.line - 1 for section in known.sections}
    if not all(_title_of(old, index) in headings for index in range(1, len(old.pieces))):
        raise _NotSureError
    same = _same(old, new)
    parts = [
        _shifted(_slice(known, old, range(one, one + size)), new.starts[two] - old.starts[one])
        for one, two, size in same
    ]
    for before, after in _changes(same):
        was, now = _alone(old, before, styles), _alone(new, after, styles)
        there = _slice(known, old, before)
        if was.sections != there.sections or _rest(was) != _rest(there):
            raise _NotSureError
        if was.linked or now.linked or (was.names | now.names) & known.references:
            raise _NotSureError
        parts.append(now)
    return _joined(text, known, parts)


def _rest(document: Document) -> tuple[object, ...]:
    return document.tables, document.messages, document.malformed


def _lines(document: Document) -> Iterator[int]:
    yield from (section.line for section in document.sections)
    yield from (table.line for table in document.tables)
    yield from (message.line for message in document.messages)
    yield from (line for line, _ in document.malformed)


def _cut(text: str) -> _Cut:
    lines = text.split("\n")
    starts, titles = [0], []
    for index in range(1, len(lines) - 1):
        if not _is_heading(lines, index):
            continue
        titles.append(index)
        at = index - 1 if index > 1 and _is_ruler(lines[index - 1]) else index
        if not lines[at - 1].strip() and at > starts[-1]:
            starts.append(at)
    if len(starts) > _MOST_PIECES:
        raise _NotSureError
    ends = [*starts[1:], len(lines)]
    return _Cut(
        lines=tuple(lines),
        pieces=tuple(tuple(lines[a:b]) for a, b in zip(starts, ends, strict=True)),
        starts=tuple(starts),
        titles=tuple(titles),
    )


def _is_heading(lines: Sequence[str], index: int) -> bool:
    title, ruler = lines[index], lines[index + 1]
    return bool(title) and not title[0].isspace() and not _is_ruler(title) and _is_ruler(ruler)


def _is_ruler(line: str) -> bool:
    return bool(line) and line[0] in _ADORNMENT and not line.rstrip().strip(line[0])


def _title_of(cut: _Cut, index: int) -> int:
    """The line of a piece's title, 0-based: an overline stands above it."""
    return cut.starts[index] + (1 if _is_ruler(cut.pieces[index][0]) else 0)


def _styles(known: Document) -> list[_Style]:
    """The adornments of each depth of heading, in order."""
    lines = known.text.split("\n")
    found: dict[int, _Style] = {}
    for section in known.sections:
        style = _style(lines, section.line - 1)
        if found.setdefault(section.depth, style) != style:
            raise _NotSureError
    if sorted(found) != list(range(1, len(found) + 1)) or len(set(found.values())) != len(found):
        raise _NotSureError
    return [found[depth] for depth in sorted(found)]


def _style(lines: Sequence[str], title: int) -> _Style:
    if not 0 <= title < len(lines) - 1 or not _is_ruler(lines[title + 1]):
        raise _NotSureError
    mark = lines[title + 1][0]
    over = title > 0 and _is_ruler(lines[title - 1]) and lines[title - 1][0] == mark
    return mark, over


def _same(old: _Cut, new: _Cut) -> list[tuple[int, int, int]]:
    """Runs of equal pieces, their edges left out: a neighbour may matter."""
    matcher = SequenceMatcher(None, old.pieces, new.pieces, autojunk=False)
    found = []
    for one, two, size in matcher.get_matching_blocks():
        first = 0 if one == two == 0 else 1
        last = one + size == len(old.pieces) and two + size == len(new.pieces)
        left = size - first - (0 if last else 1)
        if left > 0:
            found.append((one + first, two + first, left))
    if not found or found[0][:2] != (0, 0):
        raise _NotSureError  # what stands above the first heading has changed
    if sum(found[-1][::2]) != len(old.pieces):
        raise _NotSureError  # the last section has no end of its own
    return found


def _changes(same: list[tuple[int, int, int]]) -> Iterator[tuple[range, range]]:
    """What lies between the runs of equal pieces, in the old and in the new version."""
    one = two = 0
    for start, other, size in same:
        if (start, other) != (one, two):
            yield range(one, start), range(two, other)
        one, two = start + size, other + size


def _alone(cut: _Cut, which: range, styles: Sequence[_Style]) -> Document:
    """Pieces parsed where they stand: below a heading of each kind, with the next heading behind."""
    depth, known = _depth_at(cut, which, styles)
    preamble: list[str] = []
    for number, style in enumerate([*styles[:known], *styles[:depth]]):
        preamble += _heading(f"reviewbot heading {number}", style)
    body = [line for index in which for line in cut.pieces[index]]
    behind = list(cut.pieces[which.stop][:3]) if which.stop < len(cut.pieces) else []
    document = parse("\n".join([*preamble, *body, *behind, ""]).encode())
    begin, end = len(preamble), len(preamble) + len(body)
    if any(line < 1 for line in _lines(document)):
        raise _NotSureError
    inside = _between(document, begin, end)
    lines = [*preamble, *body]
    for section in inside.sections:
        if (
            section.depth > len(styles)
            or _style(lines, section.line - 1) != styles[section.depth - 1]
        ):
            raise _NotSureError
    titles = {section.line for section in inside.sections}
    position = begin
    for index in which:
        title = position + (2 if _is_ruler(cut.pieces[index][0]) else 1)
        if title not in titles:
            raise _NotSureError
        position += len(cut.pieces[index])
    return _shifted(inside, cut.starts[which.start] - begin)


def _depth_at(cut: _Cut, which: range, styles: Sequence[_Style]) -> tuple[int, int]:
    """The depth of the last heading above some pieces, and how many kinds of headings there were."""
    depth = known = 0
    for title in cut.titles:
        if title >= cut.starts[which.start]:
            break
        style = _style(cut.lines, title)
        if style in styles:
            depth = styles.index(style) + 1
            known = max(known, depth)
    return depth, known


def _heading(title: str, style: _Style) -> list[str]:
    ruler = style[0] * len(title)
    return [*([ruler] if style[1] else []), title, ruler, ""]


def _slice(document: Document, cut: _Cut, which: range) -> Document:
    starts = [*cut.starts, len(cut.lines)]
    return _between(document, starts[which.start], starts[which.stop])


def _between(document: Document, begin: int, end: int) -> Document:
    """What a document has between two 0-based lines."""

    def inside(line: int) -> bool:
        return begin < line <= end

    return replace(
        document,
        sections=tuple(_bare(each) for each in document.sections if inside(each.line)),
        tables=tuple(each for each in document.tables if inside(each.line)),
        messages=tuple(each for each in document.messages if inside(each.line)),
        malformed=tuple(each for each in document.malformed if inside(each[0])),
    )


def _bare(section: Section) -> Section:
    return replace(section, text="")


def _shifted(document: Document, by: int) -> Document:
    return replace(
        document,
        sections=tuple(replace(each, line=each.line + by) for each in document.sections),
        tables=tuple(replace(each, line=each.line + by) for each in document.tables),
        messages=tuple(replace(each, line=each.line + by) for each in document.messages),
        malformed=tuple((line + by, text) for line, text in document.malformed),
    )


def _joined(text: str, known: Document, parts: list[Document]) -> Document:
    lines = text.split("\n")
    sections = sorted((s for part in parts for s in part.sections), key=lambda s: s.line)
    ends = [section.line - 1 for section in sections[1:]] + [len(lines)]
    return Document(
        sections=tuple(
            replace(section, text="\n".join(lines[section.line : end]))
            for section, end in zip(sections, ends, strict=True)
        ),
        tables=tuple(
            sorted((t for part in parts for t in part.tables), key=lambda table: table.line)
        ),
        messages=tuple(
            sorted((m for p in parts for m in p.messages), key=lambda m: (m.line, m.level, m.text))
        ),
        malformed=tuple(sorted(each for part in parts for each in part.malformed)),
        text=text,
        names=known.names,
        references=known.references,
    )
