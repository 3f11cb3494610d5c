# SPDX-License-Identifier: GPL-2.0-only
"""Keys one after the other: what is typed after a key goes where that key has led.

Textual hands a key to what has the focus when the key arrives; what the key before it does (a message that
opens a screen, a prompt that takes the focus) is still in some queue then.  People who type ahead, paste, or
sit behind a slow ssh would hit the screen they have left.  So a key waits here until a mark, sent the way of
the key before it, has come back and found the same widget in focus twice.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from textual import events
from textual.app import App
from textual.message import Message

if TYPE_CHECKING:
    from textual.widget import Widget

_AT_ONCE = ("ctrl+c", "ctrl+q", "ctrl+z")
"""Whoever wants to leave does not wait for anything."""
_PATIENCE = 0.5
"""Seconds; a mark is lost when the widget that has it is taken down."""


class Settled(Message):
    """Sent to a widget behind a key; when it is back, all above have dealt with the key.

    ``again`` behind what dealing with it has sent: the second time.
    """

    def __init__(self, key: int, focus: Widget, *, again: bool = False) -> None:
        super().__init__()
        self.key = key
        self.focus = focus
        self.again = again


class OrderlyApp(App[None]):
    """An application that deals with a key wholly before it looks at the next."""

    def __init__(self, *, ansi_color: bool) -> None:
        super().__init__(ansi_color=ansi_color)
        self._typed: deque[events.Event] = deque()
        self._key = 0
        self._since: float | None = None  # when the key was handed on that is being dealt with

    async def on_event(self, event: events.Event) -> None:
        """Keep what is typed until it is its turn; see App for all others."""
        if _waits(event):
            self._typed.append(event)
            await self._hand_on()
        else:
            await super().on_event(event)

    async def type_on(self) -> None:
        """Go on when the mark of the last key was lost; to be called now and then."""
        await self._hand_on()

    async def _hand_on(self) -> None:
        if self._since is not None and time.monotonic() - self._since < _PATIENCE:
            return
        self._since = None
        if self._typed:
            self._since = time.monotonic()
            self._key += 1
            focus = self._in_focus
            await super().on_event(self._typed.popleft())
            focus.post_message(Settled(self._key, focus))

    @property
    def _in_focus(self) -> Widget:
        return self.focused or self.screen

    async def on_settled(self, message: Settled) -> None:
        """The key is done when nothing else came into focus on the way; else whoever did has to answer too."""
        message.stop()
        if message.key != self._key or self._since is None:
            return
        focus = self._in_focus
        if focus is message.focus and message.again:
            self._since = None
            await self._hand_on()
        else:
            focus.post_message(Settled(self._key, focus, again=focus is message.focus))


def _waits(event: events.Event) -> bool:
    if isinstance(event, events.Key):
        return not event.is_forwarded and event.key not in _AT_ONCE
    return isinstance(event, events.Paste) and not event.is_forwarded
