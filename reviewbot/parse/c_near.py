# SPDX-License-Identifier: GPL-2.0-only
"""Parse a version of a C file by its difference from one that is known.

tree-sitter takes over what did not change: x86.c needs 37 ms alone and a few beside a neighbour.  Where the
text parses, the tree is that of the whole text.  Behind a mistake tree-sitter guesses, and its guess
may depend on where it began: with a mistake near a difference, the whole text is to be parsed.
tests/rules/test_c_near.py compares both on texts broken at random and on files of a kernel.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Edit = tuple[int, int, int, int]
"""Begin and end of a difference in the old text, begin and end in the new one (bytes)."""

_RUN = 3  # equal lines behind a difference that say where it ends
_WINDOW = 500  # lines in which its end is looked for
_NEAR = 200  # bytes from a difference in which there must be no mistake


def reparse(parser: Any, known: Any, old: bytes, new: bytes, changes: Sequence[Edit]) -> Any | None:
    """The tree of ``new``, given the tree of ``old`` and what leads from one to the other.

    None where it may not be the tree that ``new`` alone has.
    """
    edited = known.copy()
    for start, end, begin, stop in reversed(changes):  # what stands before keeps its position
        place = _point(old, start)
        behind = _moved(place, new[begin:stop])
        edited.edit(start, end, start + stop - begin, place, _moved(place, old[start:end]), behind)
    tree = parser.parse(new, edited)
    places = [(begin, stop) for _, _, begin, stop in changes]
    places += [(each.start_byte, each.end_byte) for each in edited.changed_ranges(tree)]
    return tree if _sound(tree, places) else None


def edits(old: bytes, new: bytes) -> list[Edit]:
    """Where two texts differ, in whole lines and in order.  It need not be the least that differs."""
    begin = old.rfind(b"\n", 0, _same_start(old, new)) + 1
    rest = _same_end(old, new, min(len(old), len(new)) - begin)
    line = old.find(b"\n", len(old) - rest)
    rest = len(old) - line - 1 if line >= 0 else 0
    before, after = (text[begin : len(text) - rest].splitlines(True) for text in (old, new))
    found, start, other = list[Edit](), begin, begin
    for gone, come, same in _runs(before, after):
        end, stop = start + gone, other + come
        if gone or come:
            found.append((start, end, other, stop))
        start, other = end + same, stop + same
    return found


def _runs(before: list[bytes], after: list[bytes]) -> Iterator[tuple[int, int, int]]:
    """Bytes that are gone, bytes that come for them, bytes that follow in both."""
    one = two = 0
    while one < len(before) or two < len(after):
        to, other = _together(before, after, one, two)
        gone, come = sum(map(len, before[one:to])), sum(map(len, after[two:other]))
        one, two, same = to, other, 0
        while one < len(before) and two < len(after) and before[one] == after[two]:
            same += len(before[one])
            one, two = one + 1, two + 1
        yield gone, come, same


def _together(before: list[bytes], after: list[bytes], one: int, two: int) -> tuple[int, int]:
    """Where the lines are equal again, or both ends."""
    last = min(one + _WINDOW, len(before) - _RUN + 1)
    places = {tuple(before[at : at + _RUN]): at for at in range(last - 1, one - 1, -1)}
    for other in range(two, min(two + _WINDOW, len(after) - _RUN + 1)):
        found = places.get(tuple(after[other : other + _RUN]))
        if found is not None:
            return found, other
    return len(before), len(after)


def _sound(tree: Any, places: Iterable[tuple[int, int]]) -> bool:
    """Whether no mistake stands at or near one of the places."""
    spans = [(start - _NEAR, end + _NEAR) for start, end in places]
    waiting = [tree.root_node]
    while waiting:
        node = waiting.pop()
        if not any(start <= node.end_byte and node.start_byte <= end for start, end in spans):
            continue
        if node.is_error or node.is_missing:
            return False
        if node.has_error:
            waiting += node.children
    return True


def _point(text: bytes, at: int) -> tuple[int, int]:
    """Row and column of a position."""
    return text.count(b"\n", 0, at), at - text.rfind(b"\n", 0, at) - 1


def _moved(place: tuple[int, int], text: bytes) -> tuple[int, int]:
    """Row and column behind a text that begins at a place."""
    rows, column = _point(text, len(text))
    return place[0] + rows, column + (0 if rows else place[1])


def _same_start(one: bytes, two: bytes) -> int:
    """How many bytes two texts begin with alike."""
    low, high = 0, min(len(one), len(two))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == two[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _same_end(one: bytes, two: bytes, most: int) -> int:
    """How many bytes, at most ``most``, two texts end with alike."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == two[len(two) - middle : len(two) - low]:
            low = middle
        else:
            high = middle - 1
    return low
