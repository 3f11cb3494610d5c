# SPDX-License-Identifier: GPL-2.0-only
"""Run chosen selftests on one kernel, in as many guests as it takes.

One guest runs all tests in order.  When a test takes its guest down, that is the test's result, and a
fresh guest goes on with the next.  Results are kept per kernel, host and test binary: the same base
never runs the same test twice.
"""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from reviewbot.model.baseline import Baseline
from reviewbot.model.build import Image
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.guest import Accelerator, BootResult, CrashKind, GuestSpec, Host, Outcome
from reviewbot.model.profile import Module, Profile
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.model.test import TestBinary, TestResult, TestRun
from reviewbot.parse import guest
from reviewbot.tools import initramfs, kept_results, qemu
from reviewbot.tools.baselines import Baselines
from reviewbot.tools.cache import write_whole
from reviewbot.tools.context import Tools
from reviewbot.tools.initramfs import GuestModule, GuestTest

_BOOT_SECONDS = {Accelerator.TCG: 180.0, Accelerator.KVM: 60.0}
_HANG_SECONDS = {Accelerator.TCG: 60.0, Accelerator.KVM: 30.0}
_PER_TEST_SECONDS = 15.0  # cleaning up after a test, and the time until KILL follows TERM
NOT_REACHED = ("module did not load: ", "the guest ended before the first test: ")
"""How the assertion of a test begins that no guest got to: nothing is known of the test."""
_FATAL = {CrashKind.OOPS, CrashKind.BUG, CrashKind.PANIC, CrashKind.KASAN, CrashKind.LOCKUP}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A kernel to test on: its image, how the profile wants its modules, and where it runs.

    ``tree`` is the git tree id of a base: what tests do on it is kept as history.  "" for a series.
    """

    image: Image
    profile: Profile
    host: Host
    tree: str = ""


def boot(
    tools: Tools,
    kernel: Kernel,
    tests: Sequence[TestBinary] = (),
    *,
    on_test: Callable[[guest.Started], None] | None = None,
    cancel: threading.Event | None = None,
    counters: str = "",
    instructions: bool = False,
) -> qemu.Life:
    """One guest's life: load the profile's modules, run ``tests`` (none: just boot), power off.

    ``counters`` is the object directory whose gcov counters are sent after each test; ``instructions`` as
    in :class:`GuestSpec`.
    """
    modules, command_line = _modules(tools, kernel)
    programs = [
        GuestTest(name=test.name, data=tools.cache.get(test.digest), limit=round(test.limit))
        for test in tests
    ]
    archive = initramfs.build(modules, programs, counters=counters)
    lab = tools.config.lab
    place = Path(tempfile.mkdtemp(prefix="guest-", dir=tools.scratch))
    write_whole(place / "initramfs.cpio", archive)
    accelerator = kernel.host.accelerator
    spec = GuestSpec(
        kernel=str(tools.cache.path(kernel.image.kernel)),
        initramfs=str(place / "initramfs.cpio"),
        host=kernel.host,
        cpus=lab.cpus,
        memory_mib=lab.memory_mib,
        timeout=_BOOT_SECONDS[accelerator] + sum(test.limit + _PER_TEST_SECONDS for test in tests),
        hang_timeout=_HANG_SECONDS[accelerator],
        command_line=command_line,
        counters=bool(counters),
        instructions=instructions,
    )
    try:
        return qemu.run(
            spec, place=place / "run", cache=tools.cache, on_test=on_test, cancel=cancel
        )
    finally:
        shutil.rmtree(place, ignore_errors=True)


def run(
    tools: Tools,
    kernel: Kernel,
    tests: Sequence[TestBinary],
    *,
    repeat: int = 0,
    on_test: Callable[[str], None] | None = None,
    cancel: threading.Event | None = None,
) -> TestRun:
    """Run ``tests`` in order and return one result for each.

    First runs (``repeat`` 0) come from the cache where they are there.  A test whose guest was lost,
    panicked or hung has status CRASH; tests that no guest got to, or whose QEMU was killed by its
    host, have status INFRA.
    """
    known = kept_results.load(tools, kernel, tests) if repeat == 0 else {}
    session = Session(results={}, boots=[], logs=[])
    pending = [test for test in tests if test.name not in known]

    def started(test: guest.Started) -> None:
        if on_test:
            on_test(test.name)

    while pending and not (cancel and cancel.is_set()):
        life = boot(tools, kernel, pending, on_test=started, cancel=cancel)
        if cancel and cancel.is_set():
            break
        pending = session.take(life, pending)
    fresh = session.run(kernel, tests, repeat, tools.cache.put("".join(session.logs).encode()))
    if repeat == 0:
        kept_results.save(tools, kernel, tests, fresh)
    _note(tools, kernel, tests, fresh)
    return kept_results.with_known(fresh, tests, known)


def baseline(tools: Tools, kernel: Kernel) -> Baseline:
    """What the history calls a base and its guest."""
    lab, host = tools.config.lab, kernel.host
    place = (kernel.profile.name, host.accelerator.value, host.cpu_model, host.qemu_version)
    return Baseline(
        tree=kernel.tree,
        config=kernel.image.config,
        place=" ".join([*place, f"{lab.cpus} CPUs", f"{lab.memory_mib} MiB"]),
    )


def _note(tools: Tools, kernel: Kernel, tests: Sequence[TestBinary], ran: TestRun) -> None:
    """Every execution on a base is history, those that nobody keeps as results too."""
    if not kernel.tree:
        return
    programs = {test.name: test.digest for test in tests}
    try:
        Baselines(tools.cache.root).record(baseline(tools, kernel), ran.results, programs)
    except InfrastructureError as error:
        tools.progress(Stage.TEST, f"not noted what the base's tests did: {error}")


@dataclass(slots=True)
class Session:
    """What the guests of one run said so far."""

    results: dict[str, TestResult]
    boots: list[BootResult]
    logs: list[str]

    def take(self, life: qemu.Life, pending: list[TestBinary]) -> list[TestBinary]:
        """Note what a guest did with ``pending``; return what is left for the next one."""
        said = guest.report(life.results)
        self.boots.append(life.boot)
        self.logs.append(life.results)
        fatal = {crash.test for crash in life.boot.crashes if crash.kind in _FATAL}
        for result in said.results:
            self.results[result.name] = _with_crash(result, life.boot, fatal)
        if said.unfinished:
            self.results[said.unfinished.name] = _taken_down(said, life.boot, fatal)
        left = [test for test in pending if test.name not in self.results]
        if len(left) < len(pending):
            return left
        # Not one test was reached: another guest would do the same.
        for test in left:
            self.results[test.name] = _not_reached(test, life.boot)
        return []

    def run(self, kernel: Kernel, tests: Sequence[TestBinary], repeat: int, log: str) -> TestRun:
        """Everything, in the order of ``tests``."""
        ordered = [self.results[test.name] for test in tests if test.name in self.results]
        return TestRun(
            commit=kernel.image.commit,
            repeat=repeat,
            results=tuple(ordered),
            boots=tuple(self.boots),
            log=log,
        )


def _with_crash(result: TestResult, boot_: BootResult, fatal: set[str]) -> TestResult:
    """A test that made the kernel oops did not pass, whatever it printed."""
    if result.name not in fatal:
        return result
    crash = next(c for c in boot_.crashes if c.test == result.name and c.kind in _FATAL)
    return replace(result, status=Status.CRASH, assertion=crash.title)


def _taken_down(said: guest.GuestReport, boot_: BootResult, fatal: set[str]) -> TestResult:
    """The result of a test that was running when its guest ended.

    When the host killed QEMU the test is not to blame, unless its kernel had crashed before.
    """
    assert said.unfinished is not None  # noqa: S101 - checked by the only caller
    name = said.unfinished.name
    titles = [crash.title for crash in boot_.crashes if crash.test == name]
    infra = boot_.outcome is Outcome.INFRA and name not in fatal
    why = titles[0] if titles and not infra else f"the guest ended: {_how(boot_)}"
    return TestResult(
        name=name,
        status=Status.INFRA if infra else Status.CRASH,
        seconds=0.0,
        exit_code=None,
        assertion=why,
        output=said.unfinished_output[-guest.OUTPUT_LINES :],
    )


def _not_reached(test: TestBinary, boot_: BootResult) -> TestResult:
    failed = bool(boot_.module_error) or boot_.outcome is not Outcome.INFRA
    if boot_.module_error:
        why = f"{NOT_REACHED[0]}{boot_.module_error}"
    else:
        why = f"{NOT_REACHED[1]}{_how(boot_)}"
    return TestResult(
        name=test.name,
        status=Status.CRASH if failed else Status.INFRA,
        seconds=0.0,
        exit_code=None,
        assertion=why,
        output=boot_.last_lines,
    )


def _how(boot_: BootResult) -> str:
    """How a guest ended; where our side failed, what was said last is the reason."""
    if boot_.outcome is Outcome.INFRA and boot_.last_lines:
        return boot_.last_lines[-1]
    return boot_.outcome.value


def _modules(tools: Tools, kernel: Kernel) -> tuple[list[GuestModule], str]:
    """What to load, and the kernel parameters that say the same to what is built in."""
    wanted = [m for m in kernel.profile.modules if m.vendor in {"", kernel.host.vendor}]
    by_name = {_stem(path): digest for path, digest in kernel.image.modules}
    configured = {_stem(module.path): module for module in wanted}
    foreign = {_stem(m.path) for m in kernel.profile.modules} - set(configured)
    loads = []
    # The image's order is the dependency order of the build; it also holds what ours depend on.
    for path, digest in kernel.image.modules:
        if _stem(path) in foreign:
            continue
        parameters = configured[_stem(path)].parameters if _stem(path) in configured else ""
        name = PurePosixPath(path).name
        loads.append(GuestModule(name=name, data=tools.cache.get(digest), parameters=parameters))
    built_in = [module for module in wanted if _stem(module.path) not in by_name]
    return loads, " ".join(_boot_parameters(built_in))


def _boot_parameters(modules: Iterable[Module]) -> Iterable[str]:
    for module in modules:
        yield from (f"{_stem(module.path)}.{word}" for word in module.parameters.split())


def _stem(path: str) -> str:
    """``arch/x86/kvm/kvm-amd.ko`` -> ``kvm_amd``, as the kernel calls it."""
    return PurePosixPath(path).name.removesuffix(".ko").replace("-", "_")
