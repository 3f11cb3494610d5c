# SPDX-License-Identifier: GPL-2.0-only
"""One series of triage in full, as text."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from reviewbot.model.triage import Answer, Part
from reviewbot.stages.printable import count, one_line, printable, wrap
from reviewbot.stages.triage_standing import why_rank
from reviewbot.stages.triage_table import age, paint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reviewbot.model.triage import Card, Item, Reviewed

_FILES = 12
_LABEL = 11


def detail(item: Item, names: Mapping[str, str], *, width: int, colour: bool) -> list[str]:
    """Everything about one series.  ``names`` are short ids of series by message-id."""
    card = item.card
    lines = [paint(one_line(card.subject), "head", on=colour)]
    lines += [
        line
        for label, text in _facts(item)
        if text
        for line in wrap(text, first=f"{label:<{_LABEL}}", indent=" " * _LABEL, width=width).split(
            "\n"
        )
    ]
    lines += ["", *_patches(item)]
    lines += _findings(item.review, width) if item.review else []
    if item.clashes:
        lines += ["", "Clashes with pending series"]
        for one in item.clashes:
            where = ", ".join(map(one_line, one.paths[:3]))
            lines.append(f"  {names.get(one.message_id, '?'):<5}  {where}")
    if item.notes:
        lines += ["", "Notes"]
        for revision, note in item.notes:
            first, *rest = printable(note).split("\n")
            lines += [f"  v{revision}: {first}", *(f"      {line}" for line in rest)]
    return lines


def _facts(item: Item) -> Iterator[tuple[str, str]]:
    card, review = item.card, item.review
    yield "Id", f"{item.id}, rank {item.rank}: {why_rank(item)}"
    yield "State", f"{item.standing}: {item.why}"
    rfc = ", RFC" if card.rfc else ""
    yield (
        "Revision",
        f"v{card.revision}{rfc}, {count(len(card.patches), 'patch', 'patches')}{_missing(card)}",
    )
    older = ", ".join(f"v{revision} <{name}>" for revision, name in item.history[:4])
    yield "Before", older
    yield "From", f"{card.author.name} <{card.author.email}>"
    yield "Posted", f"{time.strftime('%Y-%m-%d', time.gmtime(card.sent))}, {age(item.days)} ago"
    yield "Mail", f"<{card.message_id}>"
    yield "Lists", ", ".join(card.lists)
    shown = [f"{one.path} +{one.added} -{one.removed}" for one in card.files[:_FILES]]
    more = f" and {len(card.files) - _FILES} more" if len(card.files) > _FILES else ""
    yield "Area", f"{card.subsystem}, {card.area}; +{card.added} -{card.removed}"
    yield "Files", ", ".join(shown) + more
    yield "Remarks", _remarks(card)
    if not card.read:
        yield "Unknown", "some mails could not be read again: tags and remarks may be missing"
    yield from (
        _review(review)
        if review
        else (("Reviewed", f"not by reviewbot yet; reviewbot review {card.message_id}"),)
    )


def _missing(card: Card) -> str:
    numbers = ", ".join(map(str, card.missing))
    return f" of {card.total}, missing {numbers}" if card.missing else ""


def _remarks(card: Card) -> str:
    if not card.remarks:
        return "none"
    when = time.strftime("%Y-%m-%d", time.gmtime(card.remarked))
    said = count(card.remarks, "remark")
    answered = "answered since" if card.answered >= card.remarked else "not answered"
    return f"{said}, the last by {card.remarker} on {when}, {answered}"


def _review(review: Reviewed) -> Iterator[tuple[str, str]]:
    where = named(review.run, review.origin)
    yield "Reviewed", f"{review.line} ({where})"
    if earlier := review.earlier_of(Part.FINDINGS):
        yield "Rules", f"were not run again{_earlier(review, earlier.part)}"
    applies = {
        Answer.YES: f"yes, on {review.tree} ({review.base[:12]})",
        Answer.NO: f"no, on {review.tree}: {review.why_not}",
        Answer.UNKNOWN: "",
    }[review.applies]
    yield "Applies", applies and applies + _earlier(review, Part.BASE)
    builds = {Answer.YES: "yes", Answer.NO: "no", Answer.UNKNOWN: ""}[review.builds]
    built = ", ".join(word for word in (builds, review.build_line) if word)
    yield "Builds", built and built + _earlier(review, Part.BUILD)
    if review.tests or review.regressions:
        worse = count(review.regressions, "regression")
        first = f": {review.tests_line}" if review.tests_line else ""
        told = f"{review.tests} compared with the base, {worse}{first}"
        yield "Tests", told + _earlier(review, Part.TESTS)
    if review.counted:
        lines = count(review.counted, "added line")
        told = f"{review.ran} of {lines} that can run here ran in the tests"
        yield "Coverage", told + _earlier(review, Part.COVERAGE)


def _earlier(review: Reviewed, part: Part) -> str:
    """Which review says so, when it is not the newest."""
    one = review.earlier_of(part)
    if one is None:
        return ""
    place = f", on {one.base[:12]}" if one.base != review.base else ""
    day = time.strftime("%Y-%m-%d", time.gmtime(one.made))
    return f"; from the review of {day} ({named(one.run, one.origin)}{place})"


def named(run: str, origin: str) -> str:
    """What a review is called where it can be asked for."""
    return f"run {run}" if origin == "run" else f"job {origin}"


def _patches(item: Item) -> Iterator[str]:
    """Every patch, and who said what about it."""
    card = item.card
    for_all = [one for one in card.tags if one.patch == 0]
    for one in for_all:
        yield f"  all  {_tag(one.name)} {one_line(one.who)}"
    for patch in card.patches:
        yield f"{patch.number:>4}/{card.total} {one_line(patch.subject)}"
        for tag in card.tags:
            if tag.patch == patch.number:
                yield f"       {_tag(tag.name)} {one_line(tag.who)}"


def _tag(name: str) -> str:
    return f"{one_line(name)}:"


def _findings(review: Reviewed, width: int) -> Iterator[str]:
    if review.findings:
        yield ""
        yield "Findings"
    for one in review.findings:
        patch = f"{one.patch}" if one.patch else "series"
        first = f"  {patch}: {one.severity}: "
        place = f" at {one.place}" if one.place else ""
        yield from wrap(
            f"{one.title} [{one.code}]{place}", first=first, indent="      ", width=width
        ).split("\n")
