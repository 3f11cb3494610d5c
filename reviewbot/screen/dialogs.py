# SPDX-License-Identifier: GPL-2.0-only
"""Small screens over the others: choose one of some lines, read some lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen

from reviewbot.screen.lines import line
from reviewbot.screen.widgets import Bar, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from reviewbot.screen.lines import Line


class Choose(ModalScreen[str]):
    """Lines of which one is taken: its key, "" for none."""

    DEFAULT_CSS = """
    Choose { align: center middle; }
    Choose Vertical { width: 60; max-width: 100%; height: auto; max-height: 100%; border: ascii; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", "back", show=False)]

    def __init__(self, title: str, lines: Sequence[Line], at: int = 0) -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._at = at

    def compose(self) -> ComposeResult:
        """See Screen."""
        with Vertical():
            yield Bar(name="title")
            yield Page(choosing=True)

    def on_mount(self) -> None:
        """Fill it."""
        self.query_one(Bar).show(line(self._title, "head"))
        page = self.query_one(Page)
        page.styles.height = len(self._lines)
        page.show(self._lines, at=self._at)
        page.focus()

    def on_page_opened(self, event: Page.Opened) -> None:
        """One is taken."""
        self.dismiss(event.key)

    def action_leave(self) -> None:
        """None is taken."""
        self.dismiss("")


class Read(ModalScreen[None]):
    """Lines to read, the whole screen of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "back", show=False),
        Binding("f", "stop(1)", "next", show=False),
        Binding("F", "stop(-1)", "previous", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[Line], *, end: bool = False) -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._end = end

    def compose(self) -> ComposeResult:
        """See Screen."""
        yield Bar(name="title", reverse=True)
        yield Page()
        yield Bar(name="keys", reverse=True)

    def on_mount(self) -> None:
        """Fill it."""
        self.query_one("#title", Bar).show(line(self._title))
        page = self.query_one(Page)
        page.show(self._lines, at=0)
        page.focus()
        if self._end:
            self.call_after_refresh(page.action_edge, 1)

    def on_page_moved(self) -> None:
        """Say where the reader is."""
        keys = "arrows and space move  f next mistake  q back"
        place = self.query_one(Page).position
        self.query_one("#keys", Bar).show(
            line(f" {keys}{place:>{max(6, self.size.width - len(keys) - 3)}}")
        )

    def action_stop(self, way: int) -> None:
        """To the next line where something is wrong."""
        self.query_one(Page).stop(way)

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)
