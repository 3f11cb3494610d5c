# SPDX-License-Identifier: GPL-2.0-only
"""Which series are revisions of one another, over all threads: superseded, resent, renamed."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from urllib.parse import unquote

from reviewbot.model.watch import EventKind, WatchedSeries, WatchState

_SECONDS = 400 * 86400.0
"""How long a title stands for one series; "Fixes for 6.9" comes back the year after."""
_WRONG_CLOCK = 86400.0
_SUBJECTS = 100
_EARLIER = re.compile(
    r"^\W*(?:link to )?\[?v(\d{1,2})\]?\W{0,6}<?https?://\S{1,200}/([^/\s<>]{1,250}(?:@|%40)[^/\s<>]{1,250})",
    re.IGNORECASE | re.MULTILINE,
)
_MOST_EARLIER = 20


def earlier_versions(text: str) -> tuple[tuple[int, str], ...]:
    """(version, Message-ID) of the older postings a cover letter or remark links to, as b4 does.

    Only a label with a link right behind it counts: "v1: https://lore.kernel.org/r/ID".
    """
    found = _EARLIER.findall(text)[:_MOST_EARLIER]
    return tuple((int(version), unquote(name)) for version, name in found)


def lineage_keys(series: WatchedSeries) -> tuple[str, ...]:
    """Names under which other revisions of a series are found: two that share none are strangers."""
    who = series.sender.email.lower()
    found = [f"w {who} {_words(series.subject)}"]
    found += [f"w {who} {_words(one.subject)}" for one in series.patches[:_SUBJECTS]]
    found += [f"e {one}" for one in (*series.mails[:_SUBJECTS], *series.answers, *series.earlier)]
    if series.total > 1:
        found.append(f"t {_words(series.subject)}")
    if series.change_id:
        found.append(f"c {series.change_id}")
    return tuple(dict.fromkeys(found))


def with_successors(
    series: Iterable[WatchedSeries], candidates: Sequence[WatchedSeries]
) -> list[WatchedSeries]:
    """``series`` with what ``candidates`` (all that share a key with them) say of each."""
    by_key: dict[str, list[WatchedSeries]] = {}
    for one in candidates:
        for key in lineage_keys(one):
            by_key.setdefault(key, []).append(one)
    result = []
    for one in series:
        near = {
            other.message_id: other for key in lineage_keys(one) for other in by_key.get(key, ())
        }
        later = [other for other in near.values() if supersedes(other, one)]
        successor = min(later, key=_order, default=None)
        again = any(_resends(one, other) for other in near.values())
        result.append(
            replace(one, superseded_by=successor.message_id if successor else "", resend=again)
        )
    return result


def supersedes(new: WatchedSeries, old: WatchedSeries) -> bool:
    """True when ``new`` is a later revision of the series ``old`` is of.

    The version decides.  Under one version, or when RFC was dropped and the count began anew,
    the later one does.  A patch sent again by itself does not replace its series.
    """
    if new.message_id == old.message_id or not new.patches or not old.patches:
        return False
    if WatchState.SKIPPED in (new.own_state, old.own_state):
        return False
    if new.amends and new.total < old.total:
        return False
    if new.sent < old.sent - _WRONG_CLOCK:
        return False  # two series that exchanged patches: the one with the higher count came first
    if new.revision > old.revision:
        dropped = _is_rfc(new) and not _is_rfc(old) and old.sent > new.sent
        return not dropped and _related(new, old)
    began_anew = _is_rfc(old) and not _is_rfc(new)
    again = new.revision == old.revision and _is_rfc(new) == _is_rfc(old)
    return (began_anew or again) and _order(new)[1:] > _order(old)[1:] and _same_work(new, old)


def _resends(new: WatchedSeries, old: WatchedSeries) -> bool:
    """True when ``new`` is ``old`` posted again under the same version."""
    return (
        new.message_id != old.message_id
        and new.revision == old.revision
        and _is_rfc(new) == _is_rfc(old)
        and bool(new.patches)
        and _order(new) > _order(old)
        and _same_sender(new, old)
        and _subjects(new) == _subjects(old)
        and _near(new, old)
    )


def _related(new: WatchedSeries, old: WatchedSeries) -> bool:
    """Same series, going by what its authors say: change-id, link, title, thread, or half of the patches.

    A series that somebody else goes on with has both title and patches of the one before.
    """
    if new.change_id and new.change_id == old.change_id and _same_name(new, old):
        return True
    if not _near(new, old):
        return False
    if not set(new.earlier).isdisjoint(old.mails) and _same_name(new, old):
        return True
    if not _same_sender(new, old):
        titled = _words(new.subject) == _words(old.subject)
        return titled and old.total > 1 and _shares_patches(new, old)
    if _words(new.subject) == _words(old.subject):
        return True
    return (_threaded(new, old) and new.total > 1 and old.total > 1) or _shares_patches(new, old)


def _threaded(new: WatchedSeries, old: WatchedSeries) -> bool:
    """True when ``new`` was sent in reply to ``old``, or both to the same series.

    By their own headers: anybody can write a mail that ties two threads into one.
    """
    return not set(new.answers).isdisjoint((*old.mails, *old.answers))


def _same_work(new: WatchedSeries, old: WatchedSeries) -> bool:
    """Under the same version a title is not enough ("Misc fixes"): the patches must be the same."""
    same = new.change_id is not None and new.change_id == old.change_id
    return _near(new, old) and _same_sender(new, old) and (same or _shares_patches(new, old))


def _shares_patches(new: WatchedSeries, old: WatchedSeries) -> bool:
    shared = _subjects(new) & _subjects(old)
    return bool(shared) and len(shared) * 2 >= len(_subjects(old))


def _subjects(series: WatchedSeries) -> set[str]:
    return {_words(one.subject) for one in series.patches}


def _words(subject: str) -> str:
    return " ".join(subject.lower().split())


def _same_sender(one: WatchedSeries, other: WatchedSeries) -> bool:
    return one.sender.email.lower() == other.sender.email.lower()


def _same_name(one: WatchedSeries, other: WatchedSeries) -> bool:
    named = bool(one.sender.name) and one.sender.name.lower() == other.sender.name.lower()
    return named or _same_sender(one, other)


def _near(one: WatchedSeries, other: WatchedSeries) -> bool:
    return abs(one.sent - other.sent) <= _SECONDS


def _is_rfc(series: WatchedSeries) -> bool:
    return any(prefix.upper() == "RFC" for prefix in series.prefixes)


def _order(series: WatchedSeries) -> tuple[int, float, str]:
    return series.revision, series.sent, series.message_id


def changes(
    old: Iterable[WatchedSeries], new: Iterable[WatchedSeries]
) -> list[tuple[EventKind, WatchedSeries, str]]:
    """What to tell about series that were ``old`` and are ``new``: (kind, series, id before).

    A posting that got another head - its cover came last - is the one it shares its mails with.
    What ends comes before what begins, so that work on the old is given up first.
    """
    before = {one.message_id: one for one in old}
    by_mail = {
        (mail, one.revision, one.total): one for one in before.values() for mail in one.mails
    }
    told = []
    for one in new:
        was = before.get(one.message_id) or next(
            (
                found
                for mail in one.mails
                if (found := by_mail.get((mail, one.revision, one.total)))
            ),
            None,
        )
        kind = _kind(was, one)
        if kind:
            told.append((kind, one, was.message_id if was else ""))
    return sorted(told, key=lambda event: event[0] is not EventKind.SUPERSEDED)


_SETTLED = (WatchState.COMPLETE, WatchState.INCOMPLETE)


def _kind(was: WatchedSeries | None, now: WatchedSeries) -> EventKind | None:
    if now.state is WatchState.WAITING:
        return None
    if was is not None and was.state in _SETTLED and now.state in _SETTLED:
        return EventKind.CHANGED if was.mails != now.mails else None
    if was is not None and was.state is now.state:
        return None
    return EventKind(now.state.value)
