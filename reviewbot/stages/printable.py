# SPDX-License-Identifier: GPL-2.0-only
"""Make text from strangers fit to be shown: in a terminal, in a mail, on one line of a header.

A mail may hold terminal escapes (ESC ] 52 writes to the clipboard), carriage returns that hide what
stands before them, and bidirectional overrides that reorder code on screen (CVE-2021-42574).
"""

import re
import textwrap
import unicodedata

WIDTH = 72
"""Columns for prose: what Documentation/process/email-clients.rst and reviewers expect."""

LONGEST = 400
"""Characters of one quoted line that are shown; mail allows 998 octets, people read fewer."""

_SPACE = re.compile(r"\s+")


def printable(text: str) -> str:
    r"""Text with tabs and newlines kept and every other unprintable character shown as ``\x1b``.

    Unprintable is what Unicode calls control, format, surrogate, private or unassigned.
    """
    # Nearly all text is, but for the tabs of code, and many megabytes of it go through here.
    if text.isprintable() or text.replace("\t", "").replace("\n", "").isprintable():
        return text
    unified = text.replace("\r\n", "\n")
    return "".join(c if c.isprintable() or c in "\t\n" else _shown(c) for c in unified)


def one_line(text: str) -> str:
    """Printable text without line breaks or tabs: runs of white space become one space."""
    return printable(_SPACE.sub(" ", text)).strip()


def lines_of(text: str) -> tuple[str, ...]:
    """The printable lines of a text; only a newline ends a line, whatever str.splitlines thinks."""
    return tuple(clipped(line.rstrip()) for line in printable(text).split("\n"))


def clipped(line: str) -> str:
    """A line cut to LONGEST characters; the cut is marked."""
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} [...]"


def wrap(text: str, *, first: str = "", indent: str = "", width: int = WIDTH) -> str:
    """Prose wrapped to ``width`` columns; words are never broken, so URLs stay whole."""
    return textwrap.fill(
        one_line(text),
        width,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def row(label: str, text: str) -> str:
    """One line of the summary: a label of ten columns and prose beside it."""
    return wrap(text, first=f"{label:<11}", indent=" " * 11)


def count(number: int, noun: str, plural: str = "") -> str:
    """'1 warning', '2 warnings', 'no warning'."""
    if number == 0:
        return f"no {noun}"
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def undefined(names: tuple[str, ...]) -> str:
    """What it means that neither the series nor its base defines these names; no full stop."""
    verb = "is" if len(names) == 1 else "are"
    return (
        f"wrong base or missing prerequisite: {listed(names, 3)} {verb} defined neither by the series "
        "nor by its base"
    )


def listed(words: tuple[str, ...], limit: int) -> str:
    """'a, b and 3 more': at most ``limit`` words by name."""
    if len(words) <= limit:
        return ", ".join(words)
    return f"{', '.join(words[:limit])} and {len(words) - limit} more"


def _shown(character: str) -> str:
    if unicodedata.category(character) == "Zs":
        return " "
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
