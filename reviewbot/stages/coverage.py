# SPDX-License-Identifier: GPL-2.0-only
"""Run the selftests of a base on a kernel that counts, and keep which of them executes what.

Each test's share is kept by itself, so a run that is cut off goes on where it was.
"""

from collections.abc import Container
from dataclasses import dataclass

from reviewbot.model.codec import key_of
from reviewbot.model.coverage import CountedFile, Coverage, Loading, TestCoverage
from reviewbot.model.errors import UserError
from reviewbot.model.guest import Accelerator, Host
from reviewbot.model.profile import Profile
from reviewbot.model.run import Stage
from reviewbot.model.test import TestBinary
from reviewbot.stages import boot, counting, selftests
from reviewbot.stages.counting import CountingBase
from reviewbot.stages.covered import assemble, executed, loading
from reviewbot.tools import counted, kept_results, testbed
from reviewbot.tools.context import Tools
from reviewbot.tools.kbuild import BaseFailed, Kernel
from reviewbot.tools.objects import TreeView

VERSION = 1
"""Raised when what is kept would be measured otherwise today."""

_LONGEST = {Accelerator.TCG: 60.0, Accelerator.KVM: 30.0}
"""Seconds: what a test has executed by then it has executed; three of KVM's never end under emulation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRequest:
    """A base by repository, commit and tree.  ``tests`` are globs of names; ``host`` None finds out."""

    repository: str
    commit: str
    tree_id: str
    profile: Profile
    tests: tuple[str, ...] = ("*",)
    host: Host | None = None


def known(request: CoverageRequest, host: Host, tools: Tools) -> Coverage | None:
    """What was measured of this base on such a host before, or None.  Builds and runs nothing."""
    if request.profile.counting is None:
        return None
    kernel = counting.kernel_of(
        request.repository, request.tree_id, request.profile, request.profile.counting
    )
    return tools.cache.load("coverage", _key(kernel, host, tools), Coverage)


def run(request: CoverageRequest, tools: Tools) -> Coverage:
    """Measure what is not known yet.  The answer has every test that was ever measured so.

    Raises UserError when the base cannot be built so, boots not or has no such test, InfrastructureError
    when our tools fail.
    """
    base = _base(request, tools)
    host = request.host or _host(base, tools)
    binaries = programs(request, host, tools)
    kernel = testbed.Kernel(image=base.image, profile=request.profile, host=host)
    keys = {test.name: _test_key(kernel, base.kernel, test, tools) for test in binaries}
    kept = {name: tools.cache.load("covered", keys[name], TestCoverage) for name in keys}
    missing = [test for test in binaries if kept[test.name] is None]
    files = _notes(base)
    start = _loading_key(kernel, base.kernel, tools)
    loaded = tools.cache.load("loading", start, Loading)
    done = len(binaries) - len(missing)
    for batch in counted.run(
        tools, kernel, missing, on_test=lambda name: tools.progress(Stage.TEST, f"count: {name}")
    ):
        if batch.loading and loaded is None:
            loaded = loading(base.count(base.objects, batch.loading))
            tools.cache.save("loading", start, loaded)
        for one in batch.tests:
            found = _covered(one, base, keys[one.result.name])
            kept[found.test] = found
            if found.files:
                tools.cache.save("covered", keys[found.test], found)
        done += len(batch.tests)
        tools.progress(Stage.TEST, f"counted {done} of {len(binaries)} selftests")
    measured = [test for test in kept.values() if test is not None]
    place = _key(base.kernel, host, tools)
    measured += _earlier(place, keys, tools)
    measured.sort(key=lambda test: test.test)
    coverage = assemble(request.commit, files, measured, loaded)
    tools.cache.save("coverage", place, coverage)
    return coverage


def _base(request: CoverageRequest, tools: Tools) -> CountingBase:
    profile = request.profile
    if profile.counting is None:
        raise UserError(f"profile {profile.name} has no table [counting]: nothing counts")
    kernel = counting.kernel_of(request.repository, request.tree_id, profile, profile.counting)
    try:
        return counting.base(kernel, profile, request.commit, tools)
    except BaseFailed as failure:
        said = failure.made.log.strip().rpartition("\n")[2]
        raise UserError(f"{failure} with gcov's counters: {said[:200]}") from failure


def _host(base: CountingBase, tools: Tools) -> Host:
    booted = boot.run(boot.BootRequest(image=base.image, profile=base.profile), tools)
    if not boot.came_up(booted.boot):
        raise UserError(
            f"the kernel with gcov's counters does not boot: {booted.boot.outcome.value}"
        )
    return booted.host


def programs(request: CoverageRequest, host: Host, tools: Tools) -> tuple[TestBinary, ...]:
    """The base's own selftests that match, built from its tree; those that do not build are left out."""
    view = TreeView(request.repository, request.tree_id)
    limit = min(selftests.limit(request.profile, view), _LONGEST[host.accelerator])
    with selftests.opened(
        request.profile,
        tools,
        repository=request.repository,
        base_tree=request.tree_id,
        tree=request.tree_id,
    ) as suite:
        names = [name for name in suite.names() if selftests.wanted(name, request.tests)]
        if not names:
            raise UserError(f"no selftest matches {' '.join(request.tests)}")
        tools.progress(Stage.TEST, f"build {len(names)} selftests")
        built = suite.build(names)
    return tuple(
        TestBinary(name=name, digest=digest, limit=limit)
        for name, digest in sorted(built.digests.items())
    )


def _notes(base: CountingBase) -> tuple[CountedFile, ...]:
    """All that could run."""
    return base.count(base.objects, {})


def _covered(one: counted.Counted, base: CountingBase, key: str) -> TestCoverage:
    files: tuple[CountedFile, ...] = ()
    if one.counters:
        files = base.count(base.objects, one.counters)
    return TestCoverage(
        key=key,
        test=one.result.name,
        status=one.result.status,
        seconds=one.result.seconds,
        files=executed(files),
    )


def _earlier(place: str, names: Container[str], tools: Tools) -> list[TestCoverage]:
    """Tests that were measured before and are none of ``names``."""
    before = tools.cache.load("coverage", place, Coverage)
    wanted = [test.key for test in before.tests if test.name not in names] if before else []
    found = (tools.cache.load("covered", key, TestCoverage) for key in wanted)
    return [test for test in found if test is not None]


def _key(kernel: Kernel, host: Host, tools: Tools) -> str:
    return key_of("coverage", VERSION, kernel.key, *_guest(host, tools))


def _guest(host: Host, tools: Tools) -> tuple[object, ...]:
    lab = tools.config.lab
    return (host.accelerator, host.qemu_version, host.cpu_model, lab.cpus, lab.memory_mib)


def _test_key(kernel: testbed.Kernel, built: Kernel, test: TestBinary, tools: Tools) -> str:
    program = (test.name, test.digest, test.limit)
    return key_of("covered", *_guest_key(kernel, built, tools), *program)


def _loading_key(kernel: testbed.Kernel, built: Kernel, tools: Tools) -> str:
    return key_of("loading", *_guest_key(kernel, built, tools))


def _guest_key(kernel: testbed.Kernel, built: Kernel, tools: Tools) -> tuple[object, ...]:
    modules = [(one.path, one.vendor, one.parameters) for one in kernel.profile.modules]
    guest = _guest(kernel.host, tools)
    return (VERSION, built.key, modules, *guest, kept_results.code_digest())
