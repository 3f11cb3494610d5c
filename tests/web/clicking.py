# SPDX-License-Identifier: GPL-2.0-only
"""What pages link to, and all that can be reached by clicking."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from shelves import Served


class Links(HTMLParser):
    """A page's addresses and tags; ``odd`` are attributes that no page of ours may have."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()
        self.odd: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("href", "src", "action"):
                self.found.append(value)
            if name.startswith("on") or name in ("style", "autofocus", "srcdoc"):
                self.odd.append(f"{tag} {name}")


def crawl(served: Served, *first: str, follow: Callable[[str], bool]) -> dict[str, str]:
    """Every page that can be reached by clicking on what ``follow`` takes; each must be there."""
    todo, seen = list(first), {}
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        answer, body = served.get(path)
        assert answer.status == 200, f"{path}: {answer.status}"
        seen[path] = body.decode()
        if "html" in answer.headers["Content-Type"]:
            plain = (link.partition("#")[0] for link in Links(seen[path]).found)
            todo += filter(follow, plain)
    return seen
