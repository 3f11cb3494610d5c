# SPDX-License-Identifier: GPL-2.0-only
"""The screen's application: it holds what is shown, looks for what is new, and begins reviews."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.css.query import NoMatches
from textual.message import Message

from reviewbot.screen import progress
from reviewbot.screen.actions import SeriesActions
from reviewbot.screen.asked import Shot
from reviewbot.screen.background import Background
from reviewbot.screen.list_screen import ListScreen
from reviewbot.screen.typing_ahead import OrderlyApp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from textual.binding import BindingType

    from reviewbot.model.job import JobStatus
    from reviewbot.model.triage import Item
    from reviewbot.screen.asked import Archive, Said
    from reviewbot.screen.lines import Line
    from reviewbot.screen.listing import Wish

_TICK = 1.0
_JOBS = 10
"""Ticks between two looks at the queue, which asks a database."""
_MAILS = 300
"""Ticks between two looks at the lists, besides those that the user asks for."""
_SAID = 5000
"""Lines of a review that are kept."""
_MARKS = "marks"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnReview:
    """A review that was begun here."""

    began: float
    said: deque[str] = field(default_factory=lambda: deque(maxlen=_SAID))
    stop: threading.Event = field(default_factory=threading.Event)


class Handed(Message):
    """Something that another thread found."""

    def __init__(self, task: Callable[[], None]) -> None:
        super().__init__()
        self.task = task


class TriageScreen(OrderlyApp):
    """``where`` names the mails, ``views`` are words by name, ``wish`` is what to begin with."""

    TITLE = "reviewbot triage"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen, ModalScreen { background: ansi_default; color: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "leave", "leave", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "to the shell", show=False, priority=True),
    ]

    def __init__(
        self, archive: Archive, *, where: str, views: Mapping[str, str], wish: Wish
    ) -> None:
        super().__init__(ansi_color=True)
        self.archive = archive
        self.where = where
        self.views = views
        self.shot = Shot()
        self.jobs: tuple[JobStatus, ...] = ()
        self.reviews: dict[str, OwnReview] = {}
        self.ended: dict[str, OwnReview] = {}
        self.background = Background(self._hand_over)
        self._wish = wish
        self._stamp = ""
        self._ticks = 0
        self._moment = time.monotonic

    def on_mount(self) -> None:
        """Show what is known, then read the lists."""
        self.theme = "ansi-dark"
        with contextlib.suppress(NotImplementedError, RuntimeError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit)
        self.push_screen(ListScreen(self._wish))
        self.say("reading what is known ...", "dim")
        self.background.do(
            "look", lambda: self.archive.look(mails=False), self._begin, self._unknown
        )
        self.set_interval(_TICK, self._tick)

    def close(self) -> None:
        """End what was begun; marks that are being written are waited for."""
        for one in self.reviews.values():
            one.stop.set()
        self.background.close(_MARKS, *(f"review {name}" for name in self.reviews))

    def action_leave(self) -> None:
        """At once."""
        self.exit()

    # Other threads' answers.

    def _hand_over(self, task: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody wants to know any more
            self.post_message(Handed(task))

    def on_handed(self, message: Handed) -> None:
        """Show it, unless the widgets that would are being taken down."""
        with contextlib.suppress(NoMatches):
            message.task()

    def say(self, text: str, tone: str = "") -> None:
        """One line on the screen that can show it."""
        for one in reversed(self.screen_stack):
            if isinstance(one, SeriesActions) and one.is_mounted:
                one.say(text, tone)
                return

    def _complain(self, trouble: str) -> None:
        self.say(trouble, "bad")

    # Looking for what is new.

    def read_mails(self, *, asked: bool = True) -> None:
        """Read the lists, which may go over the network; what nobody has ``asked`` for is done in silence."""
        if self.background.busy("mails"):
            return
        if asked:
            self.say("reading the lists ...", "dim")

        def then(shot: Shot) -> None:
            if asked or shot.troubles:
                self.say("; ".join(shot.troubles), "warn")
            self._show(shot)

        self.background.do("mails", lambda: self.archive.look(mails=True), then, self._complain)

    def _begin(self, shot: Shot) -> None:
        self._show(shot)
        self.read_mails()

    def _unknown(self, _trouble: str) -> None:
        self.read_mails()  # which says what is wrong, if anything is

    def _look(self) -> None:
        self.background.do("look", lambda: self.archive.look(mails=False), self._show, self._quiet)

    def _quiet(self, trouble: str) -> None:
        """A look that fails is done again; what reading the lists says is more to the point."""
        if not self.background.busy("mails"):
            self._complain(trouble)

    def _show(self, shot: Shot) -> None:
        self.shot = shot
        for one in self.screen_stack:
            if isinstance(one, SeriesActions) and one.is_mounted:
                one.show_shot()

    async def _tick(self) -> None:
        self._ticks += 1
        await self.type_on()
        if not self.background.busy("look"):
            self.background.do("look", self.archive.stamp, self._stamped, self._quiet)
        if self._ticks % _JOBS == 1 and not self.background.busy("jobs"):
            self.background.do("jobs", self.archive.jobs, self._queued, self._quiet)
        if self._ticks % _MAILS == 0:
            self.read_mails(asked=False)
        if isinstance(self.screen, SeriesActions):
            with contextlib.suppress(NoMatches):  # as above
                self.screen.tick()

    def _stamped(self, stamp: str) -> None:
        if stamp != self._stamp:
            self._stamp = stamp
            self._look()

    def _queued(self, jobs: tuple[JobStatus, ...]) -> None:
        if jobs != self.jobs:
            self.jobs = jobs
            self._show(self.shot)

    # What goes on.

    def doing(self) -> dict[str, str]:
        """A word by message-id for series to which something happens just now."""
        own = {name: tuple(one.said) for name, one in self.reviews.items()}
        return progress.doing(self.shot, self.jobs, own)

    def busy_with(self, item: Item) -> bool:
        """Whether times that are shown of a series go on."""
        name = item.card.message_id
        return name in self.reviews or any(one.job.series == name for one in self.jobs)

    def going_on(self, item: Item) -> list[Line]:
        """What happens to a series."""
        name = item.card.message_id
        out: list[Line] = []
        if one := self.reviews.get(name):
            out += progress.own_review(tuple(one.said), self._moment() - one.began)
        for job in self.jobs:
            if job.job.series == name:
                out += progress.job(job, time.time())
        return out

    def said(self, item: Item) -> tuple[str, ...]:
        """What the review that was begun here says, or said."""
        name = item.card.message_id
        one = self.reviews.get(name) or self.ended.get(name)
        return tuple(one.said) if one else ()

    # What the user wants done.

    def mark(
        self,
        item: Item,
        said: str,
        *,
        note: str | None = None,
        snoozed: float | None = None,
        done: bool | None = None,
    ) -> None:
        """Write a mark, and say ``said`` when it is written."""

        def work() -> Shot:
            self.archive.mark(item, note=note, snoozed=snoozed, done=done)
            return self.archive.look(mails=False)

        def then(shot: Shot) -> None:
            self.say(said, "good")
            self._show(shot)

        self.background.do(_MARKS, work, then, self._complain)

    def begin_review(self, item: Item, *, rules_only: bool) -> None:
        """Begin a review in a process of its own."""
        name = item.card.message_id
        own = OwnReview(began=self._moment())
        self.reviews[name] = own
        self.say(f"{item.id}: the review has begun; you can go on, x ends it", "new")

        def work() -> Said:
            return self.archive.review(
                item, rules_only=rules_only, hear=own.said.append, stop=own.stop
            )

        def then(said: Said) -> None:
            self._ended(name)
            self.say(
                f"{item.id}: {said.complaint or 'reviewed'}", "bad" if said.complaint else "good"
            )

        def failed(trouble: str) -> None:
            self._ended(name)
            self._complain(f"{item.id}: {trouble}")

        self.background.do(f"review {name}", work, then, failed)
        self._show(self.shot)

    def _ended(self, name: str) -> None:
        self.ended[name] = self.reviews.pop(name)
        self._look()

    def end_review(self, item: Item) -> str:
        """End the review that was begun here; returns what there is to say."""
        own = self.reviews.get(item.card.message_id)
        if own is None:
            return f"{item.id}: no review that you began here is at work"
        own.stop.set()
        return f"{item.id}: ending the review"
