# SPDX-License-Identifier: GPL-2.0-only
"""Which guest runs which tests, so that all are done early: longest first, each to the idlest guest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewbot.model.test import TestBinary

WORTH = 5.0
"""Seconds of tests that make another guest worth its boot, which takes about as long under emulation."""
UNKNOWN = 10.0
"""What a test that never ran is taken to need, in seconds: it may be long, so it goes early."""
_HOST_MIB = 512  # what QEMU itself and the rest of the machine want, a guest


def guests(configured: int, memory_mib: int) -> int:
    """How many guests of one kernel may run at once; two kernels are tested side by side.

    ``configured`` 0 asks the machine: most selftests use one processor, and memory bounds it too.
    """
    if configured > 0:
        return configured
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    fitting = (pages * size >> 20) // (memory_mib + _HOST_MIB)
    return max(1, min(len(os.sched_getaffinity(0)), fitting) // 2)


def alike(tests: Sequence[TestBinary]) -> list[list[TestBinary]]:
    """Tests that may share a guest, which has one set of module parameters.

    An emulator in the guest costs memory, which selftests look at.
    """
    groups: dict[object, list[TestBinary]] = {}
    for test in tests:
        groups.setdefault((test.parameters, bool(test.options)), []).append(test)
    return list(groups.values())


def share_out(
    tests: Sequence[TestBinary], seconds: Mapping[str, float], at_most: int
) -> list[list[TestBinary]]:
    """Tests for each of at most ``at_most`` guests, the longest first; ``seconds`` by name, where known.

    No more guests than are worth their boots.  Equal times keep the order of ``tests``.
    """
    ordered = sorted(tests, key=lambda test: -seconds.get(test.name, UNKNOWN))
    total = sum(seconds.get(test.name, UNKNOWN) for test in tests)
    number = max(1, min(at_most, len(tests), int(total / WORTH)))
    shares: list[list[TestBinary]] = [[] for _ in range(number)]
    loads = [0.0] * number
    for test in ordered:
        idlest = loads.index(min(loads))
        shares[idlest].append(test)
        loads[idlest] += seconds.get(test.name, UNKNOWN)
    return [share for share in shares if share]
