# SPDX-License-Identifier: GPL-2.0-only
"""What is wrong with single commits of a branch: rules' findings, and those that do not build by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewbot.model.sweep import FOUND_BY_LOOKING, Kind
from reviewbot.stages import sweep_build, sweep_rules
from reviewbot.tools import git

if TYPE_CHECKING:
    from reviewbot.engine.sweep_judge import Judge
    from reviewbot.engine.sweep_lab import Bench
    from reviewbot.model.sweep_range import RangeCommit, SweepRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Commits:
    """The new commits of a night; ``whose`` gets the commit of each finding, by the finding's name."""

    bench: Bench
    judge: Judge
    range: SweepRange
    whose: dict[str, RangeCommit]

    def carry(self) -> None:
        """What earlier nights found of commits that are on the branch still."""
        before = self.judge.earlier()
        old = [one for one in before.seen if one.kind in FOUND_BY_LOOKING] if before else []
        starts = {one.detail.partition(" ")[0] for one in old}
        place = self.bench.place
        here = {one for one in starts if git.is_ancestor(place.store.path, one, place.tip)}
        self.bench.note(sweep_rules.carried(old, here, self.range.rebased))

    def rules(self) -> None:
        """Rules on the new commits."""
        request = sweep_rules.RulesRequest(store=self.bench.place.store, commits=self.range.commits)
        found = sweep_rules.run(request, self.bench.tools)
        self.whose.update(found.commits)
        self.bench.note(found.seen, found.missing)

    def build(self) -> None:
        """Commits that do not build, though the tip does; a tip that does not is bisected."""
        if self.bench.tip is None:
            return
        chains = sweep_rules.chains(self.range.commits)
        broken, missing = sweep_build.run_each(self.bench.request(), chains, self.bench.tools)
        for commit, error in broken:
            name = f"a commit that does not build: {error}"
            one = sweep_rules.seen_at(commit, Kind.RULE, name)
            self.whose[one.name] = commit
            self.bench.note((one,))
        self.bench.note((), missing)
