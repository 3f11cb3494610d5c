# SPDX-License-Identifier: GPL-2.0-only
"""What can be done with a series, wherever it is shown."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Input

from reviewbot.model.errors import UserError
from reviewbot.model.triage import Standing
from reviewbot.parse.until import moment_of
from reviewbot.screen import keys
from reviewbot.screen.dialogs import Choose, Read
from reviewbot.screen.lines import line
from reviewbot.screen.widgets import Bar, Page
from reviewbot.stages.printable import wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from reviewbot.model.triage import Item
    from reviewbot.screen.app import TriageScreen

NOTE = 4000
"""Characters of a note; as many as 'reviewbot triage note' takes."""
_MESSAGE = 4
"""Lines of a message that are shown."""


class Prompt(Horizontal):
    """A line to type in, in the place of the message line while it is needed."""

    DEFAULT_CSS = """
    Prompt { height: 1; display: none; }
    Prompt Bar { width: auto; }
    Prompt Input { width: 1fr; background: ansi_default; }
    """

    def compose(self) -> ComposeResult:
        """See Widget."""
        yield Bar(name="asks")
        yield Input(compact=True, select_on_focus=False)


class SeriesActions(Screen[None]):
    """A screen with a page, a message line, a prompt and keys; some series is the one that keys are for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "note", "note", show=False),
        Binding("z", "snooze", "snooze", show=False),
        Binding("d", "done", "done", show=False),
        Binding("r", "review", "review", show=False),
        Binding("x", "end_review", "end review", show=False),
        Binding("a", "apply", "apply", show=False),
        Binding("question_mark", "keys", "keys", show=False),
        Binding("escape", "escape", "back", show=False),
    ]
    KEYS: ClassVar[tuple[tuple[str, str], ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self._answer: Callable[[str], None] | None = None
        self._typing: Callable[[str], None] | None = None
        self._takes_back: Callable[[], None] | None = None

    @property
    def triage(self) -> TriageScreen:
        """The application."""
        return cast("TriageScreen", self.app)

    def item(self) -> Item | None:
        """The series that keys are for."""
        raise NotImplementedError

    def show_shot(self) -> None:
        """The application has something new to show."""
        raise NotImplementedError

    def tick(self) -> None:
        """A second has gone by."""

    def bottom(self) -> ComposeResult:
        """The lines below the page."""
        yield Prompt()
        yield Bar(name="message")
        yield Bar(name="keys", reverse=True)

    @property
    def page(self) -> Page:
        """What fills the screen."""
        return self.query_one("#page", Page)

    def say(self, text: str, tone: str = "") -> None:
        """One line for the user, above the keys."""
        width = max(20, self.size.width)
        told = wrap(text, width=width).split("\n")[:_MESSAGE]
        bar = self.query_one("#message", Bar)
        bar.styles.height = max(1, len(told))
        bar.show(*(line(one, tone) for one in told))

    def on_page_moved(self) -> None:
        """Show where the user is."""
        place = self.page.position
        self.query_one("#keys", Bar).show(keys.bar(self.KEYS, place, self.size.width))

    # The prompt.

    def ask(
        self,
        label: str,
        value: str,
        answer: Callable[[str], None],
        *,
        typing: Callable[[str], None] | None = None,
        takes_back: Callable[[], None] | None = None,
        limit: int = 2000,
    ) -> None:
        """Let the user type; ``typing`` hears every letter, ``takes_back`` of Escape."""
        self._answer, self._typing, self._takes_back = answer, typing, takes_back
        prompt, box = self.query_one(Prompt), self.query_one(Input)
        asks = self.query_one("#asks", Bar)
        asks.styles.width = len(label) + 1
        asks.show(line(label, "head"))
        box.max_length = limit
        with box.prevent(Input.Changed):
            box.value = value
        box.cursor_position = len(value)
        prompt.styles.display = "block"
        self.query_one("#message", Bar).styles.display = "none"
        box.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """A letter more or less."""
        if self._typing:
            self._typing(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        answer = self._answer
        self._close_prompt()
        if answer:
            answer(event.value)

    def action_escape(self) -> None:
        """Take back what is being typed."""
        if self._answer:
            takes_back = self._takes_back
            self._close_prompt()
            if takes_back:
                takes_back()

    def _close_prompt(self) -> None:
        self._answer = self._typing = self._takes_back = None
        self.query_one(Prompt).styles.display = "none"
        self.query_one("#message", Bar).styles.display = "block"
        self.page.focus()

    # What can be done.

    def action_note(self) -> None:
        """Write a note."""
        if item := self.item():
            old = item.mark.note if item.mark else ""
            self.ask("note:", old, lambda text: self._note(item, text.strip()), limit=NOTE)

    def _note(self, item: Item, text: str) -> None:
        said = "noted" if text else "note removed"
        self.triage.mark(item, f"{item.id}: {said}", note=text)

    def action_snooze(self) -> None:
        """Leave it out for a while."""
        if item := self.item():
            self.ask("snooze (3d, 2w, 1m, a date; 0 ends it):", "7d", lambda text: self._snooze(item, text.strip()))  # fmt: skip

    def _snooze(self, item: Item, text: str) -> None:
        try:
            until = moment_of(text, time.time())
        except UserError as error:
            self.say(str(error), "bad")
            return
        when = time.strftime("until %Y-%m-%d", time.localtime(until)) if until else "no longer"
        self.triage.mark(item, f"{item.id}: snoozed {when}", snoozed=until)

    def action_done(self) -> None:
        """Put it away, or take it back."""
        if item := self.item():
            away = item.standing is not Standing.DONE
            self.triage.mark(item, f"{item.id}: {'done; A shows it, d takes it back' if away else 'back in the list'}", done=away)  # fmt: skip

    def action_review(self) -> None:
        """Begin a review."""
        item = self.item()
        if item is None:
            return
        if item.card.message_id in self.triage.reviews:
            self.say("your review of it is at work; x ends it", "warn")
            return
        ways = (
            line("the rules alone (seconds)", key="rules"),
            line("all of it: build, boot, test (minutes to an hour)", key="whole"),
        )
        self.app.push_screen(Choose(f"review {item.id} v{item.card.revision}", ways), lambda way: self._review(item, way))  # fmt: skip

    def _review(self, item: Item, way: str | None) -> None:
        if way:
            self.triage.begin_review(item, rules_only=way == "rules")

    def action_end_review(self) -> None:
        """End the review that was begun here."""
        if item := self.item():
            self.say(self.triage.end_review(item), "warn")

    def action_apply(self) -> None:
        """Show the command; it is the user's repository, and the user's hand."""
        if item := self.item():
            command = self.triage.archive.command(item, "apply")
            told = ("In the repository that it is to be applied to:", "", f"  {command}", "", "It says where it goes and what speaks against it, and asks before it does", "anything. --branch NAME puts it on a branch of its own.")  # fmt: skip
            self.app.push_screen(Read(f"apply {item.id}", tuple(line(one) for one in told)))

    def action_keys(self) -> None:
        """All keys."""
        self.app.push_screen(Read("keys", keys.every()))
