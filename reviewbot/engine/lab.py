# SPDX-License-Identifier: GPL-2.0-only
"""The half of the pipeline that executes the series: build, boot, test, compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewbot.model.run import Stage
from reviewbot.stages import boot, build, compare, test
from reviewbot.tools import profile as profiles

if TYPE_CHECKING:
    from reviewbot.engine.pipeline import Review
    from reviewbot.model.base import Applied
    from reviewbot.model.build import BuildResult, Image


class Lab:
    """Drives the lab stages of one review and keeps what they find in its Run."""

    def __init__(self, review: Review) -> None:
        self.review = review
        self.tools = review.tools
        self.profile = profiles.load(review.tools.config.lab.profile)

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
        if built.tip_image is None:
            self.review.skip_from(Stage.BOOT, built.reason or "the series does not build")
            return
        self._boot_and_test(applied, built, built.tip_image)

    def _build(self, applied: Applied) -> None:
        request = build.BuildRequest(applied=applied, profile=self.profile)
        self.review.keep(build=build.run(request, self.tools))

    def _boot_and_test(self, applied: Applied, built: BuildResult, tip: Image) -> None:
        review = self.review
        booted: list[boot.Booted] = []
        request = boot.BootRequest(image=tip, profile=self.profile)
        if not review.attempt(Stage.BOOT, lambda: booted.append(boot.run(request, self.tools))):
            review.skip_from(Stage.TEST, "the guest could not be started")
            return
        review.keep(boot=booted[0].boot)
        if not review.wanted(Stage.TEST) or review.run.series is None:
            return
        tested: list[test.Tested] = []
        to_test = test.TestRequest(
            series=review.run.series,
            applied=applied,
            build=built,
            host=booted[0].host,
            profile=self.profile,
        )
        if not review.attempt(Stage.TEST, lambda: tested.append(test.run(to_test, self.tools))):
            review.skip_from(Stage.COMPARE, "the tests did not finish")
            return
        if review.wanted(Stage.COMPARE):
            review.attempt(Stage.COMPARE, lambda: self._compare(tested[0]))

    def _compare(self, tested: test.Tested) -> None:
        compared = compare.run(compare.CompareRequest(tested=tested), self.tools)
        self.review.keep(tests=compared.report, new_crashes=compared.new_crashes)
