# SPDX-License-Identifier: GPL-2.0-only
"""A heap of mails -> postings: which mails were sent together as one revision of one series."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from reviewbot.parse.mail import SYNTHETIC_DOMAIN, Mail
from reviewbot.parse.numbering import fill_gaps, number_together
from reviewbot.parse.posting import Posting, new_posting, stem

CHANGE_ID = re.compile(r"^change-id:[ \t]*(\S+)[ \t]*$", re.MULTILINE | re.IGNORECASE)


def unique(mails: Sequence[Mail]) -> list[Mail]:
    """Each Message-ID once; a mail that came over two lists is the same mail."""
    return list({mail.message_id: mail for mail in reversed(mails)}.values())[::-1]


def find_postings(mails: Sequence[Mail]) -> list[Posting]:
    """Every posting among ``mails``, oldest first.  A cover without any patch counts too."""
    numbered, single = _candidates(mails)
    postings = [
        posting
        for group in _grouped(numbered, mails)
        for posting in _split_reposts(group)
        if posting.mails
    ]
    single = fill_gaps(postings, single)
    postings += number_together(single)
    by_id = {mail.message_id: mail for mail in mails}
    threads = _threads(mails)
    for posting in postings:
        _find_cover(posting, by_id)
        posting.thread = threads.find(posting.head.message_id)
    postings.sort(key=lambda posting: (posting.when, posting.head.message_id))
    return postings


def _candidates(mails: Sequence[Mail]) -> tuple[list[Mail], list[Mail]]:
    """Mails with a counter that are part of a series, and other patches; replies are neither."""
    numbered, single = [], []
    for mail in mails:
        subject = mail.subject
        if subject.reply:
            continue
        if subject.number == 0 or (subject.number is not None and mail.diff):
            numbered.append(mail)
        elif mail.diff:
            single.append(mail)
    return numbered, single


def _key(mail: Mail) -> tuple[int, int, bool]:
    subject = mail.subject
    return subject.version or 1, subject.total or 1, subject.has_prefix("resend")


class _Union:
    """Disjoint sets of mails by message-id."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, one: str) -> str:
        self.parent.setdefault(one, one)
        while self.parent[one] != one:
            self.parent[one] = self.parent[self.parent[one]]
            one = self.parent[one]
        return one

    def join(self, one: str, other: str) -> None:
        self.parent[self.find(one)] = self.find(other)


def _threads(mails: Sequence[Mail]) -> _Union:
    """Mails connected by references, be it over mails that are not here."""
    union = _Union()
    for mail in mails:
        for reference in mail.references:
            union.join(mail.message_id, reference)
    return union


def above(mail: Mail, thread: dict[str, Mail], seen: dict[str, Mail | None]) -> Mail | None:
    """The nearest numbered mail that ``mail`` was sent in reply to, be it over other replies."""
    path = []
    at = thread.get(mail.parent or "")
    while at is not None and at.message_id not in seen:
        path.append(at.message_id)
        seen[at.message_id] = None  # ends the walk in a circle of replies
        if at.subject.number is not None and not at.subject.reply:
            seen[at.message_id] = at
            break
        at = thread.get(at.parent or "")
    found = seen.get(at.message_id) if at else None
    seen.update(dict.fromkeys(path, found))
    return found


def _grouped(mails: list[Mail], thread: Sequence[Mail]) -> list[list[Mail]]:
    """Numbered mails that belong together: same version and total, and threaded or sent together."""
    union = _Union()
    by_id = {mail.message_id: mail for mail in mails}
    by_stem: dict[tuple[str, tuple[int, int, bool]], Mail] = {}
    replied = {mail.message_id: mail for mail in thread}
    seen: dict[str, Mail | None] = {}
    siblings: dict[tuple[str, str, tuple[int, int, bool]], Mail] = {}
    for mail in mails:
        key = _key(mail)
        union.find(mail.message_id)
        for reference in mail.references:
            if (other := by_id.get(reference)) is not None and _key(other) == key:
                union.join(mail.message_id, reference)
        other = above(mail, replied, seen)
        if other is not None and _key(other) == key:
            union.join(mail.message_id, other.message_id)
        first = by_stem.setdefault((stem(mail)[0], key), mail)
        union.join(mail.message_id, first.message_id)
        if mail.references and mail.subject.number:  # the cover or patch 1 may be lost
            place = (mail.references[0], mail.sender.email.lower(), key)
            union.join(mail.message_id, siblings.setdefault(place, mail).message_id)
    groups: dict[str, list[Mail]] = defaultdict(list)
    for mail in mails:
        groups[union.find(mail.message_id)].append(mail)
    return _joined_strays(list(groups.values()))


def _joined_strays(groups: list[list[Mail]]) -> list[list[Mail]]:
    """Put groups together whose mails were never threaded but complete each other.

    Files of git format-patch, and series sent without --thread, look like that.
    """
    whole: list[list[Mail]] = []
    open_by_key: dict[tuple[object, ...], list[list[Mail]]] = defaultdict(list)
    for group in groups:
        head = group[0]
        total = head.subject.total or 1
        threaded = any(mail.references for mail in group) or len(group) > total
        if threaded or total == 1:
            whole.append(group)
            continue
        local = head.message_id.endswith(SYNTHETIC_DOMAIN)
        place = (_key(head), local or head.sender.email.lower())
        numbers = {mail.subject.number for mail in group}
        for other in open_by_key[place]:
            if not numbers & {mail.subject.number for mail in other}:
                other.extend(group)
                break
        else:
            open_by_key[place].append(group)
            whole.append(group)
    return whole


def _split_reposts(group: list[Mail]) -> list[Posting]:
    """One posting of a group; two when all of it was sent again under the same version."""
    group = sorted(group, key=lambda mail: (mail.when, mail.message_id))
    senders = Counter(mail.sender.email.lower() for mail in group)
    main = senders.most_common(1)[0][0]
    rounds: dict[int, list[Mail]] = defaultdict(list)
    for mail in group:
        rounds[mail.subject.number or 0].append(mail)
    first = new_posting(group[0])
    again = new_posting(group[0])
    for number, mails in sorted(rounds.items()):
        own = [mail for mail in mails if mail.sender.email.lower() == main] or mails
        _place(first, number, own[0])
        if len(own) > 1:
            _place(again, number, own[-1])
        if len(own) < len(mails):
            first.notes.append(f"somebody else's version of patch {number} was left out")
    for posting in (first, again):
        posting.total = (
            max(posting.total, *posting.patches, 0) if posting.patches else posting.total
        )
    if again.patches and not again.missing and not first.missing:
        again.notes.append(
            "sent more than once under the same version; the later mails are reviewed"
        )
        return [first, again]
    for number, mail in again.patches.items():
        first.notes.append(f"patch {number} was sent more than once; the later mail is reviewed")
        first.patches[number] = mail
    first.cover = again.cover or first.cover
    return [first]


def _place(posting: Posting, number: int, mail: Mail) -> None:
    if number == 0:
        posting.cover = mail
    else:
        posting.patches[number] = mail


def _find_cover(posting: Posting, by_id: dict[str, Mail]) -> None:
    """A cover letter without 0/n: the diffless mail all of it replies to, by the same sender."""
    if posting.cover or not posting.patches:
        return
    first = posting.patches[min(posting.patches)]
    candidate = by_id.get(first.parent or "")
    if (
        candidate is not None
        and not candidate.diff
        and not candidate.subject.reply
        and candidate.subject.number is None
        and not candidate.references
        and candidate.sender.email.lower() == posting.sender
    ):
        posting.cover = candidate
        posting.notes.append(f'"{candidate.subject.full}" is taken as the cover letter')


def change_id(posting: Posting) -> str | None:
    """The ``change-id:`` b4 gives a series for life."""
    for mail in posting.mails:
        if found := CHANGE_ID.search(mail.body):
            return found[1]
    return None


def related(postings: Sequence[Posting], wanted: Posting) -> list[Posting]:
    """The revisions of the series ``wanted`` is of: same change-id, title, or sender in one thread."""
    identity = change_id(wanted)
    title = _title(wanted)
    found = [] if wanted in postings else [wanted]
    for posting in postings:
        same_title = _title(posting) == title
        same_thread = posting.sender == wanted.sender and posting.thread == wanted.thread
        same_id = identity is not None and change_id(posting) == identity
        if (
            posting is wanted
            or same_title
            or same_id
            or (same_thread and _versioned(posting, wanted))
        ):
            found.append(posting)
    return found


def _versioned(posting: Posting, wanted: Posting) -> bool:
    """A lone patch in reply to a series is no older or newer revision of it; a new version is."""
    alike = (posting.total > 1) == (wanted.total > 1)
    return alike and (posting.revision != wanted.revision or posting.total == wanted.total)


def _title(posting: Posting) -> str:
    return posting.head.subject.text.lower()
