# SPDX-License-Identifier: GPL-2.0-only
"""What guests did with the tests they were given: their words, and how they themselves ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reviewbot.model.guest import STOPPED, BootResult, CrashKind, Outcome
from reviewbot.model.status import Status
from reviewbot.model.test import TestBinary, TestResult, TestRun
from reviewbot.parse import guest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewbot.tools.qemu import Life
    from reviewbot.tools.testbed import Kernel

_FATAL = {CrashKind.OOPS, CrashKind.BUG, CrashKind.PANIC, CrashKind.KASAN, CrashKind.LOCKUP}
NOT_REACHED = ("module did not load: ", "the guest ended before the first test: ")
"""How the assertion of a test begins that no guest got to: nothing is known of the test."""
_LAST_LINES = 12
"""Of the console of a guest that was lost, behind what its test printed."""


@dataclass(slots=True)
class Session:
    """What the guests of one run said so far."""

    results: dict[str, TestResult]
    boots: list[BootResult]
    logs: list[str]
    stopped: bool = False  # one just stopped before its first test

    def take(self, life: Life, pending: list[TestBinary]) -> list[TestBinary]:
        """Note what a guest did with ``pending``; return what is left for the next one.

        A hostile kernel, or a program that gets hold of init's port, names tests as it likes: those that
        nobody asked for are not heard.
        """
        said = guest.report(life.results)
        asked = {test.name for test in pending}
        self.boots.append(life.boot)
        self.logs.append(life.results)
        fatal = {crash.test for crash in life.boot.crashes if crash.kind in _FATAL}
        for result in said.results:
            if result.name in asked:
                self.results[result.name] = _with_crash(result, life.boot, fatal)
        if said.unfinished and said.unfinished.name in asked:
            self.results[said.unfinished.name] = _taken_down(said, life.boot, fatal)
        if said.unlike:
            self.results |= {test.name: _without_effect(test, said.unlike) for test in pending}
        left = [test for test in pending if test.name not in self.results]
        if len(left) < len(pending):
            return left
        if life.boot.outcome in STOPPED and not self.stopped:
            # A busy machine looks so, too: of a base that looked like a failure of every test.
            self.stopped = True
            return left
        # Not one test was reached: another guest would do the same.
        for test in left:
            self.results[test.name] = _not_reached(test, life.boot)
        return []

    def named(self, names: Mapping[str, str]) -> Session:
        """The same with other names of tests; guests know nothing of module parameters."""
        return Session(
            results={names[n]: replace(one, name=names[n]) for n, one in self.results.items()},
            boots=[
                replace(
                    one,
                    crashes=tuple(
                        replace(crash, test=names.get(crash.test, crash.test))
                        for crash in one.crashes
                    ),
                )
                for one in self.boots
            ],
            logs=self.logs,
        )

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
    mine = [crash for crash in boot_.crashes if crash.test == name]
    infra = boot_.outcome is Outcome.INFRA and name not in fatal
    why = next((crash.title for crash in mine if crash.kind in _FATAL), "")
    if not why:  # a warning takes no guest down: with another end it is another failure
        after = f", after {mine[0].title}" if mine and not infra else ""
        why = f"the guest ended: {_how(boot_)}{after}"
    return TestResult(
        name=name,
        status=Status.INFRA if infra else Status.CRASH,
        seconds=0.0,
        exit_code=None,
        assertion=why,
        output=_output(said, boot_),
    )


def _output(said: guest.GuestReport, boot_: BootResult) -> tuple[str, ...]:
    """What the test said last, and the console: of a hang there is nothing else."""
    mine = said.unfinished_output[-guest.OUTPUT_LINES :]
    last = boot_.last_lines[-_LAST_LINES:]
    return (*mine, "on the console:", *last) if last else mine


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


def _without_effect(test: TestBinary, unlike: str) -> TestResult:
    name, _, value = unlike.partition("=")
    return TestResult(
        name=test.name,
        status=Status.SKIP,
        seconds=0.0,
        exit_code=None,
        assertion=f"{name} stays {value} in this guest",
    )


def _how(boot_: BootResult) -> str:
    """How a guest ended; where our side failed, what was said last is the reason."""
    if boot_.outcome is Outcome.INFRA and boot_.last_lines:
        return boot_.last_lines[-1]
    return boot_.outcome.value
