# SPDX-License-Identifier: GPL-2.0-only
"""What the suite does where a branch leaves mainline, and on mainline: what was broken before is nobody's."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewbot.engine.sweep_lab import seen_of
from reviewbot.model.codec import key_of
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.model.sweep import Ending, Kind, Night, Seen
from reviewbot.stages import sweep_test

if TYPE_CHECKING:
    from reviewbot.engine.sweep_lab import Bench
    from reviewbot.stages.sweep_plan import Branch
    from reviewbot.tools.context import Tools
    from reviewbot.tools.nights import Nights

_MOST = 60


@dataclass(frozen=True, slots=True)
class Others:
    """Nights of other branches that one is compared with."""

    nights: Nights
    branch: Branch
    bench: Bench
    tools: Tools

    @property
    def name(self) -> str:
        """What the nights of merge bases are called."""
        return f"{self.branch.mainline}@base"

    def base_night(self, night: Night) -> Night | None:
        """The night of the merge base's tree on this machine: any branch may have measured it."""
        if not night.merge_base:
            return None
        tree = self.bench.place.store.tree_of(night.merge_base)
        for name in (self.name, self.branch.mainline):
            for one in self.nights.heads(name, _MOST, ending=(Ending.COMPLETE,)):
                if one.tree_id == tree and one.machine == night.machine:
                    return self.nights.night(one.id)
        return None

    def mainline_night(self, night: Night) -> Night | None:
        """The last sweep of mainline itself, when the settings have it swept."""
        name = self.branch.mainline
        return (
            self.nights.last(name, ending=(Ending.COMPLETE,), machine=night.machine)
            if name
            else None
        )

    def measure_base(self, night: Night) -> None:
        """Run the merge base's own suite on it, once; a failure there is repeated like any other."""
        bench = self.bench
        if bench.base is None or bench.host is None or self.base_night(night) is not None:
            return
        place, started = bench.place, time.time()
        self.tools.progress(Stage.TEST, f"the merge base {place.base[:12]}")
        suite = sweep_test.suite(
            sweep_test.SuiteRequest(
                repository=str(place.store.path),
                base_tree=place.base_tree,
                tree=place.base_tree,
                globs=bench.settings.tests,
                profile=bench.profile,
                host=bench.host,
            ),
            self.tools,
        )
        seen = {one.name: one for one in suite.built}
        crashes: dict[str, Seen] = {}
        tests = suite.binaries
        for number in range(1 + self.tools.config.lab.repeats):
            request = sweep_test.RunRequest(
                image=bench.base,
                profile=bench.profile,
                host=bench.host,
                tests=tests,
                work=key_of("base", place.base_tree),
                seconds=bench.seconds,
                repeat=number,
            )
            with contextlib.closing(sweep_test.run(request, self.tools)) as runs:
                for ran in runs:
                    for result in ran.results:
                        seen[result.name] = seen_of(result, ran.log, seen.get(result.name))
                    found = bench.crashes(crash for boot in ran.boots for crash in boot.crashes)
                    crashes |= {one.name: one for one in found}
            tests = tuple(one for one in tests if seen[one.name].failures)
            if not tests:
                break
        self.nights.record(
            Night(
                id=f"{night.id[:70]}-base",
                branch=self.name,
                commit=place.base,
                tree_id=place.base_tree,
                started=started,
                ended=time.time(),
                ending=Ending.COMPLETE,
                machine=night.machine,
                seen=(_built(bench.profile.name), *seen.values(), *crashes.values()),
                missing=("of a merge base only the selftests are run", *suite.missing),
            )
        )


def _built(configuration: str) -> Seen:
    """There is an image of the merge base, so it built; its warnings are nobody's."""
    return Seen(kind=Kind.BUILD, name=configuration, status=Status.PASS)
