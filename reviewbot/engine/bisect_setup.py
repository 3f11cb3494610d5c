# SPDX-License-Identifier: GPL-2.0-only
"""What a bisection builds with: configurations, and the complete build that each starts from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reviewbot.stages import build, sweep_build, variants
from reviewbot.stages.bisect_build import Builder
from reviewbot.stages.bisect_step import BOOTED, BUILT, Steps
from reviewbot.tools import affected, commit_range, kbuild
from reviewbot.tools.kbuild import Kernel
from reviewbot.tools.objects import TreeView

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reviewbot.model.base import Applied
    from reviewbot.model.bisection import BisectRequest
    from reviewbot.tools.context import Tools
    from reviewbot.tools.objects import ObjectStore

EXTRA_WARNINGS = "scripts/Makefile.extrawarn"
_NO_CODE = 0.001
_WEIGHED = 500
_NEAR = 300
"""Commits before the good end whose complete build may still be at hand."""


def steps_for(
    request: BisectRequest, store: ObjectStore, commits: Sequence[str], tools: Tools
) -> Steps:
    """Everything ready to look at a tree; nothing is built yet."""
    profile = request.profile
    whole = build.whole(profile)
    base = _at_hand(request, store, commits, tools)
    main = Builder(
        tools=tools,
        kernel=_kernel(request, store, base),
        profile=profile,
        whole=whole,
        targets=profile.targets,
        bootable=any(one.kind in BOOTED for one in request.failures),
    )
    return Steps(
        tools=tools,
        repository=str(store.path),
        profile=profile,
        failures=request.failures,
        builders={"": main, **dict(_variants(request, store, base, main))},
        program_tree=store.tree_of(request.bad),
        host=request.host,
    )


def weights(store: ObjectStore, commits: Sequence[str]) -> tuple[float, ...]:
    """How likely each commit is to change what a kernel does, beside the others.

    One that touches documentation and selftests alone leaves the kernel as it is, if :mod:`affected` is
    right about its paths; the revert would tell.  Long ranges are not asked: 20 ms a commit on a kernel tree.
    """
    if len(commits) > _WEIGHED:
        return ()
    found = []
    for commit in commits:
        parents = commit_range.describe(store, commit).parents
        if len(parents) != 1:
            found.append(1.0)
            continue
        changed = store.view(parents[0]).changed_paths(store.view(commit))
        plan = affected.plan((change.path for change in changed), {}, frozenset(), ())
        found.append(1.0 if plan.code else _NO_CODE)
    return tuple(found)


def _at_hand(
    request: BisectRequest, store: ObjectStore, commits: Sequence[str], tools: Tools
) -> str:
    """The commit whose complete build steps start from: one that is there, else one to make."""
    named = [request.base] if request.base else []
    before = commit_range.ancestors(store, request.good, _NEAR)
    candidates = (*named, request.good, request.bad, *reversed(commits), *before)
    first = _kernel(request, store, request.good)
    variables: dict[str | None, tuple[str, ...]] = {}
    for commit in dict.fromkeys(candidates):
        tree = TreeView(store.repository, store.tree_of(commit))
        makefile = tree.blob_id(
            EXTRA_WARNINGS
        )  # of thousands of commits, all but a few have the same
        if makefile not in variables:
            text = (tree.read(EXTRA_WARNINGS) or b"").decode("utf-8", "replace")
            variables[makefile] = kbuild.warning_variables(text)
        kernel = replace(first, tree_id=tree.tree_id, variables=variables[makefile])
        if kbuild.is_built(tools.cache, kernel, build.whole(request.profile)):
            return commit
    return request.base or request.good


def _kernel(request: BisectRequest, store: ObjectStore, commit: str) -> Kernel:
    return build.kernel(
        build.BuildRequest(applied=_alone(request, store, commit), profile=request.profile)
    )


def _alone(request: BisectRequest, store: ObjectStore, commit: str) -> Applied:
    tree = store.tree_of(commit)
    tip = sweep_build.TipRequest(
        repository=str(store.path),
        base=commit,
        base_tree=tree,
        tip=commit,
        tip_tree=tree,
        profile=request.profile,
    )
    return sweep_build.applied(tip)


def _variants(
    request: BisectRequest, store: ObjectStore, base: str, main: Builder
) -> Iterable[tuple[str, Builder]]:
    """A builder for each of the profile's variants that a failure shows in."""
    named = {one.name.partition(":")[0] for one in request.failures if one.kind in BUILT}
    wanted = variants.VariantRequest(
        applied=_alone(request, store, base),
        profile=request.profile,
        variables=main.kernel.variables,
    )
    for variant in request.profile.variants:
        kernel = variants.kernel_of(wanted, variant) if variant.name in named else ""
        if isinstance(kernel, Kernel):
            yield (
                variant.name,
                Builder(
                    tools=main.tools,
                    kernel=kernel,
                    profile=request.profile,
                    whole=variant.targets,
                    targets=variant.targets,
                    modules=False,
                ),
            )
