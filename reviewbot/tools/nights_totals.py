# SPDX-License-Identifier: GPL-2.0-only
"""Sums over the nights of a branch, for trends: how long, how many warnings and failures, what was measured."""

from __future__ import annotations

import json
from array import array
from statistics import median

from reviewbot.model.status import Status
from reviewbot.model.sweep import Kind, Totals
from reviewbot.tools.nights_file import NightsFile

_BAD = f"status IN {tuple(status.value for status in Status if status.bad)}"


class NightTotals(NightsFile):
    """The part of :class:`reviewbot.tools.nights.Nights` that counts."""

    def totals(self, branch: str, limit: int = 366) -> tuple[Totals, ...]:
        """The newest ``limit`` nights that were complete, the newest first."""
        heads = self._rows(
            "SELECT number, id, started, ended FROM nights"
            " WHERE branch = (SELECT number FROM words WHERE text = ?)"
            " AND ending = 'complete' ORDER BY number DESC LIMIT ?",
            branch,
            limit,
        )
        numbers = json.dumps([row[0] for row in heads])
        counts: dict[int, dict[Kind, tuple[int, int]]] = {}
        seconds: dict[int, dict[Kind, float]] = {}
        for night, kind, every, bad, took in self._rows(
            f"SELECT night, kind, count(*), sum({_BAD}), sum(seconds) FROM results"  # noqa: S608 - constants
            " JOIN things ON things.number = thing"
            " WHERE night IN (SELECT value FROM json_each(?)) GROUP BY night, kind",
            numbers,
        ):
            counts.setdefault(night, {})[Kind(kind)] = (every, bad)
            seconds.setdefault(night, {})[Kind(kind)] = took
        measures: dict[int, dict[tuple[str, str], float]] = {}
        for night, name, unit, samples in self._rows(
            "SELECT night, name.text, unit.text, samples FROM measures"
            " JOIN words AS name ON name.number = name JOIN words AS unit ON unit.number = unit"
            " WHERE night IN (SELECT value FROM json_each(?)) ORDER BY night, place",
            numbers,
        ):
            if samples:
                measures.setdefault(night, {})[name, unit] = median(array("d", samples))
        return tuple(
            Totals(
                night=name,
                started=started,
                ended=ended,
                counts=counts.get(number, {}),
                seconds=seconds.get(number, {}),
                measures=measures.get(number, {}),
            )
            for number, name, started, ended in heads
        )
