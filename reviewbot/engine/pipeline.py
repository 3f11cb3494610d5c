# SPDX-License-Identifier: GPL-2.0-only
"""The one pipeline: fetch, base, apply, check, build, boot, test, compare, judge.

Reports and delivery are front doors' business: they take the Run that comes out here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from reviewbot import __version__
from reviewbot.engine.store import Store
from reviewbot.model.base import Tree
from reviewbot.model.errors import ReviewbotError, UserError
from reviewbot.model.run import Run, Stage, StageTime
from reviewbot.model.status import Status
from reviewbot.stages import apply, base, fetch, judge, since
from reviewbot.tools.context import Tools
from reviewbot.tools.usage import processor_seconds

T = TypeVar("T")
OnStage = Callable[[Stage, float], None]
ORDER = tuple(Stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRequest:
    """What to review and how far.

    ``what`` is a message-id (its thread is asked for, unless ``mails`` has it), URL, path or "-" (then
    ``stdin`` holds the mails), or empty when
    ``commit_range`` names local commits of the first tree, or ``paths`` the files of one series.
    ``until`` is the last stage to run.
    """

    what: str
    trees: tuple[Tree, ...]
    paths: tuple[str, ...] = ()
    stdin: bytes | None = None
    mails: tuple[bytes, ...] = ()
    commit_range: str | None = None
    explicit_base: str | None = None
    revision: int | None = None
    until: Stage = Stage.COMPARE
    until_reason: str = ""
    earlier: Run | None = None


class Review:
    """One run of the pipeline; :func:`review` is the way in.

    The Run so far is saved after every stage, so a run that is interrupted can be looked at, and
    what its stages kept in the cache is taken up by the next.
    """

    def __init__(
        self, request: ReviewRequest, tools: Tools, store: Store, on_stage: OnStage | None = None
    ) -> None:
        self.on_stage = on_stage
        self.request = request
        self.tools = tools
        self.store = store
        now = datetime.now(UTC)
        self.run = Run(
            id=store.new_id(now),
            version=__version__,
            started=now.isoformat(timespec="seconds"),
            request=request.commit_range or request.what or " ".join(request.paths),
        )

    def go(self) -> Run:
        """Run the stages.  Raises UserError for impossible input; all else is in the Run."""
        with self.store.at_work(self.run.id):
            return self._go()

    def _go(self) -> Run:
        self._fetch()
        if self.run.series and not self.run.declined:
            self._place()
            if self.wanted(Stage.CHECK):
                self._check()
            self._lab()
        self.run = replace(self.run, verdict=judge.run(self.run))
        self.store.save(self.run)
        return self.run

    def _fetch(self) -> None:
        request = fetch.FetchRequest(
            what=self.request.what,
            paths=self.request.paths,
            stdin=self.request.stdin,
            mails=self.request.mails,
            revision=self.request.revision,
            tree_path=self.request.trees[0].path if self.request.commit_range else None,
            commit_range=self.request.commit_range,
        )
        fetched = self._timed(Stage.FETCH, lambda: fetch.run(request, self.tools))
        self.keep(series=fetched.series, declined=fetched.declined)

    def _place(self) -> None:
        """Choose the base and apply the series."""
        series = self.run.series
        if series is None or not self.wanted(Stage.BASE):
            return
        chosen = self._timed(
            Stage.BASE,
            lambda: base.run(
                base.BaseRequest(
                    series=series,
                    trees=self.request.trees,
                    explicit=self.request.explicit_base,
                    range_base=_start_of(self.request.commit_range),
                ),
                self.tools,
            ),
        )
        self.keep(base=chosen)
        if self.wanted(Stage.APPLY):
            applied = self._timed(
                Stage.APPLY,
                lambda: apply.run(apply.ApplyRequest(series=series, base=chosen), self.tools),
            )
            self.keep(applied=applied)

    def _check(self) -> None:
        from reviewbot.stages import check  # noqa: PLC0415 - libclang and tree-sitter load here

        series, applied = self.run.series, self.run.applied
        if series is None:
            return
        request = check.CheckRequest(series=series, applied=applied)
        self.attempt(Stage.CHECK, lambda: self.keep(check=check.run(request, self.tools)))
        if self.request.earlier:
            self.keep(since=since.compare(self.request.earlier, self.run))

    def _lab(self) -> None:
        """Build, boot, test and compare, as far as wanted and as far as it makes sense."""
        applied = self.run.applied
        if applied is None or applied.status is not Status.PASS:
            self.skip_from(Stage.BUILD, "the series does not apply")
            return
        if not self.wanted(Stage.BUILD):
            return
        from reviewbot.engine.lab import Lab  # noqa: PLC0415 - the rules alone do not need it

        Lab(self).go()

    def wanted(self, stage: Stage) -> bool:
        """Whether to run ``stage``; notes in the Run why not."""
        if ORDER.index(stage) <= ORDER.index(self.request.until):
            return True
        self.skip_from(stage, self.request.until_reason or f"--until {self.request.until}")
        return False

    def skip_from(self, first: Stage, reason: str) -> None:
        """Note in the Run why ``first`` and what comes after it did not run."""
        known = {stage for stage, _ in self.run.skipped}
        last = ORDER.index(Stage.COMPARE)
        later = [s for s in ORDER[ORDER.index(first) : last + 1] if s not in known]
        self.keep(skipped=(*self.run.skipped, *((stage, reason) for stage in later)))

    def attempt(self, stage: Stage, work: Callable[[], None]) -> bool:
        """Run a stage whose failing must not cost the others' results."""
        try:
            self._timed(stage, work)
        except ReviewbotError as error:
            if stage is Stage.CHECK and isinstance(error, UserError):
                raise  # an unknown code in --select: nothing was worth waiting for yet
            self.tools.progress(stage, f"failed: {error}")
            self.keep(failures=(*self.run.failures, (stage, str(error))))
            return False
        self.keep()  # that it has ended, and what it took: who watches must not see it at work until the next one ends
        return True

    def _timed(self, stage: Stage, work: Callable[[], T]) -> T:
        started, busy = time.monotonic(), processor_seconds()
        try:
            return work()
        finally:
            spent = StageTime(
                stage=stage,
                seconds=round(time.monotonic() - started, 3),
                processor=round(processor_seconds() - busy, 2),
            )
            self.run = replace(self.run, times=(*self.run.times, spent))
            if self.on_stage:
                self.on_stage(stage, spent.seconds)

    def keep(self, **changes: object) -> None:
        """Add results to the Run and save it."""
        self.run = replace(self.run, **changes)  # type: ignore[arg-type]
        if self.run.series or self.run.declined:
            self.store.save(self.run)


def _start_of(commit_range: str | None) -> str | None:
    return commit_range.split("..", 1)[0] if commit_range else None


def review(
    request: ReviewRequest, tools: Tools, store: Store, on_stage: OnStage | None = None
) -> Run:
    """Review one series; the result is saved in ``store`` and returned.

    ``on_stage`` is told of every stage that ended, with its seconds.

    Raises UserError when the input is impossible (nothing is stored then, unless the series itself
    was already understood) and InfrastructureError when no result at all could be had.
    """
    if not (request.what or request.commit_range or request.paths):
        raise UserError("nothing to review: give a message-id, URL, mbox, '-' or --range A..B")
    return Review(request, tools, store, on_stage).go()
