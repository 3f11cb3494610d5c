# SPDX-License-Identifier: GPL-2.0-only
"""Patches whose subjects lack a counter: find their place by message-id, thread and date."""

from collections import defaultdict

from reviewbot.parse.mail import Mail
from reviewbot.parse.posting import Posting, new_posting, stem

_NEAR_SECONDS = 3600.0


def fill_gaps(postings: list[Posting], single: list[Mail]) -> list[Mail]:
    """Give patches whose subject lacks the counter their place; return those that have none.

    nSVM PAT v8 was like that: 5/8 came as plain [PATCH] in reply to the cover.  The counter in the
    message-id decides, else the order of the dates.
    """
    left = list(single)
    for posting in postings:
        if not posting.missing or not left:
            continue
        known = {mail.message_id for mail in posting.mails}
        stems = {stem(mail)[0] for mail in posting.mails}
        dates = [mail.when for mail in posting.mails]
        near = (min(dates) - _NEAR_SECONDS, max(dates) + _NEAR_SECONDS)
        strays = [
            mail
            for mail in left
            if mail.subject.total is None
            and mail.sender.email.lower() == posting.sender
            and mail.subject.version in (None, posting.revision)
            and (
                stem(mail)[0] in stems
                or (known.intersection(mail.references) and near[0] <= mail.when <= near[1])
            )
        ]
        for mail in sorted(strays, key=lambda one: (one.when, stem(one)[1] or 0)):
            if not posting.missing:
                break
            number = _number_by_id(posting, mail) or posting.missing[0]
            posting.patches[number] = mail
            posting.notes.append(
                f'patch {number}/{posting.total} was mailed without a number, as "{mail.subject.full}"'
            )
            left.remove(mail)
    return left


def _number_by_id(posting: Posting, mail: Mail) -> int | None:
    """The number a stray has by the counter of its id, when the others' counters agree."""
    own, counter = stem(mail)
    if counter is None:
        return None
    offsets = set()
    for number, other in posting.patches.items():
        name, theirs = stem(other)
        if name == own and theirs is not None:
            offsets.add(theirs - number)
    if len(offsets) != 1:
        return None
    number = counter - offsets.pop()
    return number if number in posting.missing else None


def number_together(single: list[Mail]) -> list[Posting]:
    """Single patches; those that one command sent without any counter become one series."""
    groups: dict[tuple[str, int], list[Mail]] = defaultdict(list)
    for mail in single:
        groups[stem(mail)[0], mail.subject.version or 1].append(mail)
    postings = []
    for group in groups.values():
        group.sort(key=lambda mail: (stem(mail)[1] or 0, mail.when))
        posting = new_posting(group[0])
        posting.total = len(group)
        posting.patches = dict(enumerate(group, start=1))
        if len(group) > 1:
            posting.notes.append(
                "the patches were mailed without numbers; their ids give the order"
            )
        postings.append(posting)
    return postings
