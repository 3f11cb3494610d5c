# SPDX-License-Identifier: GPL-2.0-only
"""kvm-unit-tests of a git repository: which there are, and their programs, built in the sandbox.

Neither their sources nor ours hold anything of each other: they are the user's, as the kernel is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pygit2

from reviewbot.model.codec import key_of
from reviewbot.model.errors import UserError
from reviewbot.parse import unit_tests
from reviewbot.tools import kbuild, objects, sandbox
from reviewbot.tools.sandbox import Bind

if TYPE_CHECKING:
    from pathlib import Path

    from reviewbot.parse.unit_tests import UnitTest
    from reviewbot.tools.cache import Cache

VERSION = 1
_SOURCE, _OUTPUT = "/lab/source", "/lab/unit-tests"
_SECONDS = 900.0
_LIST = "x86/unittests.cfg"
_LIMIT = 16 << 20
_BUILD = f'{_SOURCE}/configure && make -k -j"$1"'


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTests:
    """Built tests: what is listed, and where the programs lie."""

    listed: tuple[UnitTest, ...]
    directory: Path

    def program(self, test: UnitTest) -> bytes | None:
        """A test's program; None when it was not built."""
        place = self.directory / "x86" / test.file
        if place.is_symlink() or not place.is_file() or place.stat().st_size > _LIMIT:
            return None
        data = place.read_bytes()
        return data if data.startswith(b"\x7fELF") else None


def build(cache: Cache, repository: str, commit: str, *, jobs: int) -> UnitTests:
    """The tests of ``commit``, built once and kept.

    Raises UserError when the repository has no such commit, holds something else, or does not build.
    """
    tree = _tree(repository, commit)
    listed = objects.TreeView(repository, tree).read(_LIST)
    if listed is None:
        raise UserError(f"lab.kvm_unit_tests: {repository} has no {_LIST} at {commit}")
    source = kbuild.source_layer(cache, repository, tree)

    def make(part: Path) -> None:
        sandbox.give(part)
        part.chmod(0o755)
        done = sandbox.run(
            ["sh", "-c", _BUILD, "build", str(jobs or kbuild.processors())],
            mounts=[
                Bind(source=source, target=_SOURCE),
                Bind(source=part, target=_OUTPUT, writable=True),
            ],
            cwd=_OUTPUT,
            merge=True,
            timeout=_SECONDS,
        )
        if done.timed_out or not any(part.glob("x86/*.flat")):
            raise UserError(f"kvm-unit-tests of {repository} do not build: {done.complaint()}")

    key = key_of("unit-tests", VERSION, tree, kbuild.compiler())
    return UnitTests(
        listed=unit_tests.listed(listed.decode("utf-8", "replace")),
        directory=cache.layer("unit-tests", key, make),
    )


def _tree(repository: str, commit: str) -> str:
    opened = objects.open_repository(repository)
    try:
        return str(opened.revparse_single(commit).peel(pygit2.Tree).id)
    except (KeyError, ValueError, pygit2.GitError) as error:
        raise UserError(
            f"lab.kvm_unit_tests_commit: {repository} has no commit {commit!r}"
        ) from error
