# SPDX-License-Identifier: GPL-2.0-only
"""kvm-unit-tests for a series: which, and how QEMU is started for them inside the guest."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from reviewbot.model.run import Stage
from reviewbot.model.test import TestBinary, TestCase, Why
from reviewbot.parse.unit_tests import PREFIX
from reviewbot.tools import unit_tests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reviewbot.model.profile import Profile
    from reviewbot.model.series import Series
    from reviewbot.parse.unit_tests import UnitTest
    from reviewbot.tools.context import Tools

AT_MOST = 6
"""Tests of one review: each starts a QEMU in the guest, some seconds under emulation."""
LIMIT = 90.0
"""Seconds, where their list says nothing (TIMEOUT of scripts/runtime.bash)."""
# What their x86/run gives QEMU, for a test device that carries the exit status.
_MACHINE = (
    *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio"),
    *("-global", "kvm-pit.lost_tick_policy=discard", "-machine", "pc,accel=kvm"),
    *("-device", "pc-testdev", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x4"),
    *("-device", "pci-testdev"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Cases and what runs them; ``not_tested`` are sentences."""

    cases: tuple[TestCase, ...] = ()
    binaries: tuple[TestBinary, ...] = ()
    not_tested: tuple[str, ...] = ()


def run(series: Series, profile: Profile, vendor: str, scale: float, tools: Tools) -> Units:
    """Choose and build.  ``scale`` stretches time limits.  Raises UserError as tools.unit_tests does."""
    built = _built(tools)
    if built is None:
        return Units()
    found = matching(series, profile, built.listed, vendor)
    return _units(built, chosen(found), left_out(found), scale, tools)


def whole(vendor: str, scale: float, tools: Tools) -> Units:
    """All that can be run, for a kernel that no series is about.  Raises as :func:`run` does."""
    built = _built(tools)
    if built is None:
        return Units()
    found = [one for one in built.listed if _ours(one, vendor)]
    runnable = [one for one in found if not _why_not(one)]
    return _units(built, runnable, left_out(found), scale, tools)


def _built(tools: Tools) -> unit_tests.UnitTests | None:
    """None when the settings name none."""
    lab = tools.config.lab
    if not lab.kvm_unit_tests:
        return None
    tools.progress(Stage.TEST, "build kvm-unit-tests")
    return unit_tests.build(
        tools.cache, lab.kvm_unit_tests, lab.kvm_unit_tests_commit, jobs=lab.jobs
    )


def _units(
    built: unit_tests.UnitTests,
    wanted: Iterable[UnitTest],
    not_tested: Iterable[str],
    scale: float,
    tools: Tools,
) -> Units:
    cases, binaries, said = [], [], list(not_tested)
    for test in wanted:
        name, limit = PREFIX + test.name, (test.timeout or LIMIT) * scale
        program = built.program(test)
        if program is None:
            said.append(f"{name}: does not build")
            continue
        cases.append(TestCase(name=name, why=Why.TOUCHED, limit=limit))
        digest = tools.cache.put(program)
        binaries.append(
            TestBinary(
                name=name, digest=digest, limit=limit, options=options(test), checks=test.check
            )
        )
    return Units(cases=tuple(cases), binaries=tuple(binaries), not_tested=tuple(said))


def matching(
    series: Series, profile: Profile, listed: Sequence[UnitTest], vendor: str
) -> tuple[UnitTest, ...]:
    """Tests for this processor by turns of each selection that the series touches, as selftests are.  Pure."""
    touched = {
        path
        for patch in series.patches
        for file in patch.files
        for path in (file.old_path, file.new_path)
        if path
    }
    ours = [test for test in listed if _ours(test, vendor)]
    lists = [
        [test for glob in selection.unit_tests for test in ours if fnmatchcase(test.name, glob)]
        for selection in profile.selections
        if any(fnmatchcase(path, glob) for path in touched for glob in selection.paths)
    ]
    by_turns = chain.from_iterable(zip_longest(*lists))
    return tuple(dict.fromkeys(test for test in by_turns if test))


def chosen(found: Iterable[UnitTest]) -> tuple[UnitTest, ...]:
    """The first of those that can be run; what its list asks of the kernel is asked in the guest."""
    return tuple(test for test in found if not _why_not(test))[:AT_MOST]


def left_out(found: Iterable[UnitTest]) -> tuple[str, ...]:
    """A sentence for each of those that cannot be run."""
    return tuple(f"{PREFIX}{test.name}: {why}" for test in found if (why := _why_not(test)))


def options(test: UnitTest) -> tuple[str, ...]:
    """QEMU's words for one test, besides its kernel."""
    return (*_MACHINE, *_words(test))


def _words(test: UnitTest) -> Iterator[str]:
    yield from ("-smp", str(test.processors))
    yield from test.options
    if test.argument:
        yield from ("-append", test.argument)


def _ours(test: UnitTest, vendor: str) -> bool:
    """Not those for another processor or emulator."""
    foreign = {"amd": "vmx*", "intel": "svm*"}.get(vendor, "")
    return (
        test.architecture in {"", "x86_64"}
        and test.accelerator in {"", "kvm"}
        and not fnmatchcase(test.name, foreign)
    )


def _why_not(test: UnitTest) -> str:
    if test.shell:
        return "its list wants a shell to say how it is run"
    return "its list has it run by hand only (nodefault)" if test.by_hand else ""
