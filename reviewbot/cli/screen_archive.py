# SPDX-License-Identifier: GPL-2.0-only
"""What the interactive screen asks for, out of this user's stores."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.cli.desk import open_desk
from reviewbot.cli.environment import cache_directory, state_directory, store, tools_for
from reviewbot.model.codec import key_of
from reviewbot.model.errors import ReviewbotError
from reviewbot.model.job import JobState
from reviewbot.screen.asked import Said, Shot
from reviewbot.stages.known import whole
from reviewbot.tools import database, mailbox, process
from reviewbot.tools.cache import Cache
from reviewbot.tools.file_times import file_times
from reviewbot.tools.places import place

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from reviewbot.cli.main import Invocation
    from reviewbot.engine.triage import Triage
    from reviewbot.model.job import JobStatus
    from reviewbot.model.run import Run
    from reviewbot.model.series import Series
    from reviewbot.model.triage import Item
    from reviewbot.screen.asked import Hear

_OPEN = (JobState.DELAYED, JobState.QUEUED, JobState.RUNNING)
_JOBS = 500
_SECONDS = 24 * 3600.0
_DIFF_SECONDS = 1800.0
_OUTPUT_LIMIT = 8 << 20
_TROUBLE = 2
"""Exit statuses from here on say that something went wrong; 1 says that there are findings."""


class ScreenArchive:
    """What the screen asks for (reviewbot.screen.asked.Archive), from this user's stores."""

    def __init__(
        self,
        invocation: Invocation,
        origin: str | None,
        trees: tuple[str, ...] = (),
        *,
        days: int,
        cached: bool,
    ) -> None:
        self._invocation = invocation
        self._config = invocation.config()
        self._origin = origin
        self._trees = tuple(
            word for one in trees for word in ("--tree", str(Path(one).expanduser().absolute()))
        )
        self._days = days
        self._cached = cached

    def stamp(self) -> str:
        """See Archive."""
        runs = store()
        files = [self._ledger(), database.file_of(self._database_url())]
        stamps, working = sorted(runs.stamps().items()), sorted(runs.working())
        return key_of(stamps, working, file_times(one for one in files if one))

    def look(self, *, mails: bool) -> Shot:
        """See Archive."""
        troubles: list[str] = []

        def complain(said: Mapping[str, str]) -> None:
            troubles.extend(f"{name}: {trouble}" for name, trouble in said.items())

        with open_desk(
            self._invocation,
            self._origin,
            days=self._days,
            cached=self._cached,
            mails=mails,
            complain=complain,
        ) as desk:
            working = store().working()
            made = desk.desk.all_reviews() if working else []
            return Shot(
                items=tuple(desk.items()),
                names=desk.desk.names(),
                me=desk.me,
                working={one.series: one.run for one in made if one.run in working},
                troubles=tuple(troubles),
            )

    def jobs(self) -> tuple[JobStatus, ...]:
        """See Archive.  Loading the queue's library takes a while: only when there is a queue."""
        if not self._has_database():
            return ()
        from reviewbot.engine.durable import open_queue  # noqa: PLC0415 - see above

        jobs = open_queue(self._config.engine.database, state_directory())
        try:
            return tuple(jobs.jobs(_OPEN, limit=_JOBS))
        finally:
            jobs.close()

    def run(self, item: Item, working: str) -> Run | None:
        """See Archive."""
        if working:
            return store().read(working)
        review = item.review
        newest = self._read(review.run, review.origin) if review else None
        if review is None or newest is None:
            return None
        parts = {one.part: self._read(one.run, one.origin) for one in review.earlier}
        return whole(newest, {part: one for part, one in parts.items() if one})

    def _read(self, run: str, origin: str) -> Run | None:
        if origin == "run":
            return store().read(run)
        from reviewbot.tools.finished import Finished  # noqa: PLC0415 - see jobs

        with contextlib.closing(Finished(self._database_url())) as finished:
            return finished.get(origin)

    def series(self, item: Item) -> Series:
        """See Archive."""
        from reviewbot.engine.revisions import series_of  # noqa: PLC0415 - loads the pipeline

        with self._desk() as desk, tools_for(self._config, quiet=True) as tools:
            return series_of(desk, item.card, tools)

    def log(self, digest: str) -> bytes:
        """See Archive."""
        return Cache(cache_directory()).get(digest)

    def mark(
        self,
        item: Item,
        *,
        note: str | None = None,
        snoozed: float | None = None,
        done: bool | None = None,
    ) -> None:
        """See Archive."""
        with self._desk() as desk:
            desk.mark(desk.find(item.card.message_id), note=note, snoozed=snoozed, done=done)

    def diff(self, item: Item, stop: threading.Event) -> Said:
        """See Archive.  In a process of its own, which may take minutes and can be ended."""
        words = (
            "triage",
            "diff",
            *self._trees,
            *self._place("--cached"),
            "--",
            item.card.message_id,
        )
        return _said(self._reviewbot(words, _DIFF_SECONDS, stop=stop))

    def review(self, item: Item, *, rules_only: bool, hear: Hear, stop: threading.Event) -> Said:
        """See Archive.  The mails at hand are what is reviewed; an archive is asked when there are none."""
        from reviewbot.engine.revisions import thread_of  # noqa: PLC0415 - loads the pipeline

        with self._desk() as desk:
            mails = thread_of(desk, item.card)
        what = "-" if mails else item.card.message_id
        words = (
            "review",
            *self._trees,
            *(("--only-rules",) if rules_only else ()),
            *(("--revision", str(item.card.revision)) if mails else ()),
            "--",
            what,
        )
        stdin = mailbox.join(mails) if mails else b""
        return _said(
            self._reviewbot(words, _SECONDS, stdin=stdin, hear=hear, stop=stop, quiet=False)
        )

    def command(self, item: Item, *words: str) -> str:
        """See Archive."""
        return shlex.join(
            ["reviewbot", *self._settings(), "triage", *words, item.id, *self._place()]
        )

    def _desk(self) -> contextlib.AbstractContextManager[Triage]:
        return open_desk(
            self._invocation,
            self._origin,
            days=self._days,
            cached=True,
            mails=False,
            complain=_nothing,
        )

    def _reviewbot(
        self,
        words: tuple[str, ...],
        seconds: float,
        *,
        stop: threading.Event,
        stdin: bytes = b"",
        hear: Callable[[str], None] | None = None,
        quiet: bool = True,
    ) -> process.Completed:
        """Run ourselves, in the same surroundings; it goes when the thread does that waits for it."""
        return process.run(
            [
                sys.executable,
                "-m",
                "reviewbot",
                *self._settings(),
                *(("--quiet",) if quiet else ()),
                *words,
            ],
            cwd=Path.cwd(),
            timeout=seconds,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=stdin,
            merge=hear is not None,
            on_line=hear,
            output_limit=_OUTPUT_LIMIT,
            stop=stop,
        )

    def _settings(self) -> tuple[str, ...]:
        path = self._invocation.config_path
        return ("--config", path) if path else ()

    def _place(self, *more: str) -> tuple[str, ...]:
        if not self._origin:
            return ()
        path = Path(self._origin).expanduser().absolute()
        return ("--from", str(path) if path.exists() else self._origin, *more)

    def _ledger(self) -> Path | None:
        if not self._origin:
            return state_directory() / "ledger.sqlite"
        try:
            found = place(self._origin, cache_directory() / "inboxes", fetch=False)
        except ReviewbotError:
            return None  # not fetched yet
        return state_directory() / "triage" / f"{found.key}.sqlite"

    def _database_url(self) -> str:
        return database.url_of(self._config.engine.database, state_directory())

    def _has_database(self) -> bool:
        return bool(self._config.engine.database) or (state_directory() / "engine.sqlite").exists()


def _nothing(troubles: Mapping[str, str]) -> None:
    """Who looks for rows is told; these come second."""


def _said(done: process.Completed) -> Said:
    text = done.text()
    if done.timed_out:
        return Said(text=text, complaint="ended before it was done; what was finished is kept")
    said = (done.stderr or done.stdout).decode("utf-8", "replace").split("\n")
    own = [one.removeprefix("reviewbot: ") for one in said if one.startswith("reviewbot: ")]
    trouble = done.returncode >= _TROUBLE or done.returncode < 0
    if trouble or (own and done.stderr):
        return Said(text=text, complaint=own[-1] if own else done.complaint())
    return Said(text=text)
