# SPDX-License-Identifier: GPL-2.0-only
"""A patch side by side: what was on the left, what is on the right, remarks below their lines.  Pure.

A block is a run of lines that stay, or that one change takes away and puts in their place.  On a narrow
screen the style sheet puts the right half below the left one, which reads like the mail.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from reviewbot.model.run import Run
from reviewbot.model.series import FileDiff, Hunk, Patch
from reviewbot.parse.landing import as_landed
from reviewbot.stages.printable import one_line
from reviewbot.stages.quote import hunk_header, moved, new_numbers, quoted_line
from reviewbot.stages.ran_lines import Ran
from reviewbot.stages.remarks import Remark, remarks
from reviewbot.stages.tally import Tally
from reviewbot.web.coverage import anchor, marks

LINES = 1500
"""Lines of a diff on one page: more is slow to make, to load and to read."""
PAGES = 16
"""Pages of a patch: one of 17 MB, which was posted once, would have hundreds that nobody turns to."""


@dataclass(slots=True, kw_only=True)  # not frozen: there are many, and that takes thrice as long
class Line:
    """One line of one half, without its sign; ``remarks`` are said below it.

    ``ran`` is whether tests ran it, None when that is unknown or it is no code; ``anchor`` is what
    links call it.
    """

    number: int
    text: str
    remarks: tuple[Remark, ...] = ()
    ran: Ran | None = None
    anchor: str = ""


@dataclass(slots=True, kw_only=True)
class Block:
    """Lines beside each other.  ``kind`` is "same" or "change"."""

    kind: str
    old: list[Line] = field(default_factory=list)
    new: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file's heading (``path``), a hunk's (``hunk``), or a ``block``; one of them is set."""

    path: str = ""
    what: str = ""
    hunk: str = ""
    block: Block | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One page of a patch.  ``elsewhere`` are remarks on no line that any page shows; ``pages`` there are.

    ``cut`` when the patch is longer than that.  ``counted`` are lines of the whole patch that are known to
    have run or not.
    """

    parts: tuple[Part, ...]
    elsewhere: tuple[Remark, ...]
    page: int
    pages: int
    cut: bool
    counted: Mapping[Ran, int] = field(default_factory=dict)


def split(run: Run, counted: Tally, patch: Patch, page: int = 1) -> Split:
    """The page of a patch; one that is not there has no parts."""
    found = remarks(run, counted, patch)
    placed: set[int] = set()
    landed = as_landed(patch, moved(run, patch))
    ran = marks(run, patch.number)
    pairs = enumerate(zip(patch.files, landed.files, strict=True))
    parts = (
        part
        for place, (diff, there) in pairs
        for part in _file(diff, there, found, placed, _named(place, ran.get(place, {})))
    )
    pages = list(islice(_pages(parts), PAGES + 1)) or [[]]
    cut = len(pages) > PAGES
    pages = pages[:PAGES]
    return Split(
        parts=tuple(pages[page - 1]) if 1 <= page <= len(pages) else (),
        elsewhere=tuple(one for one in found if id(one) not in placed),
        page=page,
        pages=len(pages),
        cut=cut,
        counted=Counter(one for lines in ran.values() for one in lines.values()),
    )


def _named(file: int, ran: Mapping[int, Ran]) -> dict[int, tuple[Ran, str]]:
    """By line whether it ran, and what links call it."""
    return {
        line: (said, "" if said is Ran.YES else anchor(file, line)) for line, said in ran.items()
    }


def page_count(patch: Patch) -> int:
    """How many pages a patch has, without making them."""
    parts = (part for one in patch.files for part in _file(one, one, (), set(), {}))
    return max(1, len(list(islice(_pages(parts), PAGES))))


def _pages(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """Pages of about LINES lines; one that begins within a file says which file that is."""
    page: list[Part] = []
    room, path = LINES, Part()
    for part in parts:
        path = part if part.path else path
        size = max(len(part.block.old), len(part.block.new)) if part.block else 1
        if page and size > room:
            yield page
            page, room = [], LINES
            if not part.path:
                page.append(path)
        page.append(part)
        room -= size
    if page:
        yield page


def _file(
    diff: FileDiff,
    there: FileDiff,
    found: tuple[Remark, ...],
    placed: set[int],
    ran: Mapping[int, tuple[Ran, str]],
) -> Iterator[Part]:
    what = "binary" if diff.binary else diff.kind.value
    if diff.old_path and diff.new_path and diff.old_path != diff.new_path:
        what += f" of {one_line(diff.old_path)}"
    yield Part(path=one_line(diff.path) or "?", what=what)
    said: dict[int, list[Remark]] = {}
    for one in found:
        if one.location and one.location.path == diff.new_path:
            said.setdefault(one.location.line, []).append(one)
    for hunk, landed in zip(diff.hunks, there.hunks, strict=True):
        yield Part(hunk=hunk_header(hunk))
        for block in _blocks(hunk, landed, said, placed, ran):
            yield Part(block=block)


def _blocks(
    hunk: Hunk,
    landed: Hunk,
    said: Mapping[int, list[Remark]],
    placed: set[int],
    ran: Mapping[int, tuple[Ran, str]],
) -> Iterator[Block]:
    block = Block(kind="same")
    old = hunk.old_start
    for text, new in zip(hunk.lines, new_numbers(landed), strict=True):
        sign = text[:1]
        if sign == "\\":  # "No newline at end of file"
            continue
        kind = "change" if sign in ("+", "-") else "same"
        turned = kind != block.kind or (sign == "-" and block.new and kind == "change")
        if turned or max(len(block.old), len(block.new)) >= LINES // 2:
            if block.old or block.new:
                yield block
            block = Block(kind=kind)
        shown = quoted_line(text)[1:]
        if sign != "+":
            block.old.append(Line(number=old, text=shown))
            old += 1
        if new is not None:
            line = Line(number=new, text=shown)
            if new in said:
                line.remarks = tuple(said[new])
                placed.update(map(id, line.remarks))
            if sign == "+" and new in ran:
                line.ran, line.anchor = ran[new]
            block.new.append(line)
    if block.old or block.new:
        yield block
