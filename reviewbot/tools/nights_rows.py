# SPDX-License-Identifier: GPL-2.0-only
"""Rows of the store of nightly sweeps <-> values of the model."""

from __future__ import annotations

import json
import re
from array import array
from typing import TYPE_CHECKING, Any

from reviewbot.model.status import Status
from reviewbot.model.sweep import Ending, Kind, Measure, Night, Past, Seen

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD = (
    "SELECT nights.number, id, branch.text, tip, tree_id, started, ended, ending, machine.text,"
    " merge_base, same_as, missing FROM nights JOIN words AS branch ON branch.number = branch"
    " JOIN words AS machine ON machine.number = machine"
)
"""Rows for :func:`night`."""
SEEN = (
    "SELECT night, kind, name.text, status, detail.text, seconds, runs, failures, log FROM results"
    " JOIN things ON things.number = thing JOIN words AS name ON name.number = things.name"
    " JOIN words AS detail ON detail.number = detail"
)
"""Rows for :func:`seen`, behind their night."""
MEASURED = (
    "SELECT night, name.text, unit.text, samples FROM measures"
    " JOIN words AS name ON name.number = name JOIN words AS unit ON unit.number = unit"
)
"""Rows for :func:`measure`, behind their night."""
PAST = (
    "SELECT name.text, id, started, tip, status, runs, failures, detail.text, kind FROM results"
    " JOIN things ON things.number = thing JOIN words AS name ON name.number = things.name"
    " JOIN nights ON nights.number = night JOIN words AS branch ON branch.number = branch"
    " JOIN words AS machine ON machine.number = machine"
    " JOIN words AS detail ON detail.number = detail"
)
"""Rows for :func:`past` and :func:`thing`."""

_KINDS = {one.value: one for one in Kind}
_STATUSES = {one.value: one for one in Status}
_DIGEST = re.compile(r"[0-9a-f]{64}")


def night(row: Sequence[Any], seen: Sequence[Seen] = (), measures: Sequence[Measure] = ()) -> Night:
    """A row of HEAD."""
    return Night(
        id=row[1],
        branch=row[2],
        commit=row[3],
        tree_id=row[4],
        started=row[5],
        ended=row[6],
        ending=Ending(row[7]),
        machine=row[8],
        merge_base=row[9],
        same_as=row[10],
        seen=tuple(seen),
        measures=tuple(measures),
        missing=tuple(json.loads(row[11])),
    )


def seen(row: Sequence[Any]) -> Seen:
    """A row of SEEN."""
    log = row[8]
    return Seen(
        kind=_KINDS[row[1]],
        name=row[2],
        status=_STATUSES[row[3]],
        detail=row[4],
        seconds=row[5],
        runs=row[6],
        failures=row[7],
        log=log.hex() if isinstance(log, bytes) else log or "",
    )


def measure(row: Sequence[Any]) -> Measure:
    """A row of MEASURED."""
    return Measure(name=row[1], unit=row[2], samples=tuple(array("d", row[3])))


def past(row: Sequence[Any]) -> Past:
    """A row of PAST."""
    return Past(
        night=row[1],
        started=row[2],
        commit=row[3],
        status=_STATUSES[row[4]],
        runs=row[5],
        failures=row[6],
        detail=row[7],
    )


def thing(row: Sequence[Any]) -> tuple[Kind, str]:
    """What a row of PAST is about."""
    return _KINDS[row[8]], row[0]


def packed(log: str) -> bytes | str | None:
    """A digest in half its room."""
    return bytes.fromhex(log) if _DIGEST.fullmatch(log) else log or None
