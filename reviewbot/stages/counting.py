# SPDX-License-Identifier: GPL-2.0-only
"""The second kernel of a base: the same configuration, but it counts which of its lines run."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reviewbot.model.build import Image
from reviewbot.model.codec import key_of
from reviewbot.model.coverage import CountedFile
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.profile import Counting, Profile
from reviewbot.stages.build import whole
from reviewbot.stages.images import image_of
from reviewbot.stages.rebuild import BASE_SECONDS, steps_of
from reviewbot.stages.variants import merged, without
from reviewbot.tools import gcov, kbuild, layers, toolchain
from reviewbot.tools.context import Tools
from reviewbot.tools.kbuild import Kernel, Workspace
from reviewbot.tools.sandbox import Bind, Overlay

_TIP_SECONDS = 3600.0


class TipFailed(Exception):  # noqa: N818 - a result on its way to the caller, no error of ours
    """The tip does not build so; its own build, without counters, may still be good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingBase:
    """A base that is built so, once.  ``layer`` is its object layer."""

    kernel: Kernel
    profile: Profile
    counting: Counting
    layer: Path
    image: Image

    @property
    def objects(self) -> Bind:
        """Its objects where gcov looks for them."""
        return Bind(source=self.layer / "objects", target=kbuild.OBJECTS)

    def count(
        self, objects: Bind | Overlay, counters: Mapping[str, bytes]
    ) -> tuple[CountedFile, ...]:
        """What ran of the subsystem's files; see :func:`reviewbot.tools.gcov.count`."""
        directories, headers = self.counting.directories, self.profile.paths
        return gcov.count(objects, counters, directories=directories, headers=headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingTip:
    """A series' tip built on top of such a base; only there while its view is."""

    image: Image
    objects: layers.View


def kernel_of(repository: str, tree_id: str, profile: Profile, counting: Counting) -> Kernel:
    """The counting kernel of a tree; nothing is built."""
    return Kernel(
        repository=repository,
        tree_id=tree_id,
        config=merged(profile.config, counting.config),
        optional=tuple(without(profile.optional_config, counting.config)),
        variables=(gcov.variable(counting.directories),),
        compiler=kbuild.compiler(),
        linker=toolchain.linker(),
    )


def base(kernel: Kernel, profile: Profile, commit: str, tools: Tools) -> CountingBase:
    """Build it (once).  Raises BaseFailed when it does not build, InfrastructureError when tools fail."""
    if profile.counting is None:
        raise InfrastructureError(f"profile {profile.name} has no table [counting]")
    layer = kbuild.object_layer(
        tools.cache,
        kernel,
        whole(profile),
        jobs=tools.config.lab.jobs,
        timeout=BASE_SECONDS,
        on_step=steps_of(tools, "counting base"),
    )
    read = partial(layers.read, layers.View.plain(layer / "objects"))
    return CountingBase(
        kernel=kernel,
        profile=profile,
        counting=profile.counting,
        layer=layer,
        image=image_of(commit, profile, read, tools.cache),
    )


@contextlib.contextmanager
def tip(below: CountingBase, tree_id: str, commit: str, tools: Tools) -> Iterator[CountingTip]:
    """Build another tree on top of a counting base.  Raises TipFailed when it does not build."""
    source = kbuild.source_layer(tools.cache, below.kernel.repository, below.kernel.tree_id)
    with kbuild.workspace(
        source,
        below.layer / "objects",
        tools.scratch / f"counting-{key_of(tree_id)[:12]}",
        variables=below.kernel.variables,
        jobs=tools.config.lab.jobs,
    ) as space:
        _make(space, below, tree_id)
        also = partial(layers.read, layers.View.plain(below.layer / "objects"))
        read = partial(layers.read, space.views[1])
        image = image_of(commit, below.profile, read, tools.cache, also=also)
        yield CountingTip(image=image, objects=space.views[1])


def _make(space: Workspace, below: CountingBase, tree_id: str) -> None:
    space.show(below.kernel.repository, below.kernel.tree_id, tree_id)
    asked = space.configure(timeout=_TIP_SECONDS)
    made = space.make(whole(below.profile), timeout=_TIP_SECONDS) if asked.ok else asked
    if not made.ok:
        raise TipFailed("the series does not build with gcov's counters")
