# SPDX-License-Identifier: GPL-2.0-only
"""Choose module parameters under which some of the chosen selftests run once more.  Pure.

Code that only runs with other parameters than the usual ones (shadow paging: npt=0) is otherwise not
tested at all.  A series that touches no such code costs nothing.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase, translate
from pathlib import PurePosixPath

from reviewbot.model.profile import Profile, Variation
from reviewbot.model.series import FileDiff, Series
from reviewbot.model.test import TestCase

_WORD = re.compile(r"[A-Za-z_]\w{0,80}")
_CODE = (".c", ".h", ".S")
_MOST = 5
"""Tests with one set of parameters: some seconds under emulation, besides the boots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Varied:
    """Cases to run besides the usual ones, and sentences about what was left out."""

    cases: tuple[TestCase, ...]
    not_tested: tuple[str, ...]


def vary(
    series: Series,
    profile: Profile,
    cases: Sequence[TestCase],
    known: frozenset[str],
    *,
    vendor: str,
    sets: int,
    at_most: int,
) -> Varied:
    """At most ``at_most`` of ``cases`` again, spread over at most ``sets`` sets of parameters.

    ``known`` are the parameters ("kvm_amd.npt") that the modules of both kernels have.  What is wanted
    because of a name in the change goes before what is wanted because of a path.
    """
    wanted = list(_wanted(series, profile, vendor))
    there = [one for one in wanted if all(_name(word) in known for word in one.parameters)]
    chosen = there[: min(sets, at_most)] if cases else []
    share = min(_MOST, at_most // len(chosen)) if chosen else 0
    left_out = [f"{one.name} (not there in these kernels)" for one in wanted if one not in there]
    if rest := there[len(chosen) :]:
        names = ", ".join(one.name for one in rest)
        left_out.append(f"with {names} (over the limit of variations)")
    return Varied(
        cases=tuple(_with(case, one) for one in chosen for case in _fit(cases, one)[:share]),
        not_tested=tuple(left_out) if sets else (),
    )


def _fit(cases: Sequence[TestCase], variation: Variation) -> list[TestCase]:
    return [
        case
        for case in cases
        if not variation.tests
        or any(fnmatchcase(PurePosixPath(case.name).name, glob) for glob in variation.tests)
    ]


def _with(case: TestCase, variation: Variation) -> TestCase:
    return replace(
        case, name=f"{case.name} [{variation.name}]", parameters=tuple(variation.parameters)
    )


def _wanted(series: Series, profile: Profile, vendor: str) -> Iterator[Variation]:
    usable = [one for one in profile.variations if one.vendor in {"", vendor}]
    words = frozenset(_words(series))
    by_name = [one for one in usable if _named(one.identifiers, words)]
    yield from by_name
    paths = {path for patch in series.patches for file in patch.files for path in _paths(file)}
    for one in usable:
        if one not in by_name and any(fnmatchcase(p, glob) for glob in one.paths for p in paths):
            yield one


def _named(globs: Sequence[str], words: Iterable[str]) -> bool:
    if not globs:
        return False
    match = re.compile("|".join(translate(glob) for glob in globs)).match
    return any(match(word) for word in words)


def _words(series: Series) -> Iterator[str]:
    """Names in changed lines of C, and of the functions that git found them in."""
    for patch in series.patches:
        for file in patch.files:
            if file.path.endswith(_CODE) and not file.path.startswith("tools/"):
                for hunk in file.hunks:
                    yield from _WORD.findall(hunk.section)
                    for line in hunk.lines:
                        if line[:1] in "+-":
                            yield from _WORD.findall(line)


def _paths(file: FileDiff) -> Iterator[str]:
    yield from (path for path in (file.old_path, file.new_path) if path)


def _name(parameter: str) -> str:
    return parameter.partition("=")[0]
