# SPDX-License-Identifier: GPL-2.0-only
"""Run what failures need on the kernel of one commit: a boot, or one boot with the tests concerned.

Each execution has a number of its own and is kept under it, so that an interrupted bisection goes on where
it was, and a repeat is a new execution.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reviewbot.model.build import Image
from reviewbot.model.codec import key_of
from reviewbot.model.guest import BootResult, Host, Outcome
from reviewbot.model.profile import Profile
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.model.test import TestBinary, TestRun
from reviewbot.stages import bisect_judge, boot, selftests
from reviewbot.tools import accelerator, kept_results, kselftest, testbed
from reviewbot.tools.context import Tools
from reviewbot.tools.objects import TreeView

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Static selftests by name, their limits not yet scaled; ``failures`` says why one could not be built."""

    digests: dict[str, str]
    failures: dict[str, str]
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRequest:
    """Tests of ``tree``, built on what is kept of ``base_tree``."""

    repository: str
    base_tree: str
    tree: str
    names: tuple[str, ...]
    profile: Profile


def programs(request: ProgramRequest, tools: Tools) -> Programs:
    """Build tests, or take them from the cache.  Raises UnlistedError, InfrastructureError."""
    parts = (request.tree, sorted(request.names), request.profile.selftests)
    key = key_of("bisect-programs", VERSION, kselftest.VERSION, *parts)
    known = tools.cache.load("bisect-programs", key, Programs)
    if known and all(tools.cache.has(digest) for digest in known.digests.values()):
        return known
    tools.progress(Stage.TEST, f"build {', '.join(request.names)} of {request.tree[:12]}")
    opened = selftests.opened(
        request.profile,
        tools,
        repository=request.repository,
        base_tree=request.base_tree,
        tree=request.tree,
    )
    with opened as suite:
        made = suite.build(request.names)
    limit = selftests.limit(request.profile, TreeView(request.repository, request.tree))
    found = Programs(digests=made.digests, failures=made.failures, limit=limit)
    tools.cache.save("bisect-programs", key, found)
    return found


def host_of(image: Image, profile: Profile, tools: Tools) -> Host:
    """How guests run here, by booting a kernel where there is a choice.

    Raises what :func:`reviewbot.stages.boot.run` raises.
    """
    known = accelerator.candidates(tools.config.lab.qemu, tools.cache)
    if len(known) == 1:
        return known[0]
    return boot.run(boot.BootRequest(image=image, profile=profile), tools).host


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Runs kernels in one way."""

    tools: Tools
    profile: Profile
    host: Host

    def boot(self, image: Image, number: int) -> BootResult:
        """The ``number``-th boot of a kernel without any test."""
        key = self._key("boot", number, image, ())
        if known := self.tools.cache.load("bisect-run", key, BootResult):
            return known
        request = boot.BootRequest(image=image, profile=self.profile, host=self.host)
        ran = boot.run(request, self.tools).boot
        if ran.outcome is not Outcome.INFRA:
            self.tools.cache.save("bisect-run", key, ran)
        return ran

    def tests(self, image: Image, binaries: Sequence[TestBinary], number: int) -> TestRun:
        """The ``number``-th run of tests on a kernel, first 0."""
        key = self._key("tests", number, image, binaries)
        if known := self.tools.cache.load("bisect-run", key, TestRun):
            return known
        names = ", ".join(one.name for one in binaries)
        self.tools.progress(Stage.TEST, f"{image.commit[:12]}: {names}")
        kernel = testbed.Kernel(image=image, profile=self.profile, host=self.host)
        ran = testbed.run(self.tools, kernel, binaries, repeat=number)
        # What our side's failure left is no answer to keep.
        if all(result.status is not Status.INFRA for result in ran.results):
            self.tools.cache.save("bisect-run", key, ran)
        return ran

    def binaries(
        self, names: Sequence[str], made: Programs, limits: Mapping[str, float], times: int
    ) -> tuple[TestBinary, ...]:
        """Those of ``names`` that could be built, each ``times`` times.

        Limits that nobody gave are the tree's, scaled.
        """
        factor = selftests.scale(self.host, self.tools)
        return tuple(
            TestBinary(
                name=bisect_judge.repeated(name, number),
                digest=made.digests[bisect_judge.program(name)],
                limit=limits.get(name) or made.limit * factor,
                parameters=self._parameters(name),
            )
            for number in range(times)
            for name in names
            if bisect_judge.program(name) in made.digests
        )

    def _parameters(self, name: str) -> tuple[str, ...]:
        """The module parameters that a test's name ends with, as the profile spells them."""
        said = name.partition(" [")[2].removesuffix("]")
        known = {one.name: tuple(one.parameters) for one in self.profile.variations}
        return known.get(said, ())

    def _key(self, what: str, number: int, image: Image, tests: Sequence[TestBinary]) -> str:
        kernel = testbed.Kernel(image=image, profile=self.profile, host=self.host)
        nothing = TestBinary(name="", digest="", limit=0.0)
        each = [kept_results.key(self.tools, kernel, test) for test in tests or (nothing,)]
        return key_of("bisect-run", VERSION, what, number, each)
