# SPDX-License-Identifier: GPL-2.0-only
"""The body of a patch mail -> changelog, remarks below the cut and diff, the way git mailinfo does."""

import re
from dataclasses import dataclass

from reviewbot.parse.diff import find_diff

_INNER_HEADER = re.compile(r"(From|Subject|Date):[ \t]+(\S.*)", re.IGNORECASE)
_BREAK = re.compile(r"^(?:diff -|Index: |---(?: \S|[ \t\r]*$))", re.MULTILINE)
_SCISSORS = (">8", "8<", ">%", "%<")
_PARTS = re.compile(r">8|8<|>%|%<|.", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """``headers`` are the in-body ones by lower-case name; ``diff`` goes on to the mail's end."""

    headers: dict[str, str]
    changelog: str
    below_cut: str
    diff: str


def split_body(body: str) -> Body:
    """Take a decoded body apart.  Text above a scissors line is dropped."""
    start = find_diff(body)
    text, diff = (body, "") if start < 0 else (body[:start], body[start:])
    cut = _BREAK.search(text)
    message, below = (text, "") if cut is None else (text[: cut.start()], text[cut.start() :])
    lines = message.split("\n")
    if any(mark in message for mark in _SCISSORS):
        lines = _below_scissors(lines)
    headers, lines = _inner_headers(lines)
    first, _, rest = below.partition("\n")
    return Body(
        headers=headers,
        changelog="\n".join(line.rstrip() for line in lines).strip("\n"),
        below_cut=(rest if first.rstrip() == "---" else below).strip("\n"),
        diff=diff,
    )


def _inner_headers(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    """``From:``, ``Subject:`` and ``Date:`` at the very top of a body, as git am reads them."""
    at = 0
    while at < len(lines) and not lines[at].strip():
        at += 1
    headers: dict[str, str] = {}
    last = ""
    begin = at
    while at < len(lines) and lines[at].strip():
        match = _INNER_HEADER.fullmatch(lines[at].rstrip())
        if match:
            last = match[1].lower()
            headers.setdefault(last, match[2])
        elif last and lines[at][0] in " \t":
            headers[last] += " " + lines[at].strip()
        else:
            break
        at += 1
    return headers, lines[at:] if headers else lines[begin:]


def _below_scissors(lines: list[str]) -> list[str]:
    """What follows the last ``-- >8 --`` line; everything when there is none."""
    for at in range(len(lines) - 1, -1, -1):
        if is_scissors(lines[at]):
            return lines[at + 1 :]
    return lines


def is_scissors(line: str) -> bool:
    """What git calls is_scissors_line (mailinfo.c): at least 8 wide, a third of it perforation."""
    if "-" not in line and not any(mark in line for mark in _SCISSORS):
        return False
    scissors = gap = perforation = 0
    inside = False
    for part in _PARTS.findall(line.rstrip() + "\n"):
        if part in _SCISSORS:
            scissors, perforation, inside = scissors + 2, perforation + 2, True
        elif part == "-":
            perforation, inside = perforation + 1, True
        elif not part.isspace():
            inside = False
        elif inside:
            perforation, gap = perforation + 1, gap + 1
    visible = len(line.strip())
    return bool(scissors) and 8 <= visible < perforation * 3 and gap * 2 < perforation
