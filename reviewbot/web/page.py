# SPDX-License-Identifier: GPL-2.0-only
"""What is asked for, and what is sent."""

from collections.abc import Mapping
from dataclasses import dataclass

from reviewbot.web.links import Links
from reviewbot.web.snapshot import Snapshot

HTML = "text/html; charset=utf-8"
JSON = "application/json"
ATOM = "application/atom+xml; charset=utf-8"
CSS = "text/css; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is sent.  ``modified`` is when what it shows last changed, in seconds since 1970, 0 for unknown."""

    kind: str
    body: bytes
    modified: float = 0.0
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request: the parts of the path without ".json", the query, and which form is wanted."""

    shot: Snapshot
    links: Links
    path: tuple[str, ...]
    values: Mapping[str, str]
    json: bool
