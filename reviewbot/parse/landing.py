# SPDX-License-Identifier: GPL-2.0-only
"""Where the hunks of a patch came down: git applies them at an offset when lines above have moved.

The mail's ``@@`` numbers are then not those of the after-tree, which findings speak of.  Pure.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import product

from reviewbot.model.base import Moved
from reviewbot.model.series import FileDiff, Hunk, Patch

_CONTEXT = 3  # lines on each side of a change, as git format-patch gives them


def moved(patch: Patch, read: Callable[[str], bytes | None]) -> tuple[Moved, ...]:
    """The hunks that are not where the mail says; ``read`` gives files of the patch's own commit.

    Context that differs (after a three-way merge, say) is left out of the search when the rest is in
    one place only; a hunk that cannot be found even so is left where it was mailed.
    """
    found = []
    for file in patch.files:
        if file.new_path is None or not file.hunks:
            continue
        after = (read(file.new_path) or b"").decode("utf-8", "replace").split("\n")
        for hunk in file.hunks:
            landed = _landed(hunk, after)
            if landed is not None and landed != hunk.new_start:
                found.append(Moved(path=file.new_path, mailed=hunk.new_start, landed=landed))
    return tuple(found)


def as_landed(patch: Patch, places: Iterable[Moved]) -> Patch:
    """The patch with its hunks numbered as in the after-tree."""
    by_place = {(place.path, place.mailed): place.landed for place in places}
    return replace(patch, files=tuple(_file(file, by_place) for file in patch.files))


def between(mailed: Patch, landed: Patch) -> tuple[Moved, ...]:
    """The places that made ``landed`` of ``mailed``: what :func:`as_landed` was given."""
    return tuple(
        Moved(path=file.new_path, mailed=hunk.new_start, landed=other.new_start)
        for file, there in zip(mailed.files, landed.files, strict=True)
        for hunk, other in zip(file.hunks, there.hunks, strict=True)
        if file.new_path is not None and hunk.new_start != other.new_start
    )


def _file(file: FileDiff, by_place: dict[tuple[str, int], int]) -> FileDiff:
    if file.new_path is None:
        return file
    path = file.new_path
    hunks = tuple(
        replace(hunk, new_start=by_place.get((path, hunk.new_start), hunk.new_start))
        for hunk in file.hunks
    )
    return replace(file, hunks=hunks)


def _landed(hunk: Hunk, after: list[str]) -> int | None:
    want = [
        line[1:].rstrip("\r\n") for line in hunk.lines if line[:1] in (" ", "+") or not line.strip()
    ]
    if not want:
        return None
    start = hunk.new_start - 1
    if _is_at(want, after, start):
        return hunk.new_start
    first = want[0]
    places = [n for n, line in enumerate(after) if line.rstrip("\r") == first]
    at = [n for n in places if _is_at(want, after, n)]
    return min(at, key=lambda n: abs(n - start)) + 1 if at else _nearly_landed(hunk, want, after)


def _nearly_landed(hunk: Hunk, want: list[str], after: list[str]) -> int | None:
    """Where all but some context in front and behind is, if that is one place."""
    kept = [line[:1] for line in hunk.lines if line[:1] != "-" and line[:1] != "\\"]
    added = [n for n, kind in enumerate(kept) if kind == "+"]
    if not added:
        return None
    first = added[0]
    fronts = range(min(first, _CONTEXT) + 1)
    backs = range(min(len(kept) - 1 - added[-1], _CONTEXT) + 1)
    starts = [n - first for n, line in enumerate(after) if line.rstrip("\r") == want[first]]
    for front, back in sorted(product(fronts, backs), key=sum)[1:]:
        left = want[front : len(want) - back]
        at = [n for n in starts if n + front >= 0 and _is_at(left, after, n + front)]
        if at:
            return at[0] + 1 if len(at) == 1 else None
    return None


def _is_at(want: list[str], after: list[str], start: int) -> bool:
    return [line.rstrip("\r") for line in after[start : start + len(want)]] == want
