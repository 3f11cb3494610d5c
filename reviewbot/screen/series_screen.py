# SPDX-License-Identifier: GPL-2.0-only
"""One series: overview, patches, logs, difference to the revision before."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding

from reviewbot.screen import keys, logs, overview
from reviewbot.screen.actions import SeriesActions
from reviewbot.screen.asked import Said
from reviewbot.screen.dialogs import Read
from reviewbot.screen.lines import line, plain
from reviewbot.screen.reading import Opened, opened
from reviewbot.screen.widgets import Bar, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from reviewbot.model.triage import Item
    from reviewbot.screen.lines import Line

PARTS = ("overview", "patches", "logs", "diff")
_NARRATION = "said"
_DIFF_TONES = {"+": "good", "-": "bad", "!": "warn", "@": "new"}


class SeriesScreen(SeriesActions):
    """``part`` is what is shown first."""

    KEYS = keys.SERIES
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(at), f"part('{name}')", name, show=False)
            for at, name in enumerate(PARTS, 1)
        ),
        Binding("tab", "next_part(1)", "part", show=False),
        Binding("shift+tab", "next_part(-1)", "part", show=False),
        Binding("left_square_bracket", "patch(-1)", "patch before", show=False),
        Binding("right_square_bracket", "patch(1)", "next patch", show=False),
        Binding("f", "finding(1)", "finding", show=False),
        Binding("F", "finding(-1)", "finding before", show=False),
        Binding("D", "part('diff')", "difference", show=False),
        Binding("q", "leave", "back", show=False),
    ]

    def __init__(self, item: Item, part: str) -> None:
        super().__init__()
        self._item = item
        self._part = part
        self._read = Opened()
        self._at = -1  # place in self._read.patches; -1 until they are there
        self._places: dict[str, int] = {}
        self._logs: tuple[logs.Log, ...] = ()
        self._diff: Sequence[Line] | None = None
        self._stop = threading.Event()
        self._reading = self._stale = False
        self._seeks = 0  # the way to a finding that was asked for before there were any lines

    def compose(self) -> ComposeResult:
        """See Screen."""
        yield Bar(name="title", reverse=True)
        yield Bar(name="tabs")
        yield Page(name="page")
        yield from self.bottom()

    def on_mount(self) -> None:
        """Show what is known, and read the rest."""
        self.page.focus()
        self._show_part(fresh=True)
        self._read_again()
        if self._part == "diff":
            self._compare()

    def on_unmount(self) -> None:
        """Nobody waits for a comparison any more."""
        self._stop.set()

    def on_resize(self) -> None:
        """Wrap anew."""
        self._show_part()

    def item(self) -> Item | None:
        """The series that is open."""
        return self._item

    def show_shot(self) -> None:
        """Its row may have changed, and its review."""
        name = self._item.card.message_id
        found = next((one for one in self.triage.shot.items if one.card.message_id == name), None)
        if found:
            self._item = found
        self._show_part()
        self._read_again()

    def tick(self) -> None:
        """Times go on."""
        if self._part == "overview" and (self._working or self.triage.busy_with(self._item)):
            self._show_part()

    @property
    def _working(self) -> str:
        """The run that is being made, "" for none."""
        return self.triage.shot.working.get(self._item.card.message_id, "")

    # Reading.

    def _read_again(self) -> None:
        self._stale = self._reading
        if self._reading:
            return  # once more when that is done: many changes are one
        self._reading = True
        item, known, working = self._item, self._read, self._working
        width = self.size.width or 80
        self.triage.background.do(
            "read",
            lambda: opened(self.triage.archive, item, known, width, working=working),
            self._have,
            self._failed,
        )

    def _have(self, read: Opened) -> None:
        self._reading = False
        if not self.is_attached:
            return
        self._read = read
        self._logs = logs.logs(read.run) if read.run else ()
        if self._at < 0 and read.patches:
            self._at = read.first
        self._show_part()
        if self._seeks and self._part == "patches":
            self.action_finding(self._seeks)
        self._seeks = 0
        if self._stale:
            self._read_again()

    def _failed(self, trouble: str) -> None:
        self._reading = False
        if self.is_attached:
            self.say(trouble, "bad")

    def _compare(self) -> None:
        if self._diff is None:
            self._diff = (line("comparing; you can go on meanwhile ...", "dim"),)
            item, stop = self._item, self._stop
            self.triage.background.do(
                "diff", lambda: self.triage.archive.diff(item, stop), self._compared, self._no_diff
            )

    def _no_diff(self, trouble: str) -> None:
        self._compared(Said(complaint=trouble))

    def _compared(self, said: Said) -> None:
        text = said.text.rstrip("\n").split("\n") if said.text.strip() else []
        tone = _DIFF_TONES
        self._diff = (
            *((line(said.complaint, "warn"), line()) if said.complaint else ()),
            *plain(text, lambda one: tone.get(one.strip()[:1], "")),
        )
        if self.is_attached and self._part == "diff":
            self._show_part()

    # Showing.

    def _show_part(self, *, fresh: bool = False) -> None:
        width = self.size.width or 80
        self.query_one("#title", Bar).show(overview.title(self._item, width))
        current = self._read.label(self._at) if self._at >= 0 else "patches"
        self.query_one("#tabs", Bar).show(overview.tabs(self._part, current, len(self._menu())))
        at = self._places.get(self._key, 0) if fresh else None
        self.page.show(self._lines(width), choosing=self._part == "logs", at=at)

    def _lines(self, width: int) -> Sequence[Line]:
        if self._part == "overview":
            return overview.overview(
                self._item,
                self.triage.shot.names,
                self._read.run,
                self.triage.going_on(self._item),
                moment=time.time(),
                working=bool(
                    self._working and self._read.run and self._read.run.id == self._working
                ),
                width=width,
            )
        if self._part == "patches":
            if self._at < 0:
                return (line(self._read.trouble or "reading the mails ...", "warn"),)
            return self._read.patches[self._at].lines
        if self._part == "logs":
            return self._menu() or (line("no logs: nothing was built or booted yet", "dim"),)
        return self._diff or ()

    def _menu(self) -> tuple[Line, ...]:
        own = self.triage.said(self._item)
        first = (line("what your review says", "new", key=_NARRATION),) if own else ()
        return (*first, *logs.menu(self._logs))

    @property
    def _key(self) -> str:
        return f"{self._part} {self._at if self._part == 'patches' else ''}"

    def _leave_place(self) -> None:
        self._places[self._key] = self.page.cursor if self.page.choosing else self.page.top

    def action_part(self, part: str) -> None:
        """Show another part."""
        self._leave_place()
        self._part = part
        self.say("")
        if part == "diff":
            self._compare()
        self._show_part(fresh=True)

    def action_next_part(self, by: int) -> None:
        """The part beside it."""
        self.action_part(PARTS[(PARTS.index(self._part) + by) % len(PARTS)])

    def action_patch(self, by: int) -> None:
        """Another patch, from its top."""
        if self._part != "patches":
            self.action_part("patches")
            return
        if self._at >= 0 and 0 <= self._at + by < len(self._read.patches):
            self._leave_place()
            self._at += by
            self._show_part(fresh=True)

    def action_finding(self, way: int) -> None:
        """The next finding, in this patch or the nearest that has one."""
        fresh = self._part != "patches"
        if fresh:
            self.action_part("patches")
        if self._at < 0 and self._reading:
            self._seeks = way
            return
        if not fresh and self.page.stop(way):
            return
        way_in = max(self._at, 0) if fresh else self._at + way
        for at in range(way_in, len(self._read.patches)) if way > 0 else range(way_in, -1, -1):
            if any(one.stop for one in self._read.patches[at].lines):
                self._leave_place()
                self._at = at
                self._show_part(fresh=True)
                self.page.to_end_stop(way)
                return
        self.say("no more findings that way")

    def on_page_opened(self, event: Page.Opened) -> None:
        """Open a log."""
        if event.key == _NARRATION:
            said = self.triage.said(self._item)
            self.app.push_screen(Read("what your review says", logs.lines(said), end=True))
            return
        log = self._logs[int(event.key)]
        if not log.digest:
            self.app.push_screen(Read(log.title.strip(), logs.lines(log.text)))
            return
        self.say("reading the log ...")
        self.triage.background.do(
            "read",
            lambda: logs.opened(self.triage.archive.log(log.digest)),
            lambda lines: self._show_log(log.title.strip(), lines),
            self._no_log,
        )

    def _no_log(self, trouble: str) -> None:
        if self.is_attached:
            self.say(trouble, "bad")

    def _show_log(self, title: str, lines: Sequence[Line]) -> None:
        if self.is_attached and self.app.screen is self:
            self.say("")
            self.app.push_screen(Read(title, lines, end=True))

    def action_leave(self) -> None:
        """Back to the list."""
        self.dismiss(None)

    def action_escape(self) -> None:
        """Take back what is being typed, or go back."""
        if self._answer:
            super().action_escape()
        else:
            self.dismiss(None)
