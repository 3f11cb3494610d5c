# SPDX-License-Identifier: GPL-2.0-only
"""The mail that became a commit, looked up in public-inbox repositories by patch-id."""

from collections.abc import Sequence

from reviewbot.model.errors import ReviewbotError
from reviewbot.parse.references import identify
from reviewbot.tools import epoch
from reviewbot.tools.commit_range import Described
from reviewbot.tools.git import patch_id_of, patch_ids
from reviewbot.tools.objects import ObjectStore

_BEFORE_SECONDS = 2 * 86400.0
_MOST_MAILS = 20_000
"""Mails looked at after the patch was written: two months of the busiest list a kernel has."""
_MOST_CANDIDATES = 40


def find(store: ObjectStore, commit: Described, archives: Sequence[str]) -> str:
    """The message-id of a mail whose diff is that of ``commit``; "" when no archive has one.

    git am keeps a mail's date as the author's, so mails from then on are looked at.
    """
    wanted = patch_id_of(store.path, commit.commit)
    paths = [change.encode() for change in _paths(store, commit)]
    if not wanted or not paths:
        return ""
    for place in archives:
        try:
            candidates = _candidates(place, commit.authored - _BEFORE_SECONDS, paths)
        except ReviewbotError:
            continue  # an archive that is not there costs the link, not the culprit
        for raw in candidates:
            if wanted in patch_ids(store.path, raw):
                return identify(raw)[0]
    return ""


def _paths(store: ObjectStore, commit: Described) -> list[str]:
    if len(commit.parents) != 1:
        return []
    before, after = store.view(commit.parents[0]), store.view(commit.commit)
    return [change.path for change in before.changed_paths(after)]


def _candidates(place: str, since: float, paths: Sequence[bytes]) -> list[bytes]:
    found: list[bytes] = []
    last = epoch.epochs(place)[-1]
    for number, mail in enumerate(epoch.read(last, epoch.before(last, since))):
        if number >= _MOST_MAILS or len(found) >= _MOST_CANDIDATES:
            break
        if b"\ndiff --git " in mail.raw and all(path in mail.raw for path in paths):
            found.append(mail.raw)
    return found
