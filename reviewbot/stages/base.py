# SPDX-License-Identifier: GPL-2.0-only
"""fetch -> base: which commit a series goes on, by what rule, and how sure that is.

In this order: named with --base; the parent of a local range; the base-commit of the series (with
its prerequisites); else the tip that holds most of the diffs' pre-image blobs and takes the patches.
"""

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

from reviewbot.model.base import Base, BaseRule, Candidate, Confidence, Tree
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.run import Stage
from reviewbot.model.series import Patch, Series
from reviewbot.stages.apply import put_once
from reviewbot.stages.destination import destination, label, preference
from reviewbot.stages.preimages import count_held, pre_images
from reviewbot.stages.prerequisites import Prerequisites, Settled
from reviewbot.tools.context import Tools
from reviewbot.tools.git import fetch, is_ancestor
from reviewbot.tools.objects import ObjectStore, open_repository, resolve_commit

FETCH_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRequest:
    """``explicit`` is --base; ``range_base`` where a local range starts; both any revision git knows.

    ``prerequisites`` are patches at hand that the series' prerequisite-patch-ids may name.
    """

    series: Series
    trees: tuple[Tree, ...]
    explicit: str | None = None
    range_base: str | None = None
    prerequisites: tuple[Patch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """An opened tree and its tips as (ref, commit), in the order of the configuration."""

    tree: Tree
    store: ObjectStore
    tips: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """One tip with the prerequisites settled and the series tried."""

    source: _Source
    candidate: Candidate
    settled: Settled
    fuzzy: bool


def run(request: BaseRequest, tools: Tools) -> Base:
    """Choose the base.

    Raises UserError when no tree is given, a tree is no git repository, none of its refs exist, or
    an explicit base is in none of the trees.
    """
    if not request.trees:
        raise UserError(
            "no kernel tree is known; name one with --tree PATH, or list them in the configuration "
            "that 'reviewbot init' writes"
        )
    if not request.series.patches:
        raise UserError("the series holds no patch; there is nothing to find a base for")
    return _Choice(request, tools).make()


class _Choice:
    def __init__(self, request: BaseRequest, tools: Tools) -> None:
        self.series = request.series
        self.request = request
        self.tools = tools
        self.notes: list[str] = []
        self.sources = [self._open(tree) for tree in request.trees]
        self.prerequisites = Prerequisites(
            request.series.prerequisites, request.prerequisites, tools.cache, tools.scratch
        )

    def make(self) -> Base:
        if self.request.explicit:
            return self._named(self.request.explicit, BaseRule.EXPLICIT)
        if self.request.range_base:
            return self._named(self.request.range_base, BaseRule.RANGE)
        return self._base_commit() or self._scored()

    def _open(self, tree: Tree) -> _Source:
        open_repository(tree.path)
        configured = self.tools.config.trees.get(tree.name)
        if configured and configured.remote and configured.path == tree.path:
            self.tools.progress(Stage.BASE, f"fetching {configured.remote} of {tree.name}")
            trouble = fetch(Path(tree.path), configured.remote, timeout=FETCH_SECONDS)
            if trouble:
                self.notes.append(
                    f"{tree.name} may be out of date, for it could not be fetched: {trouble}"
                )
        store = ObjectStore(self.tools.cache, tree.path)
        tips = []
        for ref in tree.refs:
            commit = resolve_commit(store.origin, ref)
            if commit:
                tips.append((ref, commit))
            else:
                self.notes.append(f"{tree.name} has no {ref}")
        return _Source(tree=tree, store=store, tips=tuple(tips))

    def _named(self, revision: str, rule: BaseRule) -> Base:
        """The commit somebody named: "TREE/REF" first, then anything git understands."""
        for source in self.sources:
            inside = revision.removeprefix(f"{source.tree.name}/")
            for name in dict.fromkeys((inside, revision)):
                commit = resolve_commit(source.store.origin, name)
                if commit is None:
                    continue
                why = (
                    "it was named with --base"
                    if rule is BaseRule.EXPLICIT
                    else "it is where the reviewed range of commits starts"
                )
                trial = self._trial(source, revision, commit, Settled(commit=commit))
                return self._base(trial, rule, Confidence.HIGH, why, tip=commit, ref=name)
        what = "--base" if rule is BaseRule.EXPLICIT else "the start of the range"
        raise UserError(
            f"{what} {revision[:80]!r} names no commit in {self._tree_names()}; "
            "check the name, or git fetch it there"
        )

    def _base_commit(self) -> Base | None:
        wanted = self.series.base_commit
        if not wanted:
            return None
        for source in self.sources:
            # The store has no branches that could be called like the digits of a commit.
            commit = resolve_commit(source.store.repository, wanted)
            if commit is None:
                continue
            ref, tip = _holder(source, commit)
            settled = self.prerequisites.settle(
                source.store, commit, tuple(tip for _, tip in source.tips)
            )
            rule = BaseRule.PREREQUISITES if settled.applied else BaseRule.BASE_COMMIT
            confidence = Confidence.MEDIUM if settled.missing else Confidence.HIGH
            place = f"is in {label(source.tree, ref)}" if ref else f"is in tree {source.tree.name}"
            why = f"the series names base-commit {wanted[:12]}, which {place}"
            if said := settled.sentence():
                why += f"; {said}"
            trial = self._trial(source, ref or commit[:12], commit, settled)
            return self._base(trial, rule, confidence, why, tip=tip, ref=ref or commit[:12])
        self.notes.insert(
            0, f"its base-commit {wanted[:12]} is in none of the trees ({self._tree_names()})"
        )
        return None

    def _scored(self) -> Base:
        trials: list[_Trial] = []
        for source in self.sources:
            for ref, commit in source.tips:
                self.tools.progress(Stage.BASE, f"trying {label(source.tree, ref)}")
                settled = self.prerequisites.settle(source.store, commit)
                trials.append(self._trial(source, ref, commit, settled))
        if not trials:
            raise UserError(
                f"no candidate for a base: {'; '.join(self.notes) or 'no refs are configured'}; "
                "give refs that exist, or --base"
            )
        best = max(trials, key=self._merit)
        tied = [one for one in trials if self._merit(one)[:3] == self._merit(best)[:3]]
        why = self._scored_why(best, tied)
        one = best.candidate
        base = self._base(
            best, BaseRule.SCORED, _confidence(best), why, tip=one.commit, ref=one.ref
        )
        return replace(base, candidates=tuple(trial.candidate for trial in trials))

    def _merit(self, trial: _Trial) -> tuple[bool, int, int, int]:
        """Evidence first, then what the maintainers' document says; max() keeps the first of equals."""
        one = trial.candidate
        return (
            one.applies,
            one.blobs_found,
            -len(trial.settled.missing),
            -preference(self.series, trial.source.tree, one.ref),
        )

    def _scored_why(self, best: _Trial, tied: list[_Trial]) -> str:
        one = best.candidate
        name = label(best.source.tree, one.ref)
        if one.blobs_wanted:
            holds = f"{name} holds {one.blobs_found} of the {one.blobs_wanted} file versions the patches were made against"
        else:
            holds = f"the series only adds files, and {name} comes first"
        if one.applies:
            why = f"{holds}, and the series applies" + (
                " after a three-way merge" if best.fuzzy else ""
            )
        else:
            why = f"{holds} and the series applies to no tip"
        if (
            len({preference(self.series, each.source.tree, each.candidate.ref) for each in tied})
            > 1
        ):
            why += f"; {destination(self.series).value} (maintainer-kvm-x86.rst)"
        if said := best.settled.sentence():
            why += f"; {said}"
        return why

    def _trial(self, source: _Source, ref: str, commit: str, settled: Settled) -> _Trial:
        wanted = pre_images(self.series)
        conflict, fuzzy = "", False
        try:
            placed = put_once(source.store, self.series.patches, settled.commit, self.tools)
            fuzzy = any(patch.fuzzy for patch in placed.patches)
            if found := placed.conflict:
                conflict = f"patch {found.patch}, {found.path}: {found.reason}"
        except UserError as error:  # the apply stage says it again, for the base that is chosen
            conflict = str(error)
        return _Trial(
            source=source,
            settled=settled,
            fuzzy=fuzzy,
            candidate=Candidate(
                tree=source.tree.name,
                ref=ref,
                commit=commit,
                blobs_found=count_held(source.store.view(commit), wanted),
                blobs_wanted=len(wanted),
                applies=not conflict,
                first_conflict=conflict,
            ),
        )

    def _base(
        self, trial: _Trial, rule: BaseRule, confidence: Confidence, why: str, *, tip: str, ref: str
    ) -> Base:
        source = trial.source
        return Base(
            tree=source.tree.name,
            path=source.tree.path,
            ref=ref,
            tip=tip,
            commit=trial.settled.commit,
            tree_id=source.store.tree_of(trial.settled.commit),
            rule=rule,
            confidence=confidence,
            why="; ".join([why, *self.notes]),
            candidates=(trial.candidate,),
        )

    def _tree_names(self) -> str:
        return ", ".join(source.tree.name for source in self.sources)


def _holder(source: _Source, commit: str) -> tuple[str, str]:
    """The first ref whose history holds a commit, and its tip; "" and the commit itself when none."""
    for ref, tip in source.tips:
        with contextlib.suppress(InfrastructureError):  # another ref may have an answer in time
            if tip == commit or is_ancestor(source.store.path, commit, tip):
                return ref, tip
    return "", commit


def _confidence(trial: _Trial) -> Confidence:
    """HIGH only for the very file versions the author had; LOW for little more than a guess."""
    one = trial.candidate
    if not one.applies or trial.settled.missing:
        return Confidence.LOW
    if one.blobs_wanted and one.blobs_found == one.blobs_wanted and not trial.fuzzy:
        return Confidence.HIGH
    return Confidence.MEDIUM if 2 * one.blobs_found >= one.blobs_wanted else Confidence.LOW
