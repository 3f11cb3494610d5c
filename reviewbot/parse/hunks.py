# SPDX-License-Identifier: GPL-2.0-only
"""Put the hunks of a diff into a file that is not quite the one they were made for.

git apply wants all context; patch(1) drops it from both ends alike and then inserts by line number.
Here context is dropped from either end, and what is left must be in one place only: a field that
lands in the wrong struct would make false findings, a file that is given up makes none.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from reviewbot.model.series import FileDiff, Hunk

CONTEXT_DROPPED = 3
"""Lines of context that may be dropped from each end: all that git format-patch gives."""

COMPARISONS = 20_000_000
"""Lines looked at for one series, a few seconds' worth; real ones of 60 patches need some 100,000."""

_NAMED = re.compile(
    r"[ \t]*#[ \t]*define[ \t]+(\w+)|(?:typedef[ \t]+)?((?:struct|union|enum)[ \t]+\w+)[ \t]*\{"
)
_UNDERLINE = re.compile(r"([=~^*+-])\1{3,}")
_C = (".c", ".h", ".S")


class MisfitError(Exception):
    """The hunks of a file do not all apply; ``str()`` says why."""


class Effort:
    """How much more may be looked at; shared by the files of a series, which may be built to be slow."""

    def __init__(self, left: int = COMPARISONS) -> None:
        """``left`` is in lines."""
        self._left = left

    def spend(self, lines: int) -> None:
        """Note that so many lines are looked at.  Raises MisfitError when that is too much."""
        self._left -= lines
        if self._left < 0:
            raise MisfitError("finding the places of its hunks takes too long")


def put_hunks(diff: FileDiff, content: bytes, effort: Effort) -> bytes:
    """The file after the diff.

    Raises MisfitError when a hunk has no place or more than one, or when the file already has what
    the diff adds: the tree is then newer than the series, and nothing said about it would be new.
    """
    text = content.decode("utf-8", "surrogateescape")
    _refuse_known(diff, text)
    lines = text.split("\n")
    effort.spend(len(lines))
    search = _Search(lines, effort, nested=diff.path.endswith(_C))
    done: list[str] = []
    at = drift = 0
    for hunk in diff.hunks:
        old, new, lead, tail = _sides(hunk)
        search.floor, search.wanted = at, hunk.old_start - 1 + drift
        start, front, back = search.find(old, lead, tail)
        done += lines[at:start]
        done += new[front : len(new) - back]
        at = start + len(old) - front - back
        drift = start - front - (hunk.old_start - 1)
    done += lines[at:]
    return "\n".join(done).encode("utf-8", "surrogateescape")


def added_content(diff: FileDiff) -> bytes:
    """The whole of a file that the diff creates."""
    lines = [line for hunk in diff.hunks for line in hunk.lines]
    text = "".join(f"{line[1:]}\n" for line in lines if line.startswith("+"))
    if lines and lines[-1].startswith("\\"):
        text = text.removesuffix("\n")
    return text.encode("utf-8", "surrogateescape")


class _Search:
    """Where a hunk goes, from line ``floor`` on; ``wanted`` is where its author had it."""

    def __init__(self, lines: list[str], effort: Effort, *, nested: bool) -> None:
        self.lines = lines
        self.effort = effort
        self.nested = nested
        self.floor = self.wanted = 0
        self.by_text: dict[str, list[int]] = defaultdict(list)
        for at, line in enumerate(lines):
            self.by_text[line].append(at)

    def find(self, old: Sequence[str], lead: int, tail: int) -> tuple[int, int, int]:
        """First line and the context dropped in front and behind.  Raises MisfitError."""
        if not old:
            raise MisfitError("a hunk has no line to find its place by")
        exact = list(self._places(old))
        if exact:
            return min(exact, key=lambda place: abs(place - self.wanted)), 0, 0
        for front, back in _drops(min(lead, CONTEXT_DROPPED), min(tail, CONTEXT_DROPPED)):
            left = old[front : len(old) - back]
            if not any(len(re.findall(r"\w", line)) > 2 for line in left):
                continue
            places = list(self._places(left))
            if len(places) > 1:
                raise MisfitError(f"{_quote(old)} may go in {len(places)} places")
            kept = (lead - front, tail - back)
            if places and (
                all(kept) or self._outside(places[0] + kept[0], places[0] + len(left) - kept[1])
            ):
                return places[0], front, back
        raise MisfitError(f"{_quote(old)} is not in the tree as the patch expects it")

    def _places(self, wanted: Sequence[str]) -> Iterator[int]:
        """Where these lines are, looked for by the rarest of them."""
        counts = [len(self.by_text.get(line, ())) for line in wanted]
        self.effort.spend(len(wanted))
        rarest = min(range(len(wanted)), key=counts.__getitem__)
        for at in self.by_text.get(wanted[rarest], ()):
            start = at - rarest
            self.effort.spend(len(wanted))
            if start >= self.floor and self.lines[start : start + len(wanted)] == wanted:
                yield start

    def _outside(self, *places: int) -> bool:
        """Whether these lines are outside braces.

        Inside, order is meaning, and one neighbour does not tell on which side of the tree's own
        lines those of the patch belong.
        """
        self.effort.spend(sum(places))
        return not self.nested or not any(_depth(self.lines[:place]) for place in places)


def _drops(lead: int, tail: int) -> list[tuple[int, int]]:
    """How much context to drop in front and behind, least first, evenly before unevenly."""
    pairs = [(front, back) for front in range(lead + 1) for back in range(tail + 1)]
    return sorted(pairs, key=lambda pair: (sum(pair), abs(pair[0] - pair[1])))[1:]


def _depth(lines: Iterable[str]) -> int:
    """How many braces are open; strings and comments with lone braces are too rare to matter."""
    return sum(line.count("{") - line.count("}") for line in lines)


def _sides(hunk: Hunk) -> tuple[list[str], list[str], int, int]:
    """Lines before and after, and how many lines of context begin and end the hunk."""
    lines = [line for line in hunk.lines if not line.startswith("\\")]
    kinds = [line[:1] if line[:1] in ("+", "-") else " " for line in lines]
    old = [line[1:] for line, kind in zip(lines, kinds, strict=True) if kind != "+"]
    new = [line[1:] for line, kind in zip(lines, kinds, strict=True) if kind != "-"]
    changed = [at for at, kind in enumerate(kinds) if kind != " "]
    if not changed:
        return old, new, 0, 0
    return old, new, changed[0], len(kinds) - changed[-1] - 1


def _refuse_known(diff: FileDiff, text: str) -> None:
    added = [line[1:] for hunk in diff.hunks for line in hunk.lines if line.startswith("+")]
    gone = {line[1:] for hunk in diff.hunks for line in hunk.lines if line.startswith("-")}
    if diff.path.endswith(".rst"):
        new, old, known = _titles(added), _titles(list(gone)), set(_titles(text.split("\n")))
    else:
        new, old, known = _names(added), _names(gone), set(_names(text.split("\n")))
    removed = set(old)
    for name in new:
        if name in known and name not in removed:
            raise MisfitError(f"the tree already has {name[:60]!r}: it is newer than the series")


def _names(lines: Iterable[str]) -> list[str]:
    found = (_NAMED.match(line) for line in lines)
    return [" ".join((match[1] or match[2]).split()) for match in found if match]


def _titles(lines: Sequence[str]) -> list[str]:
    """Section titles, without their number."""
    return [
        line.split(None, 1)[-1].strip()
        for line, below in itertools.pairwise(lines)
        if len(line) > 3 and line[0] not in " \t" and _UNDERLINE.fullmatch(below.rstrip())
    ]


def _quote(lines: Sequence[str]) -> str:
    line = max(lines, key=lambda one: len(one.strip())).strip()
    return repr(line[:60]) if line else "an empty line"
