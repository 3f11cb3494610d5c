# SPDX-License-Identifier: GPL-2.0-only
"""File names in patches: how git writes them, and which must never be written to."""

import re
import unicodedata

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
}


def git_names(text: str) -> tuple[str | None, str | None]:
    """``a/x b/y`` of a ``diff --git`` line; blanks in names are told by both halves being equal."""
    if text.startswith('"'):
        match = _QUOTED.match(text)
        first, rest = (match[0], text[match.end() + 1 :]) if match else (text, "")
        return strip_first(unquote(first)), strip_first(unquote(rest or first))
    if text.endswith('"') and ' "' in text:
        first, rest = text.split(' "', 1)
        return strip_first(first), strip_first(unquote('"' + rest))
    half = len(text) // 2
    first, rest = text[:half], text[half + 1 :]
    if text[half : half + 1] == " " and strip_first(first) == strip_first(rest):
        return (first, rest) if first == rest else (strip_first(first), strip_first(rest))
    first, _, rest = text.partition(" ")
    return strip_first(first), strip_first(rest or first)


def file_name(text: str) -> str | None:
    """The name of a ``---`` or ``+++`` line, without time stamp; None for /dev/null."""
    name = unquote(text) if text.startswith('"') else text.split("\t", maxsplit=1)[0].rstrip()
    return None if name == "/dev/null" else name


def strip_first(name: str | None) -> str | None:
    """Drop the first component (``a/``), as git apply's -p1 does."""
    if name is None or name == "/dev/null":
        return None
    if name.startswith("/"):
        return name  # absolute: kept whole, so that it is refused
    return name.partition("/")[2] or name


def unquote(text: str) -> str:
    """Undo git's C-style quoting of unusual names."""
    match = _QUOTED.match(text)
    if match is None:
        return text
    raw = match[1].encode("utf-8", "replace")
    return _ESCAPE.sub(_one_escape, raw).decode("utf-8", "replace")


def _one_escape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code[:1].isdigit() and code.strip(b"01234567") == b"":
        return bytes([int(code, 8) & 0xFF])
    return _ESCAPES.get(code, code)


def printable(text: str) -> str:
    """A name as it may stand in an error message."""
    return "".join(char if char.isprintable() else "?" for char in text[:200])


def unsafe_path(path: str) -> str:
    """Why a path of a patch must not be written, "" when it may.

    git refuses the same names (verify_path in its read-cache.c); symbolic links are for whoever
    applies the patch to look at.
    """
    if path.startswith("/"):
        return "is absolute"
    if any(unicodedata.category(char) == "Cc" for char in path) or "\\" in path:
        return "holds control characters or backslashes"
    for part in path.split("/"):
        if part == "..":
            return "leads out of the tree"
        if part in ("", "."):
            return "is not a plain path"
        visible = "".join(char for char in part if unicodedata.category(char) != "Cf")
        if visible.lower().rstrip(" .") in (".git", "git~1"):
            return "writes into .git"
    return ""
