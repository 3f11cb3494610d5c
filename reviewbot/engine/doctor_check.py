# SPDX-License-Identifier: GPL-2.0-only
"""What a check of ``reviewbot doctor`` finds."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check went.  ``warn`` is for what makes reviews slower or less complete."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the doctor.  ``fix`` is the command or the change that helps, "" when ok."""

    name: str
    state: State
    detail: str
    fix: str = ""


def install(package: str) -> str:
    """The command that installs a Debian package."""
    return f"apt-get install {package}"
