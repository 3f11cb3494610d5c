# SPDX-License-Identifier: GPL-2.0-only
"""Rules and how often they spoke -> what their pages show.  Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from reviewbot.model.command import Tried
from reviewbot.model.finding import Severity
from reviewbot.model.triage import Found, Item, Reviewed
from reviewbot.parse import prose
from reviewbot.rulekit.rule import Rule
from reviewbot.web.shown import day
from reviewbot.web.snapshot import Snapshot

LATEST = 30
"""Findings that a rule's page lists."""
MONTHS = 12
"""Months that its plot shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A finding of the newest review of a revision."""

    item: Item | None
    review: Reviewed
    found: Found


@dataclass(slots=True, kw_only=True)
class Spoken:
    """What a rule said in the newest reviews of all revisions, the latest first.

    ``tried`` is how often it was reported by mail, and called wrong.
    """

    code: str
    rule: Rule | None = None
    tried: Tried | None = None
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
    found = {
        rule.code: Spoken(code=rule.code, rule=rule, tried=shot.tried.get(rule.code))
        for rule in shot.rules
    }
    looked = [[one for one in some if one.checked] for some in shot.reviews_of.values()]
    newest = [some[0] for some in looked if some]
    for review in sorted(newest, key=lambda one: one.made, reverse=True):
        for each in review.findings:
            rule = found.setdefault(
                each.code, Spoken(code=each.code, tried=shot.tried.get(each.code))
            )
            item = shot.item_of.get(review.series)
            rule.said.append(Said(item=item, review=review, found=each))
            rule.series.add(item.id if item else review.series)
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """How many findings reviews of that month have, as (severity, how many, how many below it)."""

    name: str
    parts: tuple[tuple[str, int, int], ...]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(many for _, many, _ in self.parts)


def months(spoken_: Spoken) -> tuple[Month, ...]:
    """The last MONTHS up to the newest finding, the oldest first; empty when all are of one month."""
    counted = Counter((day(one.review.made)[:7], one.found.severity) for one in spoken_.said)
    names = sorted({name for name, _ in counted})
    if len(names) < 2:
        return ()
    year, month = map(int, names[-1].split("-"))
    back = [divmod(year * 12 + month - 1 - ago, 12) for ago in reversed(range(MONTHS))]
    shown = [f"{year:04}-{month + 1:02}" for year, month in back]
    return tuple(_month(name, counted) for name in shown if name >= names[0])


def _month(name: str, counted: Counter[tuple[str, Severity]]) -> Month:
    parts, below = [], 0
    for severity in reversed(Severity):
        if many := counted[name, severity]:
            parts.append((str(severity), many, below))
            below += many
    return Month(name=name, parts=tuple(parts))


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
