# SPDX-License-Identifier: GPL-2.0-only
"""One step of a bisection: build a tree once, boot it once, and ask all failures concerned."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from reviewbot.model.bisection import Failure
from reviewbot.model.build import Image
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.guest import Host
from reviewbot.model.profile import Profile
from reviewbot.model.sweep import Kind
from reviewbot.stages import bisect_judge, bisect_run
from reviewbot.stages.bisect_build import Builder, TreeBuild
from reviewbot.stages.bisect_judge import Look, cannot_tell
from reviewbot.tools import kselftest
from reviewbot.tools.context import Tools
from reviewbot.tools.kbuild import BaseFailed

BUILT = frozenset({Kind.BUILD, Kind.WARNING})
"""What a build alone answers."""

BOOTED = frozenset({Kind.BOOT, Kind.TEST, Kind.CONSOLE})
"""What needs a guest."""

_TIMES = 3
_QUICK = 1.5
_SLOW = 60.0
"""Seconds a test is taken to need that was not run yet."""


@dataclass(slots=True, kw_only=True)
class Steps:
    """Looks at trees.  ``builders`` are by configuration, "" the profile's own.

    ``program_tree`` is the tree whose selftests run on every kernel, so that only the kernel differs;
    failures in ``own_programs`` run those of each step's own tree.  ``host`` is found out when it is None.
    """

    tools: Tools
    repository: str
    profile: Profile
    failures: tuple[Failure, ...]
    builders: dict[str, Builder]
    program_tree: str
    host: Host | None = None
    own_programs: set[int] = field(default_factory=set)
    executions: dict[tuple[str, tuple[tuple[str, str], ...]], int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def look(
        self, tree_id: str, commit: str, wanted: Sequence[int], seconds: float
    ) -> dict[int, Look]:
        """What a tree shows of the ``wanted`` failures (their numbers).

        Make gets at most ``seconds``.  Raises InfrastructureError when our tools fail.
        """
        looks: dict[int, Look] = {}
        for name in dict.fromkeys(self.configuration(self.failures[number]) for number in wanted):
            mine = [n for n in wanted if self.configuration(self.failures[n]) == name]
            try:
                built = self.builders[name].build(tree_id, seconds=seconds)
            except BaseFailed as failed:
                looks |= dict.fromkeys(mine, cannot_tell(str(failed)))
                continue
            looks |= self._of(built, commit, mine)
        return looks

    def is_built(self, tree_id: str, wanted: Sequence[int]) -> bool:
        """Whether a tree's builds are at hand, so that only running it takes time."""
        names = {self.configuration(self.failures[number]) for number in wanted}
        return all(self.builders[name].known(tree_id) is not None for name in names)

    def configuration(self, failure: Failure) -> str:
        """The configuration a failure shows in: the name of its builder."""
        named = failure.name.partition(":")[0] if failure.kind in BUILT else ""
        return named if named in self.builders else ""

    def close(self) -> None:
        """Remove all workspaces."""
        for builder in self.builders.values():
            builder.close()

    def _of(self, built: TreeBuild, commit: str, wanted: Sequence[int]) -> dict[int, Look]:
        looks: dict[int, Look] = {}
        for number in wanted:
            if (said := bisect_judge.build(self.failures[number], built)) is not None:
                looks[number] = said
        rest = [number for number in wanted if number not in looks]
        if rest and built.image:
            looks |= self._run(replace(built.image, commit=commit), built.tree_id, rest)
        return looks

    def _run(self, image: Image, tree_id: str, wanted: Sequence[int]) -> dict[int, Look]:
        if self.host is None:
            self.host = bisect_run.host_of(image, self.profile, self.tools)
        runner = bisect_run.Runner(tools=self.tools, profile=self.profile, host=self.host)
        # By what runs, not by its commit: two commits may well have the same code.
        kernel = (image.kernel, image.modules)
        number = self.executions.get(kernel, 0)
        self.executions[kernel] = number + 1
        looks: dict[int, Look] = {}
        own = [one for one in wanted if one in self.own_programs]
        for group, tree in (
            ([n for n in wanted if n not in own], self.program_tree),
            (own, tree_id),
        ):
            names = bisect_judge.names_of(self.failures[one] for one in group)
            if not names:
                continue
            tested = [one for one in group if bisect_judge.names_of([self.failures[one]])]
            looks |= self._test(runner, image, tree, number, tested)
        bare = [one for one in wanted if one not in looks]
        if bare:
            booted = runner.boot(image, number)
            looks |= {one: bisect_judge.boot(self.failures[one], booted) for one in bare}
        return looks

    def _test(
        self, runner: bisect_run.Runner, image: Image, tree: str, number: int, wanted: Sequence[int]
    ) -> dict[int, Look]:
        names = bisect_judge.names_of(self.failures[one] for one in wanted)
        try:
            made = self._programs(tree)
        except (kselftest.UnlistedError, InfrastructureError) as error:
            return dict.fromkeys(wanted, cannot_tell(f"no selftests: {error}"))
        limits = {failure.name: failure.limit for failure in self.failures}
        looks: dict[int, Look] = {}
        for one in wanted:
            needed = map(bisect_judge.program, bisect_judge.names_of([self.failures[one]]))
            missing = [name for name in needed if name not in made.digests]
            if missing:
                why = made.failures.get(missing[0], "it is not there")
                looks[one] = cannot_tell(f"{missing[0]} does not build: {why}")
        rest = [one for one in wanted if one not in looks]
        if rest:
            times = self._times(names)
            ran = runner.tests(image, runner.binaries(names, made, limits, times), number)
            for result in ran.results:
                self.seconds[result.name] = max(self.seconds.get(result.name, 0), result.seconds)
            looks |= {one: bisect_judge.tests(self.failures[one], ran, times) for one in rest}
        return looks

    def _times(self, names: Sequence[str]) -> int:
        """How often to run tests in one guest: where they are much quicker than its boot, more than once."""
        return _TIMES if all(self.seconds.get(name, _SLOW) < _QUICK for name in names) else 1

    def _programs(self, tree: str) -> bisect_run.Programs:
        """All tests that any failure needs, so that one build serves the whole bisection."""
        names = bisect_judge.names_of(self.failures)
        request = bisect_run.ProgramRequest(
            repository=self.repository,
            base_tree=self.builders[""].kernel.tree_id,
            tree=tree,
            names=tuple(dict.fromkeys(map(bisect_judge.program, names))),
            profile=self.profile,
        )
        return bisect_run.programs(request, self.tools)
