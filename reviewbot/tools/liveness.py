# SPDX-License-Identifier: GPL-2.0-only
"""Who is alive: each worker holds a lock under its name, and the operating system drops it with the process.

DBOS does not take over a dead host's work by itself; it only knows which executor had what.  On one
host the lock is a flock(2) on a file, with PostgreSQL an advisory lock of a session that does nothing
else, so that it goes when the host goes.
"""

from __future__ import annotations

import fcntl
import hashlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools import database
from reviewbot.tools.cache import writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

# Without these a server notices after two hours that a host has lost its power (tcp(7)); with them
# after 10 + 3 * 5 seconds.  An idle session must not be ended either: it is the lock.
_KEEP_WATCH = (
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
    "SET idle_session_timeout = 0",
)


class Presence(Protocol):
    """A worker's claim to its name."""

    def lost(self) -> bool:
        """Whether the claim is gone (the connection broke): somebody else may take our work."""

    def release(self) -> None:
        """Give the name up."""


class Register(Protocol):
    """Where names are claimed."""

    def claim(self, name: str) -> Presence:
        """Take a name.  Raises UserError when a living process has it."""

    def holding_dead(self, name: str) -> Iterator[bool]:
        """Whether nobody has the name; while the context lasts nobody can take it."""


def register(url: str, state: Path) -> FileRegister | ServerRegister:
    """The register that goes with a database."""
    if database.file_of(url):
        return FileRegister(state / "workers")
    return ServerRegister(url)


def _taken(name: str) -> UserError:
    return UserError(f"a worker called {name!r} is running; give this one another --name")


class FilePresence:
    """A locked file."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def lost(self) -> bool:
        """Never: the lock lasts as long as the process."""
        return self._stream.closed

    def release(self) -> None:
        """Unlock."""
        self._stream.close()


class FileRegister:
    """Names are files below a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def claim(self, name: str) -> FilePresence:
        """Take a name.  Raises UserError when a living process has it."""
        stream = self._open(name)
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            raise _taken(name) from None
        return FilePresence(stream)

    @contextmanager
    def holding_dead(self, name: str) -> Iterator[bool]:
        """Whether nobody has the name; while the context lasts nobody can take it."""
        with self._open(name) as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _open(self, name: str) -> TextIO:
        place = self._directory / f"{hashlib.sha256(name.encode()).hexdigest()[:24]}.lock"
        with writing(place):
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return place.open("w")


class ServerPresence:
    """A database session with an advisory lock."""

    def __init__(self, engine: sa.Engine, connection: sa.Connection) -> None:
        self._engine = engine
        self._connection = connection

    def lost(self) -> bool:
        """Whether the session is gone, by asking it."""
        try:
            self._connection.exec_driver_sql("SELECT 1")
        except (sa.exc.SQLAlchemyError, InfrastructureError):
            return True
        return False

    def release(self) -> None:
        """End the session."""
        with suppress(sa.exc.SQLAlchemyError, InfrastructureError):
            self._connection.invalidate()
            self._connection.close()
        self._engine.dispose()


class ServerRegister:
    """Names are advisory locks of PostgreSQL."""

    def __init__(self, url: str) -> None:
        self._url = url

    def claim(self, name: str) -> ServerPresence:
        """Take a name.  Raises UserError when a living process has it."""
        engine, connection = self._session()
        if not self._lock(connection, name):
            connection.close()
            engine.dispose()
            raise _taken(name)
        for statement in _KEEP_WATCH:
            connection.exec_driver_sql(statement)
        return ServerPresence(engine, connection)

    @contextmanager
    def holding_dead(self, name: str) -> Iterator[bool]:
        """Whether nobody has the name; while the context lasts nobody can take it."""
        engine, connection = self._session()
        try:
            yield self._lock(connection, name)
        finally:
            connection.invalidate()  # ends the session, and with it the lock
            connection.close()
            engine.dispose()

    def _session(self) -> tuple[sa.Engine, sa.Connection]:
        engine = database.connect(self._url)
        return engine, engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def _lock(self, connection: sa.Connection, name: str) -> bool:
        digest = hashlib.sha256(f"reviewbot worker {name}".encode()).digest()
        key = int.from_bytes(digest[:8], "big", signed=True)
        taken = sa.text("SELECT pg_try_advisory_lock(:key)")
        return bool(connection.execute(taken, {"key": key}).scalar())
