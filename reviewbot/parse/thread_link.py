# SPDX-License-Identifier: GPL-2.0-only
"""The mail a commit was made from, by the trailer its committer left (b4 am -l, git am --message-id)."""

import re
from urllib.parse import unquote

from reviewbot.parse.trailers import parse_trailers

_ARCHIVE = re.compile(
    r"https?://(?:(?:www\.)?lore\.kernel\.org/[\w.-]+|lkml\.kernel\.org/r|patch\.msgid\.link"
    r"|msgid\.link)/(?P<id>[^/\s<>]+)/?"
)
_PLAIN = re.compile(r"<?(?P<id>[^\s<>@]+@[^\s<>@]+)>?")
_LONGEST = 250


def message_id(message: str) -> str:
    """The message-id, without brackets, that a commit message names as where it came from; "" for none.

    The last ``Link:`` to an archive counts: committers add theirs below what the author wrote.
    """
    found = ""
    for trailer in parse_trailers(message.split("\n", 1)[-1]):
        kind = {"link": _ARCHIVE, "message-id": _PLAIN}.get(trailer.name.lower())
        match = kind.match(trailer.value.strip()) if kind else None
        if match and "@" in (name := unquote(match["id"])) and len(name) <= _LONGEST:
            found = name
    return found if re.fullmatch(r"[!-;=?-~]+", found) else ""
