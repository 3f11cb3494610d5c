# SPDX-License-Identifier: GPL-2.0-only
"""What a test did on kernels that nobody is asked to answer for: bases, and the nights of a branch."""

from dataclasses import dataclass

from reviewbot.model.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Where a test ran.  ``tree`` is the base's git tree id, ``config`` the digest of its .config.

    ``place`` names the guest: profile, accelerator, CPU model, QEMU's version, processors and memory.
    Bases with the same ``place`` are relatives: what flips on one may flip on another.
    """

    tree: str
    config: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One earlier execution on a base.  ``program`` is the digest of the test's binary.

    ``when`` is seconds since 1970.  ``here``: on this very base and configuration, not a relative's.
    ``config`` as in :class:`Baseline`, "" where nobody asks.
    """

    test: str
    tree: str
    program: str
    status: Status
    assertion: str
    seconds: float
    when: float
    here: bool
    config: str = ""
