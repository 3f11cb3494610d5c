# SPDX-License-Identifier: GPL-2.0-only
"""Names of things in texts about sweeps.  Pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from reviewbot.model.sweep import Kind

if TYPE_CHECKING:
    from reviewbot.model.sweep import Regression

KINDS = {
    Kind.BUILD: "build", Kind.WARNING: "compiler", Kind.BOOT: "boot", Kind.TEST: "test",
    Kind.CONSOLE: "console", Kind.RULE: "rule", Kind.DOCUMENT: "documentation",
}  # fmt: skip
"""What a kind of failure is called."""


def since(one: Regression) -> str:
    """When a regression began, and in which range."""
    where = f", in {one.good[:12]}..{one.bad[:12]}" if one.good and one.bad else ""
    return f"{day(one.since)}{where}"


def day(moment: float) -> str:
    """The day of a moment (seconds since the epoch), UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


def commit(name: str, title: str) -> str:
    """A commit as kernel people name it: id and subject."""
    return f'{name[:12]} ("{title}")' if title else name[:12]
