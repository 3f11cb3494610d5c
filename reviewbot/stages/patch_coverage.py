# SPDX-License-Identifier: GPL-2.0-only
"""Build the series' tip so that it counts, run the chosen selftests on it, and look at the added lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reviewbot.model.base import Applied
from reviewbot.model.codec import key_of
from reviewbot.model.coverage import PatchCoverage, Touched
from reviewbot.model.guest import Accelerator, Host
from reviewbot.model.profile import Profile
from reviewbot.model.run import Stage
from reviewbot.model.test import TestBinary
from reviewbot.parse.c import CFile
from reviewbot.parse.c_jumps import Jump, jumps
from reviewbot.stages import counting
from reviewbot.stages.added_code import added_code, together, uncounted, with_jumps
from reviewbot.tools import changed_lines, counted, kept_results, testbed
from reviewbot.tools.context import Tools
from reviewbot.tools.kbuild import BaseFailed, Kernel
from reviewbot.tools.objects import TreeView

VERSION = 4
"""Raised when what is kept would be measured otherwise today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchCoverageRequest:
    """The applied series, the programs that were run on it, and how guests run here."""

    applied: Applied
    profile: Profile
    host: Host
    tests: tuple[TestBinary, ...]


def run(request: PatchCoverageRequest, tools: Tools) -> PatchCoverage:
    """Which added lines the tests run; see PatchCoverage.

    A kernel that does not build or boot with counters is an answer.  Raises InfrastructureError when our
    tools fail.
    """
    applied, profile = request.applied, request.profile
    if not applied.patches:
        return PatchCoverage(unavailable="no patch was applied")
    changes = changed_lines.between(
        applied.repository, applied.base.tree_id, applied.patches[-1].tree_id
    )
    if not any(_is_code(change) for change in changes):
        return PatchCoverage(uncounted=uncounted(changes, ()))
    if profile.counting is None:
        return PatchCoverage(unavailable=f"profile {profile.name} has no table [counting]")
    if not selftests(request.tests):
        return PatchCoverage(unavailable="no selftest was run")
    kernel = counting.kernel_of(applied.repository, applied.base.tree_id, profile, profile.counting)
    guest = (request.host.accelerator, request.host.qemu_version, request.host.cpu_model)
    tests = [
        (test.name, test.digest, test.limit, test.parameters) for test in selftests(request.tests)
    ]
    key = key_of(
        *("patch-coverage", VERSION, kernel.key, applied.patches[-1].tree_id, guest, tests),
        kept_results.code_digest(),
    )
    if kept := tools.cache.load("patch-coverage", key, PatchCoverage):
        return kept
    try:
        found = _measure(request, kernel, changes, tools)
    except BaseFailed as failure:
        return PatchCoverage(unavailable=f"{failure} with gcov's counters")
    if len(found.tests) == len(tests):  # else a guest was lost: by the machine's fault, maybe
        tools.cache.save("patch-coverage", key, found)
    return found


def _is_code(change: Touched) -> bool:
    """Worth a kernel that counts; many series change selftests or documents alone."""
    source = change.path.endswith((".c", ".h")) and not change.path.startswith("tools/")
    return source and bool(change.added)


def selftests(tests: Iterable[TestBinary]) -> tuple[TestBinary, ...]:
    """Those that are run again to count: no kvm-unit-tests, but those with other module parameters.

    Code for shadow paging is run by no other.
    """
    return tuple(test for test in tests if not test.options)


def _measure(
    request: PatchCoverageRequest,
    kernel: Kernel,
    changes: Sequence[Touched],
    tools: Tools,
) -> PatchCoverage:
    applied = request.applied
    base = counting.base(kernel, request.profile, applied.base.commit, tools)
    tools.progress(Stage.TEST, "build the series with gcov's counters")
    try:
        with counting.tip(base, applied.patches[-1].tree_id, applied.tip, tools) as tip:
            guest = testbed.Kernel(image=tip.image, profile=request.profile, host=request.host)
            batches = list(
                counted.run(
                    tools,
                    guest,
                    selftests(request.tests),
                    on_test=lambda name: tools.progress(Stage.TEST, f"count: {name}"),
                )
            )
            ran = [one for batch in batches for one in batch.tests if one.counters]
            totals = [base.count(tip.objects.mount, one.counters) for one in ran]
            loading = [base.count(tip.objects.mount, one.loading) for one in batches if one.loading]
    except counting.TipFailed as failure:
        return PatchCoverage(unavailable=str(failure))
    if not totals:
        return PatchCoverage(unavailable="no test sent what it counted")
    sources = _Sources(TreeView(applied.repository, applied.patches[-1].tree_id))
    files, start = (
        {
            change.path: with_jumps(ran_of[change.path], sources.jumps(change.path))
            for change in changes
            if change.path in ran_of
        }
        for ran_of in (together(totals), together(loading))
    )
    return PatchCoverage(
        code=added_code(changes, files, start, sources.function),
        tests=tuple(one.result.name for one in ran),
        vendor=request.host.vendor,
        emulated=request.host.accelerator is Accelerator.TCG,
        uncounted=uncounted(changes, files),
    )


class _Sources:
    """The tip's sources, for what gcc took away before it counted."""

    def __init__(self, tip: TreeView) -> None:
        self._tip = tip
        self._parsed: dict[str, CFile] = {}

    def _of(self, path: str) -> CFile:
        if path not in self._parsed:
            self._parsed[path] = CFile(path, self._tip.read(path) or b"")
        return self._parsed[path]

    def function(self, path: str, line: int) -> str:
        """The function that holds a line, inlined or not; "" for none."""
        functions = self._of(path).functions.values()
        return next((one.name for one in functions if one.line <= line <= one.end), "")

    def jumps(self, path: str) -> tuple[Jump, ...]:
        """Its statements that gcc may have folded away."""
        return jumps(self._of(path).text)
