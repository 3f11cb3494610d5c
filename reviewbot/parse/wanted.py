# SPDX-License-Identifier: GPL-2.0-only
"""The words by which rows of triage are picked: "state:new,ready area:x86 -author:intel.com nested".

All words must hold; values after a comma are alternatives; "-" in front turns a word around; a word without
a key is looked for in the title; "sort:age" says the order.  The same words are a saved view and the address of a web page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewbot.model.errors import UserError
from reviewbot.model.finding import Severity
from reviewbot.model.triage import Answer, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reviewbot.model.triage import Item


_AGE = re.compile(r"([<>]?)(\d{1,5})")
_STATES = {str(one): one for one in Standing}
_LIMIT = 2000
_NUMBERS = ("age", "rev", "patches", "ran")
_SORT = "sort:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One condition; "" as key looks into the title."""

    key: str
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Conditions that must all hold."""

    words: tuple[Word, ...] = ()
    sort: str = ""

    @property
    def names_state(self) -> bool:
        """True when states are asked for by name, hidden ones too."""
        return any(one.key == "state" and not one.negated for one in self.words)


def parse_wanted(words: Sequence[str], me: frozenset[str]) -> tuple[Wanted, Callable[[Item], bool]]:
    """The conditions and a test for rows.  ``me`` are the user's addresses, for "is:mine".

    Raises UserError for a key or value that cannot be; it names those that can.
    """
    if sum(map(len, words)) > _LIMIT:
        raise UserError(f"a filter of more than {_LIMIT} characters; shorten it")
    orders = [one.removeprefix(_SORT) for one in words if one.startswith(_SORT)]
    conditions = tuple(_word(one) for one in words if one.strip() and not one.startswith(_SORT))
    wanted = Wanted(words=conditions, sort=orders[-1] if orders else "")

    def holds(item: Item) -> bool:
        return all(_holds(item, one, me) for one in wanted.words)

    return wanted, holds


def ordered(items: list[Item], key: str) -> list[Item]:
    """Rows in the order of ``key``, a name of SORTS, with "-" in front the other way; "" is by rank.

    Raises UserError for an unknown name.
    """
    name = key.removeprefix("-") or "rank"
    if name not in SORTS:
        raise UserError(f"cannot sort by {name[:40]!a}; there are {', '.join(SORTS)}")
    # What deserves attention first, then the newest, then the id: the same order every time.
    even = sorted(items, key=lambda item: (-item.rank, item.days, item.id))
    return sorted(even, key=SORTS[name], reverse=key.startswith("-"))


def _covered(item: Item) -> int | None:
    return item.review.covered if item.review else None


def _errors(item: Item) -> tuple[int, ...]:
    if item.review is None:
        return (1,)
    return tuple(-item.review.count(severity) for severity in Severity)


SORTS: dict[str, Callable[[Item], Any]] = {
    "rank": lambda item: -item.rank,
    "age": lambda item: item.days,
    "activity": lambda item: -item.card.last,
    "area": lambda item: item.card.area,
    "author": lambda item: item.card.author.name.lower(),
    "title": lambda item: item.card.subject.lower(),
    "state": lambda item: list(Standing).index(item.standing),
    "rev": lambda item: -item.card.revision,
    "patches": lambda item: -item.card.total,
    "acks": lambda item: -item.acked / max(1, len(item.card.patches)),
    "findings": _errors,
    "ran": lambda item: 101 if (percent := _covered(item)) is None else percent,
}
"""What rows can be sorted by."""


def _word(text: str) -> Word:
    negated = len(text) > 1 and text[0] == "-"
    body = text[1:] if negated else text
    key, colon, value = body.partition(":")
    if not colon or not value:
        return Word(key="", values=(body.lower(),), negated=negated)
    if key not in _TESTS:
        known = ", ".join(f"{name}:" for name in sorted(_TESTS) if name)
        raise UserError(f"{text!a}: no such key; there are {known} and plain words for the title")
    values = tuple(one.lower() for one in value.split(",") if one)
    for one in values:
        _check(key, one)
    return Word(key=key, values=values, negated=negated)


def _check(key: str, value: str) -> None:
    known = {"state": tuple(_STATES), "is": (_MINE, *_IS), "severity": tuple(map(str, Severity))}
    if key in known and value not in known[key]:
        raise UserError(f"{key}:{value[:40]!a}: expected one of {', '.join(known[key])}")
    if key in _NUMBERS and not _AGE.fullmatch(value):
        raise UserError(f"{key}:{value[:40]!a}: expected a number, as in {key}:<7 or {key}:>30")


def _holds(item: Item, word: Word, me: frozenset[str]) -> bool:
    if word.key == "is":
        people = {*item.card.people, item.card.author.email.lower()}
        found = any(bool(me & people) if one == _MINE else _IS[one](item) for one in word.values)
    else:
        found = any(_TESTS[word.key](item, one) for one in word.values)
    return found is not word.negated


def _number(number: float, value: str) -> bool:
    match = _AGE.fullmatch(value)
    if match is None:
        return False
    limit = int(match[2])
    return {"<": number < limit, ">": number > limit, "": int(number) == limit}[match[1]]


def _author(item: Item, value: str) -> bool:
    author = item.card.author
    return value in author.name.lower() or value in author.email.lower()


def _severity(item: Item, value: str) -> bool:
    return item.review is not None and item.review.count(Severity(value)) > 0


def _rule(item: Item, value: str) -> bool:
    return item.review is not None and any(
        one.code.lower().startswith(value) for one in item.review.findings
    )


_TESTS: dict[str, Callable[[Item, str], bool]] = {
    "": lambda item, value: value in item.card.subject.lower(),
    "state": lambda item, value: item.standing is _STATES[value],
    "area": lambda item, value: item.card.area == value or item.card.area.startswith(value + "/"),
    "subsystem": lambda item, value: item.card.subsystem.lower() == value,
    "author": _author,
    "to": lambda item, value: any(value in one for one in item.card.people),
    "list": lambda item, value: any(value in one.lower() for one in item.card.lists),
    "path": lambda item, value: any(one.path.lower().startswith(value) for one in item.card.files),
    "rule": _rule,
    "severity": _severity,
    "age": lambda item, value: _number(item.days, value),
    "rev": lambda item, value: _number(item.card.revision, value),
    "patches": lambda item, value: _number(item.card.total, value),
    "ran": lambda item, value: (percent := _covered(item)) is not None and _number(percent, value),
    "is": lambda item, value: bool(item and value),
}


def _applies(answer: Answer) -> Callable[[Item], bool]:
    return lambda item: item.review is not None and item.review.applies is answer


_MINE = "mine"
_IS: dict[str, Callable[[Item], bool]] = {
    "fix": lambda item: item.card.repairs,
    "rfc": lambda item: item.card.rfc,
    "clashing": lambda item: bool(item.clashes),
    "noted": lambda item: bool(item.notes),
    "reviewed": lambda item: item.review is not None,
    "applies": _applies(Answer.YES),
    "broken": _applies(Answer.NO),
}
