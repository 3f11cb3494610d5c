# SPDX-License-Identifier: GPL-2.0-only
"""The list of series as an address says it: the words of ``reviewbot triage``, the order, the page.  Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from reviewbot.model.errors import UserError
from reviewbot.model.finding import Severity
from reviewbot.model.triage import Item, Standing
from reviewbot.parse.wanted import SORTS, ordered, parse_wanted
from reviewbot.stages.triage_standing import HIDDEN

PAGE = 50
"""Series on a page."""
OPEN = "open"
ALL = "all"
_LONGEST = 500
_PAGE = re.compile(r"[1-9][0-9]{0,5}")
_EXPECTED = {
    "state": f"{OPEN}, {ALL} or one of {', '.join(Standing)}",
    "area": "one area, such as x86/vmx",
    "severity": f"one of {', '.join(Severity)}",
    "sort": f"one of {', '.join(SORTS)}, or one of them behind a -",
    "page": "a number from 1 on",
}
_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """``q`` are triage's words.  The menus are words of their own, so that nobody need know them.

    ``state`` is "open" (what ``triage`` shows without --all), "all", or a Standing.  ``wrong`` says which
    part of the address makes no sense, "" when all does.
    """

    q: str = ""
    state: str = OPEN
    area: str = ""
    severity: str = ""
    sort: str = ""
    page: int = 1
    wrong: str = ""

    def encoded(self, **changes: object) -> str:
        """As in an address; whatever is as always is left out."""
        changed = replace(self, **changes)  # type: ignore[arg-type]
        plain = Query()
        said = {
            name: str(getattr(changed, name))
            for name in Query.__slots__
            if name != "wrong" and getattr(changed, name) != getattr(plain, name)
        }
        return urlencode(said)

    @property
    def narrow(self) -> bool:
        """Whether it leaves anything out that is shown otherwise."""
        return replace(self, page=1, sort="") != Query()

    @property
    def words(self) -> list[str]:
        """All of it as triage's words."""
        menus = (("area", self.area), ("severity", self.severity))
        chosen = [f"{key}:{value}" for key, value in menus if value]
        if self.state not in (OPEN, ALL):
            chosen.append(f"state:{self.state}")
        return [*self.q.split(), *chosen]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page of the list; ``total`` series on ``pages`` pages."""

    items: tuple[Item, ...]
    total: int
    pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What there is to filter by, with how many series have it."""

    states: tuple[tuple[str, int], ...]
    areas: tuple[tuple[str, int], ...]
    severities: tuple[tuple[str, int], ...]


def parse(values: Mapping[str, str]) -> Query:
    """Read what comes after the question mark of an address."""

    def said(name: str) -> str:
        return values.get(name, "").strip()[:_LONGEST]

    state, severity, sort, page = said("state"), said("severity"), said("sort"), said("page")
    area = said("area")
    known = {
        "state": state in {"", OPEN, ALL, *Standing},
        "area": not set(area) & set(" ,:"),
        "severity": severity in {"", *Severity},
        "sort": sort.removeprefix("-") in {"", *SORTS},
        "page": not page or _PAGE.fullmatch(page) is not None,
    }
    wrong = next((name for name, good in known.items() if not good), "")
    return Query(
        q=said("q"),
        state=state if state and known["state"] else OPEN,
        area=area if known["area"] else "",
        severity=severity if known["severity"] else "",
        sort=sort if known["sort"] else "",
        page=int(page) if page and known["page"] else 1,
        wrong=f"{wrong}={said(wrong)[:40]!a}: expected {_EXPECTED[wrong]}" if wrong else "",
    )


def every(items: Iterable[Item], query: Query) -> list[Item]:
    """All that fit, in order; ``items`` come by rank.  Raises UserError for what cannot be."""
    if query.wrong:
        raise UserError(query.wrong)
    wanted, holds = parse_wanted(query.words, _NOBODY)
    visible = query.state != OPEN or wanted.names_state
    found = [one for one in items if (visible or one.standing not in HIDDEN) and holds(one)]
    sort = query.sort or wanted.sort
    return ordered(found, sort) if sort else found


def select(items: Iterable[Item], query: Query) -> Found:
    """The page that was asked for.  Raises UserError as above, and for a page behind the last."""
    found = every(items, query)
    pages = max(1, -(-len(found) // PAGE))
    if query.page > pages:
        raise UserError(
            f"page={query.page}: there {'is one page' if pages == 1 else f'are {pages} pages'}"
        )
    start = (query.page - 1) * PAGE
    return Found(items=tuple(found[start : start + PAGE]), total=len(found), pages=pages)


def choices(items: Iterable[Item]) -> Choices:
    """Counted over all series."""
    known = tuple(items)
    standings = Counter(one.standing for one in known)
    areas = Counter(one.card.area for one in known if one.standing not in HIDDEN)
    severities = {
        severity: sum(
            one.review is not None and one.review.count(severity) > 0
            for one in known
            if one.standing not in HIDDEN
        )
        for severity in Severity
    }
    return Choices(
        states=tuple((str(one), standings[one]) for one in Standing if standings[one]),
        areas=tuple((name, many) for name, many in areas.most_common(40) if name),
        severities=tuple((str(one), many) for one, many in severities.items() if many),
    )
