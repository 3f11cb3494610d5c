# SPDX-License-Identifier: GPL-2.0-only
"""The database: a file of SQLite on one host, or a PostgreSQL server that many hosts share."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools.cache import writing
from reviewbot.tools.sqlite_file import BUSY_SECONDS, write_ahead

if TYPE_CHECKING:
    from collections.abc import Sequence

_SQLITE = "sqlite:///"
_SCHEMES = ("postgresql://", "postgresql+psycopg://", "postgres://")


def url_of(configured: str, state: Path) -> str:
    """The SQLAlchemy address: what is configured, or the file ``engine.sqlite`` below ``state``.

    Raises UserError for an address that is neither SQLite's nor PostgreSQL's.
    """
    if not configured:
        return f"{_SQLITE}{state / 'engine.sqlite'}"
    if configured.startswith(_SQLITE):
        return configured
    for scheme in _SCHEMES:
        if configured.startswith(scheme):
            return f"postgresql+psycopg://{configured.removeprefix(scheme)}"
    raise UserError(
        "engine.database: expected postgresql://user@host/name (the password in ~/.pgpass), "
        "or nothing for a file of SQLite"
    )


def file_of(url: str) -> Path | None:
    """The file of an SQLite address, None for PostgreSQL."""
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None


def prepare(url: str) -> None:
    """Make the file, in write-ahead mode: readers then never wait for a writer.

    The mode stays with the file.  Raises UserError when it cannot be written.
    """
    place = file_of(url)
    if place is None:
        return
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        place.touch()  # as the umask allows; SQLite itself would keep our group from writing
    try:
        with contextlib.closing(sqlite3.connect(place, timeout=BUSY_SECONDS)) as connection:
            write_ahead(connection)
    except sqlite3.Error as error:
        raise UserError(f"{place}: not usable as a database: {error}") from error


def connect(url: str) -> sa.Engine:
    """An engine for our own tables beside the workflow library's.

    Raises InfrastructureError, here and from every later use of it, when the database is away, locked or its
    disk full, and UserError when its file is damaged or it cannot hold every character; other errors of SQLAlchemy (a row that is there
    already) stay as they are.
    """
    options: dict[str, object] = (
        {"timeout": BUSY_SECONDS}
        if file_of(url)
        else {"connect_timeout": 10, "client_encoding": "utf8"}
    )
    engine = sa.create_engine(url, connect_args=options, pool_pre_ping=True)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                _must_hold_unicode(connection, url)
    except sa.exc.SQLAlchemyError as error:
        place = without_password(url)
        raise InfrastructureError(f"no connection to {place}: {cause(error)}") from error
    except UserError:
        engine.dispose()
        raise
    sa.event.listen(engine, "handle_error", _explain)
    return engine


def _must_hold_unicode(connection: sa.Connection, url: str) -> None:
    """``createdb`` on a server made without a locale gives SQL_ASCII, and the workflow library bytes for strings."""
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise UserError(
            f"{without_password(url)}: the database's encoding is {encoding}; make it anew with "
            "createdb -E UTF8 -T template0"
        )


def _explain(context: sa.ExceptionContext) -> None:
    """Raise what the loops expect of a database that is away for a while."""
    error = context.sqlalchemy_exception
    if (
        type(error) is sa.exc.DatabaseError
    ):  # SQLite's "not a database" and "malformed"; others are subclasses
        place = context.engine.url.database if context.engine else ""
        raise UserError(
            f"{place or 'the database'}: {cause(error)}; play a backup back (docs/running.md), or move it away: "
            "what was queued and sent is then forgotten"
        ) from error
    if (
        isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)
        and not context.is_pre_ping
    ):
        raise InfrastructureError(f"the database: {cause(error)}") from error


def without_password(url: str) -> str:
    """The address as people may see it."""
    return sa.make_url(url).render_as_string(hide_password=True)


def cause(error: sa.exc.SQLAlchemyError) -> str:
    """The database's own words, one line."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def tables(url: str, name: str, steps: Sequence[Sequence[str]]) -> sa.Engine:
    """An engine for the tables of ``name``, which are made or brought to the newest layout.

    "{bytes}" in a statement is the database's own type for them.  Raises what connect and migrate raise.
    """
    engine = connect(url)
    kind = "BYTEA" if engine.dialect.name == "postgresql" else "BLOB"
    migrate(engine, name, [[line.replace("{bytes}", kind) for line in step] for step in steps])
    return engine


def migrate(engine: sa.Engine, name: str, steps: Sequence[Sequence[str]]) -> None:
    """Bring the tables of ``name`` to the newest layout: ``steps`` are lists of statements, in order.

    What was applied is remembered, so that a file of any earlier release is brought up to date; a file
    of a later release is refused.  All of it happens in one transaction.  Raises UserError.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('reviewbot-schema'))")
        connection.exec_driver_sql(
            "CREATE TABLE IF NOT EXISTS reviewbot_schema"
            " (name TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL)"
        )
        known = connection.execute(
            sa.text("SELECT version FROM reviewbot_schema WHERE name = :name"), {"name": name}
        ).scalar()
        version = int(known or 0)
        if version > len(steps):
            raise UserError(
                f"the database was written by a later release (tables of {name}: {version}, "
                f"known {len(steps)}); use that release"
            )
        for statements in steps[version:]:
            for statement in statements:
                connection.exec_driver_sql(statement)
        if version < len(steps):
            connection.execute(
                sa.text(
                    "INSERT INTO reviewbot_schema (name, version) VALUES (:name, :version)"
                    " ON CONFLICT (name) DO UPDATE SET version = excluded.version"
                ),
                {"name": name, "version": len(steps)},
            )
