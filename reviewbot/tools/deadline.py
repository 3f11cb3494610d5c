# SPDX-License-Identifier: GPL-2.0-only
"""An end to work that takes too long, wherever it is: as Ctrl-C ends it, but caught by who set the limit."""

import contextlib
import signal
import time
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn


class DeadlineReached(BaseException):
    """The time is over.  No Exception: a stage that goes on after an error must not go on after this."""


@contextlib.contextmanager
def deadline(moment: float) -> Iterator[None]:
    """Raise DeadlineReached in the body at ``moment`` (seconds since the epoch; 0: never).

    Works in the main thread of a process only, one at a time: there is one such alarm.
    """
    if not moment:
        yield
        return

    def over(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - signal's signature
        raise DeadlineReached

    left = moment - time.time()
    if left <= 0:
        raise DeadlineReached
    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, left)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
