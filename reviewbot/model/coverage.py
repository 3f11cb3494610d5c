# SPDX-License-Identifier: GPL-2.0-only
"""Which lines of the kernel each selftest executes, and which added lines none did.

Paths are from the top of the tree, lines count from 1, a :data:`Span` is (first, last), both in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reviewbot.model.status import Status

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedFunction:
    """A function that gcc gave counters; ``executed`` when any of its blocks ran."""

    name: str
    first: int
    last: int
    executed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedFile:
    """A source file: its functions, and executable lines with how often each ran (0: never).

    ``loaded`` is False when no counters came of any object made from it: its module was not loaded.
    ``foreign`` are the lines of which that is so: those of a header that only such objects use.
    ``branches`` say by line how often each way out of its conditions was taken.
    """

    path: str
    functions: tuple[CountedFunction, ...]
    lines: dict[int, int]
    loaded: bool = True
    foreign: frozenset[int] = frozenset()
    branches: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutedFile:
    """What one test executed of a file: names of functions, and lines."""

    path: str
    functions: tuple[str, ...]
    lines: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCoverage:
    """What one test executed; ``files`` is empty when its guest was lost.  ``key``: see MeasuredTest."""

    __test__ = False

    key: str
    test: str
    status: Status
    seconds: float
    files: tuple[ExecutedFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredTest:
    """A test of a :class:`Coverage`, with its seconds on the coverage kernel.

    ``key`` is where the cache keeps its TestCoverage.
    """

    key: str
    name: str
    status: Status
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredFunction:
    """A function and who executes it: bit N of ``tests`` (hexadecimal) is test N of the Coverage."""

    name: str
    first: int
    last: int
    tests: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredLines:
    """Executable lines ``first`` to ``last`` (gaps in between are not code) with the same ``tests``."""

    first: int
    last: int
    tests: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredFile:
    """One file of a :class:`Coverage`."""

    path: str
    functions: tuple[CoveredFunction, ...]
    lines: tuple[CoveredLines, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """What a guest executes while it loads the modules, before any test, and ``foreign`` files: none of it loads them."""

    files: tuple[ExecutedFile, ...] = ()
    foreign: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Which selftests of a base execute which functions and lines of the profile's directories."""

    commit: str
    tests: tuple[MeasuredTest, ...]
    files: tuple[CoveredFile, ...]
    loading: Loading = Loading()


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What a series changes in one file of its base.

    ``old`` are spans of the base's lines that go; an insertion after line N is (N + 1, N), which meets
    whatever holds both lines.  ``added`` are spans of the tip's lines that are new.
    """

    path: str
    old: tuple[Span, ...]
    added: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedCode:
    """Added executable lines of one function: how many, how many ran, and which did not.

    ``function`` is "" for lines of none.  Not ``loaded``: this guest cannot run them.
    ``counted`` are exactly these lines; between those of ``missed`` may be others that are no code.
    Of those executed ``at_load`` ran only while the modules were loaded, in no test.
    """

    path: str
    function: str
    lines: int
    executed: int
    missed: tuple[Span, ...]
    loaded: bool = True
    counted: tuple[Span, ...] = ()
    at_load: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchCoverage:
    """Which of the added executable lines the chosen tests ran.  ``unavailable`` says why it is not known.

    ``uncounted`` are sources with added lines of which nothing was counted: not compiled for this machine, not in
    the directories that count, or assembler.
    """

    code: tuple[AddedCode, ...] = ()
    tests: tuple[str, ...] = ()
    vendor: str = ""
    emulated: bool = False
    unavailable: str = ""
    uncounted: tuple[str, ...] = ()
