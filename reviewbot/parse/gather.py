# SPDX-License-Identifier: GPL-2.0-only
"""Mails of lists, one at a time in any order -> threads -> the series in them.

Nothing here remembers more than it is handed: the store looks up the few threads that new mails
belong to (by parse.envelope.links), and takes back those that changed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reviewbot.model.watch import Numbered, Skipped, SkipReason, WatchedSeries, WatchState
from reviewbot.parse.classify import decline
from reviewbot.parse.envelope import Envelope, links, merged
from reviewbot.parse.lineage import earlier_versions
from reviewbot.parse.mail import Mail
from reviewbot.parse.posting import Posting, new_posting
from reviewbot.parse.scope import Scope, out_of_scope
from reviewbot.parse.series import choose
from reviewbot.parse.thread import above, change_id, find_postings

THREAD_LIMIT = 5000
"""Mails of one thread that are kept.  The longest of lore's have some 1,500."""
_COVER_SECONDS = 900.0
_LONGEST_WAITS = 10  # a stranger's trickle of patches does not put a review off for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How one list is followed: whose series are wanted, seconds that missing mails are waited for."""

    scope: Scope = field(default_factory=Scope)
    wait: float = 7200.0


class Gathering:
    """Threads that grow by :meth:`add`.  ``known`` says which thread a link leads to.

    ``changed`` are the numbers of threads that are not what they were, ``absorbed`` says which
    threads became part of which, ``fresh`` are links nobody knew, with their threads; ``left_out`` are
    mails for which their thread had no room.
    """

    def __init__(
        self,
        known: Mapping[str, int] | None = None,
        threads: Mapping[int, Iterable[Envelope]] | None = None,
        first_free: int = 1,
    ) -> None:
        self.threads = {
            number: {kept.message_id: kept for kept in mails}
            for number, mails in (threads or {}).items()
        }
        self.homes = dict(known or {})
        self.changed: set[int] = set()
        self.absorbed: dict[int, int] = {}
        self.fresh: dict[str, int] = {}
        self.left_out: list[Envelope] = []
        self._news: set[str] = set()
        self._free = first_free

    def add(self, kept: Envelope) -> bool:
        """Put a mail into its thread, joining threads it connects; False when it is no news."""
        names = links(kept)
        found = sorted({self.find(self.homes[name]) for name in names if name in self.homes})
        home = found[0] if found else self._new()
        for other in found[1:]:
            self._join(home, other)
        for name in names:
            if name not in self.homes:
                self.homes[name] = self.fresh[name] = home
        thread = self.threads[home]
        old = thread.get(kept.message_id)
        now = merged(old, kept) if old else kept
        if old is None and len(thread) >= THREAD_LIMIT:
            self.left_out.append(kept)
            return False
        if old != now or len(found) > 1:
            thread[kept.message_id] = now
            self.changed.add(home)
        if old != now:
            self._news.add(kept.message_id)
        return old != now

    def news(self) -> Iterator[tuple[int, Envelope]]:
        """The mails that were not known before, or not like that, with their threads."""
        for number, thread in self.threads.items():
            for message_id in self._news & thread.keys():
                yield number, thread[message_id]

    def find(self, number: int) -> int:
        """The thread that ``number`` has become part of."""
        while number in self.absorbed:
            number = self.absorbed[number]
        return number

    def _new(self) -> int:
        number = self._free
        self._free += 1
        self.threads[number] = {}
        return number

    def _join(self, home: int, other: int) -> None:
        for message_id, kept in self.threads.pop(other).items():
            old = self.threads[home].get(message_id)
            self.threads[home][message_id] = merged(old, kept) if old else kept
        self.absorbed[other] = home
        self.changed.discard(other)
        self.changed.add(home)


def series_of(
    envelopes: Iterable[Envelope], *, now: float, lists: Mapping[str, Following]
) -> list[WatchedSeries]:
    """The series of one thread, oldest first, as they stand at ``now`` (seconds since 1970).

    Nothing depends on the order of ``envelopes``.
    """
    kept = sorted(envelopes, key=lambda one: (one.mail.when, one.message_id))
    reader = _Reader(kept, now, lists)
    found = [reader.read(posting) for posting in find_postings(reader.mails)]
    taken = {message_id for series in found for message_id in series.mails}
    found += [
        other
        for mail in reader.mails
        if mail.message_id not in taken and (other := reader.lone(mail))
    ]
    return sorted(found, key=lambda one: (one.sent, one.message_id))


class _Reader:
    """Turns the postings of a thread into what is kept of them."""

    def __init__(
        self, kept: Sequence[Envelope], now: float, lists: Mapping[str, Following]
    ) -> None:
        self.kept = {one.message_id: one for one in kept}
        self.mails = [one.mail for one in kept]
        self.by_id = {mail.message_id: mail for mail in self.mails}
        self.now = now
        self.following = lists

    def read(self, posting: Posting) -> WatchedSeries:
        """One posting, with what became of it until now."""
        own = list(posting.mails)
        if posting.revision > 1 and posting.missing and posting.patches:
            posting = self._filled(posting)
        arrived = [self.kept[mail.message_id].received for mail in own]
        lists = self._lists(own)
        wait = max((self._following(name).wait for name in lists), default=0.0)
        if not posting.missing and not self._cover_may_come(posting):
            wait = 0.0
        elif not posting.missing:
            wait = min(wait, _COVER_SECONDS)
        longest = max(*arrived, min(arrived) + _LONGEST_WAITS * wait)
        due = min(max(arrived) + wait, longest)
        skipped = self._skipped(posting.mails, lists)
        return WatchedSeries(
            message_id=own[0].message_id,  # of a partial reroll posting.head is the older cover
            lists=lists,
            subject=posting.head.subject.text,
            sender=own[0].sender,
            revision=posting.revision,
            total=posting.total,
            patches=tuple(
                Numbered(number=number, message_id=mail.message_id, subject=mail.subject.text)
                for number, mail in sorted(posting.patches.items())
            ),
            missing=posting.missing,
            cover=posting.cover.message_id if posting.cover in own else None,
            thread=next(iter(own[0].references), own[0].message_id),
            received=max(arrived),
            due=due,
            sent=max(mail.when for mail in own),
            own_state=self._state(posting, due, skipped),
            prefixes=tuple(dict.fromkeys(one for mail in own for one in mail.subject.prefixes)),
            skipped=skipped,
            change_id=change_id(posting),
            amends=self._amended(own),
            answers=own[0].references,
            earlier=tuple(name for _, name in earlier_versions(own[0].body)),
            notes=tuple(posting.notes),
        )

    def lone(self, mail: Mail) -> WatchedSeries | None:
        """A pull request or a reply that carries a patch; None for talk."""
        skipped: Skipped | None = None
        if mail.subject.reply and mail.diff:
            skipped = Skipped(
                reason=SkipReason.PATCH_IN_REPLY,
                evidence=f'"{mail.subject.full[:80]}" carries a diff; it is reviewed only when asked for.',
            )
        elif not mail.subject.reply and not mail.diff:
            declined = decline([mail])
            if declined and declined.reason.value == SkipReason.PULL_REQUEST.value:
                skipped = Skipped(reason=SkipReason.PULL_REQUEST, evidence=declined.evidence)
        if skipped is None:
            return None
        posting = new_posting(mail)
        posting.total = 1
        posting.patches = {1: mail}
        found = self.read(posting)
        return _skip(found, skipped, carries=bool(mail.diff))

    def _filled(self, posting: Posting) -> Posting:
        """A partial reroll together with the patches that stay as they were."""
        choice = choose(self.mails, message_id=posting.head.message_id)
        return choice.posting if choice else posting

    def _cover_may_come(self, posting: Posting) -> bool:
        """True when the patches were sent in reply to a mail that is not here."""
        if posting.cover or posting.total == 1:
            return False
        parent = posting.head.references[:1]
        return bool(parent) and parent[0] not in self.by_id

    def _state(self, posting: Posting, due: float, skipped: Skipped | None) -> WatchState:
        if self.now < due:
            return WatchState.WAITING
        if skipped:
            return WatchState.SKIPPED
        return WatchState.INCOMPLETE if posting.missing else WatchState.COMPLETE

    def _skipped(self, mails: Sequence[Mail], lists: Sequence[str]) -> Skipped | None:
        """Why no list wants it; None when one does."""
        found = None
        for name in lists:
            found = out_of_scope(mails, self._following(name).scope)
            if found is None:
                return None
        return found

    def _following(self, name: str) -> Following:
        return self.following.get(name) or Following()

    def _lists(self, mails: Sequence[Mail]) -> tuple[str, ...]:
        return tuple(sorted({name for mail in mails for name in self.kept[mail.message_id].lists}))

    def _amended(self, own: Sequence[Mail]) -> str:
        """The patch a lone mail is a newer version of: same sender and words, sent in reply to it."""
        if len(own) != 1 or not own[0].diff or not own[0].references:
            return ""
        mail = own[0]
        target = above(mail, self.by_id, {})
        same = (
            target is not None
            and bool(target.diff)
            and target.sender.email.lower() == mail.sender.email.lower()
            and target.subject.text.lower() == mail.subject.text.lower()
        )
        return target.message_id if target and same else ""


def _skip(found: WatchedSeries, skipped: Skipped, *, carries: bool) -> WatchedSeries:
    return replace(
        found,
        own_state=WatchState.SKIPPED,
        skipped=skipped,
        patches=found.patches if carries else (),
        amends="",
    )
