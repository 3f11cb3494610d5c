# SPDX-License-Identifier: GPL-2.0-only
"""Find the commits that broke something: several failures over one range of commits, in one pass."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reviewbot.engine.bisect_setup import steps_for, weights
from reviewbot.model.run import Stage
from reviewbot.model.sweep import Bisection, Culprit, Kind, Reverted, Step, StepOutcome
from reviewbot.parse.thread_link import message_id
from reviewbot.stages import bisect_words, odds
from reviewbot.stages.bisect_range import MOST, Range, indexes, make
from reviewbot.stages.bisect_rates import EXACT, NOISY
from reviewbot.stages.bisect_step import BOOTED, BUILT, Steps
from reviewbot.stages.bisecting import OUTSIDE, Belief, choose
from reviewbot.tools import commit_mail, commit_range, git, history
from reviewbot.tools.objects import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewbot.model.bisection import BisectRequest, Failure
    from reviewbot.stages.bisect_judge import Look
    from reviewbot.tools.context import Tools

_STEP_SECONDS = 3600.0
_BUILD_COST = 1.5
"""What a build costs beside a boot with a fast test: measured 4 to 9 s against 4 s on two cores."""
_END_RUNS = 20
"""Executions in which a failure has to show itself once, at most, before it counts as gone."""


def bisect(request: BisectRequest, tools: Tools) -> tuple[Bisection, ...]:
    """One answer for each failure, in their order.

    Raises UserError for a range that is none, InfrastructureError when sandbox, compiler, QEMU or disk
    fail us; what was built and run until then is kept, so that the next call goes on from there.
    """
    store = ObjectStore(tools.cache, request.repository)
    good = commit_range.merge_base(store, request.good, request.bad)
    between = commit_range.commits_between(
        store, good, request.bad, first_parent=request.first_parent, most=MOST
    )
    request = replace(request, good=good)
    search = _Search(
        request=request,
        tools=tools,
        store=store,
        range=make(between),
        steps=steps_for(request, store, [commit for commit, _ in between], tools),
    )
    with contextlib.closing(search.steps):
        return search.go()


@dataclass(slots=True, kw_only=True)
class _Search:
    """The state of one call."""

    request: BisectRequest
    tools: Tools
    store: ObjectStore
    range: Range
    steps: Steps
    beliefs: dict[int, Belief] = field(default_factory=dict)
    log: dict[int, list[Step]] = field(default_factory=dict)
    ended: dict[int, str] = field(default_factory=dict)
    shown: set[int] = field(default_factory=set)
    longest: float = 0.0

    def go(self) -> tuple[Bisection, ...]:
        failures = self.request.failures
        likely = weights(self.store, self.range.commits)
        for number, failure in enumerate(failures):
            self.log[number] = []
            self.beliefs[number] = self._belief(failure, likely)
            if failure.kind not in BUILT | BOOTED:
                self.ended[number] = f"a {failure.kind} is not bisected"
        self._good_end()
        self._search()
        self._other_programs()
        self._search()
        self._bad_end()
        self._search()
        return tuple(self._answer(number) for number in range(len(failures)))

    def _belief(self, failure: Failure, likely: tuple[float, ...]) -> Belief:
        rates = EXACT if failure.kind in BUILT else NOISY
        belief = Belief(
            range=self.range, rates=rates, confidence=self.request.confidence, weights=likely
        )
        if rates.repeatable and failure.good_runs:
            belief.saw(OUTSIDE, runs=failure.good_runs, failures=failure.good_failures)
        if rates.repeatable:  # without a record: somebody saw it once
            runs, failures = failure.runs or 1, failure.failures if failure.runs else 1
            belief.saw(self._tip, runs=runs, failures=failures)
        belief.recorded = belief.runs
        return belief

    @property
    def _tip(self) -> int:
        return len(self.range.commits) - 1

    def _open(self) -> list[int]:
        return [number for number in self.beliefs if number not in self.ended]

    def _good_end(self) -> None:
        """Nobody is blamed before the good end was seen: what is bad there was not brought by the range."""
        for number, look in self._look(OUTSIDE, self._open()).items():
            if look.outcome is StepOutcome.SKIPPED:
                self.ended[number] = f"the good end cannot be tested: {look.why}"

    def _other_programs(self) -> None:
        """What the bad end's selftest finds at the good end too may have come with the selftest."""
        for number in self._open():
            belief = self.beliefs[number]
            runs, failures = belief.seen.get(OUTSIDE, (0, 0))
            if belief.not_here() and failures * 2 >= runs > 0:
                self._with_own_program(number)

    def _with_own_program(self, number: int) -> None:
        """Start again with the selftests of each commit's own tree."""
        failure = self.request.failures[number]
        if failure.kind is not Kind.TEST:
            return
        belief = self._belief(replace(failure, good_runs=0, good_failures=0), ())
        other, self.beliefs[number] = self.beliefs[number], belief
        self.steps.own_programs.add(number)
        look = self._look(OUTSIDE, [number]).get(number)
        if look is None or look.outcome is StepOutcome.SKIPPED:
            self.beliefs[number] = other

    def _bad_end(self) -> None:
        """A failure that nothing has shown so far may not be there any more, or not by itself."""
        for number in self._open():
            if number not in self.shown and not self._fails_before(number):
                self._see_it(number)

    def _fails_before(self, number: int) -> bool:
        belief = self.beliefs[number]
        return belief.not_here() and belief.seen.get(OUTSIDE, (0, 0))[1] > 0

    def _see_it(self, number: int) -> None:
        belief, failure = self.beliefs[number], self.request.failures[number]
        rate = failure.failures / failure.runs if failure.runs else 0.5
        enough = min(odds.passes_to_clear(rate) or _END_RUNS, _END_RUNS)
        runs = 0
        while runs < (enough if belief.rates.repeatable else 1):
            look = self._look(self._tip, [number]).get(number)
            if look is None or number in self.shown:
                return
            if look.outcome is StepOutcome.SKIPPED:
                self.ended[number] = f"the bad end cannot be tested: {look.why}"
                return
            runs += look.runs
        times = f", {runs} of {runs} times" if runs > 1 else ""
        self.ended[number] = f"the failure is not there any more: the bad end is good{times}"

    def _search(self) -> None:
        while numbers := self._open():
            index = choose([self.beliefs[number] for number in numbers], self._cost)
            if index is None or not self._in_time():
                break
            wanted = [n for n in numbers if self._tells(self.beliefs[n], index)]
            self._look(index, wanted)

    @staticmethod
    def _tells(belief: Belief, index: int) -> bool:
        return not belief.decided() and index in set(belief.candidates())

    def _cost(self, index: int) -> float:
        tree = self.store.tree_of(self._commit(index))
        return 1.0 if self.steps.is_built(tree, self._open()) else 1.0 + _BUILD_COST

    def _commit(self, index: int) -> str:
        return self.request.good if index == OUTSIDE else self.range.commits[index]

    def _look(self, index: int, wanted: Sequence[int]) -> dict[int, Look]:
        """One step for those of ``wanted`` that are not ended."""
        wanted = [number for number in wanted if number not in self.ended]
        if not wanted or not self._in_time():
            return {}
        commit = self._commit(index)
        about = commit_range.describe(self.store, commit)
        left = sum(self.beliefs[one].credible().bit_count() for one in wanted)
        self.tools.progress(Stage.TEST, f"{commit[:12]} ({about.subject[:60]}), {left} suspects")
        started = time.monotonic()
        tree = self.store.tree_of(commit)
        looks = self.steps.look(tree, commit, wanted, min(_STEP_SECONDS, self._left()))
        seconds = time.monotonic() - started
        self.longest = max(self.longest, seconds)
        for number, look in looks.items():
            self._note(number, index, look)
            step = Step(
                commit=commit,
                subject=about.subject,
                outcome=look.outcome,
                runs=look.runs,
                failures=look.failures,
                seconds=round(seconds, 1),
                why=look.why,
            )
            self.log[number].append(step)
        return looks

    def _note(self, number: int, index: int, look: Look) -> None:
        if look.outcome is not StepOutcome.SKIPPED:
            self.beliefs[number].saw(index, runs=look.runs, failures=look.failures)
        else:
            self.beliefs[number].cannot_tell(index)
        if look.failures and index != OUTSIDE:
            self.shown.add(number)

    def _left(self) -> float:
        return self.request.deadline - time.time() if self.request.deadline else _STEP_SECONDS

    def _in_time(self) -> bool:
        """Whether a step like the longest so far ends before the deadline."""
        return not self.request.deadline or self._left() > 1.2 * self.longest

    def _answer(self, number: int) -> Bisection:
        failure, belief = self.request.failures[number], self.beliefs[number]
        answer = Bisection(
            kind=failure.kind,
            name=failure.name,
            detail=failure.detail,
            good=self.request.good,
            bad=self.request.bad,
            steps=tuple(self.log[number]),
            reason=self.ended.get(number, ""),
        )
        if number in self.ended:
            return answer
        if belief.not_here():
            return replace(
                answer, reason=bisect_words.not_here(failure, belief, answer.steps, answer.good)
            )
        if number in self.steps.own_programs:
            answer = replace(answer, note=bisect_words.TEST_CHANGED)
        members = belief.credible()
        sure = sum(belief.probability(one) for one in indexes(members))
        index = belief.culprit()
        if index is not None and number in self.shown:
            culprit = self._culprit(number, self.range.commits[index])
            return replace(answer, culprit=culprit, confidence=min(1.0, sure))
        over = not self._in_time()
        return replace(
            answer,
            suspects=self.range.named(members),
            confidence=min(1.0, sure),
            unfinished=over,
            reason="no time was left" if over else bisect_words.undecided(belief),
        )

    def _culprit(self, number: int, commit: str) -> Culprit:
        about = commit_range.describe(self.store, commit)
        thread = message_id(about.message)
        return Culprit(
            commit=commit,
            subject=about.subject,
            author=about.author,
            message_id=thread or commit_mail.find(self.store, about, self.request.archives),
            patch_id=git.patch_id_of(self.store.path, commit),
            reverted=self._revert(number, commit) if self.request.verify else Reverted.NOT_TRIED,
        )

    def _revert(self, number: int, commit: str) -> Reverted:
        """Take the culprit back on the bad end, and look as often as a failure would need to show."""
        if not self._in_time():
            return Reverted.NOT_TRIED
        tree = history.revert(self.store, commit, self.request.bad)
        if tree is None:
            return Reverted.CONFLICTS
        belief = self.beliefs[number]
        rate = min(0.95, max(group.after for group in belief.groups() if group.each > 1e-3))
        runs = min(odds.passes_to_clear(rate) or 1, _END_RUNS) if belief.rates.repeatable else 1
        done = 0
        while done < runs:
            self.tools.progress(Stage.TEST, f"{self.request.bad[:12]} without {commit[:12]}")
            if not self._in_time():
                return Reverted.NOT_TRIED
            seconds = min(_STEP_SECONDS, self._left())
            look = self.steps.look(tree, self.request.bad, [number], seconds)[number]
            if look.outcome is StepOutcome.BAD:
                return Reverted.DOES_NOT_CURE
            if look.outcome is StepOutcome.SKIPPED:
                unbuilt = look.why.startswith("does not build")
                return Reverted.NOT_BUILT if unbuilt else Reverted.NOT_TRIED
            done += look.runs
        return Reverted.CURES
