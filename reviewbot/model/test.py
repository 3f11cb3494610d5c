# SPDX-License-Identifier: GPL-2.0-only
"""Selftests: which, what they said, and what changed against the base."""

from dataclasses import dataclass
from enum import StrEnum

from reviewbot.model.build import Image
from reviewbot.model.guest import BootResult, Host
from reviewbot.model.profile import Profile
from reviewbot.model.status import Status


class Why(StrEnum):
    """Why a test was chosen."""

    ADDED = "new in this series"
    CHANGED = "changed by this series"
    TOUCHED = "exercises what this series touches"
    EXECUTES = "was seen to execute what this series touches"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCase:
    """One selftest binary.  ``name`` as in its Makefile ("x86_64/state_test"); limit in seconds.

    ``parameters`` are module parameters that differ from the profile's ("kvm_amd.npt=0"); the name then
    ends with them: "x86_64/state_test [npt=0]".
    """

    __test__ = False  # not a pytest class

    name: str
    why: Why
    limit: float
    parameters: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        """The name without parameters."""
        return self.name.partition(" [")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestBinary:
    """A static selftest program: blob digest, and its time limit in seconds on this host.

    ``name`` and ``parameters`` are those of its TestCase.  With ``options`` it is no program but a kernel
    for QEMU in the guest, which gets them; ``checks`` are "PATH=CONTENT" of files in the guest without which
    it is skipped.
    """

    __test__ = False

    name: str
    digest: str
    limit: float
    parameters: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbuilt:
    """A selftest that the series breaks, or adds broken.  ``reason`` is the compiler's first complaint."""

    name: str
    reason: str
    new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """One execution.  ``assertion`` is the failing check's first line; ``output`` the last lines.

    ``skipped`` are names of parts that a test which passed left out.
    """

    __test__ = False

    name: str
    status: Status
    seconds: float
    exit_code: int | None
    assertion: str = ""
    output: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """All executions on one kernel; ``repeat`` 0 is the first.  ``log`` is the KTAP blob digest."""

    __test__ = False

    commit: str
    repeat: int
    results: tuple[TestResult, ...]
    boots: tuple[BootResult, ...]
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What the test stage hands on: chosen tests, their programs, and first runs on both kernels.

    ``binaries`` has no entry for a test that could not be built.  ``base`` and ``tip`` are None when
    nothing could be run; ``unavailable`` then says why.  ``images`` (base, tip), ``profile`` and
    ``base_tree``, the base's git tree id, are what repeats need.  ``unbuilt`` are tests that build on
    the base, or are new.  ``apart`` names the series, when it has a hand in the programs.
    """

    __test__ = False

    host: Host | None
    cases: tuple[TestCase, ...]
    binaries: tuple[TestBinary, ...] = ()
    base: TestRun | None = None
    tip: TestRun | None = None
    not_tested: tuple[str, ...] = ()
    unavailable: str = ""
    images: tuple[Image, Image] | None = None
    profile: Profile | None = None
    base_tree: str = ""
    unbuilt: tuple[Unbuilt, ...] = ()
    apart: str = ""

    @property
    def same_kernel(self) -> bool:
        """Whether the series changes tests, documents and comments alone: builds are reproducible."""
        if self.images is None:
            return False
        one, other = ((image.kernel, image.modules) for image in self.images)
        return one == other


class Change(StrEnum):
    """What happened to one test between base and series."""

    SAME = "same"
    REGRESSION = "regression"
    FIXED = "fixed"
    DIFFERENT = "fails differently"
    NEW_PASS = "new, passes"  # noqa: S105 - not a password
    NEW_FAIL = "new, fails"
    NEW_SKIP = "new, skipped"
    FLAKY = "flaky"
    UNCONFIRMED = "not confirmed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """One test, base against series.  Tuples hold first run and repeats, in order."""

    test: TestCase
    change: Change
    base: tuple[TestResult, ...]
    tip: tuple[TestResult, ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReport:
    """What test and compare stages hand on.  ``unavailable`` says why nothing ran, if so."""

    __test__ = False

    host: Host | None
    cases: tuple[TestCase, ...]
    runs: tuple[TestRun, ...]
    deltas: tuple[Delta, ...]
    not_tested: tuple[str, ...]
    unavailable: str = ""
    unbuilt: tuple[Unbuilt, ...] = ()
