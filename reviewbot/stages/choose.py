# SPDX-License-Identifier: GPL-2.0-only
"""Choose selftests for a series.  Pure.

The series' own tests first, new ones before changed ones; then, up to a limit, tests that exercise what it touches.
The profile's selections are in order of how specific they are, and tests within one in order of how
fast they are, so taking the first of each matching selection, then the second of each, and so on,
gives every touched part its fastest tests.  The same series always gets the same tests.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain, zip_longest
from pathlib import PurePosixPath

from reviewbot.model.profile import Profile
from reviewbot.model.series import ChangeKind, Series
from reviewbot.model.test import TestCase, Why
from reviewbot.stages.printable import count, listed

_MOST_FUNCTIONS = 6
_MOST_TESTS = 4
# The other vendor's tests would only skip themselves; the compare stage says what is not tested.
_FOREIGN = {"amd": "vmx_*", "intel": "svm_*"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Available:
    """What the two trees offer: test names by tree, and the limit of one test in seconds."""

    base: tuple[str, ...]
    tip: tuple[str, ...]
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What coverage says: tests that execute what is touched, best first.

    ``unknown`` are touched paths that it says nothing about; ``unexecuted`` the touched functions
    that no test executes.
    """

    tests: tuple[str, ...]
    unknown: frozenset[str]
    unexecuted: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Tests in the order to run them, and sentences about what was left out."""

    cases: tuple[TestCase, ...]
    not_tested: tuple[str, ...]


def choose(
    series: Series,
    profile: Profile,
    available: Available,
    *,
    vendor: str,
    at_most: int,
    measured: Measured | None = None,
) -> Chosen:
    """Tests for ``series``: all of its own, and ``at_most`` others.

    With ``measured`` the others are those it names, then what the profile says of paths unknown to it.

    ``vendor`` is whose virtualization the guest has ("amd" or "intel"); tests of the other one would
    only skip themselves.
    """
    touched = tuple(sorted(set(_touched(series))))
    renamed = _renamed(series, directory(profile))
    own = dict(_own(touched, available, directory(profile), renamed))
    foreign = _FOREIGN.get(vendor, "")
    seen = [name for name in measured.tests if name not in own] if measured else []
    guessed = touched if measured is None else sorted(measured.unknown.intersection(touched))
    candidates = [n for n in _relevant(guessed, profile, available.tip) if not _is(n, foreign)]
    usable = list(dict.fromkeys(n for n in (*seen, *candidates) if n not in own))
    others = usable[:at_most]
    cases = [TestCase(name=name, why=why, limit=available.limit) for name, why in own.items()]
    cases += [
        TestCase(
            name=name, why=Why.EXECUTES if name in seen else Why.TOUCHED, limit=available.limit
        )
        for name in others
    ]
    left_out = [
        *_left_out(usable, others),
        *_removed(available, renamed),
        *_elsewhere(series, available, directory(profile)),
        *_unexecuted(measured),
    ]
    return Chosen(cases=tuple(cases), not_tested=tuple(left_out))


def directory(profile: Profile) -> str:
    """The profile's selftests, from the top of the tree."""
    return f"tools/testing/selftests/{profile.selftests}"


def _touched(series: Series) -> Iterator[str]:
    for patch in series.patches:
        for file in patch.files:
            yield from (path for path in (file.old_path, file.new_path) if path)


def _own(
    touched: Sequence[str], available: Available, tests: str, renamed: Mapping[str, str]
) -> Iterator[tuple[str, Why]]:
    """Tests that the series adds, then those whose source it changes or renames."""
    old = {name for name in available.base if name not in available.tip}
    added = [
        name
        for name in available.tip
        if name not in available.base and renamed.get(name) not in old
    ]
    yield from ((name, Why.ADDED) for name in added)
    for name in available.tip:
        if name not in added and f"{tests}/{name}.c" in touched:
            yield name, Why.CHANGED


def _renamed(series: Series, tests: str) -> dict[str, str]:
    """Tests by their new name whose source had another one before the series."""
    before: dict[str, str] = {}
    for patch in series.patches:
        for file in patch.files:
            if file.kind is ChangeKind.RENAME and file.old_path and file.new_path:
                before[file.new_path] = before.pop(file.old_path, file.old_path)
    return {
        name: old
        for new, source in before.items()
        if (name := _test_of(new, tests)) and (old := _test_of(source, tests))
    }


def _test_of(path: str, tests: str) -> str:
    """The test that a source is of; "" for libraries, headers and other files."""
    name = path.removeprefix(f"{tests}/").removesuffix(".c")
    is_test = path == f"{tests}/{name}.c" and not name.startswith(("lib/", "include/"))
    return name if is_test else ""


def _relevant(touched: Sequence[str], profile: Profile, names: Sequence[str]) -> list[str]:
    lists = [
        list(_matching(selection.tests, names))
        for selection in profile.selections
        if any(fnmatchcase(path, glob) for path in touched for glob in selection.paths)
    ]
    by_turns = chain.from_iterable(zip_longest(*lists))
    ordered = [name for name in by_turns if name is not None]
    if any(_is_code(path) for path in touched):
        ordered += _matching(profile.always, names)
    return list(dict.fromkeys(ordered))


def _matching(globs: Iterable[str], names: Sequence[str]) -> Iterator[str]:
    for glob in globs:
        yield from (name for name in names if _is(name, glob))


def _is(name: str, glob: str) -> bool:
    """Globs are about the last part of a name: its directory moved from x86_64 to x86 in 6.15."""
    return fnmatchcase(name if "/" in glob else PurePosixPath(name).name, glob)


def _is_code(path: str) -> bool:
    return not path.startswith(("Documentation/", "tools/", "MAINTAINERS"))


def _unexecuted(measured: Measured | None) -> Iterator[str]:
    if measured and measured.unexecuted:
        shown = listed(tuple(f"{name}()" for name in measured.unexecuted), _MOST_FUNCTIONS)
        them = "it" if len(measured.unexecuted) == 1 else "them"
        # Only "usual": paging64_page_fault() runs with npt=0, with which the base was not measured.
        yield f"{shown}: with usual module parameters no selftest executes {them} on the base"


def _left_out(usable: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    if more := len(usable) - len(others):
        yield f"{count(more, 'more selftest')} for the touched code: over the limit of tests"


def _removed(available: Available, renamed: Mapping[str, str]) -> Iterator[str]:
    kept = {old for name, old in renamed.items() if name in available.tip}
    for name in available.base:
        if name not in available.tip and name not in kept:
            yield f"{name}: the series removes it"


def _elsewhere(series: Series, available: Available, tests: str) -> Iterator[str]:
    """The series' own tests that make does not list here: its author waits for a word about them."""
    paths = (file.new_path for patch in series.patches for file in patch.files if file.new_path)
    names = dict.fromkeys(name for path in paths if (name := _test_of(path, tests)))
    other = tuple(name for name in names if name not in {*available.base, *available.tip})
    if other and available.tip:
        yield f"{listed(other, _MOST_TESTS)}: not among the selftests that make lists for this machine"
