# SPDX-License-Identifier: GPL-2.0-only
"""Build a branch's tip in every configuration of the profile, on top of a base that was built whole before.

The base is where the branch leaves mainline: it moves once in weeks, so that a night compiles what the
branch changes and no more.  What compilers said of it already is not the branch's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reviewbot.model.base import Applied, AppliedPatch, Base, BaseRule
from reviewbot.model.build import BuildResult, CommitBuild, Diagnostic, Image, Level, VariantBuild
from reviewbot.model.profile import Profile
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.model.sweep import Kind, Seen
from reviewbot.model.sweep_range import RangeCommit
from reviewbot.parse.compiler import place
from reviewbot.stages import build, variants
from reviewbot.tools.context import Tools
from reviewbot.tools.objects import TreeView

MOST_EACH = 60
"""Commits that are built one by one: some seconds each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TipRequest:
    """Two commits with their trees in ``repository``: where the branch begins, and its tip."""

    repository: str
    base: str
    base_tree: str
    tip: str
    tip_tree: str
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltTip:
    """What came out.  Images are None where there is nothing to boot; ``missing`` are sentences."""

    tip: Image | None
    base: Image | None
    seen: tuple[Seen, ...] = ()
    missing: tuple[str, ...] = ()


def applied(request: TipRequest) -> Applied:
    """All of the branch as if it were one patch on its base."""
    why = "it is where the branch begins"
    base = Base.given(
        request.repository, request.base, request.base_tree, rule=BaseRule.RANGE, why=why
    )
    same = request.base_tree == request.tip_tree
    tip = AppliedPatch(number=1, commit=request.tip, tree_id=request.tip_tree)
    return Applied(
        status=Status.PASS,
        base=base,
        repository=request.repository,
        patches=() if same else (tip,),
    )


def run(request: TipRequest, tools: Tools) -> BuiltTip:
    """Build base and tip in the profile's own configuration, which boots.

    A base that does not build is no obstacle: the tip is then built whole.  Raises InfrastructureError.
    """
    tools.progress(Stage.BUILD, f"tip {request.tip[:12]}")
    found = build.run(build.BuildRequest(applied=applied(request), profile=request.profile), tools)
    missing: tuple[str, ...] = ()
    if found.base.status is not Status.PASS:
        missing = (f"the base {request.base[:12]} does not build: {found.reason}",)
        whole = build.BuildRequest(applied=applied(_alone(request)), profile=request.profile)
        found = build.run(whole, tools)
    return _built(request, found, missing)


def run_variants(request: TipRequest, tools: Tools) -> BuiltTip:
    """Compile the subsystem in the profile's other configurations and architectures."""
    together = applied(request)
    if not together.patches:
        return BuiltTip(tip=None, base=None)
    wanted = build.BuildRequest(applied=together, profile=request.profile)
    found = variants.run(
        variants.VariantRequest(
            applied=together, profile=request.profile, variables=build.variables(wanted)
        ),
        tools,
    )
    seen = [one for variant in found for one in _of_variant(variant)]
    missing = tuple(
        f"not built with {one.name}: {one.reason or one.status.value}"
        for one in found
        if one.status not in {Status.PASS, Status.FAIL}
    )
    return BuiltTip(tip=None, base=None, seen=tuple(seen), missing=missing)


def run_each(
    request: TipRequest, chains: Iterable[Sequence[RangeCommit]], tools: Tools
) -> tuple[tuple[tuple[RangeCommit, str], ...], tuple[str, ...]]:
    """Build new commits one by one, each on top of the one before; a tip that builds hides one that does not.

    ``chains`` are commits in a row.  The answer has the commits that brought an error, with its first
    line, and sentences about what was not built.
    """
    found: list[tuple[RangeCommit, str]] = []
    missing: list[str] = []
    built = 0
    for chain in chains:
        if built + len(chain) > MOST_EACH:
            missing.append(f"of the new commits only the first {built} were built by themselves")
            break
        built += len(chain)
        results = _each(request, chain, tools)
        if len(results) != len(chain):
            missing.append(f"{len(chain)} commits up to {chain[-1].commit[:12]} were not built")
        for commit, result in zip(chain, results, strict=False):
            errors = any(one.level is Level.ERROR for one in result.new)
            if result.status is Status.FAIL and errors:
                found.append((commit, _first_error(result.new)))
    return tuple(found), tuple(missing)


def _each(
    request: TipRequest, chain: Sequence[RangeCommit], tools: Tools
) -> tuple[CommitBuild, ...]:
    """The builds of the commits of one chain; nothing when the base does not build."""
    parent = chain[0].parents[0]
    trees = [(parent, _tree_of(request.repository, parent))]
    if trees[0][1] == request.base_tree:
        trees = []
    trees += [(one.commit, one.tree_id) for one in chain]
    patches = tuple(
        AppliedPatch(number=number, commit=commit, tree_id=tree)
        for number, (commit, tree) in enumerate(trees, 1)
    )
    together = replace(applied(request), patches=patches)
    found = build.run(build.BuildRequest(applied=together, profile=request.profile), tools)
    return found.patches[-len(chain) :]


def _tree_of(repository: str, commit: str) -> str:
    return str(TreeView(repository, commit).tree.id)


def _alone(request: TipRequest) -> TipRequest:
    return TipRequest(
        repository=request.repository,
        base=request.tip,
        base_tree=request.tip_tree,
        tip=request.tip,
        tip_tree=request.tip_tree,
        profile=request.profile,
    )


def _built(request: TipRequest, found: BuildResult, missing: tuple[str, ...]) -> BuiltTip:
    tip = found.patches[-1] if found.patches else found.base
    name = request.profile.name
    status, reason = tip.status, found.reason
    if not found.patches and status is Status.INFRA and reason.startswith("the base does not"):
        status = Status.FAIL  # the tip itself was the base: its make named an error
    seen = (
        Seen(
            kind=Kind.BUILD,
            name=name,
            status=status,
            detail=_first_error(tip.new) or ("" if status is Status.PASS else reason),
            seconds=tip.seconds,
            failures=int(status is Status.FAIL),
            log=tip.log,
        ),
        *warnings(name, tip.new, tip.log),
    )
    image = found.tip_image if found.patches else found.base_image
    if status not in {Status.PASS, Status.FAIL}:
        missing = (*missing, f"the build of the tip stopped: {reason}")
    return BuiltTip(
        tip=image if status is Status.PASS else None,
        base=found.base_image,
        seen=seen,
        missing=missing,
    )


def _of_variant(variant: VariantBuild) -> Iterable[Seen]:
    if variant.status in {Status.PASS, Status.FAIL}:
        yield Seen(
            kind=Kind.BUILD,
            name=variant.name,
            status=variant.status,
            detail=_first_error(variant.new),
            seconds=variant.seconds,
            failures=int(variant.status is Status.FAIL),
            log=variant.log,
        )
        yield from warnings(variant.name, variant.new, variant.log)


def warnings(name: str, new: Iterable[Diagnostic], log: str) -> tuple[Seen, ...]:
    """Warnings by configuration and place; lines move every night and do not count."""
    found: dict[str, Seen] = {}
    for one in new:
        if one.level is Level.WARNING:
            path, function, text, option = place(one)
            where = f"{path}: {function}()" if function else path
            shown = f"{name}: {where}: {text}" + (f" [{option}]" if option else "")
            detail = f"{one.path}:{one.line}: {one.message}"
            found.setdefault(
                shown,
                Seen(
                    kind=Kind.WARNING,
                    name=shown,
                    status=Status.FAIL,
                    detail=detail,
                    failures=1,
                    log=log,
                ),
            )
    return tuple(found.values())


def _first_error(new: Iterable[Diagnostic]) -> str:
    for one in new:
        if one.level is Level.ERROR:
            return f"{one.path}:{one.line}: {one.message}" if one.line else one.message
    return ""
