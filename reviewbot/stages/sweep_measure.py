# SPDX-License-Identifier: GPL-2.0-only
"""Numbers about a tip: how large it is, and what it executes to boot and in chosen selftests.

Seconds of a busy host say nothing.  An emulated guest whose clock counts instructions (QEMU's -icount) executes
the same whoever else runs here: two runs of kvm_page_table_test differ by 0.4 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reviewbot.model.build import Image
from reviewbot.model.coverage import Coverage
from reviewbot.model.guest import Accelerator, Host
from reviewbot.model.profile import Profile
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.model.sweep import Measure
from reviewbot.model.test import TestBinary
from reviewbot.parse import guest
from reviewbot.parse.elf_text import text_size
from reviewbot.tools import testbed
from reviewbot.tools.context import Tools

INSTRUCTIONS = "instructions"
_A_SECOND = 1e9
"""Instructions a second by the clock of such a guest (-icount shift=0)."""
_SAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRequest:
    """``tests`` are programs whose instructions are counted on ``emulator``, a host that emulates."""

    image: Image
    profile: Profile
    emulator: Host
    tests: tuple[TestBinary, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Numbers, and sentences about those that could not be had."""

    measures: tuple[Measure, ...]
    missing: tuple[str, ...] = ()


def sizes(image: Image, tools: Tools) -> tuple[Measure, ...]:
    """Bytes of code in each module, and of the whole kernel image."""
    found = [
        Measure(name=image_name, unit="bytes", samples=(float(size),))
        for image_name, size in _module_sizes(image, tools)
    ]
    kernel = float(len(tools.cache.get(image.kernel)))
    return (*found, Measure(name="kernel image", unit="bytes", samples=(kernel,)))


def executed(coverage: Coverage) -> Measure | None:
    """How many of the functions that count were executed by any selftest; None when none counts."""
    functions = [one for file in coverage.files for one in file.functions]
    if not functions:
        return None
    ran = sum(1 for one in functions if int(one.tests, 16))
    share = 100.0 * ran / len(functions)
    return Measure(name="functions executed by selftests", unit="%", samples=(share,))


def run(request: MeasureRequest, tools: Tools) -> Measured:
    """Count instructions of booting and of the tests, in guests of their own, one at a time."""
    if request.emulator.accelerator is not Accelerator.TCG:
        why = "no instructions were counted: that needs QEMU's emulation (TCG)"
        return Measured(measures=(), missing=(why,))
    kernel = testbed.Kernel(image=request.image, profile=request.profile, host=request.emulator)
    counted: dict[str, list[float]] = {}
    missing: dict[str, str] = {}
    for number in range(_SAMPLES):
        tools.progress(Stage.TEST, f"count instructions, {number + 1} of {_SAMPLES}")
        left = [test for test in request.tests if test.name not in missing]
        for name, amount in _once(kernel, left, missing, tools):
            counted.setdefault(name, []).append(amount)
    return Measured(
        measures=tuple(
            Measure(name=name, unit=INSTRUCTIONS, samples=tuple(amounts))
            for name, amounts in counted.items()
        ),
        missing=tuple(missing.values()),
    )


def _once(
    kernel: testbed.Kernel, tests: Sequence[TestBinary], missing: dict[str, str], tools: Tools
) -> list[tuple[str, float]]:
    """One sample of each; a guest a test, so that one that never ends costs no other."""
    found: dict[str, float] = {}
    guests: list[tuple[TestBinary, ...]] = [(test,) for test in tests]
    for alone in guests or [()]:
        life = testbed.boot(tools, kernel, alone, instructions=True)
        said = guest.report(life.results)
        if said.up is not None:
            found.setdefault("boot", said.up * _A_SECOND)
        ended = {result.name: result for result in said.results}
        for test in alone:
            result = ended.get(test.name)
            if result is not None and result.status is Status.PASS and result.seconds > 0:
                found[test.name] = result.seconds * _A_SECOND
            else:
                how = f"{result.status}: {result.assertion}" if result else life.boot.outcome.value
                missing[test.name] = f"instructions of {test.name} were not counted: {how}"
    return list(found.items())


def _module_sizes(image: Image, tools: Tools) -> list[tuple[str, int]]:
    found = []
    for path, digest in image.modules:
        size = text_size(tools.cache.get(digest))
        if size is not None:
            found.append((f"{path.rpartition('/')[2]} text", size))
    return found
