# SPDX-License-Identifier: GPL-2.0-only
"""The outcome vocabulary shared by builds, boots and tests."""

from enum import StrEnum


class Status(StrEnum):
    """Outcome of one thing that was run.

    Every result starts as ``INFRA``; only positive evidence changes it.  Silence is never ``PASS``.
    """

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    SKIP = "skip"
    CRASH = "crash"
    TIMEOUT = "timeout"
    INFRA = "infra"

    @property
    def bad(self) -> bool:
        """Whether a run that ended so says something bad of the kernel; SKIP and INFRA say nothing of it."""
        return self in _BAD


_BAD = frozenset({Status.FAIL, Status.CRASH, Status.TIMEOUT})
