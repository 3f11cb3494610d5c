# SPDX-License-Identifier: GPL-2.0-only
r"""Which lines of which files a patch changes, in a form that can be compared over bases.

Line numbers move with every commit below, so two pending series are compared by what the lines say:
every pair of neighbouring lines of the file before the patch is a 32-bit hash.  A hunk *shows* the
pairs of its context and removed lines, and *changes* the pairs it removes a line of or puts one between.
Two series clash when one changes a pair that the other shows: git apply would miss its context there.
"""

import re
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence

from reviewbot.model.triage import Touched

PAIRS = 4000
"""Pairs of one file that are kept, and LINES of one mail that are read: real patches have fewer."""
LINES = 40_000
_FILES = 300
_PATH = 300
_LETTERS = 8
_NAME = re.compile(r"diff --git \"?a/(.+?)\"? \"?b/")
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


def footprint(diff: str) -> tuple[Touched, ...]:
    """What a patch's text changes.  Never fails: of a damaged diff, what can be read of it."""
    files: dict[str, _File] = {}
    current: _File | None = None
    lines = diff.split("\n", LINES)[:LINES]
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.startswith("diff --git "):
            found = _NAME.match(line)
            current = None
            if found and len(files) < _FILES:
                current = files.setdefault(found[1][:_PATH], _File())
        elif line.startswith("@@ ") and current is not None and (hunk := _HUNK.match(line)):
            at = current.read(lines, at, int(hunk[1] or "1"), int(hunk[2] or "1"))
    return tuple(one.touched(path) for path, one in files.items())


class _File:
    """The hunks of one file so far."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.changed: set[int] = set()
        self.added = self.removed = 0

    def read(self, lines: Sequence[str], at: int, old: int, new: int) -> int:
        """Take in the hunk that begins at ``at``; return where it ends."""
        before: str | None = None
        before_removed = inserted = False
        while at < len(lines) and (old > 0 or new > 0):
            line = lines[at]
            kind = line[:1]
            at += 1
            if kind == "+":
                new -= 1
                self.added += 1
                inserted = True
                continue
            if kind not in (" ", "-", ""):
                if kind == "\\":
                    continue
                break
            removed = kind == "-"
            old -= 1
            new -= not removed
            self.removed += removed
            text = line[1:].strip()
            if (
                before is not None
                and len(before) + len(text) >= _LETTERS
                and len(self.seen) < PAIRS
            ):
                pair = zlib.crc32(f"{before}\n{text}".encode("utf-8", "replace"))
                self.seen.add(pair)
                if removed or before_removed or inserted:
                    self.changed.add(pair)
            before, before_removed, inserted = text, removed, False
        return at

    def touched(self, path: str) -> Touched:
        return Touched(
            path=path,
            added=self.added,
            removed=self.removed,
            seen=array("I", sorted(self.seen)).tobytes(),
            changed=array("I", sorted(self.changed)).tobytes(),
        )


def clashes(
    series: Mapping[str, Iterable[Touched]],
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Series (by any name) -> other series that change the same lines -> the files.  Symmetrical."""
    by_path: dict[str, list[tuple[str, set[int], set[int]]]] = {}
    for name, files in series.items():
        merged: dict[str, tuple[set[int], set[int]]] = {}
        for one in files:
            seen, changed = merged.setdefault(one.path, (set(), set()))
            seen.update(array("I", one.seen))
            changed.update(array("I", one.changed))
        for path, (seen, changed) in merged.items():
            by_path.setdefault(path, []).append((name, seen, changed))
    found: dict[str, dict[str, list[str]]] = {}
    for path, sets in by_path.items():
        for first, second in _meetings(sets):
            found.setdefault(first, {}).setdefault(second, []).append(path)
            found.setdefault(second, {}).setdefault(first, []).append(path)
    return {
        name: {other: tuple(sorted(paths)) for other, paths in sorted(others.items())}
        for name, others in found.items()
    }


def _meetings(sets: Sequence[tuple[str, set[int], set[int]]]) -> set[tuple[str, str]]:
    """Pairs of series, of those that touch one file, of which one changes what the other shows."""
    showing: dict[int, list[str]] = {}
    for name, seen, _ in sets:
        for pair in seen:
            showing.setdefault(pair, []).append(name)
    found = set()
    for name, _, changed in sets:
        for pair in changed:
            for other in showing[pair]:
                if other != name:
                    found.add((min(name, other), max(name, other)))
    return found
