# SPDX-License-Identifier: GPL-2.0-only
"""The list of series."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding

from reviewbot.model.errors import UserError
from reviewbot.parse.wanted import SORTS
from reviewbot.screen import keys, listing
from reviewbot.screen.actions import SeriesActions
from reviewbot.screen.dialogs import Choose
from reviewbot.screen.lines import line, plain
from reviewbot.screen.series_screen import SeriesScreen
from reviewbot.screen.widgets import Bar, Page

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from reviewbot.model.triage import Item
    from reviewbot.screen.listing import Wish


_NOTHING = "no series: / changes the filter, A shows what is hidden, u reads the lists"


class ListScreen(SeriesActions):
    """Rows, best first; what is typed into the filter picks at once."""

    KEYS = keys.LIST
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", show=False),
        Binding("s", "sort", "sort", show=False),
        Binding("v", "view", "view", show=False),
        Binding("A", "everything", "all", show=False),
        Binding("u", "update", "update", show=False),
        Binding("D", "diff", "difference", show=False),
        Binding("q", "quit", "quit", show=False),
    ]

    def __init__(self, wish: Wish) -> None:
        super().__init__()
        self.wish = wish
        self._found = listing.Listing()
        self._at = ""  # the series of the cursor
        self._sure = False

    def compose(self) -> ComposeResult:
        """See Screen."""
        yield Bar(name="summary", reverse=True)
        yield Bar(name="head")
        yield Page(choosing=True, name="page")
        yield from self.bottom()

    def on_mount(self) -> None:
        """Begin with what is there."""
        self.page.focus()
        self.show_shot()

    def on_resize(self) -> None:
        """Another width has other columns."""
        self.show_shot()

    def item(self) -> Item | None:
        """The series under the cursor."""
        at = self.page.cursor
        return self._found.items[at] if at < len(self._found.items) else None

    def show_shot(self) -> None:
        """Rows anew; the cursor stays with its series."""
        self._found = listing.listing(self.triage.shot, self.wish)
        width = self.size.width
        head, rows = listing.lines(
            self._found.items, self.triage.shot.names, self.triage.doing(), width
        )
        self.query_one("#head", Bar).show(head)
        text = listing.summary(self._found, self.wish, f" {self.triage.where}")
        self.query_one("#summary", Bar).show(line(text))
        if not self._found.items:
            rows = plain([_NOTHING], lambda _: "dim")
        self.page.show(rows, at=listing.place_of(self._found.items, self._at, self.page.cursor))
        self._at = self.page.key

    def on_page_moved(self) -> None:
        """Remember the series, not its place."""
        super().on_page_moved()
        self._at = self.page.key

    def on_page_opened(self) -> None:
        """Open a series."""
        self._open("overview")

    def _open(self, part: str) -> None:
        if item := self.item():
            self.app.push_screen(SeriesScreen(item, part))

    def wishes(self, **changes: object) -> None:
        """Pick or sort otherwise, from the top."""
        self.wish = replace(self.wish, **changes)  # type: ignore[arg-type]
        self.say("")
        self._at = ""
        self.page.cursor = 0
        self.show_shot()

    def action_filter(self) -> None:
        """Type words."""
        before = self.wish.words
        self.ask(
            "filter:",
            f"{before} " if before else "",
            lambda text: self._filter(text, before),
            typing=self._typed,
            takes_back=lambda: self.wishes(words=before),
        )

    def _filter(self, text: str, before: str) -> None:
        """Keep what was typed, if it can be."""
        try:
            listing.listing(self.triage.shot, replace(self.wish, words=text))
        except UserError as error:
            self.wishes(words=before)
            self.say(str(error), "bad")
        else:
            self.wishes(words=" ".join(text.split()))

    def _typed(self, text: str) -> None:
        """Show what the words pick so far; a word that is half typed picks nothing yet."""
        try:
            listing.listing(self.triage.shot, replace(self.wish, words=text))
        except UserError:
            return
        self.wishes(words=" ".join(text.split()))

    def action_sort(self) -> None:
        """Choose the order."""
        now = self.wish.order
        lines = [line(f"{one}{'  (turn around)' if one == now else ''}", key=one) for one in SORTS]
        plain = now.removeprefix("-")
        at = list(SORTS).index(plain) if plain in SORTS else 0
        self.app.push_screen(Choose("sort by", lines, at), self._sort)

    def _sort(self, key: str | None) -> None:
        if key:
            self.wishes(sort=f"-{key}" if key == self.wish.order else key)

    def action_view(self) -> None:
        """Choose a saved view."""
        views = self.triage.views
        lines = [line(f"{name:<12} {words}", key=name) for name, words in views.items()]
        lines.append(line("everything that is pending", key=" "))
        self.app.push_screen(Choose("view", lines), self._view)

    def _view(self, name: str | None) -> None:
        if name:
            self.wishes(words=self.triage.views.get(name, ""), sort="")

    def action_everything(self) -> None:
        """Also what is hidden, or not."""
        self.wishes(everything=not self.wish.everything)

    def action_update(self) -> None:
        """Read the lists."""
        self.triage.read_mails()

    def action_diff(self) -> None:
        """The difference to the revision before."""
        self._open("diff")

    def action_quit(self) -> None:
        """Leave; twice when that ends a review."""
        if self.triage.reviews and not self._sure:
            self._sure = True
            self.say("a review that you began is at work; q again ends it and leaves", "warn")
            return
        self.app.exit()
