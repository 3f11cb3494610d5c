# SPDX-License-Identifier: GPL-2.0-only
"""Unified and git diffs -> FileDiff, in one pass over the lines, at git apply's -p1."""

import re
from dataclasses import dataclass, field

from reviewbot.model.errors import UserError
from reviewbot.model.series import ChangeKind, FileDiff, Hunk
from reviewbot.parse.paths import file_name, git_names, printable, strip_first, unquote

_HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@ ?(.*)", re.DOTALL)
_INDEX = re.compile(r"index ([0-9a-f]{4,64})\.\.([0-9a-f]{4,64})(?: ([0-7]{6}))?")
_MODE = re.compile(r"(old mode|new mode|new file mode|deleted file mode) ([0-7]{6})")
_MOVE = re.compile(r"(rename|copy) (from|to) (.*)")
_BINARY_LINE = re.compile(r"(?:(?:literal|delta) \d+|[!-~]*)\r?")
_EMPTY_BLOB = ("e69de29b", "473a0f4c")  # the empty file's id in SHA-1 and SHA-256 repositories
_START = re.compile(r"^diff --git |^--- [^\n]*\n\+\+\+ [^\n]*\n@@ -", re.MULTILINE)


class DamagedDiffError(UserError, ValueError):
    """A diff that cannot be what its author sent.  The message names file and hunk."""


def find_diff(text: str) -> int:
    """Where the first diff of a text begins, -1 when there is none."""
    match = _START.search(text)
    return match.start() if match else -1


def parse_diff(text: str) -> tuple[FileDiff, ...]:
    """Every file change of a patch text, in order; text around the diffs is skipped.

    Raises DamagedDiffError for hunks whose lines do not match their counts, and the like.
    """
    return scan_diff(text)[0]


def scan_diff(text: str) -> tuple[tuple[FileDiff, ...], str]:
    """As parse_diff; also the patch text without what follows the last change (a signature, say)."""
    reader = _Reader(text.split("\n"))
    files: list[FileDiff] = []
    end = 0
    while reader.seek_file():
        files.append(reader.read_file())
        end = reader.at
    return tuple(files), "".join(line + "\n" for line in reader.lines[:end])


@dataclass(slots=True)
class _Header:
    """What the lines above the first hunk say."""

    old: str | None = None
    new: str | None = None
    kind: ChangeKind = ChangeKind.MODIFY
    blobs: tuple[str | None, str | None] = (None, None)
    modes: list[int | None] = field(default_factory=lambda: [None, None])
    binary: bool = False
    mode_changed: bool = False


class _Reader:
    """Walks the lines once; ``at`` is the next line."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.at = 0

    def seek_file(self) -> bool:
        """Move to the next file header; False at the end."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.startswith(("diff --cc ", "diff --combined ")):
                raise DamagedDiffError(
                    f"{printable(line.split(' ', 2)[2])}: this is the combined diff of a merge; "
                    "send the patches themselves"
                )
            if line.startswith("diff --git ") or self._plain_header(self.at):
                return True
            self.at += 1
        return False

    def _plain_header(self, at: int) -> bool:
        """True for ``---``/``+++``/``@@`` lines without a ``diff --git`` above."""
        lines = self.lines
        return (
            at + 2 < len(lines)
            and lines[at].startswith("--- ")
            and lines[at + 1].startswith("+++ ")
            and lines[at + 2].startswith("@@ -")
        )

    def read_file(self) -> FileDiff:
        header = _Header()
        if self.lines[self.at].startswith("diff --git "):
            self._git_header(header)
        if not header.binary:
            self._names(header)
        name = header.new or header.old or "?"
        hunks = [] if header.binary else self._hunks(name)
        _fix_kind(header)
        if not hunks and not header.binary and _promises_hunks(header):
            raise DamagedDiffError(
                f"{printable(name)}: its changes are missing; the mail was cut short"
            )
        return FileDiff(
            kind=header.kind,
            old_path=header.old,
            new_path=header.new,
            old_blob=header.blobs[0],
            new_blob=header.blobs[1],
            old_mode=header.modes[0],
            new_mode=header.modes[1],
            binary=header.binary,
            hunks=tuple(hunks),
        )

    def _git_header(self, header: _Header) -> None:
        """``diff --git`` and the extended header lines below it."""
        header.old, header.new = git_names(self.lines[self.at].rstrip("\r")[len("diff --git ") :])
        self.at += 1
        while self.at < len(self.lines):
            line = self.lines[self.at].rstrip("\r")
            if match := _INDEX.fullmatch(line):
                header.blobs = (match[1], match[2])
                if match[3]:
                    header.modes = [int(match[3], 8), int(match[3], 8)]
            elif match := _MODE.fullmatch(line):
                _note_mode(header, match[1], int(match[2], 8))
            elif match := _MOVE.fullmatch(line):
                header.kind = ChangeKind(match[1])
                name = unquote(match[3])
                header.old, header.new = (
                    (name, header.new) if match[2] == "from" else (header.old, name)
                )
            elif line == "GIT binary patch" or _says_binary(line):
                header.binary = True
                self._skip_binary()
                return
            elif not line.startswith(("similarity index ", "dissimilarity index ")):
                return
            self.at += 1

    def _skip_binary(self) -> None:
        """Past the base85 lines, which hold no blanks."""
        self.at += 1
        while self.at < len(self.lines) and _BINARY_LINE.fullmatch(self.lines[self.at]):
            self.at += 1

    def _names(self, header: _Header) -> None:
        """The ``---`` and ``+++`` lines, when there are hunks."""
        if not self._plain_header(self.at):
            return
        old, new = (file_name(self.lines[self.at + step].rstrip("\r")[4:]) for step in (0, 1))
        if old is not None and old == new:  # made with --no-prefix: nothing to strip
            header.old, header.new = old, new
        else:
            header.old, header.new = strip_first(old), strip_first(new)
        self.at += 2

    def _hunks(self, name: str) -> list[Hunk]:
        hunks: list[Hunk] = []
        while self.at < len(self.lines) and self.lines[self.at].startswith("@@"):
            hunks.append(self._hunk(name, len(hunks) + 1))
        if hunks and self.at < len(self.lines):
            line = self.lines[self.at]
            if line[:1] in ("+", " ") or (line[:1] == "-" and line[1:2] not in ("-", "")):
                raise DamagedDiffError(
                    f"{printable(name)}: hunk {len(hunks)} has more lines than its header says; "
                    "the patch was edited by hand or damaged on the way"
                )
        return hunks

    def _hunk(self, name: str, number: int) -> Hunk:
        head = self.lines[self.at].rstrip("\r")
        match = _HUNK.fullmatch(head)
        if match is None:
            raise DamagedDiffError(
                f"{printable(name)}: hunk {number} has no valid header: {printable(head)}"
            )
        old_left, new_left = (int(match[group] or "1") for group in (2, 4))
        counts = old_left, new_left
        self.at += 1
        lines: list[str] = []
        while old_left > 0 or new_left > 0 or self._no_newline():
            line = self.lines[self.at] if self.at < len(self.lines) else None
            if line is None or line.startswith(("diff --git ", "@@ -")):
                raise _cut_short(name, number, head, counts, (old_left, new_left))
            kind = line[:1] or " "  # mailers strip the lone blank of an empty context line
            if kind not in " +-\\" and line != "\r":
                raise DamagedDiffError(
                    f"{printable(name)}: hunk {number} is damaged at {printable(line[:40])!r}: not a diff "
                    "line; a mailer or web page re-wrapped or stripped it, get the raw mail"
                )
            old_left -= kind in " -\r"
            new_left -= kind in " +\r"
            if old_left < 0 or new_left < 0:
                raise _cut_short(name, number, head, counts, (max(old_left, 0), max(new_left, 0)))
            lines.append(line if line not in ("", "\r") else " " + line)
            self.at += 1
        return Hunk(
            old_start=int(match[1]),
            old_count=counts[0],
            new_start=int(match[3]),
            new_count=counts[1],
            section=match[5],
            lines=tuple(lines),
        )

    def _no_newline(self) -> bool:
        return self.at < len(self.lines) and self.lines[self.at].startswith("\\ ")


def _cut_short(
    name: str, number: int, head: str, counts: tuple[int, int], left: tuple[int, int]
) -> DamagedDiffError:
    span = head.split(" @@", maxsplit=1)[0] + " @@"
    return DamagedDiffError(
        f"{printable(name)}: hunk {number} ({printable(span)}) does not hold the lines it announces: "
        f"{counts[0] - left[0]} of {counts[0]} old, {counts[1] - left[1]} of {counts[1]} new; "
        "the mail was cut short or edited"
    )


def _promises_hunks(header: _Header) -> bool:
    """True when the header alone cannot be the whole change."""
    old, new = header.blobs
    if header.kind is ChangeKind.DELETE:
        return False  # format-patch --irreversible-delete leaves the lines out
    if new is not None and old != new:
        return header.kind is not ChangeKind.ADD or not new.startswith(
            tuple(blob[: len(new)] for blob in _EMPTY_BLOB)
        )
    return header.kind is ChangeKind.MODIFY and not header.mode_changed


def _note_mode(header: _Header, word: str, mode: int) -> None:
    if word in ("old mode", "deleted file mode"):
        header.modes[0] = mode
    if word in ("new mode", "new file mode"):
        header.modes[1] = mode
    header.mode_changed = True
    if word == "new file mode":
        header.kind, header.modes[0] = ChangeKind.ADD, None
    elif word == "deleted file mode":
        header.kind, header.modes[1] = ChangeKind.DELETE, None


def _fix_kind(header: _Header) -> None:
    """Names of /dev/null and kinds say the same thing twice; make them agree."""
    if header.kind is ChangeKind.ADD:
        header.old = None
    elif header.kind is ChangeKind.DELETE:
        header.new = None
    elif header.old is None and header.new is not None:
        header.kind = ChangeKind.ADD
    elif header.new is None and header.old is not None:
        header.kind = ChangeKind.DELETE
    blobs = header.blobs
    header.blobs = (
        None if blobs[0] is None or not blobs[0].strip("0") else blobs[0],
        None if blobs[1] is None or not blobs[1].strip("0") else blobs[1],
    )


def _says_binary(line: str) -> bool:
    return line.startswith("Binary files ") and line.endswith(" differ")
