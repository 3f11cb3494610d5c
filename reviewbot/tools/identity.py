# SPDX-License-Identifier: GPL-2.0-only
"""Names and times of mails as git keeps them in commits."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import pygit2

from reviewbot.model.series import Address
from reviewbot.parse.text import one_line

COMMITTER = ("reviewbot", "reviewbot@localhost")
_MAX_OFFSET = timedelta(hours=14)


def plain_identity(address: Address) -> tuple[str, str]:
    """Name and mail address without what git's ident.c drops: angle brackets, line ends, outer crud."""
    name, email = (_no_crud(text) for text in (address.name, address.email))
    return name or email or "unknown", email or "unknown"


def _no_crud(text: str) -> str:
    kept = "".join(" " if char in "<>" else char for char in one_line(text))
    safe = " ".join(kept.split()).encode("utf-8", "replace").decode()
    return safe.strip(" .,:;<>\"\\'")


def author_time(date: str) -> datetime:
    """The date of a mail; 1970 when it has none that git could store."""
    try:
        when = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError, IndexError):
        return datetime.fromtimestamp(0, UTC)
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    offset = when.utcoffset() or timedelta()
    if abs(offset) > _MAX_OFFSET or when.timestamp() < 0:
        return datetime.fromtimestamp(max(0.0, when.timestamp()), UTC)
    return when


def signature(name: str, email: str, when: datetime) -> pygit2.Signature:
    """A git identity with a time and its zone."""
    minutes = int((when.utcoffset() or timedelta()).total_seconds() // 60)
    return pygit2.Signature(name, email, int(when.timestamp()), minutes, "utf-8")


def same_time(author: pygit2.Signature) -> datetime:
    """The time of an existing identity."""
    return datetime.fromtimestamp(author.time, timezone(timedelta(minutes=author.offset)))
