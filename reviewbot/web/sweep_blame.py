# SPDX-License-Identifier: GPL-2.0-only
"""Failures put together by the commit that did them: five tests that one commit broke are one matter.  Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reviewbot.model.sweep import Bisection, Kind, Regression

Search = tuple[str, Kind, str]
"""Which night, which kind, which name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """``search`` is the bisection of the first; all of them found the same."""

    search: Bisection | None
    regressions: list[Regression] = field(default_factory=list)
    searches: list[Bisection] = field(default_factory=list)


def matters(
    regressions: Iterable[Regression], searches: Mapping[Search, Bisection]
) -> tuple[Matter, ...]:
    """Open regressions, in their order."""
    found: dict[object, Matter] = {}
    for one in regressions:
        search = searches.get((one.opened, one.kind, one.name))
        key = _answer(search) or one.number
        found.setdefault(key, Matter(search=search)).regressions.append(one)
    return tuple(found.values())


def answers(searches: Iterable[Bisection]) -> tuple[Matter, ...]:
    """A night's bisections, in their order."""
    found: dict[object, Matter] = {}
    for place, one in enumerate(searches):
        key = _answer(one) or place
        found.setdefault(key, Matter(search=one)).searches.append(one)
    return tuple(found.values())


def _answer(search: Bisection | None) -> object:
    """What tells one answer from another; None for none."""
    if search is None:
        return None
    if search.culprit:
        return search.culprit.commit
    return tuple(sorted(search.suspects)) or None
