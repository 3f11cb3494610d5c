# SPDX-License-Identifier: GPL-2.0-only
"""Results of selftests by everything that decides them: the same kernel never runs the same test twice."""

from __future__ import annotations

import functools
import hashlib
import platform
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.model.codec import key_of
from reviewbot.model.guest import Accelerator
from reviewbot.model.status import Status
from reviewbot.model.test import TestBinary, TestRun
from reviewbot.tools import cpio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewbot.tools.context import Tools
    from reviewbot.tools.testbed import Kernel

VERSION = 1
"""Raised when the same guest would answer differently: part of every key."""
# What reads a guest: the same guest may be told otherwise by other code.
_READERS = ("guest.py", "ktap.py", "selftest.py", "unit_tests.py", "console.py", "headlines.py")
_UNSURE = {Status.INFRA, Status.CRASH, Status.TIMEOUT}


@functools.cache
def code_digest() -> str:
    """A hash of our code that decides a test's result: the guest's init and what reads its output."""
    package = resources.files("reviewbot")
    digest = hashlib.sha256()
    for parts in (("guest", "init"), *(("parse", name) for name in _READERS)):
        digest.update(hashlib.sha256(package.joinpath(*parts).read_bytes()).digest())
    return digest.hexdigest()


def _machine(accelerator: Accelerator) -> tuple[str, ...]:
    """What of this machine shows through to a guest: under KVM the host's kernel and processor."""
    shell = cpio.BUSYBOX
    busybox = hashlib.sha256(shell.read_bytes()).hexdigest() if shell.is_file() else ""
    if accelerator is not Accelerator.KVM:
        return (busybox,)
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n")
    kinds = ("model name", "microcode", "flags")
    processor = [next((line for line in lines if line.startswith(kind)), "") for kind in kinds]
    return (busybox, platform.release(), *processor)


def key(tools: Tools, kernel: Kernel, test: TestBinary, apart: str = "") -> str:
    """What a result is kept under; ``apart`` as in :class:`reviewbot.tools.testbed.Kernel`."""
    lab = tools.config.lab
    loads = [(module.path, module.vendor, module.parameters) for module in kernel.profile.modules]
    return key_of(
        *(VERSION, kernel.image.kernel, kernel.image.modules, loads, lab.cpus, lab.memory_mib),
        *(kernel.host.accelerator, kernel.host.qemu_version, kernel.host.cpu_model),
        *(test.name, test.digest, test.limit, test.parameters, test.options, test.checks),
        *(code_digest(), _machine(kernel.host.accelerator)),
        *((apart,) if apart else ()),
    )


def load(tools: Tools, kernel: Kernel, tests: Sequence[TestBinary]) -> dict[str, TestRun]:
    """Results that are kept, each with the boots whose console reports concern it, by test.

    What is kept for everybody is good for a series that has its own as well.
    """
    found = {}
    for test in tests:
        keys = [key(tools, kernel, test, apart) for apart in dict.fromkeys((kernel.apart, ""))]
        runs = (tools.cache.load("selftest", name, TestRun) for name in keys)
        kept = next((run for run in runs if run is not None), None)
        if kept is not None:
            found[test.name] = kept
    return found


def save(tools: Tools, kernel: Kernel, tests: Sequence[TestBinary], ran: TestRun) -> None:
    """Keep each result by itself, with the console reports of its test and of booting.

    A guest that was lost, or a test over its time limit, may have been our busy machine's fault: such
    results are not kept.
    """
    by_name = {test.name: test for test in tests}
    for result in ran.results:
        if result.status in _UNSURE:
            continue
        mine = [
            replace(b, crashes=tuple(c for c in b.crashes if c.test in {"", result.name}))
            for b in ran.boots
            if any(c.test in {"", result.name} for c in b.crashes)
        ]
        kept = replace(ran, results=(result,), boots=tuple(mine))
        tools.cache.save("selftest", key(tools, kernel, by_name[result.name], kernel.apart), kept)


def with_known(ran: TestRun, tests: Sequence[TestBinary], known: dict[str, TestRun]) -> TestRun:
    """``ran`` with what was ``known`` before, in the order of ``tests``."""
    if not known:
        return ran
    results = {result.name: result for result in ran.results}
    results |= {name: kept.results[0] for name, kept in known.items()}
    boots = [boot_ for kept in known.values() for boot_ in kept.boots]
    return replace(
        ran,
        results=tuple(results[test.name] for test in tests if test.name in results),
        boots=(*ran.boots, *boots),
    )
