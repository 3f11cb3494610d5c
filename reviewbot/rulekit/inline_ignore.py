# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot: ignore CODE - reason`` in a mail of the series: the author's answer before the question.

In the cover letter (without one, in patch 1) it is about the whole series, in another patch about
that patch.  CODE is one rule's, or a group's written out as ``KVM-DOC-*``; nothing wider, so that no
line can silence a review.  What is set aside is shown with its reason, and so is a line that is not
honoured.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reviewbot.model.finding import Finding
from reviewbot.model.series import Patch, Series

LONGEST_REASON = 200
"""Characters of a reason that are kept."""
MOST = 50
"""Lines of one mail that are read."""

# Matched line by line: no reason may come from the next line, and no mail can make this slow.
_LINE = re.compile(r"[ \t]{0,8}reviewbot:[ \t]{0,8}ignore(?![\w-])(.*)")
_WORDS = re.compile(r"([A-Za-z0-9*][A-Za-z0-9*-]{0,60})[ \t]*(.*)")
_CODE = re.compile(r"[A-Z][A-Z0-9]*-[A-Z][A-Z0-9]*-(?:\d{3}|\*)")
_SEPARATORS = "-:\u2013\u2014 \t"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One line.  ``patch`` is None when it is about the whole series.

    ``refused`` says why the line is not honoured, "" when it is.
    """

    code: str
    reason: str
    patch: int | None
    refused: str = ""

    def covers(self, finding: Finding) -> bool:
        """Whether the author asks to ignore this finding."""
        if self.refused or self.patch not in (None, finding.patch):
            return False
        return finding.code == self.code or (
            self.code.endswith("*") and finding.code.startswith(self.code[:-1])
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """Findings that stay, those the author asked to ignore with the reason, and refused lines."""

    kept: tuple[Finding, ...]
    ignored: tuple[tuple[Finding, str], ...]
    refused: tuple[tuple[str, str], ...]


def set_aside(findings: Iterable[Finding], series: Series) -> Sorted:
    """Apply the lines of a series to its findings; the first line that covers one counts."""
    asked = tuple(wishes(series))
    kept: list[Finding] = []
    ignored: list[tuple[Finding, str]] = []
    for finding in findings:
        wish = next((wish for wish in asked if wish.covers(finding)), None)
        if wish is None:
            kept.append(finding)
        else:
            ignored.append((finding, wish.reason))
    refused = dict.fromkeys((wish.code, wish.refused) for wish in asked if wish.refused)
    return Sorted(kept=tuple(kept), ignored=tuple(ignored), refused=tuple(refused))


def wishes(series: Series) -> Iterator[Wish]:
    """Every such line of a series, in the order of its mails."""
    if series.cover:
        yield from _of_text(series.cover.body, None)
    for index, patch in enumerate(series.patches):
        speaks_for_all = not series.cover and index == 0
        yield from _of_text(_words_of(patch), None if speaks_for_all else patch.number)


def _words_of(patch: Patch) -> str:
    return f"{patch.changelog}\n{patch.below_cut}"


def _of_text(text: str, patch: int | None) -> Iterator[Wish]:
    if "reviewbot:" not in text:
        return
    matches = (_LINE.fullmatch(line) for line in text.split("\n"))
    found = [match[1].strip() for match in matches if match]
    for words in found[:MOST]:
        yield _wish(words, patch)


def _wish(words: str, patch: int | None) -> Wish:
    match = _WORDS.fullmatch(words)
    code = (match[1] if match else words[:40]).rstrip("-").upper()
    rest = match[2] if match else ""
    reason = rest.lstrip(_SEPARATORS).strip()[:LONGEST_REASON]
    refused = ""
    if not _CODE.fullmatch(code):
        refused = "only one rule's code, such as KVM-ABI-002, or a group, such as KVM-DOC-*, is"
    elif not any(char.isalnum() for char in reason) or not _separated(match, rest):
        refused = "gives no reason (ignore CODE - reason)"
    return Wish(code=code, reason=reason, patch=patch, refused=refused)


def _separated(match: re.Match[str] | None, rest: str) -> bool:
    """Whether a dash or colon stands between code and reason, as "CODE - reason" or "CODE: reason"."""
    return match is not None and (rest[:1] in tuple("-:\u2013\u2014") or match[1].endswith("-"))
