# SPDX-License-Identifier: GPL-2.0-only
"""A series and the mails of its thread -> the card: what can be said of it whatever the time is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reviewbot.model.triage import Card, Digest, Size, Tag
from reviewbot.parse.area import areas

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reviewbot.model.watch import WatchedSeries
    from reviewbot.parse.envelope import Envelope

_NOTHING = Digest()
_FILES = 200
_PEOPLE = 64
_TAGS = 400


def card(
    series: WatchedSeries, thread: Mapping[str, Envelope], digests: Mapping[str, Digest]
) -> Card:
    """``thread`` are the mails around it by message-id, ``digests`` those of them that could be read."""
    own = {one.message_id: one.number for one in series.patches}
    if series.cover:
        own[series.cover] = 0
    replies = _replies(own, thread)
    author = series.sender.email.lower()
    sizes = _sizes(digests.get(name, _NOTHING) for name in own)
    subsystem, area = areas(sizes)
    heads = [thread[name].mail for name in own if name in thread]
    remarks = [
        mail
        for mail, digest, _ in _said(replies, digests)
        if digest.talk and not digest.tags and mail.mail.sender.email.lower() != author
    ]
    remarked = max(remarks, key=lambda one: one.mail.when, default=None)
    return Card(
        message_id=series.message_id,
        subject=series.subject,
        author=series.sender,
        lists=series.lists,
        revision=series.revision,
        total=series.total,
        patches=series.patches,
        missing=series.missing,
        cover=series.cover or "",
        sent=series.sent,
        last=max([series.sent, *(mail.mail.when for mail, _ in replies)]),
        state=series.state,
        area=area,
        subsystem=subsystem,
        next=series.superseded_by,
        skipped=str(series.skipped.reason) if series.skipped else "",
        rfc="rfc" in {word.lower() for word in series.prefixes},
        repairs=any(digests.get(name, _NOTHING).repairs for name in own),
        people=tuple(
            dict.fromkeys(one.email.lower() for mail in heads[:2] for one in (*mail.to, *mail.cc))
        )[:_PEOPLE],
        files=sizes,
        tags=_tags(own, replies, digests, author),
        remarks=len(remarks),
        remarked=remarked.mail.when if remarked else 0.0,
        remarker=(remarked.mail.sender.name or remarked.mail.sender.email) if remarked else "",
        answered=max(
            (one.mail.when for one, _ in replies if one.mail.sender.email.lower() == author),
            default=0.0,
        ),
        taken=next(
            (
                digest.taken
                for mail, digest, _ in _said(replies, digests)
                if digest.taken and mail.mail.sender.email.lower() != author
            ),
            "",
        ),
        read=all(name in digests for name in (*own, *(mail.message_id for mail, _ in replies))),
    )


def _replies(own: Mapping[str, int], thread: Mapping[str, Envelope]) -> list[tuple[Envelope, int]]:
    """The replies to one of the series' mails, and to which patch; 0 for those to the cover letter."""
    found = []
    for one in thread.values():
        if one.message_id in own or not one.mail.subject.reply:
            continue
        above = next((name for name in reversed(one.mail.references) if name in own), None)
        if above is not None:
            found.append((one, own[above]))
    return sorted(found, key=lambda pair: (pair[0].mail.when, pair[0].message_id))


def _said(
    replies: Iterable[tuple[Envelope, int]], digests: Mapping[str, Digest]
) -> list[tuple[Envelope, Digest, int]]:
    return [(mail, digests.get(mail.message_id, _NOTHING), patch) for mail, patch in replies]


def _tags(
    own: Mapping[str, int],
    replies: Iterable[tuple[Envelope, int]],
    digests: Mapping[str, Digest],
    author: str,
) -> tuple[Tag, ...]:
    """Tags of changelogs and replies, each once; nobody reviews their own series."""
    found = [
        Tag(name=name, who=value, patch=number)
        for message_id, number in own.items()
        for name, value in digests.get(message_id, _NOTHING).tags
    ]
    found += [
        Tag(name=name, who=value, patch=patch)
        for _, digest, patch in _said(replies, digests)
        for name, value in digest.tags
    ]
    foreign = (one for one in found if f"<{author}>" not in one.who.lower())
    return tuple(dict.fromkeys(foreign))[:_TAGS]


def _sizes(digests: Iterable[Digest]) -> tuple[Size, ...]:
    added: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    for one in digests:
        for touched in one.touched:
            added[touched.path] += touched.added
            removed[touched.path] += touched.removed
    return tuple(
        Size(path=path, added=added[path], removed=removed[path]) for path in list(added)[:_FILES]
    )
