# SPDX-License-Identifier: GPL-2.0-only
"""Build the series' tip so that it counts, run the chosen selftests on it, and look at the added lines."""

import functools
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reviewbot.model.base import Applied
from reviewbot.model.codec import key_of
from reviewbot.model.coverage import (
    AddedCode,
    CountedFile,
    PatchCoverage,
    Span,
    Touched,
)
from reviewbot.model.guest import Accelerator, Host
from reviewbot.model.profile import Profile
from reviewbot.model.run import Stage
from reviewbot.model.test import TestBinary
from reviewbot.parse.c import CFile
from reviewbot.parse.c_facts import Function
from reviewbot.stages import counting
from reviewbot.stages.covered import meets, spans
from reviewbot.tools import changed_lines, counted, kept_results, testbed
from reviewbot.tools.context import Tools
from reviewbot.tools.kbuild import BaseFailed, Kernel
from reviewbot.tools.objects import TreeView

VERSION = 3
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
    if found.tests:
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
    files = together(totals)
    return PatchCoverage(
        code=added_code(changes, files, together(loading), _holders(applied)),
        tests=tuple(one.result.name for one in ran),
        vendor=request.host.vendor,
        emulated=request.host.accelerator is Accelerator.TCG,
        uncounted=uncounted(changes, files),
    )


def _holders(applied: Applied) -> Callable[[str, int], str]:
    """The function that holds a line of the tip's source, for what gcc inlined away before it counted."""
    tip = TreeView(applied.repository, applied.patches[-1].tree_id)

    @functools.cache
    def functions(path: str) -> tuple[Function, ...]:
        return tuple(CFile(path, tip.read(path) or b"").functions.values())

    def holder(path: str, line: int) -> str:
        return next((one.name for one in functions(path) if one.line <= line <= one.end), "")

    return holder


def together(runs: Iterable[Sequence[CountedFile]]) -> dict[str, CountedFile]:
    """Files of several runs of one kernel, by path, with counts added up."""
    found: dict[str, CountedFile] = {}
    for files in runs:
        for file in files:
            before = found.get(file.path)
            found[file.path] = file if before is None else _sum(before, file)
    return found


def _sum(one: CountedFile, other: CountedFile) -> CountedFile:
    lines = {line: one.lines.get(line, 0) + count for line, count in other.lines.items()}
    ran = {function.name for function in one.functions if function.executed}
    return CountedFile(
        path=one.path,
        functions=tuple(
            replace(function, executed=function.executed or function.name in ran)
            for function in other.functions
        ),
        lines=lines,
        loaded=one.loaded or other.loaded,
        foreign=one.foreign & other.foreign,
    )


def added_code(
    changes: Iterable[Touched],
    files: Mapping[str, CountedFile],
    loading: Mapping[str, CountedFile],
    holder: Callable[[str, int], str] = lambda _path, _line: "",
) -> tuple[AddedCode, ...]:
    """Added executable lines by function, in the order of the files; others are no code.

    ``files`` are as tests counted them, ``loading`` those before the first test; ``holder`` names the function of
    a line that gcov has in none.
    """
    found = []
    for change in changes:
        file = files.get(change.path)
        if file is None:
            continue
        added = [line for line in file.lines if _in_any(line, change.added)]
        by_function: dict[tuple[str, bool], list[int]] = {}
        for line in added:
            name = _function(file, line) or holder(file.path, line)
            place = (name, file.loaded and line not in file.foreign)
            by_function.setdefault(place, []).append(line)
        start = loading[file.path].lines if file.path in loading else {}
        found += [
            _added(file, name, lines, start, loaded)
            for (name, loaded), lines in by_function.items()
        ]
    return tuple(found)


def uncounted(changes: Iterable[Touched], files: Container[str]) -> tuple[str, ...]:
    """Sources of the kernel that get new lines and are none of ``files``, which were counted."""
    return tuple(
        change.path
        for change in changes
        if change.added
        and change.path.endswith((".c", ".S"))
        and change.path not in files
        and not change.path.startswith("tools/")
    )


def _added(
    file: CountedFile, name: str, lines: list[int], start: Mapping[int, int], loaded: bool
) -> AddedCode:
    unrun = [line for line in lines if not file.lines[line]]
    missed = [line for line in unrun if not start.get(line)]
    return AddedCode(
        path=file.path,
        function=name,
        lines=len(lines),
        executed=len(lines) - len(missed),
        missed=spans(missed, file.lines),
        loaded=loaded,
        counted=spans(lines, range(lines[0], lines[-1] + 1)),
        at_load=len(unrun) - len(missed),
    )


def _in_any(line: int, among: Iterable[Span]) -> bool:
    return any(meets((line, line), span) for span in among)


def _function(file: CountedFile, line: int) -> str:
    """Of several from one text, as paging_tmpl.h has, one that ran."""
    here = [one for one in file.functions if one.first <= line <= one.last]
    return max(here, key=lambda one: one.executed).name if here else ""
