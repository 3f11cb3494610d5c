# SPDX-License-Identifier: GPL-2.0-only
"""A complete build, and a copy-on-write view of it that is made again for one tree after the other.

Layers and view are opened when something has to be compiled, not before: most of what is asked for was
built by an earlier run.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reviewbot.model.run import Stage
from reviewbot.tools import kbuild, layers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reviewbot.tools.context import Tools
    from reviewbot.tools.kbuild import Kernel, Made, Workspace

BASE_SECONDS = 4 * 3600.0
"""A complete build of any kernel ends within."""
_SAY_SECONDS = 3.0


def steps_of(tools: Tools, what: str) -> Callable[[int], None]:
    """Tells the progress listener how many steps a make took, every few seconds."""
    said = 0.0

    def on_step(steps: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said > _SAY_SECONDS:
            said = now
            tools.progress(Stage.BUILD, f"{what}: {steps} steps")

    return on_step


@dataclass(slots=True, kw_only=True)
class Rebuild:
    """``kernel`` is what was built completely, of the targets ``whole``; ``title`` is what people call it.

    The view is ``place`` below the run's scratch directory.  ``stack`` removes it when it is closed.
    Whatever needs the complete build raises BaseFailed when it cannot be made, InfrastructureError when
    sandbox, compiler or disk fail us.
    """

    tools: Tools
    kernel: Kernel
    whole: tuple[str, ...]
    title: str
    place: str
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    layer: Path | None = None
    space: Workspace | None = None
    shown: str = ""

    def objects(self) -> Path:
        """The directory of the complete build's objects."""
        return self._layer() / "objects"

    def how_made(self) -> Made:
        """What make left of the complete build."""
        return kbuild.how_made(self._layer())

    def base_file(self, path: str) -> bytes | None:
        """An object file of the complete build."""
        return layers.read(layers.View.plain(self.objects()), path)

    def file(self, path: str) -> bytes | None:
        """An object file as it was made last."""
        return layers.read(self._space().views[1], path)

    def shows(self, tree_id: str) -> Workspace | None:
        """The view, made to show another tree; None where nothing was compiled in it."""
        if self.space:
            self.space.show(self.kernel.repository, self.shown, tree_id)
            self.shown = tree_id
        return self.space

    def make(
        self, tree_id: str, targets: tuple[str, ...], *, configure: bool, seconds: float, what: str
    ) -> Made:
        """Make ``targets`` of another tree within ``seconds``, configured anew where that is asked for.

        ``what`` is told as progress.  A tree that does not build is an answer.
        """
        space = self._space()
        end = time.monotonic() + seconds
        self.shows(tree_id)
        on_step = steps_of(self.tools, what)
        if not configure:
            return space.make(targets, timeout=seconds, on_step=on_step)
        asked = space.configure(timeout=seconds, on_step=on_step)
        if not asked.ok:
            return asked
        left = max(1.0, end - time.monotonic())
        made = space.make(targets, timeout=left, on_step=on_step)
        return replace(made, log=asked.log + made.log, seconds=asked.seconds + made.seconds)

    def _layer(self) -> Path:
        if self.layer is None:
            self.layer = kbuild.object_layer(
                self.tools.cache,
                self.kernel,
                self.whole,
                jobs=self.tools.config.lab.jobs,
                timeout=BASE_SECONDS,
                on_step=steps_of(self.tools, self.title),
            )
        return self.layer

    def _space(self) -> Workspace:
        if self.space is None:
            kernel = self.kernel
            opened = kbuild.workspace(
                kbuild.source_layer(self.tools.cache, kernel.repository, kernel.tree_id),
                self.objects(),
                self.tools.scratch / self.place,
                variables=kernel.variables,
                jobs=self.tools.config.lab.jobs,
            )
            self.space = self.stack.enter_context(opened)
            self.shown = kernel.tree_id
        return self.space
