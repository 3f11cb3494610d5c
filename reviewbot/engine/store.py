# SPDX-License-Identifier: GPL-2.0-only
"""Reviews that were made: one directory each, written after every stage.

STATE/runs/20261120-214500-1f3c/run.json      the whole Run
                               /report.txt .html .json .mbox
STATE/at-work/20261120-214500-1f3c            locked while the review is made
"""

import contextlib
import fcntl
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reviewbot.model.codec import from_json, to_json
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.run import Run
from reviewbot.tools.cache import write_whole


@dataclass(frozen=True, slots=True)
class Store:
    """Runs below ``root`` (created when first written)."""

    root: Path

    def new_id(self, now: datetime) -> str:
        """A name that sorts by time and is short enough to type."""
        return f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"

    def save(self, run: Run) -> None:
        """Write the run, replacing what was known of it before."""
        write_whole(self.place(run) / "run.json", to_json(run))

    def save_report(self, run: Run, name: str, content: bytes) -> Path:
        """Write one rendering beside the run; return where it is."""
        target = self.place(run) / name
        write_whole(target, content)
        return target

    def place(self, run: Run) -> Path:
        """The run's directory."""
        return self.root / run.id

    def ids(self) -> tuple[str, ...]:
        """All runs, newest first."""
        if not self.root.is_dir():
            return ()
        return tuple(sorted((p.name for p in self.root.iterdir() if p.is_dir()), reverse=True))

    def stamps(self) -> dict[str, str]:
        """All runs, and for each what changes when it is written again."""
        found = {}
        for name in self.ids():
            with contextlib.suppress(OSError):
                facts = (self.root / name / "run.json").stat()
                found[name] = f"{facts.st_mtime_ns}.{facts.st_size}"
        return found

    @contextlib.contextmanager
    def at_work(self, name: str) -> Iterator[None]:
        """Say that the run is being made, until the context ends or the process does.

        It is worth nothing when it cannot be written: the review goes on.
        """
        with contextlib.ExitStack() as stack:
            lock = self._lock(name)
            with contextlib.suppress(OSError):
                lock.parent.mkdir(parents=True, exist_ok=True)
                unseen = lock.with_name(f".{name}")  # until it is locked
                fcntl.flock(stack.enter_context(unseen.open("w")), fcntl.LOCK_EX)
                unseen.rename(lock)
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    lock.unlink(missing_ok=True)

    def working(self) -> frozenset[str]:
        """The runs that are being made now; what a process left that was killed is taken away."""
        found = set()
        with contextlib.suppress(OSError):
            for lock in self._lock("").glob("[!.]*"):
                with contextlib.suppress(OSError), lock.open() as stream:
                    try:
                        fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
                        lock.unlink(missing_ok=True)
                    except BlockingIOError:
                        found.add(lock.name)
        return frozenset(found)

    def _lock(self, name: str) -> Path:
        return self.root.parent / "at-work" / name

    def runs(self, limit: int) -> Iterator[Run]:
        """The newest runs that can be read; one of an older schema is passed over."""
        for name in self.ids()[:limit]:
            try:
                yield self.read(name)
            except InfrastructureError:
                continue

    def load(self, name: str) -> Run:
        """The run called ``name``: an id, an unambiguous start of one, or "last".

        Raises UserError when there is none, or more than one.
        """
        known = self.ids()
        matches = known[:1] if name == "last" else [i for i in known if i.startswith(name)]
        if not matches:
            raise UserError(f"no run {name!r}; 'reviewbot runs' lists them")
        if len(matches) > 1:
            raise UserError(f"{name!r} could be {', '.join(matches[:3])}; type more of it")
        return self.read(matches[0])

    def read(self, name: str) -> Run:
        """The run with exactly that id.  Raises InfrastructureError when it cannot be read."""
        try:
            data = (self.root / name / "run.json").read_bytes()
        except OSError as error:
            raise InfrastructureError(f"run {name} is not readable: {error.strerror}") from error
        return from_json(data, Run)
