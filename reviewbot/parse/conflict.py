# SPDX-License-Identifier: GPL-2.0-only
"""What git said about a patch that does not apply -> the file, the hunk and a reason people can use."""

import re
from collections import Counter
from collections.abc import Callable

from reviewbot.model.base import Conflict
from reviewbot.model.series import ChangeKind, FileDiff, Hunk, Patch
from reviewbot.parse.hunks import added_content
from reviewbot.parse.text import one_line

_FAILED = re.compile(r"^error: patch failed: (.+):(\d+)$", re.MULTILINE)
_ABOUT = re.compile(
    r"^error: (.+): (does not exist in index|already exists in index|wrong type)$", re.MULTILINE
)
_SHOWN = 66

Read = Callable[[str], bytes | None]
"""The file at a path of the tree the patch was tried on, None when there is none."""


def explain(patch: Patch, complaint: str, read: Read) -> Conflict:
    """Where ``patch`` stopped and why.  ``complaint`` is git apply's standard error."""
    failed = _FAILED.search(complaint)
    if failed:
        diff = _diff_of(patch, failed[1])
        hunk = _hunk_at(diff, int(failed[2])) if diff else None
        return Conflict(
            patch=patch.number,
            path=failed[1],
            hunk=hunk_line(hunk) if hunk else "",
            reason=_why_not(diff, hunk, read),
        )
    about = _ABOUT.search(complaint)
    if about:
        return Conflict(
            patch=patch.number,
            path=about[1],
            hunk="",
            reason=_whole_file(about[2], patch, about[1], read),
        )
    said = [line for line in complaint.splitlines() if line.startswith(("error:", "fatal:"))]
    reason = one_line(said[0].partition(": ")[2])[:200] if said else "git apply gave no reason"
    return Conflict(patch=patch.number, path=_first_path(patch, reason), hunk="", reason=reason)


def hunk_line(hunk: Hunk) -> str:
    """The ``@@`` line as git and GNU diff write it: a count of one is left out."""
    old = f"{hunk.old_start},{hunk.old_count}" if hunk.old_count != 1 else str(hunk.old_start)
    new = f"{hunk.new_start},{hunk.new_count}" if hunk.new_count != 1 else str(hunk.new_start)
    return f"@@ -{old} +{new} @@ {hunk.section}".rstrip()


def _diff_of(patch: Patch, path: str) -> FileDiff | None:
    return next((one for one in patch.files if path in (one.old_path, one.new_path)), None)


def _hunk_at(diff: FileDiff, line: int) -> Hunk | None:
    return next((hunk for hunk in diff.hunks if hunk.old_start == line), None)


def _first_path(patch: Patch, reason: str) -> str:
    named = [one.path for one in patch.files if one.path and one.path in reason]
    return named[0] if named else (patch.files[0].path if patch.files else "")


def _whole_file(said: str, patch: Patch, path: str, read: Read) -> str:
    if said == "wrong type":
        return "the file is of another type (symbolic link or regular) in the tree"
    if said == "does not exist in index":
        if read(path) is not None:
            return "the patch names this file in a way that only git understands"
        return "the file does not exist in the tree"
    diff = _diff_of(patch, path)
    if diff and diff.kind is ChangeKind.ADD and added_content(diff) == read(path):
        return "already applied: the new file is in the tree with the same content"
    return "the patch creates this file, but the tree has one already"


def _why_not(diff: FileDiff | None, hunk: Hunk | None, read: Read) -> str:
    if diff is None or hunk is None:
        return "the lines this patch changes are not in the tree as it expects them"
    content = read(diff.old_path or diff.path)
    if content is None:
        return "the file does not exist in the tree"
    have = content.decode("utf-8", "replace").split("\n")
    old = [line[1:] for line in hunk.lines if line[:1] in " -"]
    new = [line[1:] for line in hunk.lines if line[:1] in " +"]
    if old != new and _find(have, new):
        return "already applied: the tree has the lines as this hunk leaves them"
    return _first_difference(have, old, hunk)


def _find(have: list[str], wanted: list[str]) -> bool:
    """Whether ``wanted`` stands in ``have`` without gaps."""
    if not wanted or not any(line.strip() for line in wanted):
        return False
    starts = (at for at, line in enumerate(have) if line == wanted[0])
    return any(have[at : at + len(wanted)] == wanted for at in starts)


def _first_difference(have: list[str], old: list[str], hunk: Hunk) -> str:
    """Put the hunk where most of its lines are, and name the first that is not."""
    at = _best_place(have, old, hunk.old_start - 1)
    if at is None:
        return f"none of the {len(old)} lines the hunk expects is in the file; it was rewritten or is of another tree"
    for step, line in enumerate(old):
        found = have[at + step] if 0 <= at + step < len(have) else None
        if found == line:
            continue
        if found is None:
            return f"expected {_quote(line)} at line {at + step + 1}, found the end of the file"
        if found.rstrip("\r") == line.rstrip("\r"):
            return f"line {at + step + 1} differs in its line end only (CRLF against LF)"
        if found.split() == line.split():
            return f"line {at + step + 1} differs in white space only: {_quote(line)}"
        wanted, there = _quotes(line, found)
        return f"line {at + step + 1}: expected {wanted}, found {there}"
    return "all lines of the hunk are there, but not where the hunks around it allow them"


def _best_place(have: list[str], old: list[str], declared: int) -> int | None:
    """The offset at which most lines match; of equal ones the nearest to the declared line."""
    places: dict[str, list[int]] = {}
    for at, line in enumerate(have):
        places.setdefault(line, []).append(at)
    votes: Counter[int] = Counter()
    for step, line in enumerate(old):
        # A lone brace says nothing, and there are thousands of them.
        if len(line.strip()) > 2:
            votes.update(at - step for at in places.get(line, []))
    if not votes:
        return None
    return max(votes, key=lambda at: (votes[at], -abs(at - declared)))


def _quotes(line: str, found: str) -> tuple[str, str]:
    """Both lines, from shortly before where they differ when their beginnings look the same."""
    quoted = _quote(line), _quote(found)
    if quoted[0] != quoted[1]:
        return quoted
    texts = one_line(line), one_line(found)
    differs = (at for at, (one, other) in enumerate(zip(*texts, strict=False)) if one != other)
    start = next(differs, min(map(len, texts))) - _SHOWN // 3
    return _quote(f"...{texts[0][start:]}"), _quote(f"...{texts[1][start:]}")


def _quote(line: str) -> str:
    shown = one_line(line)
    if not shown:
        return "an empty line"
    return '"' + (shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "...") + '"'
