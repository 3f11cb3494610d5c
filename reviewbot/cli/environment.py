# SPDX-License-Identifier: GPL-2.0-only
"""Where things are kept, and who listens to progress: built once per command."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.engine.store import Store
from reviewbot.stages.printable import one_line
from reviewbot.tools import eviction, sandbox
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools
from reviewbot.tools.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewbot.model.config import Config
    from reviewbot.model.run import Stage


def cache_directory() -> Path:
    """$XDG_CACHE_HOME/reviewbot, by default ~/.cache/reviewbot: can be deleted at any time."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def state_directory() -> Path:
    """$XDG_STATE_HOME/reviewbot, by default ~/.local/state/reviewbot: runs and sent mail."""
    return _xdg("XDG_STATE_HOME", ".local/state")


def _xdg(variable: str, fallback: str) -> Path:
    configured = os.environ.get(variable, "")
    root = Path(configured) if configured.startswith("/") else Path.home() / fallback
    return root / "reviewbot"


def store() -> Store:
    """The runs of this user."""
    return Store(state_directory() / "runs")


@contextlib.contextmanager
def tools_for(config: Config, *, quiet: bool) -> Iterator[Tools]:
    """Tools with a scratch directory that goes away at the end, however it ends."""
    cache = Cache(cache_directory())
    _isolate(config, cache)
    with scratch(cache.root / "scratch") as place:
        try:
            yield Tools(
                config=config,
                cache=cache,
                scratch=place,
                progress=_silent if quiet else Narrator(),
            )
        finally:
            cache.release()
    if cache.grown and config.cache.disk_gib:
        eviction.keep_within(cache, int(config.cache.disk_gib * eviction.GIB))


def _isolate(config: Config, cache: Cache) -> None:
    """Have everything that comes out of a series run as the settings say."""
    if config.lab.isolation != "vm":
        sandbox.isolate(None)
        return
    from reviewbot.tools import vm  # noqa: PLC0415 - the lab loads here

    sandbox.isolate(vm.machines(config.lab, cache))


def need_isolation() -> None:
    """Say at once, not in the midst of a review, when it cannot be had.  Raises UserError."""
    if machine := sandbox.machine():
        machine.described()


def _silent(stage: Stage, message: str) -> None:
    """Say nothing."""


class Narrator:
    """Progress as plain lines on standard error: "  12.3s build   patch 2 of 4"."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def __call__(self, stage: Stage, message: str) -> None:
        """Print one line; control characters of a hostile subject are made visible."""
        spent = time.monotonic() - self.started
        with contextlib.suppress(OSError):
            print(f"{spent:7.1f}s {stage:<8}{one_line(message)}", file=sys.stderr, flush=True)
