# SPDX-License-Identifier: GPL-2.0-only
"""All reviews of one revision -> what is known of it: what the newest did not look at is in an earlier one.  Pure.

A second look by the rules alone, or one whose build failed for our own reasons, takes nothing away from what
was built and tested before on the same tree.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from reviewbot.model.run import Run, Stage
from reviewbot.model.triage import Answer, Earlier, Part, Reviewed
from reviewbot.stages import judge


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """What belongs to a part: how it is seen that a review looked at it, and where that is kept."""

    looked: Callable[[Reviewed], bool]
    brief: tuple[str, ...]
    whole: tuple[str, ...]
    stages: tuple[Stage, ...] = ()


_SHARES = {
    Part.FINDINGS: _Share(
        looked=lambda one: one.checked,
        brief=("checked", "findings"),
        whole=("check", "since"),
        stages=(Stage.CHECK,),
    ),
    Part.BASE: _Share(
        looked=lambda one: one.applies is not Answer.UNKNOWN,
        brief=("tree", "base", "tip", "repository", "applies", "why_not"),
        whole=("base", "applied"),
        stages=(Stage.BASE, Stage.APPLY),
    ),
    Part.BUILD: _Share(
        looked=lambda one: one.builds is not Answer.UNKNOWN,
        brief=("builds", "build_line", "unbuilt"),
        whole=("build", "analysis"),
        stages=(Stage.BUILD,),
    ),
    Part.TESTS: _Share(
        looked=lambda one: bool(one.tests or one.regressions),
        brief=("tests", "regressions", "tests_line"),
        whole=("base_boot", "boot", "tests", "new_crashes"),
        stages=(Stage.BOOT, Stage.TEST, Stage.COMPARE),
    ),
    Part.COVERAGE: _Share(
        looked=lambda one: bool(one.counted), brief=("counted", "ran"), whole=("coverage",)
    ),
}


def in_order(reviews: Iterable[Reviewed]) -> list[Reviewed]:
    """The newest first, those that were not finished behind all others."""
    return sorted(reviews, key=lambda one: (bool(one.verdict), one.made, one.run), reverse=True)


def known(reviews: Iterable[Reviewed]) -> Reviewed:
    """The newest of a revision's reviews, one at least; its ``earlier`` names what is from which other one."""
    kept, *older = in_order(reviews)
    tree = kept.tree or next((one.tree for one in older if one.tree), "")
    there = [one for one in older if one.tree == tree]
    for part, share in _SHARES.items():
        if share.looked(kept) or _moot(part, kept):
            continue
        one = next((one for one in there if share.looked(one)), None)
        if one:
            taken = {name: getattr(one, name) for name in share.brief}
            mark = Earlier(part=part, run=one.run, origin=one.origin, made=one.made, base=one.base)
            kept = replace(kept, **taken, earlier=(*kept.earlier, mark))
    return kept


def by_series(reviews: Iterable[Reviewed]) -> dict[str, Reviewed]:
    """What is known of each revision that was reviewed, by message-id."""
    found: dict[str, list[Reviewed]] = {}
    for one in reviews:
        found.setdefault(one.series, []).append(one)
    return {name: known(some) for name, some in found.items()}


def _moot(part: Part, kept: Reviewed) -> bool:
    """What does not apply any more was not built either; what was built or tested of it before is no use now."""
    if part in (Part.BUILD, Part.TESTS, Part.COVERAGE) and kept.applies is Answer.NO:
        return True
    return part in (Part.TESTS, Part.COVERAGE) and kept.builds is Answer.NO


def whole(newest: Run, parts: Mapping[Part, Run]) -> Run:
    """The newest review with ``parts`` of earlier ones, and what is then to be said of the series.

    Parts that were made on another commit are left out: their line numbers are not those of this base.
    """
    fitting = {part: run for part, run in parts.items() if _commit(newest) in ("", _commit(run))}
    if not fitting:
        return newest
    taken = {
        name: getattr(run, name) for part, run in fitting.items() for name in _SHARES[part].whole
    }
    done = {stage for part in fitting for stage in _SHARES[part].stages}
    made = replace(
        newest,
        **taken,
        skipped=tuple(one for one in newest.skipped if one[0] not in done),
        failures=tuple(one for one in newest.failures if one[0] not in done),
    )
    return replace(made, verdict=judge.run(made))


def _commit(run: Run) -> str:
    return run.base.commit if run.base else ""
