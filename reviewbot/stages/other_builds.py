# SPDX-License-Identifier: GPL-2.0-only
"""What the report says of the tip's other configurations and architectures: pure."""

from reviewbot.model.build import Diagnostic, Level, VariantBuild
from reviewbot.model.run import Run
from reviewbot.model.status import Status
from reviewbot.stages.printable import one_line
from reviewbot.stages.remarks import diagnostic_lines

_MOST = 3


def row(run: Run) -> str:
    """One line of prose: which were built, and which have no result."""
    built = run.build.variants if run.build else ()
    good = [one.name for one in built if one.status is Status.PASS and not _graver(one)]
    said = [f"{', '.join(good)}: no new message"] if good else []
    said += [
        f"{one.name}: {'does not build' if one.status is Status.FAIL else 'new warnings'}, see below"
        for one in built
        if one.status is Status.FAIL or (one.status is Status.PASS and _graver(one))
    ]
    untried: dict[str, list[str]] = {}
    for one in built:
        if one.status not in {Status.PASS, Status.FAIL}:
            untried.setdefault(one.reason or one.status.value, []).append(one.name)
    said += [f"no result: {', '.join(names)} ({one_line(why)})" for why, names in untried.items()]
    return "; ".join(said)


def lines(variant: VariantBuild) -> tuple[str, ...]:
    """The first messages of a configuration that breaks or warns, as the compiler wrote them."""
    shown = _graver(variant)[:_MOST]
    return tuple(line for diagnostic in shown for line in diagnostic_lines(diagnostic))


def heading(variant: VariantBuild) -> str:
    """What they are."""
    what = "Does not build" if variant.status is Status.FAIL else "New compiler messages"
    return (
        f"{what} with {one_line(variant.name)} ({one_line(variant.compiler)}), on the series' tip:"
    )


def _graver(variant: VariantBuild) -> list[Diagnostic]:
    return [one for one in variant.new if one.level is not Level.NOTE]
