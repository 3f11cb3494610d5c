# SPDX-License-Identifier: GPL-2.0-only
"""Threads of a whole inbox by headers alone: parsing every mail would take a hundred times as long."""

import re
from collections import defaultdict
from collections.abc import Iterable

from reviewbot.parse.text import decode, message_ids

_HEADER = re.compile(
    rb"^(message-id|in-reply-to|references):((?:[^\n]|\n[ \t])*)", re.MULTILINE | re.IGNORECASE
)
_HEADERS_LIMIT = 256 * 1024


def identify(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """A mail's Message-ID ("" when it has none) and the ids it refers to."""
    end = raw.find(b"\n\n")
    head = raw[: min(end if end >= 0 else len(raw), _HEADERS_LIMIT)]
    own = ""
    others: list[str] = []
    for name, value in _HEADER.findall(head):
        ids = message_ids(decode(value))
        if name.lower() != b"message-id":
            others += ids
        elif ids and not own:
            own = ids[0]
    return own, tuple(others)


class Threads:
    """Mails connected by references, be it over mails that are not here."""

    def __init__(self, mails: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        """``mails`` as :func:`identify` gives them."""
        self._parent: dict[str, str] = {}
        self.known = set()
        for own, others in mails:
            self.known.add(own)
            for other in others:
                self._parent[self._find(own)] = self._find(other)
        self._members: dict[str, set[str]] = defaultdict(set)
        for own in self.known:
            self._members[self._find(own)].add(own)

    def of(self, message_id: str) -> frozenset[str]:
        """The ids of the mails in the thread of ``message_id``; empty when the inbox lacks that mail."""
        if message_id not in self.known:
            return frozenset()
        return frozenset(self._members[self._find(message_id)])

    def _find(self, one: str) -> str:
        parent = self._parent
        parent.setdefault(one, one)
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one
