# SPDX-License-Identifier: GPL-2.0-only
"""What long-running commands say on standard error: lines for people, or one JSON object a line.

Whatever comes from a mail is made printable first, and in JSON everything beyond ASCII is escaped: a log
is read in terminals and by programs that split lines at more characters than a newline.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

from reviewbot.model.say import Level
from reviewbot.stages.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST = 2000
"""Characters of one value; a subject can have a megabyte."""
_SUBJECTS = ("job", "mail", "series", "list")


class Form(StrEnum):
    """What the lines look like."""

    TEXT = "text"
    JSON = "json"


class Log:
    """Writes lines of one component ("bot", "worker", "sender"); safe in threads, never raises."""

    def __init__(
        self,
        component: str,
        form: Form = Form.TEXT,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``stream`` is standard error when it is None."""
        self._component = component
        self.form = form
        self._stream = stream
        self._clock = clock

    def __call__(
        self, event: str, text: str, *, level: Level = Level.INFO, **about: str | float
    ) -> None:
        """Write one line, at once."""
        known = {name: _short(value) for name, value in about.items() if value != ""}
        if self.form is Form.JSON:
            line = self._json(event, text, level, known)
        else:
            said = str(_short(text))
            subject = next((str(known[name]) for name in _SUBJECTS if name in known), "")
            line = said if said.startswith(subject) else f"{subject}: {said}"
            line = line if level is Level.INFO else f"reviewbot: {line}"
        # A log that cannot be written (disk full, journal gone) is no reason to stop the work.
        with contextlib.suppress(OSError, ValueError):
            print(line, file=self._stream or sys.stderr, flush=True)

    def _json(self, event: str, text: str, level: Level, about: dict[str, str | float]) -> str:
        moment = datetime.fromtimestamp(self._clock(), UTC)
        row = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": str(level),
            "component": self._component,
            "event": event,
            "text": _short(text),
            **about,
        }
        return json.dumps(row, ensure_ascii=True)

    def take_over(self) -> None:
        """Write what libraries log (warnings and worse) as lines of ours.

        DBOS keeps the handler its logger has, so that this must come before DBOS is imported.
        """
        logging.captureWarnings(capture=True)
        handler = _Handler(self)
        logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
        library = logging.getLogger("dbos")
        library.handlers = [handler]
        library.propagate = False


class _Handler(logging.Handler):
    """Hands records of Python's logging to a Log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """One line a record, a traceback's last line with it."""
        text = record.getMessage()
        if record.exc_info and record.exc_info[1]:
            text += f": {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        level = Level.ERROR if record.levelno >= logging.ERROR else Level.WARNING
        self._log("library", text, level=level, logger=record.name)


def _short(value: str | float) -> str | float:
    if not isinstance(value, str):
        return value
    text = one_line(value[: 2 * _LONGEST])
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} [...]"
