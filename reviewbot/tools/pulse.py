# SPDX-License-Identifier: GPL-2.0-only
"""Whether a loop still turns: for /healthz, and for systemd's watchdog."""

import contextlib
import os
import socket
import time
from collections.abc import Callable

TURNS = 3
"""A loop that missed this many turns is stuck."""
GRACE_SECONDS = 120.0
"""One turn may take so long besides: a list's git fetch, a mail server that answers late."""
START_SECONDS = 1800.0
"""The first turn may clone the archive of a list."""


class Pulse:
    """The loop calls :meth:`turned`; others ask :meth:`trouble`, from any thread."""

    def __init__(self, interval: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``interval`` is the pause between turns in seconds; ``began`` says that one turn is done.

        ``clock`` must not jump when somebody sets the time.
        """
        self._clock = clock
        self._limit = TURNS * interval + GRACE_SECONDS
        self._last = clock()
        self.began = False

    def turned(self) -> None:
        """One more turn is done, or has got on."""
        self._last = self._clock()
        if not self.began:
            self.began = True
            notify("READY=1")
        notify("WATCHDOG=1")

    def age(self) -> float:
        """Seconds since the last turn, or since the start."""
        return self._clock() - self._last

    def trouble(self) -> str:
        """Why the loop must be taken for stuck, one line; "" while it turns."""
        age, limit = self.age(), self._limit if self.began else START_SECONDS
        return (
            f"the loop has not turned for {age:.0f} s, {limit:.0f} s are normal"
            if age > limit
            else ""
        )


def notify(message: str) -> None:
    """Tell systemd (sd_notify(3)), when it started us and listens; never fails."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    place = f"\0{address[1:]}" if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.connect(place)
        line.send(message.encode())
