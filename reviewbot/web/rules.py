# SPDX-License-Identifier: GPL-2.0-only
"""Rules and how often they spoke -> what their pages show.  Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from reviewbot.model.finding import Severity
from reviewbot.model.triage import Found, Item, Reviewed
from reviewbot.parse import prose
from reviewbot.rulekit.rule import Rule
from reviewbot.web.snapshot import Snapshot

LATEST = 30
"""Findings that a rule's page lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A finding of the newest review of a revision."""

    item: Item | None
    review: Reviewed
    found: Found


@dataclass(slots=True, kw_only=True)
class Spoken:
    """What a rule said in the newest reviews of all revisions, the latest first."""

    code: str
    rule: Rule | None = None
    said: list[Said] = field(default_factory=list)
    series: set[str] = field(default_factory=set)

    @property
    def latest(self) -> list[Said]:
        """The first few."""
        return self.said[:LATEST]

    def count(self, severity: str) -> int:
        """How many findings are that grave."""
        return sum(one.found.severity is Severity(severity) for one in self.said)


def spoken(shot: Snapshot) -> dict[str, Spoken]:
    """By code: all rules there are, and those that spoke once and are no more."""
    found = {rule.code: Spoken(code=rule.code, rule=rule) for rule in shot.rules}
    newest = [some[0] for some in shot.reviews_of.values()]
    for review in sorted(newest, key=lambda one: one.made, reverse=True):
        for each in review.findings:
            rule = found.setdefault(each.code, Spoken(code=each.code))
            item = shot.item_of.get(review.series)
            rule.said.append(Said(item=item, review=review, found=each))
            rule.series.add(item.id if item else review.series)
    return dict(sorted(found.items()))


def groups(rules: Iterable[Spoken]) -> dict[str, list[Spoken]]:
    """By the code without its number."""
    found: dict[str, list[Spoken]] = {}
    for one in rules:
        found.setdefault(one.code.rpartition("-")[0] or one.code, []).append(one)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """``kind`` is "prose", "list" or "code"; each line (item) consists of (is literal, text)."""

    kind: str
    lines: tuple[tuple[tuple[bool, str], ...], ...]


def section(text: str) -> tuple[Paragraph, ...]:
    """A section of a rule's docs."""
    return tuple(one for block in prose.blocks(text) for one in _paragraphs(block))


def _paragraphs(block: prose.Block) -> Iterable[Paragraph]:
    if block.kind is prose.Kind.CODE:
        yield Paragraph(kind="code", lines=tuple(((False, line),) for line in block.lines))
        return
    plain: list[str] = []
    items: list[str] = []
    for line in block.lines:
        if prose.bullet(line):
            items.append(line[2:])
        elif items:
            items[-1] += " " + line.strip()
        else:
            plain.append(line)
    if plain:
        yield Paragraph(kind="prose", lines=(prose.pieces(" ".join(plain)),))
    if items:
        yield Paragraph(kind="list", lines=tuple(prose.pieces(one) for one in items))
