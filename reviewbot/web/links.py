# SPDX-License-Identifier: GPL-2.0-only
"""Where each page is: below the server's root, or beside the page that shows the link in an export."""

import re
from dataclasses import dataclass
from urllib.parse import quote

NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,79}")
"""What a series, a run and a rule may be called in an address and in a file's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """``up`` leads from the page to the top.  With ``static``, pages are files: no queries."""

    up: str = "/"
    static: bool = False

    def home(self, query: str = "", page: int = 1) -> str:
        """The list of series; an export has no other order than its own."""
        if self.static:
            return f"{self.up}{_numbered('index', page)}.html"
        return f"{self.up}?{query}" if query else self.up

    def series(self, name: str) -> str:
        """The newest revision of a series, by its short name."""
        return self._page(f"series/{quote(name, safe='')}")

    def review(self, run: str) -> str:
        """One review, by its run."""
        return self._page(f"review/{quote(run, safe='')}")

    def patch(self, run: str, number: int, page: int = 1) -> str:
        """A patch as it was reviewed, side by side."""
        place = f"review/{quote(run, safe='')}/patch/{number}"
        if self.static:
            return self._page(_numbered(place, page))
        return self._page(place) + (f"?page={page}" if page > 1 else "")

    def rules(self) -> str:
        """All rules."""
        return self._page("rules")

    def rule(self, code: str) -> str:
        """One rule."""
        return self._page(f"rules/{quote(code, safe='')}")

    def sweeps(self) -> str:
        """All branches that are swept."""
        return self._page("sweeps")

    def branch(self, slug: str, page: int = 1) -> str:
        """A branch's nights (slugs: web.sweep_names)."""
        place = f"sweeps/{quote(slug, safe='')}"
        if self.static:
            return self._page(_numbered(place, page))
        return self._page(place) + (f"?page={page}" if page > 1 else "")

    def night(self, slug: str, night: str) -> str:
        """One night of a branch."""
        return self._page(f"sweeps/{quote(slug, safe='')}/{quote(night, safe='')}")

    def log(self, slug: str, night: str, place: int) -> str:
        """The console of what the night saw at that place."""
        return self._page(f"sweeps/{quote(slug, safe='')}/{quote(night, safe='')}/log/{place}")

    def sweep_feed(self) -> str:
        """The Atom feed of nights that changed something."""
        return f"{self.up}sweeps.atom"

    def data(self, page: str, query: str = "") -> str:
        """The JSON of a page, whose address one of the above gave."""
        plain = page.partition("?")[0].removesuffix(".html")
        plain += "index" if plain.endswith("/") else ""
        return f"{plain}.json" + (f"?{query}" if query else "")

    def feed(self, query: str = "") -> str:
        """The Atom feed."""
        return f"{self.up}feed.atom" + (f"?{query}" if query and not self.static else "")

    def style(self) -> str:
        """The one style sheet."""
        return f"{self.up}style.css"

    def _page(self, place: str) -> str:
        return f"{self.up}{place}" + (".html" if self.static else "")


def _numbered(place: str, page: int) -> str:
    return place if page == 1 else f"{place}-{page}"
