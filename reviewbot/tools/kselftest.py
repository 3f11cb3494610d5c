# SPDX-License-Identifier: GPL-2.0-only
"""Which selftests a tree has, and static programs of chosen ones, built in the sandbox.

The headers and the library that all selftests of a directory share are built once per base and kept
as a layer; a series sees a copy-on-write view of it, in which make rebuilds what the series changed.
Names of tests are those of the Makefile: "x86_64/state_test" in 6.12, "x86/state_test" since 6.15.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reviewbot.model.codec import key_of
from reviewbot.model.errors import InfrastructureError, ReviewbotError
from reviewbot.tools import kbuild, layers, sandbox
from reviewbot.tools.cache import Cache
from reviewbot.tools.initramfs import acceptable_name
from reviewbot.tools.objects import TreeView
from reviewbot.tools.process import Completed
from reviewbot.tools.sandbox import Bind, Limits, Overlay

OUTPUT = "/lab/selftests"
DEFAULT_LIMIT = 45.0
"""Seconds, where a directory's ``settings`` file says nothing (kselftest/runner.sh)."""

VERSION = 2
_LONGEST_LIMIT = 3600.0
_MAKE_SECONDS = 600.0
_PROGRAM_BYTES = 48 << 20
_TIMEOUT = re.compile(r"^timeout=(\d{1,6})\s*$", re.MULTILINE)
_LIST = (
    "reviewbot-list: ; @:$(foreach t,$(TEST_GEN_PROGS),"
    "$(info reviewbot-test $(patsubst $(OUTPUT)/%,%,$(t))))"
)
# Debug information makes half of a program and nobody in the guest reads it; without it a program
# stays the same when only a comment moved.
_READ = 'strip --strip-debug -o /tmp/program "$1" && cat /tmp/program'
_ERROR = re.compile(r".*?(?:error: |undefined reference to |No rule to make target ).*")
_UNDEFINED = re.compile(r"undefined reference to [`'\"]([A-Za-z_]\w{0,120})['\"]")


class UnlistedError(ReviewbotError):
    """Make ended by itself and could not say which selftests a tree has: a broken tree, not our tools.

    An empty list would be another answer: "this tree has no selftests".
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """What came out of a build: blob digests by test name, and why the others failed.

    ``missing_symbols`` are names that the linker did not find anywhere.
    """

    digests: dict[str, str]
    failures: dict[str, str]
    missing_symbols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selftests:
    """One directory of selftests of a tree, ready to be listed and built."""

    directory: str
    mounts: tuple[Bind | Overlay, ...]
    cache: Cache
    jobs: int

    def names(self) -> tuple[str, ...]:
        """Tests that the Makefile knows for this machine, sorted.

        Asked of make itself, because Makefiles add to the list under conditions.  Raises UnlistedError
        when make fails, InfrastructureError when it does not end by itself.
        """
        done = self._make("-s", f"--eval={_LIST}", "reviewbot-list")
        if not done.ok:
            raise UnlistedError(_short(done.complaint()))
        words = (line.split() for line in done.text().split("\n"))
        found = {word[1] for word in words if len(word) == 2 and word[0] == "reviewbot-test"}
        return tuple(sorted(name for name in found if acceptable_name(name)))

    def build(self, names: Sequence[str]) -> Programs:
        """Build static programs of ``names``; those that fail are in the answer, with the reason.

        Raises InfrastructureError when make does not end by itself.
        """
        if not names:
            return Programs(digests={}, failures={})
        headers = _headers(self.mounts, self.jobs)
        if not headers.ok:
            # Built now, programs would have the base's headers, which lie in the layer.
            why = f"make headers_install: {_short(headers.complaint())}"
            return Programs(digests={}, failures=dict.fromkeys(names, why))
        done = self._make("-k", *(f"{OUTPUT}/{name}" for name in names))
        log = done.text()
        digests, failures = {}, {}
        for name in names:
            data = self._program(name) if done.ok or _is_whole(log, name) else None
            if data is None:
                failures[name] = _reason(log, name)
            else:
                digests[name] = self.cache.put(data)
        return Programs(
            digests=digests,
            failures=failures,
            missing_symbols=tuple(sorted(set(_UNDEFINED.findall(log)))) if failures else (),
        )

    def _program(self, name: str) -> bytes | None:
        done = sandbox.run(
            ["sh", "-c", _READ, "read", f"{OUTPUT}/{name}"],
            mounts=self.mounts,
            timeout=60,
            output_limit=_PROGRAM_BYTES,
        )
        whole = done.ok and not done.truncated and done.stdout.startswith(b"\x7fELF")
        return done.stdout if whole else None

    def _make(self, *words: str) -> Completed:
        done = sandbox.run(
            [
                *("make", "-C", f"{kbuild.SOURCE}/{self.directory}", f"-j{self.jobs}"),
                *("--no-print-directory", "--output-sync=target", f"OUTPUT={OUTPUT}"),
                *("CC=gcc -static", f"KHDR_INCLUDES=-isystem {OUTPUT}/usr/include"),
                # tools/build/Build.include tries options out in the (read-only) source directory.
                *("TMPOUT=/tmp/try", *words),
            ],
            mounts=self.mounts,
            merge=True,
            timeout=_MAKE_SECONDS,
            limits=Limits(),
        )
        _require_end(done, "make of the selftests")
        return done


Opened = contextlib.AbstractContextManager[Selftests]


@contextlib.contextmanager
def selftests(
    cache: Cache,
    *,
    repository: str,
    base_tree: str,
    tree: str,
    directory: str,
    place: Path,
    jobs: int,
    warm: Sequence[str] = (),
) -> Iterator[Selftests]:
    """The selftests below ``directory`` (from the top of the tree) as they are in git tree ``tree``.

    ``base_tree`` is the tree whose source and library are kept as layers; ``warm`` are tests to build
    with the library.  ``jobs`` 0 is one per processor.  A view is made below ``place`` and removed at the end.
    Raises UnlistedError when the base's headers cannot be installed, InfrastructureError when make does
    not end by itself.
    """
    jobs = jobs or kbuild.processors()
    place = Path(tempfile.mkdtemp(prefix="selftests-", dir=place))
    source = kbuild.source_layer(cache, repository, base_tree)
    library = _library(
        cache, source, tree=base_tree, directory=directory, jobs=jobs, warm=tuple(warm)
    )
    try:
        shown = layers.view(source, place / "source", kbuild.SOURCE, writable=False)
        if tree != base_tree:
            layers.update(shown, repository, base_tree, tree)
        output = layers.view(library, place / "selftests", OUTPUT, writable=True)
        mounts = (shown.mount, output.mount)
        yield Selftests(directory=directory, mounts=mounts, cache=cache, jobs=jobs)
    finally:
        layers.remove(place)


def limit(view: TreeView, directory: str) -> float:
    """Seconds that a test of ``directory`` may take, from the ``settings`` file of the tree."""
    text = (view.read(f"{directory}/settings") or b"").decode("utf-8", "replace")
    found = _TIMEOUT.search(text)
    # 0 means "no limit" to kselftest, which nobody can wait for.
    return min(float(found[1]) or _LONGEST_LIMIT, _LONGEST_LIMIT) if found else DEFAULT_LIMIT


def defines(program: bytes, names: Sequence[str]) -> bool:
    """Whether a static program has one of ``names``; its symbols are left by :data:`_READ`."""
    return any(b"\0" + name.encode() + b"\0" in program for name in names)


def _library(
    cache: Cache, source: Path, *, tree: str, directory: str, jobs: int, warm: tuple[str, ...]
) -> Path:
    """Installed headers and the objects that selftests share, as a layer.

    A base whose selftests do not build still makes a layer: the headers help, and the failure is told
    where the tests themselves are listed and built.  Nothing is kept of a make that was ended, nor
    without headers: it would be taken for the base's in every later review.
    """
    key = key_of("selftests", VERSION, tree, directory, kbuild.compiler(), warm)

    def build(part: Path) -> None:
        sandbox.give(part)
        part.chmod(0o755)
        mounts = (
            Bind(source=source, target=kbuild.SOURCE),
            Bind(source=part, target=OUTPUT, writable=True),
        )
        headers = _headers(mounts, jobs)
        if not headers.ok:
            said = _short(headers.complaint())
            raise UnlistedError(f"no headers of the base for selftests: {said}")
        base = Selftests(directory=directory, mounts=mounts, cache=cache, jobs=jobs)
        try:
            known = base.names()
        except UnlistedError:
            known = ()
        # Without a target make would build everything.
        if wanted := [name for name in warm if name in known] or known[:1]:
            base._make("-k", *(f"{OUTPUT}/{name}" for name in wanted))

    return cache.layer("selftests", key, build)


def _headers(mounts: Sequence[Bind | Overlay], jobs: int) -> Completed:
    done = sandbox.run(
        [
            *("make", "-C", kbuild.SOURCE, f"O={OUTPUT}", f"-j{jobs}", "--no-print-directory"),
            *("ARCH=x86", "headers_install"),
        ],
        mounts=mounts,
        merge=True,
        timeout=_MAKE_SECONDS,
    )
    _require_end(done, "make headers_install")
    return done


def _require_end(done: Completed, what: str) -> None:
    """Raise InfrastructureError when make was ended, or what it said is not whole.

    It did not get to name what it had not built, and a program of the base lies in the layer under
    the same name.  bubblewrap and the shell say a signal as 128 + its number.
    """
    number = -done.returncode if done.returncode < 0 else done.returncode - 128
    if done.timed_out:
        why = f"no end within {_MAKE_SECONDS:.0f} s"
    elif done.truncated:
        why = "it printed more than we keep"
    elif number > 0:
        why = f"signal {number}"
    else:
        return
    raise InfrastructureError(
        f"{what} did not end by itself: {why}; try again on a less busy machine"
    )


def _is_whole(log: str, name: str) -> bool:
    """False when make complained about this program (an older one may lie in the layer).

    After the target comes "Error 1", or the signal that ended the recipe ("Killed").
    """
    return not re.search(rf"\*\*\* \[[^\]]*/{re.escape(name)}(?:\.o)?\] ", log) and (
        f"{OUTPUT}/{name}' not remade" not in log
    )


def _reason(log: str, name: str) -> str:
    """The first complaint that names the test, else the first complaint at all."""
    complaints = [line.strip() for line in log.split("\n") if _ERROR.match(line)]
    source = f"{name}.c"
    mine = [line for line in complaints if source in line or f"/{name}." in line]
    said = (mine or complaints or ["make gave no reason"])[0]
    return _short(said)


def _short(said: str) -> str:
    return said.replace(f"{OUTPUT}/", "").replace(f"{kbuild.SOURCE}/", "")[:300]
