# SPDX-License-Identifier: GPL-2.0-only
"""What the pages show, as JSON.  Whole reviews and patches are model classes; these are the others.  Pure."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from reviewbot.model.finding import Severity
from reviewbot.model.triage import Item, Reviewed
from reviewbot.web.links import Links
from reviewbot.web.query import Found, Query
from reviewbot.web.rules import Spoken
from reviewbot.web.shown import moment

SCHEMA = 1
Record = dict[str, Any]


def encoded(value: object) -> bytes:
    """JSON in ASCII, so that no terminal is in danger of what strangers wrote."""
    plain = msgspec.to_builtins(value)
    return json.dumps(plain, ensure_ascii=True, sort_keys=True, indent=1).encode() + b"\n"


def listing(found: Found, query: Query, links: Links) -> Record:
    """A page of the list."""
    return {
        "schema": SCHEMA,
        "total": found.total,
        "page": query.page,
        "pages": found.pages,
        "series": [row(one, links) for one in found.items],
    }


def row(one: Item, links: Links) -> Record:
    """A series as the list shows it."""
    card = one.card
    return {
        "id": one.id,
        "message_id": card.message_id,
        "subject": card.subject,
        "author": card.author,
        "lists": card.lists,
        "revision": card.revision,
        "patches": card.total,
        "missing": card.missing,
        "posted": moment(card.sent),
        "active": moment(card.last),
        "area": card.area,
        "subsystem": card.subsystem,
        "added": card.added,
        "removed": card.removed,
        "standing": one.standing,
        "why": one.why,
        "rank": one.rank,
        "points": one.points,
        "acked": one.acked,
        "clashes": one.clashes,
        "review": _review(one.review, links) if one.review else None,
        "page": links.series(one.id),
    }


def series(
    one: Item, revisions: Iterable[tuple[int, str, tuple[Reviewed, ...]]], links: Links
) -> Record:
    """A series with its files, tags and revisions."""
    return {
        "schema": SCHEMA,
        **row(one, links),
        "files": one.card.files,
        "tags": one.card.tags,
        "revisions": [
            {
                "revision": number,
                "message_id": name,
                "reviews": [_review(each, links) for each in reviews],
            }
            for number, name, reviews in revisions
        ],
    }


def rules(every: Iterable[Spoken], links: Links) -> Record:
    """All rules with how often they spoke."""
    return {"schema": SCHEMA, "rules": [_rule(one, links) for one in every]}


def rule(one: Spoken, links: Links) -> Record:
    """A rule with its docs and its latest findings."""
    return {
        "schema": SCHEMA,
        **_rule(one, links),
        "docs": dict(one.rule.docs) if one.rule else {},
        "latest": [
            {
                "finding": each.found,
                "series": each.item.id if each.item else None,
                "run": each.review.run,
            }
            for each in one.latest
        ],
    }


def _rule(one: Spoken, links: Links) -> Record:
    own = one.rule.declaration if one.rule else None
    return {
        "code": one.code,
        "title": one.rule.title if one.rule else "",
        "severity": own.severity if own else None,
        "confidence": own.confidence if own else None,
        "findings": {str(severity): one.count(severity) for severity in Severity},
        "series": len(one.series),
        "mailed": {
            "series": one.tried.series,
            "called_wrong": one.tried.objected,
            "by_author": one.tried.by_author,
            "doubtful": one.tried.doubtful,
        }
        if one.tried
        else None,
        "page": links.rule(one.code),
    }


def _review(one: Reviewed, links: Links) -> Record:
    return {
        "run": one.run,
        "made": moment(one.made),
        "verdict": one.verdict,
        "line": one.line,
        "findings": one.findings,
        "tree": one.tree,
        "base": one.base,
        "applies": one.applies,
        "why_not": one.why_not,
        "builds": one.builds,
        "tests": one.tests,
        "regressions": one.regressions,
        "added_lines": {"counted": one.counted, "ran": one.ran} if one.counted else None,
        "earlier": [
            {"part": each.part, "run": each.run, "base": each.base, "page": links.review(each.run)}
            for each in one.earlier
        ],
        "page": links.review(one.run),
    }
