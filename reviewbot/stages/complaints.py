# SPDX-License-Identifier: GPL-2.0-only
"""What a report complains of, by name: what the statistics count.  Pure."""

from reviewbot.model.command import SubjectKind
from reviewbot.model.finding import Location
from reviewbot.model.run import Run
from reviewbot.model.test import Change
from reviewbot.stages.tally import tally


def complaints(run: Run) -> tuple[tuple[SubjectKind, str, str], ...]:
    """(kind, rule or test, which finding of it) of everything the report on ``run`` complains of.

    A crash counts as a test by its fingerprint.
    """
    counted = tally(run)
    found = [
        (SubjectKind.RULE, finding.code, _place(finding.patch, finding.location))
        for finding in (*counted.errors, *counted.warnings, *counted.notes)
    ]
    found += [
        (SubjectKind.TEST, delta.test.name, str(change))
        for change in (Change.REGRESSION, Change.NEW_FAIL)
        for delta in counted.of(change)
    ]
    found += [(SubjectKind.TEST, one.name, "does not build") for one in counted.unbuilt]
    found += [(SubjectKind.TEST, crash.fingerprint, "crash") for crash in counted.crashes]
    return tuple(dict.fromkeys(found))


def _place(patch: int, location: Location | None) -> str:
    return f"{patch} {location.path}:{location.line}" if location else f"{patch}"
