# SPDX-License-Identifier: GPL-2.0-only
"""The half of the pipeline that executes the series: build, boot, test, compare."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from reviewbot.model.analysis import Analysis
from reviewbot.model.coverage import PatchCoverage
from reviewbot.model.errors import ReviewbotError
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.stages import (
    analyse,
    boot,
    build,
    compare,
    coverage,
    decode,
    patch_coverage,
    test,
    variants,
)
from reviewbot.tools import profile as profiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from reviewbot.engine.pipeline import Review
    from reviewbot.model.base import Applied
    from reviewbot.model.build import BuildResult, Image, VariantBuild
    from reviewbot.model.guest import Booted, BootResult, Host
    from reviewbot.model.test import Tested
    from reviewbot.tools.kbuild import Workspace


class Lab:
    """Drives the lab stages of one review and keeps what they find in its Run."""

    def __init__(self, review: Review) -> None:
        self.review = review
        self.tools = review.tools
        self.profile = profiles.load(review.tools.config.lab.profile)
        self.booted: tuple[Booted, Booted] | None = None
        self.boots: tuple[tuple[BootResult, ...], tuple[BootResult, ...]] = ((), ())
        self.tested: Tested | None = None

    def go(self) -> None:
        """Run as far as wanted and as far as the stage before allows."""
        applied = self.review.run.applied
        if applied is None:
            return
        if not self.review.attempt(Stage.BUILD, lambda: self._build(applied)):
            self.review.skip_from(Stage.BOOT, "the build did not finish")
            return
        built = self.review.run.build
        if built is None or not self.review.wanted(Stage.BOOT):
            return
        if built.tip_image is None or built.base_image is None:
            self.review.skip_from(Stage.BOOT, built.reason or "the series does not build")
            return
        self._boot_and_test(built, built.base_image, built.tip_image)

    def _build(self, applied: Applied) -> None:
        request = build.BuildRequest(applied=applied, profile=self.profile)
        with self._variants(request) as others, build.opened(request, self.tools) as (built, view):
            self.review.keep(build=built)
            if built.status is not Status.PASS:
                return
            if self.tools.config.lab.analysis:
                self._analyse(applied, built, view.shows(applied.patches[-1].tree_id))
            if others:
                self.review.keep(build=replace(built, variants=others.result()))

    @contextmanager
    def _variants(
        self, request: build.BuildRequest
    ) -> Iterator[Future[tuple[VariantBuild, ...]] | None]:
        """Build the tip in other configurations beside the patches, most of which keep one processor busy."""
        applied, stop = request.applied, threading.Event()
        if not (self.tools.config.lab.variants and applied.patches):
            yield None
            return
        wanted = variants.VariantRequest(
            applied=applied, profile=self.profile, variables=build.variables(request)
        )
        with ThreadPoolExecutor(max_workers=1) as pool:
            try:
                yield pool.submit(variants.run, wanted, self.tools, stop)
            finally:  # of a series that does not build only the reason counts
                stop.set()

    def _analyse(self, applied: Applied, built: BuildResult, tip: Workspace | None) -> None:
        """Never costs the other results: what could not be looked at is said to be unknown."""
        asked = analyse.AnalyseRequest(applied=applied, profile=self.profile, built=built, tip=tip)
        try:
            found = analyse.run(asked, self.tools)
        except ReviewbotError as error:
            found = Analysis(unavailable=str(error))
        self.review.keep(analysis=found)

    def _boot_and_test(self, built: BuildResult, base: Image, tip: Image) -> None:
        review = self.review
        if not review.attempt(Stage.BOOT, lambda: self._boot(base, tip)):
            review.skip_from(Stage.TEST, "the guest could not be started")
            return
        if self.booted is None:
            review.skip_from(Stage.TEST, "the base does not boot")
            return
        if not review.wanted(Stage.TEST):
            self._decode(tip)
            return
        host = self.booted[1].host
        if not review.attempt(Stage.TEST, lambda: self._test(built, host)):
            review.skip_from(Stage.COMPARE, "the tests did not finish")
            self._decode(tip)
            return
        if not review.wanted(Stage.COMPARE) or not review.attempt(
            Stage.COMPARE, lambda: self._compare(tip)
        ):
            self._decode(tip)
        if self.tools.config.lab.coverage:
            self._added_lines(host)

    def _boot(self, base: Image, tip: Image) -> None:
        """Base first: what it does wrong is never blamed on the series.

        What consoles show is kept at once: it counts whether or not the tests come to an end.
        """
        asked = boot.BootRequest(image=base, profile=self.profile, known=True)
        first, before = boot.surely(asked, self.tools)
        if not boot.came_up(first.boot):
            self.review.keep(base_boot=first.boot)
            return
        asked = boot.BootRequest(image=tip, profile=self.profile, host=first.host)
        second, after = boot.surely(asked, self.tools)
        self.booted, self.boots = (first, second), (before, after)
        crashes = compare.told(before, after)
        self.review.keep(base_boot=first.boot, boot=second.boot, new_crashes=crashes)

    def _test(self, built: BuildResult, host: Host) -> None:
        series, applied = self.review.run.series, self.review.run.applied
        if series is None or applied is None:
            return
        if self.tools.config.lab.coverage:
            self._measure_base(applied, host)
        request = test.TestRequest(
            series=series, applied=applied, build=built, host=host, profile=self.profile
        )
        self.tested = test.run(request, self.tools)

    def _measure_base(self, applied: Applied, host: Host) -> None:
        """Find out which selftests execute what, once a base.  Without, tests are chosen by paths."""
        request = coverage.CoverageRequest(
            repository=applied.repository,
            commit=applied.base.commit,
            tree_id=applied.base.tree_id,
            profile=self.profile,
            host=host,
        )
        try:
            coverage.run(request, self.tools)
        except ReviewbotError as error:
            self.tools.progress(Stage.TEST, f"no coverage of the base: {error}")

    def _added_lines(self, host: Host) -> None:
        """Never costs the other results: what cannot be measured is said to be unknown."""
        applied = self.review.run.applied
        if applied is None or self.tested is None:
            return
        request = patch_coverage.PatchCoverageRequest(
            applied=applied, profile=self.profile, host=host, tests=self.tested.binaries
        )
        try:
            found = patch_coverage.run(request, self.tools)
        except ReviewbotError as error:
            found = PatchCoverage(unavailable=str(error))
        self.review.keep(coverage=found)

    def _compare(self, image: Image) -> None:
        """What first runs show is kept before anything is repeated: a failure of ours hides no crash."""
        if self.tested is None:
            return
        request = compare.CompareRequest(tested=self.tested, boots=self.boots)
        seen = compare.first(request, self.tools)
        self.review.keep(tests=seen.report, new_crashes=seen.new_crashes)
        compared = compare.run(request, self.tools)
        self.review.keep(tests=compared.report, new_crashes=compared.new_crashes)
        self._decode(image)

    def _decode(self, image: Image) -> None:
        """Never costs the other results: reports without source lines are reports, too."""
        run = self.review.run
        if run.applied is None:
            return
        request = decode.DecodeRequest(
            applied=run.applied,
            profile=self.profile,
            image=image,
            crashes=run.new_crashes,
            boot=run.boot,
            deltas=run.tests.deltas if run.tests else (),
        )
        try:
            found = decode.run(request, self.tools)
        except ReviewbotError as error:
            self.tools.progress(Stage.COMPARE, f"no source lines for the console: {error}")
            return
        tests = run.tests and replace(run.tests, deltas=found.deltas)
        self.review.keep(new_crashes=found.crashes, boot=found.boot, tests=tests)
