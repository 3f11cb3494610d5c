# SPDX-License-Identifier: GPL-2.0-only
"""What every stage is handed besides its request."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reviewbot.model.config import Config
from reviewbot.model.run import Stage
from reviewbot.tools.cache import Cache


class Progress(Protocol):
    """Told what is going on, for people; must be quick and never raise."""

    def __call__(self, stage: Stage, message: str) -> None:
        """``message`` is one line without escapes of any kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Settings, cache, a scratch directory that goes away with the run, and the progress listener."""

    config: Config
    cache: Cache
    scratch: Path
    progress: Progress
