# SPDX-License-Identifier: GPL-2.0-only
"""A profile's selftests: opening those of a tree, their time limits, and the globs that name them."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from reviewbot.model.guest import Accelerator
from reviewbot.stages.choose import directory
from reviewbot.tools import kselftest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewbot.model.guest import Host
    from reviewbot.model.profile import Profile
    from reviewbot.tools.context import Tools
    from reviewbot.tools.objects import TreeView


def opened(
    profile: Profile, tools: Tools, *, repository: str, base_tree: str, tree: str
) -> kselftest.Opened:
    """Those of ``tree``, on what is kept of ``base_tree``.  Raises what kselftest.selftests raises."""
    return kselftest.selftests(
        tools.cache,
        repository=repository,
        base_tree=base_tree,
        tree=tree,
        directory=directory(profile),
        place=tools.scratch,
        jobs=tools.config.lab.jobs,
        warm=profile.always,
    )


def limit(profile: Profile, view: TreeView) -> float:
    """Seconds that one of them may take on hardware."""
    return kselftest.limit(view, directory(profile))


def scale(host: Host, tools: Tools) -> float:
    """What time limits are multiplied by."""
    return tools.config.lab.tcg_scale if host.accelerator is Accelerator.TCG else 1.0


def wanted(name: str, globs: Sequence[str]) -> bool:
    """Whether a test's name, or its last part, matches."""
    last = name.rpartition("/")[2]
    return any(fnmatch.fnmatchcase(one, glob) for one in (name, last) for glob in globs)
