# SPDX-License-Identifier: GPL-2.0-only
"""Run chosen selftests on one kernel, in as many guests as it takes.

One guest runs all tests in order.  When a test takes its guest down, that is the test's result, and a
fresh guest goes on with the next.  Results are kept per kernel, host and test binary: the same base
never runs the same test twice.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.model.baseline import Baseline
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.guest import Accelerator, BootResult, GuestSpec, Host
from reviewbot.model.run import Stage
from reviewbot.model.test import TestBinary, TestResult, TestRun
from reviewbot.parse import console, guest
from reviewbot.tools import (
    calibration,
    guest_emulator,
    guest_modules,
    initramfs,
    kept_results,
    qemu,
    share_out,
)
from reviewbot.tools.baselines import Baselines
from reviewbot.tools.cache import write_whole
from reviewbot.tools.guest_results import NOT_REACHED, Session
from reviewbot.tools.initramfs import GuestTest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reviewbot.model.build import Image
    from reviewbot.model.profile import Profile
    from reviewbot.tools.context import Tools

_BOOT_SECONDS = {Accelerator.TCG: 180.0, Accelerator.KVM: 60.0}
_HANG_SECONDS = {Accelerator.TCG: 60.0, Accelerator.KVM: 30.0}
# Where instructions are the clock, two of init's seconds are 2 * 10^9 of them: 13 s on a quiet host.
_COUNTED_HANG_SECONDS = 300.0
_PER_TEST_SECONDS = 15.0  # cleaning up after a test, and the time until KILL follows TERM


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A kernel to test on: its image, how the profile wants its modules, and where it runs.

    ``tree`` is the git tree id of a base: what tests do on it is kept as history.  "" for a series.
    ``parameters`` replace the profile's own: "kvm_amd.npt=0".  ``apart`` names a series that had a hand in the
    programs to be run: one of them, being root in its guest, may forge what the others say, so that what is
    seen of them is kept for that series alone.
    """

    image: Image
    profile: Profile
    host: Host
    tree: str = ""
    parameters: tuple[str, ...] = ()
    apart: str = ""


def boot(
    tools: Tools,
    kernel: Kernel,
    tests: Sequence[TestBinary] = (),
    *,
    on_test: Callable[[guest.Started], None] | None = None,
    on_done: Callable[[str, str], None] | None = None,
    cancel: threading.Event | None = None,
    counters: str = "",
    instructions: bool = False,
) -> qemu.Life:
    """One guest's life: load the profile's modules, run ``tests`` (none: just boot), power off.

    ``on_test`` hears of these tests alone: a hostile guest says what it likes.  ``counters`` is the object directory
    whose gcov counters are sent after each test; ``instructions`` as in :class:`GuestSpec`.
    """
    planned = frozenset(test.name for test in tests)

    def began(test: guest.Started) -> None:
        if on_test and test.name in planned:
            on_test(test)

    modules, command_line = guest_modules.loads(tools, kernel)
    programs = [
        GuestTest(
            name=test.name,
            data=tools.cache.get(test.digest),
            limit=round(test.limit),
            options=test.options,
            checks=test.checks,
        )
        for test in tests
    ]
    nested = any(test.options for test in tests)
    files = guest_emulator.files(kernel.host.qemu) if nested else {}
    archive = initramfs.build(
        modules, programs, counters=counters, expected=kernel.parameters, files=files
    )
    if not instructions:  # with those its time stamp counter is another
        known = calibration.parameters(tools.cache, kernel.image.config, kernel.host)
        command_line = f"{command_line} {known}".strip()
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
        hang_timeout=_COUNTED_HANG_SECONDS if instructions else _HANG_SECONDS[accelerator],
        command_line=command_line,
        counters=bool(counters),
        instructions=instructions,
    )
    try:
        life = qemu.run(
            spec,
            place=place / "run",
            cache=tools.cache,
            on_test=began,
            on_done=on_done,
            cancel=cancel,
        )
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if kernel.tree and not instructions:
        calibration.learn(tools.cache, kernel.image.config, kernel.host, life.boot.console)
    return life


def run(
    tools: Tools,
    kernel: Kernel,
    tests: Sequence[TestBinary],
    *,
    repeat: int = 0,
    on_test: Callable[[str], None] | None = None,
    cancel: threading.Event | None = None,
    slots: threading.Semaphore | None = None,
) -> TestRun:
    """Run ``tests``, the longest first and in several guests at once; one result each, in their order.

    First runs (``repeat`` 0) come from the cache where they are there; each is kept as soon as it has
    ended, so that a review that was killed goes on where it was.  ``slots`` are guests that others start,
    too: how many of all may run at once; without, ``lab.guests`` of this kernel.  A test whose guest was lost,
    panicked or hung has status CRASH; tests that no guest got to, or whose QEMU was killed by its
    host, have status INFRA.
    """
    cancel = cancel or threading.Event()
    work = _Work(tools, kernel, repeat, on_test or (lambda _name: None), cancel)
    lab = tools.config.lab
    at_once = share_out.guests(lab.guests, lab.memory_mib)
    free = slots or threading.Semaphore(at_once)

    def one(share: list[TestBinary]) -> Session:
        with free:
            return work.share(share)

    shares = work.shares(tests, at_once)
    with ThreadPoolExecutor(max_workers=max(1, len(shares))) as pool:
        futures = [pool.submit(one, share) for share in shares]
        try:
            sessions = [future.result() for future in futures]
        except BaseException:
            cancel.set()
            raise
    return work.whole(tests, sessions)


class _Work:
    """The runs of some tests on one kernel."""

    def __init__(
        self,
        tools: Tools,
        kernel: Kernel,
        repeat: int,
        on_test: Callable[[str], None],
        cancel: threading.Event,
    ) -> None:
        self.tools, self.kernel, self.repeat = tools, kernel, repeat
        self.on_test, self.cancel = on_test, cancel
        self.known: dict[str, TestRun] = {}

    def shares(self, tests: Sequence[TestBinary], at_once: int) -> list[list[TestBinary]]:
        """What each guest runs; nothing of what is known."""
        if self.repeat == 0:
            self.known = kept_results.load(self.tools, self.kernel, tests)
        pending = [test for test in tests if test.name not in self.known]
        seconds = self._seconds(pending)
        return [
            share
            for group in share_out.alike(pending)
            for share in share_out.share_out(group, seconds, at_once)
        ]

    def share(self, tests: list[TestBinary]) -> Session:
        """Run some tests in a guest, and in another one after each that takes its guest down."""
        session = Session(results={}, boots=[], logs=[])
        kernel = replace(self.kernel, parameters=tests[0].parameters)
        names = {plain(test.name): test for test in tests}
        pending = [replace(test, name=plain(test.name)) for test in tests]
        kept: set[str] = set()

        def ended(results: str, log: str) -> None:
            # One look at the port may show several quick tests, so not only the last is new.
            if self.repeat == 0 and not console.crashes(log):
                said = guest.report(results).results
                new = [one for one in said if one.name in names and one.name not in kept]
                self._keep([replace(one, name=names[one.name].name) for one in new], tests, ())
                kept.update(one.name for one in new)

        while pending and not self.cancel.is_set():
            life = boot(
                self.tools,
                kernel,
                pending,
                on_test=lambda test: self.on_test(names[test.name].name),
                on_done=ended,
                cancel=self.cancel,
            )
            if self.cancel.is_set():
                break
            pending = session.take(life, pending)
        return session.named({name: test.name for name, test in names.items()})

    def whole(self, tests: Sequence[TestBinary], sessions: Iterable[Session]) -> TestRun:
        """Everything that was run, kept, with what was known before."""
        merged = Session(results={}, boots=[], logs=[])
        for session in sessions:
            merged.results |= session.results
            merged.boots += session.boots
            merged.logs += session.logs
        log = self.tools.cache.put("".join(merged.logs).encode())
        fresh = merged.run(self.kernel, tests, self.repeat, log)
        if self.repeat == 0:
            self._keep(fresh.results, tests, fresh.boots)
        _note(self.tools, self.kernel, tests, fresh)
        return kept_results.with_known(fresh, tests, self.known)

    def _keep(
        self,
        results: Sequence[TestResult],
        tests: Sequence[TestBinary],
        boots: Sequence[BootResult],
    ) -> None:
        ran = TestRun(
            commit=self.kernel.image.commit,
            repeat=self.repeat,
            results=tuple(results),
            boots=tuple(boots),
        )
        kept_results.save(self.tools, self.kernel, tests, ran)

    def _seconds(self, tests: Sequence[TestBinary]) -> dict[str, float]:
        place = baseline(self.tools, self.kernel).place
        try:
            return Baselines(self.tools.cache.root).seconds(place, [test.name for test in tests])
        except InfrastructureError as error:
            self.tools.progress(Stage.TEST, f"not known how long tests take: {error}")
            return {}


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
    """Every execution on a base is history, those that nobody keeps as results too; not what no guest got to."""
    if not kernel.tree or kernel.apart:
        return
    programs = {test.name: test.digest for test in tests}
    executed = [one for one in ran.results if not one.assertion.startswith(NOT_REACHED)]
    try:
        Baselines(tools.cache.root).record(baseline(tools, kernel), executed, programs)
    except InfrastructureError as error:
        tools.progress(Stage.TEST, f"not noted what the base's tests did: {error}")


def plain(name: str) -> str:
    """A test's name without module parameters."""
    return name.partition(" [")[0]
