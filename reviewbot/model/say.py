# SPDX-License-Identifier: GPL-2.0-only
"""How parts of the bot say what they do: one call for everything that happened."""

from enum import StrEnum
from typing import Protocol


class Level(StrEnum):
    """How grave a line is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Say(Protocol):
    """Takes one thing that happened."""

    def __call__(
        self, event: str, text: str, *, level: Level = Level.INFO, **about: str | float
    ) -> None:
        """``event`` is a fixed word to search for, ``text`` is for people, ``about`` names what it is about.

        Names in use: ``job``, ``series``, ``mail``, ``list``, ``seconds``.
        """
