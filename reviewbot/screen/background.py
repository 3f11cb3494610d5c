# SPDX-License-Identifier: GPL-2.0-only
"""Work that may take long, away from the screen: one thread a lane, answers handed back to the screen's.

Threads are daemons: nobody who quits waits for a server that does not answer.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from reviewbot.model.errors import ReviewbotError

T = TypeVar("T")
Task = Callable[[], None]
_PATIENCE = 4.0
"""Seconds for what was begun and must not be cut off: a mark that is written, a review that is ended."""


class Background:
    """``hand_over`` takes a callback from any thread and calls it in the screen's."""

    def __init__(self, hand_over: Callable[[Task], None]) -> None:
        self._hand_over = hand_over
        self._lanes: dict[str, queue.SimpleQueue[Task | None]] = {}
        self._threads: list[threading.Thread] = []
        self._busy: dict[str, int] = {}
        self.stop = threading.Event()

    def do(
        self,
        lane: str,
        work: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[str], None],
    ) -> None:
        """Do ``work`` after what was asked of the lane before; tell ``then``, or ``failed`` with one line."""
        self._busy[lane] = self._busy.get(lane, 0) + 1

        def task() -> None:
            try:
                value = work()
            except ReviewbotError as error:
                answer = _answer(failed, str(error))
            except Exception as error:  # noqa: BLE001 - it must be seen, and must not end the screen
                answer = _answer(failed, f"our own mistake: {type(error).__name__}: {error}")
            else:
                answer = _answer(then, value)
            self._hand_over(lambda: self._done(lane, answer))

        self._lane(lane).put(task)

    def busy(self, lane: str) -> bool:
        """Whether something was asked of a lane that has not been answered."""
        return bool(self._busy.get(lane))

    def close(self, *wait_for: str) -> None:
        """Begin nothing more; wait a little for these lanes."""
        self.stop.set()
        for lane in self._lanes.values():
            lane.put(None)
        for thread in self._threads:
            if thread.name in wait_for:
                thread.join(_PATIENCE)

    def _done(self, lane: str, answer: Task) -> None:
        self._busy[lane] -= 1
        answer()

    def _lane(self, name: str) -> queue.SimpleQueue[Task | None]:
        if name not in self._lanes:
            tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()

            def follow() -> None:
                while task := tasks.get():
                    task()

            self._lanes[name] = tasks
            thread = threading.Thread(target=follow, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        return self._lanes[name]


def _answer(tell: Callable[[T], None], value: T) -> Task:
    return lambda: tell(value)
