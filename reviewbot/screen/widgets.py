# SPDX-License-Identifier: GPL-2.0-only
"""Two widgets: lines that fill the screen, and one line.  Neither knows any markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from reviewbot.screen.lines import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import BindingType

STYLES = {
    "good": Style(color="green"),
    "bad": Style(color="red"),
    "warn": Style(color="yellow"),
    "new": Style(color="cyan"),
    "dim": Style(dim=True),
    "head": Style(bold=True),
    "": Style.null(),
}
"""The terminal's own colours: whoever chose them can read them."""
_CURSOR = Style(reverse=True)
_ASIDE = 8
_WIDEST = 400


def strip_of(one: Line, left: int, width: int, style: Style) -> Strip:
    """One line of the terminal, of exactly ``width`` columns from column ``left`` on."""
    segments = [Segment(text, style + STYLES[tone]) for text, tone in one.pieces]
    return Strip(segments).crop_extend(left, left + width, style)


class Bar(Widget):
    """One line, or a few."""

    DEFAULT_CSS = "Bar { height: 1; }"

    def __init__(self, *, name: str = "", reverse: bool = False) -> None:
        super().__init__(id=name or None)
        self.lines: tuple[Line, ...] = ()
        self._style = _CURSOR if reverse else Style.null()

    def show(self, *lines: Line) -> None:
        """Show other lines; how many there is room for is for the style to say."""
        self.lines = lines
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        one = self.lines[y] if y < len(self.lines) else Line()
        return strip_of(one, 0, self.size.width, self._style)


class Page(Widget, can_focus=True):
    """Lines, as many as the screen has room for; with ``choosing`` one of them is where the user is.

    Lines are made when they come into sight, so their number does not matter.
    """

    DEFAULT_CSS = "Page { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "down", show=False),
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("pagedown,space,ctrl+f", "turn(1)", "page down", show=False),
        Binding("pageup,b,ctrl+b", "turn(-1)", "page up", show=False),
        Binding("home,g", "edge(-1)", "first", show=False),
        Binding("end,G", "edge(1)", "last", show=False),
        Binding("right,l", "aside(1)", "right", show=False),
        Binding("left,h", "aside(-1)", "left", show=False),
        Binding("enter", "open", "open", show=False),
    ]
    cursor = reactive(0)
    top = reactive(0)
    left = reactive(0)

    class Opened(Message):
        """Enter, on a line that stands for something."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Moved(Message):
        """Another part is in sight, or the user is on another line."""

    def __init__(self, *, choosing: bool = False, name: str = "") -> None:
        super().__init__(id=name or None)
        self.choosing = choosing
        self.lines: Sequence[Line] = ()
        self._stop = -1

    def show(
        self, lines: Sequence[Line], *, choosing: bool | None = None, at: int | None = None
    ) -> None:
        """Show other lines; ``at`` is where to be, None to stay."""
        self.lines = lines
        self.choosing = self.choosing if choosing is None else choosing
        if at is not None and self.choosing:
            self.cursor = self._within(at)
        elif at is not None:
            self.left, self.top, self._stop = 0, at, -1
        self._settle()
        self.refresh()

    @property
    def key(self) -> str:
        """What the line of the cursor stands for."""
        return self.lines[self.cursor].key if self.cursor < len(self.lines) else ""

    @property
    def position(self) -> str:
        """Where the user is, in a few letters: "12/40", "35%", "all"."""
        if self.choosing:
            return f"{self.cursor + 1}/{len(self.lines)}" if self.lines else ""
        rest = len(self.lines) - self.size.height
        return f"{min(100, 100 * self.top // rest)}%" if rest > 0 else "all"

    def stop(self, way: int) -> bool:
        """Go to the next stop, or the one before; False when there is none that way."""
        seen = range(self.top, self.top + self.size.height)
        if self._stop in seen:
            start = self._stop + way
        else:
            start = seen.start if way > 0 else min(seen.stop, len(self.lines)) - 1
        span = range(start, len(self.lines)) if way > 0 else range(start, -1, -1)
        at = next((at for at in span if self.lines[at].stop), None)
        if at is not None:
            self._stop = at
            self.go_to(at - self.size.height // 3)  # what it is about stands above
        return at is not None

    def to_end_stop(self, way: int) -> None:
        """Go to the first stop, or with a negative ``way`` to the last."""
        stops = [at for at, one in enumerate(self.lines) if one.stop]
        if stops:
            self._stop = stops[0 if way > 0 else -1]
            self.go_to(self._stop - self.size.height // 3)

    def go_to(self, at: int) -> None:
        """Put a line on top, as far as there are lines around it."""
        self.top = max(0, min(at, self._last_top))
        self._settle()

    def action_move(self, by: int) -> None:
        """A line further."""
        if self.choosing:
            self.cursor = self._within(self.cursor + by)
        else:
            self.top += by
        self._settle()

    def action_turn(self, by: int) -> None:
        """A screen further, one line of which stays."""
        self.action_move(by * max(1, self.size.height - 1))

    def action_edge(self, way: int) -> None:
        """To one of the ends."""
        self.action_move(way * len(self.lines))

    def action_aside(self, by: int) -> None:
        """Some columns aside, for long lines."""
        self.left = max(0, min(_WIDEST, self.left + by * _ASIDE))
        self.refresh()

    def action_open(self) -> None:
        """Say what the cursor is on."""
        if self.choosing and self.key:
            self.post_message(self.Opened(self.key))

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._settle()

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        at, width = self.top + y, self.size.width
        if at >= len(self.lines):
            return Strip.blank(width)
        if self.choosing and at == self.cursor:
            bare = Line(pieces=((self.lines[at].text, ""),))
            return strip_of(bare, self.left, width, _CURSOR)
        return strip_of(self.lines[at], self.left, width, Style.null())

    @property
    def _last_top(self) -> int:
        return max(0, len(self.lines) - self.size.height)

    def _within(self, at: int) -> int:
        return max(0, min(at, len(self.lines) - 1))

    def _settle(self) -> None:
        if self.choosing:
            self.cursor = self._within(self.cursor)
            if self.size.height:
                self.top = min(max(self.top, self.cursor - self.size.height + 1), self.cursor)
        if self.size.height:
            self.top = max(0, min(self.top, self._last_top))
        self.refresh()
        self.post_message(self.Moved())
