# SPDX-License-Identifier: GPL-2.0-only
"""Choose selftests, build them from the series, and run them once on base and series.

The *series'* build of each test runs on both kernels.  A test built from the base's sources would be
another program where the series changes the test or its library, so a difference could come from
either side; with one program only the kernel differs.  That is also how a new test shows that it needs
the series: on the base it must fail or skip itself.
"""

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from reviewbot.model.base import Applied
from reviewbot.model.build import BuildResult, Image
from reviewbot.model.coverage import Coverage
from reviewbot.model.guest import Host
from reviewbot.model.profile import Profile
from reviewbot.model.run import Stage
from reviewbot.model.series import Series
from reviewbot.model.test import TestBinary, TestCase, Tested, Unbuilt
from reviewbot.stages import coverage, selftests, units
from reviewbot.stages.choose import Available, Chosen, Measured, choose, directory
from reviewbot.stages.choose_covered import measured
from reviewbot.stages.vary import Varied, vary
from reviewbot.tools import changed_lines, guest_modules, kselftest, pair
from reviewbot.tools.context import Tools
from reviewbot.tools.objects import ObjectStore, TreeView
from reviewbot.tools.testbed import Kernel

_KERNEL = (
    *(
        "arch/*/kvm/*",
        "arch/*/kernel/*",
        "arch/*/mm/*",
        "arch/*/include/asm/*",
        "virt/*",
        "kernel/*",
    ),
    *(
        "mm/*",
        "drivers/*",
        "include/linux/*",
        "include/kvm/*",
        "include/trace/*",
        "Documentation/*",
    ),
)
_SOURCES = (".c", ".h", ".S", ".rst", ".yaml")
_KVM = ("arch/x86/kvm/", "virt/kvm/")  # no make of user space reads a Makefile there


class _SeriesUnlistedError(kselftest.UnlistedError):
    """Make lists the tests of the base, and not those of the series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRequest:
    """A series that applied and built, and how guests run here."""

    __test__ = False

    series: Series
    applied: Applied
    build: BuildResult
    host: Host
    profile: Profile


def run(request: TestRequest, tools: Tools) -> Tested:
    """Run the chosen tests once on both kernels.

    Raises UserError without QEMU or busybox, InfrastructureError when our tools fail.  Tests that do
    not build or whose guest is lost are results, and so are selftests that make cannot list.
    """
    base_image, tip_image = request.build.base_image, request.build.tip_image
    if base_image is None or tip_image is None:
        missing = "the base" if base_image is None else "the series"
        return Tested(host=request.host, cases=(), unavailable=f"no kernel of {missing} to test on")
    try:
        chosen, programs, unbuilt = _programs(request, tools)
    except kselftest.UnlistedError as error:
        return Tested(
            host=request.host,
            cases=(),
            unavailable=str(error),
            unbuilt=_no_longer_listed(error, request),
        )
    varied = _vary(request, chosen, programs, (base_image, tip_image), tools)
    scale = selftests.scale(request.host, tools)
    more = units.run(request.series, request.profile, request.host.vendor, scale, tools)
    cases = (*_with_limits((*chosen.cases, *varied.cases), scale), *more.cases)
    binaries = tuple(
        TestBinary(
            name=case.name,
            digest=programs.digests[case.program],
            limit=case.limit,
            parameters=case.parameters,
        )
        for case in cases
        if case.program in programs.digests
    )
    binaries += more.binaries
    not_tested = (
        *(*chosen.not_tested, *varied.not_tested, *more.not_tested),
        *_unsaid(programs, unbuilt),
    )
    prepared = Tested(
        host=request.host,
        cases=cases,
        binaries=binaries,
        not_tested=not_tested,
        images=(base_image, tip_image),
        profile=request.profile,
        base_tree=request.applied.base.tree_id,
        unbuilt=unbuilt,
        apart=_apart(request),
    )
    if not binaries:
        why = "no selftest could be built" if cases else "no selftest exercises what it touches"
        return replace(prepared, unavailable=why)
    base, tip = (
        Kernel(
            image=image,
            profile=request.profile,
            host=request.host,
            tree=tree,
            apart=prepared.apart,
        )
        for image, tree in ((base_image, prepared.base_tree), (tip_image, ""))
    )
    first, second = pair.run(
        tools,
        base,
        tip,
        binaries,
        repeat=0,
        on_test=lambda which, name: tools.progress(Stage.TEST, f"{which}: {name}"),
    )
    return replace(prepared, base=first, tip=second)


def _programs(
    request: TestRequest, tools: Tools
) -> tuple[Chosen, kselftest.Programs, tuple[Unbuilt, ...]]:
    """Choose among what the two trees have, and build the choice from the series' tree.

    What does not build there is built from the base's, to know whose fault it is.
    """
    applied, profile = request.applied, request.profile
    store = ObjectStore(tools.cache, applied.base.path)
    base_tree, tip_tree = (store.tree_of(commit) for commit in (applied.base.commit, applied.tip))

    def opened(tree: str) -> kselftest.Opened:
        return selftests.opened(
            profile,
            tools,
            repository=applied.repository,
            base_tree=base_tree,
            tree=tree,
        )

    tools.progress(Stage.TEST, "look for selftests")
    with opened(base_tree) as suite:
        base_names = _names(suite, store.view(applied.base.commit), "the base")
    known = coverage.known(_coverage_request(request, base_tree), request.host, tools)
    with opened(tip_tree) as suite:
        available = Available(
            base=base_names,
            tip=_names(suite, store.view(applied.tip), "the series", _SeriesUnlistedError),
            limit=selftests.limit(profile, store.view(applied.tip)),
        )
        chosen = choose(
            request.series,
            profile,
            available,
            vendor=request.host.vendor,
            at_most=tools.config.lab.max_tests,
            measured=_measured(known, available, (base_tree, tip_tree), request, tools),
        )
        if chosen.cases:
            tools.progress(Stage.TEST, f"build {len(chosen.cases)} selftests")
        programs = suite.build([case.name for case in chosen.cases])
    if not programs.failures:
        return chosen, programs, ()
    with opened(base_tree) as suite:
        before = suite.build([name for name in programs.failures if name in base_names])
    lost = programs.missing_symbols

    def theirs(name: str) -> bool:
        """Whether it is the series' fault; names that it uses and does not take away may be in another base."""
        digest = before.digests.get(name)
        if not lost:
            return digest is not None or name not in base_names
        return digest is not None and kselftest.defines(tools.cache.get(digest), lost)

    unbuilt = tuple(
        Unbuilt(name=name, reason=why, new=name not in base_names)
        for name, why in programs.failures.items()
        if theirs(name)
    )
    return chosen, programs, unbuilt


def _apart(request: TestRequest) -> str:
    """The series' tree, when it touches what may go into test programs; "" when those are the base's."""
    applied = request.applied
    if not applied.patches:
        return ""
    tip = applied.patches[-1].tree_id
    base, after = (TreeView(applied.repository, tree) for tree in (applied.base.tree_id, tip))
    touched = (change.path for change in base.changed_paths(after))
    return "" if all(map(_only_kernel, touched)) else tip


def _only_kernel(path: str) -> bool:
    """Whether nothing that user space is built from or by: neither UAPI headers nor anybody's Makefile."""
    ours = any(fnmatchcase(path, glob) for glob in _KERNEL)
    return ours and (path.endswith(_SOURCES) or path.startswith(_KVM))


def _vary(
    request: TestRequest,
    chosen: Chosen,
    programs: kselftest.Programs,
    images: tuple[Image, Image],
    tools: Tools,
) -> Varied:
    base, tip = (guest_modules.parameters(tools.cache, image) for image in images)
    return vary(
        request.series,
        request.profile,
        [case for case in chosen.cases if case.name in programs.digests],
        base & tip,
        vendor=request.host.vendor,
        sets=tools.config.lab.variations,
        at_most=tools.config.lab.max_tests,
    )


def _coverage_request(request: TestRequest, base_tree: str) -> coverage.CoverageRequest:
    return coverage.CoverageRequest(
        repository=request.applied.repository,
        commit=request.applied.base.commit,
        tree_id=base_tree,
        profile=request.profile,
    )


def _measured(
    known: Coverage | None,
    available: Available,
    trees: tuple[str, str],
    request: TestRequest,
    tools: Tools,
) -> Measured | None:
    if known is None:
        return None
    lab = tools.config.lab
    changes = changed_lines.between(request.applied.repository, *trees)
    return measured(known, changes, available.tip, at_most=lab.max_tests, seconds=lab.test_seconds)


def _names(
    suite: kselftest.Selftests,
    view: TreeView,
    whose: str,
    unlisted: type[kselftest.UnlistedError] = kselftest.UnlistedError,
) -> tuple[str, ...]:
    """What a tree has.  Not knowing must not read as "none": every test would be new, or removed."""
    if view.read(f"{suite.directory}/Makefile") is None:
        return ()
    try:
        return suite.names()
    except kselftest.UnlistedError as error:
        raise unlisted(f"could not list the selftests of {whose}: {error}") from error


def _no_longer_listed(error: kselftest.UnlistedError, request: TestRequest) -> tuple[Unbuilt, ...]:
    """Whose fault it is: the base is listed first, and what the series does not touch it did not break."""
    if not isinstance(error, _SeriesUnlistedError) or not _apart(request):
        return ()
    makefile = f"{directory(request.profile)}/Makefile"
    return (Unbuilt(name=makefile, reason=f"make lists no tests: {error.__cause__}"),)


def _with_limits(cases: tuple[TestCase, ...], scale: float) -> tuple[TestCase, ...]:
    """Time limits are for real hardware; emulation gets more."""
    return tuple(replace(case, limit=case.limit * scale) for case in cases)


def _unsaid(programs: kselftest.Programs, unbuilt: tuple[Unbuilt, ...]) -> tuple[str, ...]:
    """Tests that do not build, as far as that is not the series' fault and said elsewhere."""
    theirs = {one.name for one in unbuilt}
    said = [
        f"{name}: does not build: {why}"
        for name, why in programs.failures.items()
        if name not in theirs
    ]
    if programs.missing_symbols and said:
        names = ", ".join(programs.missing_symbols[:5])
        said.append(f"selftests use {names}, which neither the series nor its base defines")
    return tuple(said)
