# SPDX-License-Identifier: GPL-2.0-only
"""A kvm-unit-tests program under QEMU's own emulation, without any kernel of ours: a check of the test itself.

What fails here too says nothing of KVM: emulation lets a wrong WRMSR pass, whoever executes it.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.model.codec import key_of
from reviewbot.model.status import Status
from reviewbot.parse import unit_tests
from reviewbot.tools import qemu, sandbox
from reviewbot.tools.sandbox import Bind, Limits

if TYPE_CHECKING:
    from reviewbot.model.test import TestBinary
    from reviewbot.tools.context import Tools

VERSION = 4
_LINES = 2000
# (status << 1) | 1, by isa-debug-exit; lib/report.c ends with 77 >> 1 where all was skipped, so that 77 comes out.
_STATUSES = {1: Status.PASS, 77: Status.SKIP}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """How it ended, and its first complaint."""

    status: Status
    assertion: str = ""


def run(tools: Tools, emulator: str, test: TestBinary) -> Alone:
    """Run it once a machine; the answer is kept, unless it ran into its time limit.

    Raises UserError without QEMU.
    """
    key = key_of(VERSION, test.digest, test.options, qemu.version(emulator))
    if (known := tools.cache.load("unit-alone", key, Alone)) is not None:
        return known
    with tempfile.TemporaryDirectory(prefix="unit-", dir=tools.scratch) as name:
        place = Path(name)
        (place / "program").write_bytes(tools.cache.get(test.digest))
        (place / "program").chmod(0o644)
        place.chmod(0o755)
        words = [word.replace("accel=kvm", "accel=tcg") for word in test.options]
        done = sandbox.run(
            [
                emulator,
                *(word for word in words if word != "-enable-kvm"),
                "-kernel",
                "/unit/program",
            ],
            timeout=test.limit,
            mounts=[Bind(source=place, target="/unit")],
            merge=True,
            limits=Limits(cpu=int(test.limit * 4) + 10),
        )
    if done.timed_out:
        return Alone(status=Status.TIMEOUT)
    lines = done.text().split("\n")[:_LINES]
    broken = unit_tests.emulator_failed(lines)
    status = Status.FAIL if broken else _STATUSES.get(done.returncode, Status.FAIL)
    why = unit_tests.complaint(lines) if status is Status.FAIL else ""
    answer = Alone(status=status, assertion=why or f"exit status {done.returncode}")
    tools.cache.save("unit-alone", key, answer)
    return answer
