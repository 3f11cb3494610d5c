# SPDX-License-Identifier: GPL-2.0-only
"""What became of failures, night after night: movements, bisections, regressions, and what was mailed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from reviewbot.model.codec import to_json
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.sweep import Bisection, Kind, Movement, Regression, Standing
from reviewbot.model.sweep_range import RangeCommit, SweepRange
from reviewbot.tools.nights_file import NightsFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BISECTION = msgspec.json.Decoder(Bisection)
_MOVEMENTS = msgspec.json.Decoder(tuple[Movement, ...])
_RANGE = msgspec.json.Decoder(SweepRange)
RANGE = 300
"""Commits of a range that are kept: linux-next moves by thousands, and nobody reads them on a page."""

_REGRESSION = (
    "SELECT regressions.number, branch.text, kind, name.text, detail.text, opened, since, good, bad,"
    " standing, closed, until, why FROM regressions"
    " JOIN things ON things.number = thing JOIN words AS name ON name.number = things.name"
    " JOIN words AS branch ON branch.number = branch JOIN words AS detail ON detail.number = detail"
)


class Pursuit(NightsFile):
    """The part of :class:`reviewbot.tools.nights.Nights` that outlives a night."""

    def keep_movements(self, night: str, movements: Sequence[Movement]) -> None:
        """Write down what moved in ``night``, in the place of what was kept for it.

        The web pages and the feed show these.  Raises InfrastructureError for a night that was not recorded.
        """
        with self.transaction():
            self._of(night, "movements", "?", to_json(movements))

    def movements(self, nights: Iterable[str]) -> dict[str, tuple[Movement, ...]]:
        """What moved, by night; those for which nothing was kept are not in it."""
        rows = self._rows(
            "SELECT nights.id, value FROM movements JOIN nights ON nights.number = night"
            " WHERE nights.id IN (SELECT value FROM json_each(?))",
            json.dumps(list(nights)),
        )
        return {str(night): _MOVEMENTS.decode(value) for night, value in rows}

    def keep_range(self, night: str, moved: SweepRange) -> None:
        """Write down what moved the branch before ``night``: ids, subjects and authors, RANGE of each list.

        Raises InfrastructureError for a night that was not recorded.
        """
        more = len(moved.commits) - RANGE
        short = replace(
            moved,
            commits=_named(moved.commits),
            rebased=_named(moved.rebased),
            dropped=_named(moved.dropped),
            missing=(*moved.missing, f"{more} older commits are not listed")
            if more > 0
            else moved.missing,
        )
        with self.transaction():
            self._of(night, "ranges", "?", to_json(short))

    def range_of(self, night: str) -> SweepRange | None:
        """What was kept by :meth:`keep_range`."""
        rows = self._rows(
            "SELECT value FROM ranges WHERE night = (SELECT number FROM nights WHERE id = ?)", night
        )
        return _RANGE.decode(rows[0][0]) if rows else None

    def keep_bisection(self, night: str, bisection: Bisection) -> None:
        """Write down a search that ``night`` gave rise to; one for the same kind and name is replaced.

        Raises InfrastructureError for a night that was not recorded.
        """
        with self.transaction():
            thing = self._thing(bisection.kind, bisection.name)
            self._of(night, "bisections", "?, ?", thing, to_json(bisection))

    def _of(self, night: str, table: str, places: str, *values: object) -> None:
        """Put a row that begins with the number of a night into a table (within a transaction)."""
        kept = self._database.execute(
            f"INSERT OR REPLACE INTO {table} SELECT number, {places} FROM nights WHERE id = ?",  # noqa: S608 - constants
            (*values, night),
        )
        if not kept.rowcount:
            raise InfrastructureError(f"{self.path}: night {night!a} was not recorded")

    def bisections_of(self, night: str) -> tuple[Bisection, ...]:
        """Those that a night gave rise to, by kind and name."""
        rows = self._rows(
            "SELECT value FROM bisections WHERE night = (SELECT number FROM nights WHERE id = ?)",
            night,
        )
        found = (_BISECTION.decode(value) for (value,) in rows)
        return tuple(sorted(found, key=lambda one: (one.kind, one.name)))

    def bisections(self, branch: str, limit: int = 50) -> tuple[tuple[str, Bisection], ...]:
        """(night, bisection) of a branch, those of the newest night first."""
        rows = self._rows(
            "SELECT nights.id, value FROM bisections JOIN nights ON nights.number = night"
            " WHERE branch = (SELECT number FROM words WHERE text = ?)"
            " ORDER BY nights.number DESC, thing LIMIT ?",
            branch,
            limit,
        )
        return tuple((str(night), _BISECTION.decode(value)) for night, value in rows)

    def searches(self, branch: str, since: str) -> tuple[Bisection, ...]:
        """Those of a branch's nights from the one of the id ``since`` on, those of the newest night first."""
        rows = self._rows(
            "SELECT value FROM bisections JOIN nights ON nights.number = night"
            " WHERE branch = (SELECT number FROM words WHERE text = ?)"
            " AND nights.number >= (SELECT number FROM nights WHERE id = ?)"
            " ORDER BY nights.number DESC, thing",
            branch,
            since,
        )
        return tuple(_BISECTION.decode(value) for (value,) in rows)

    # Regressions.

    def open_regression(
        self,
        branch: str,
        kind: Kind,
        name: str,
        *,
        night: str,
        since: float,
        detail: str = "",
        good: str = "",
        bad: str = "",
    ) -> Regression:
        """The open regression of that thing, which ``night`` (at ``since``) opens when there is none."""
        with self.transaction():
            row = (
                self._word(branch), self._thing(kind, name), self._word(detail), night, since, good, bad,
                Standing.OPEN, "", 0.0, "",
            )  # fmt: skip
            self._database.execute(
                "INSERT OR IGNORE INTO regressions (branch, thing, detail, opened, since, good, bad,"
                " standing, closed, until, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            found = self._rows(
                f"{_REGRESSION} WHERE regressions.branch = ? AND thing = ? AND standing = 'open'",
                *row[:2],
            )
        return _regression(found[0])

    def close_regression(
        self, number: int, night: str, until: float, standing: Standing, why: str = ""
    ) -> bool:
        """``night`` (at ``until``) sees that it is over; False when somebody closed it before."""
        with self.transaction():
            changed = self._database.execute(
                "UPDATE regressions SET standing = ?, closed = ?, until = ?, why = ?"
                " WHERE number = ? AND standing = 'open'",
                (standing.value, night, until, why, number),
            )
            return changed.rowcount > 0

    def regressions(
        self, branch: str = "", standing: Standing | None = Standing.OPEN, limit: int = 500
    ) -> tuple[Regression, ...]:
        """Those that stand so, the newest first; of all branches without ``branch``, all with None."""
        rows = self._rows(
            f"{_REGRESSION} WHERE (?1 = '' OR branch.text = ?1) AND (?2 = '' OR standing = ?2)"
            " ORDER BY regressions.number DESC LIMIT ?3",
            branch,
            standing.value if standing else "",
            limit,
        )
        return tuple(_regression(row) for row in rows)

    # What was mailed.

    def say(self, what: str, message_id: str, made: float) -> bool:
        """Mark ``what`` as said by that mail; False when it was said before, and the mark stays as it is.

        To be called when the mail is in the outbox, which itself takes a Message-ID once.
        """
        with self.transaction():
            made_now = self._database.execute(
                "INSERT OR IGNORE INTO said VALUES (?, ?, ?)", (what, message_id, made)
            )
            return made_now.rowcount > 0

    def said(self, what: str) -> str | None:
        """The message-id of the mail that said it, None when none did."""
        rows = self._rows("SELECT message_id FROM said WHERE what = ?", what)
        return str(rows[0][0]) if rows else None


def _named(commits: tuple[RangeCommit, ...]) -> tuple[RangeCommit, ...]:
    """The newest RANGE, without what only git asks for."""
    return tuple(replace(one, tree_id="", parents=(), patch_id="") for one in commits[-RANGE:])


def _regression(row: tuple[object, ...]) -> Regression:
    names = (
        "number", "branch", "kind", "name", "detail", "opened", "since", "good", "bad", "standing",
        "closed", "until", "why",
    )  # fmt: skip
    return msgspec.convert(dict(zip(names, row, strict=True)), Regression)
