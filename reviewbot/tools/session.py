# SPDX-License-Identifier: GPL-2.0-only
"""One job in a process of its own: what it does to memory, or to itself, does not touch the worker.

The child is ``reviewbot job``.  It reads the job on standard input and writes one JSON line for each
stage it has finished, then one with the result.
"""

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from reviewbot.model.codec import from_json, to_json
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.job import Done, Job
from reviewbot.model.run import Stage
from reviewbot.tools import process

_SECONDS = 24 * 3600.0
_TICK = 0.5
_OUTPUT_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A line of the child: a stage is done."""

    stage: Stage
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the child writes: one of the two."""

    reached: Reached | None = None
    result: Done | None = None


class Session:
    """A child at work.  :meth:`until` follows it; the child goes when the session is closed.

    ``cancelled`` is asked twice a second.  Not to be used from more than one thread.
    """

    def __init__(
        self, job: Job, cancelled: Callable[[], bool], settings: str | None = None
    ) -> None:
        """``settings`` is the file the child reads, None for the usual place."""
        self._settings = ("--config", settings) if settings else ()
        self._job = job
        self._cancelled = cancelled
        self._events: queue.SimpleQueue[Line | str] = queue.SimpleQueue()
        self._done: set[Stage] = set()
        self._result: Done | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def until(self, stage: Stage) -> None:
        """Return when ``stage`` is done or the job ended without it.

        Raises InfrastructureError when the child ended without a result, or was cancelled.
        """
        self._start()
        while self._result is None and stage not in self._done:
            self._take()

    def result(self) -> Done:
        """What came out.  Raises as :meth:`until` does."""
        self._start()
        while self._result is None:
            self._take()
        return self._result

    def close(self) -> None:
        """End the child, and wait until it and all it has started are gone."""
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._follow, name="session", daemon=True)
            self._thread.start()

    def _take(self) -> None:
        try:
            event = self._events.get(timeout=_TICK)
        except queue.Empty:
            if self._cancelled():
                self.close()
                raise InfrastructureError("cancelled") from None
            return
        if isinstance(event, str):
            raise InfrastructureError(event)
        if event.reached:
            self._done.add(event.reached.stage)
        if event.result:
            self._result = event.result

    def _follow(self) -> None:
        """Run the child to its end (in a thread of its own)."""
        try:
            done = process.run(
                [sys.executable, "-m", "reviewbot", *self._settings, "--quiet", "job"],
                timeout=_SECONDS,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=to_json(self._job),
                output_limit=_OUTPUT_LIMIT,
                on_line=self._line,
                stop=self._stop,
            )
        except InfrastructureError as error:
            self._events.put(str(error))
            return
        self._events.put(f"the review ended without a result: {done.complaint()}")

    def _line(self, line: str) -> None:
        with contextlib.suppress(InfrastructureError):  # not ours: a library that prints
            self._events.put(from_json(line.encode(), Line))
