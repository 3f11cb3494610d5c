# SPDX-License-Identifier: GPL-2.0-only
"""Run the rules on a series: on the trees before and after each patch, or on the mails alone.

Rules run in a forked child (tools.worker): C from strangers may hang or crash the compiler's front
end.  Each rule has a time limit; one that exceeds it or dies is "could not run", never silence.
"""

import contextlib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from reviewbot.model.base import Applied, Confidence, Conflict, Moved
from reviewbot.model.codec import key_of
from reviewbot.model.errors import UserError
from reviewbot.model.finding import CheckResult, RuleOutcome, RuleStatus
from reviewbot.model.run import Stage
from reviewbot.model.series import Patch, Series
from reviewbot.parse.landing import as_landed, between
from reviewbot.rulekit.facts import Keep
from reviewbot.rulekit.registry import chosen, code_digest, rules_for
from reviewbot.rulekit.rule import Needs, Rule
from reviewbot.rulekit.runner import Answer, Trees, collect, on_trees, run_rule, without_trees
from reviewbot.stages import partial
from reviewbot.stages.severities import adjust
from reviewbot.tools import worker
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools
from reviewbot.tools.objects import TreeView, open_repository

if TYPE_CHECKING:
    from reviewbot.rulekit.trees import TreeView as AnyTree

T = TypeVar("T")

VERSION = 3
SECONDS_PER_RULE = 5.0
MEMORY = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """``applied`` is None when there was no base; ``reason`` then says why."""

    series: Series
    applied: Applied | None
    reason: str = ""


def run(request: CheckRequest, tools: Tools) -> CheckResult:
    """Every rule's findings and outcome.

    Without a tree to look at, rules that need only the mails still run.  Raises UserError for a bad
    rule or an unknown code in rules.select, rules.ignore or a table of severities.
    """
    everything = rules_for(tools.config)
    rules = chosen(everything, tools.config.rules.select, tools.config.rules.ignore)
    found = with_rules(request, rules, tools)
    return adjust(found, everything, request.series, tools.config)


def with_rules(request: CheckRequest, rules: Sequence[Rule], tools: Tools) -> CheckResult:
    """What the rules say, whatever severities the settings give them."""
    key = _key(request, rules)
    if known := tools.cache.load(Stage.CHECK, key, CheckResult):
        return known
    tools.progress(Stage.CHECK, f"{len(rules)} rules")
    trees = trees_of(request.series, request.applied, request.reason, _Kept(tools.cache))
    answers = tuple(_answers(rules, trees, SECONDS_PER_RULE))
    result = collect(request.series, (answer for answer, _ in answers))
    if trees.basis:
        result = _hedged(result, trees.basis, rules)
        result = replace(result, moved=tuple(_moved(request.series, trees)))
    gone = tuple(rule.code for rule, (_, lost) in zip(rules, answers, strict=True) if lost)
    if gone:  # a time limit may be the machine's fault: try again next time
        return replace(result, lost=gone)
    tools.cache.save(Stage.CHECK, key, result)
    return result


def trees_of(
    series: Series, applied: Applied | None, reason: str = "", keep: Keep | None = None
) -> Trees:
    """The views rules look at.

    After a conflict they go on with the files whose hunks apply (stages.partial); when that is none
    at all, there are no trees.
    """
    if applied is None:
        return without_trees(series, reason or "no base was found")
    store = open_repository(applied.repository)
    after: list[AnyTree] = [TreeView(store, patch.tree_id) for patch in applied.patches]
    base: AnyTree = TreeView(store, applied.base.commit)
    landed = tuple(_landed(series, applied))
    basis = ""
    if applied.conflict:
        rest = placed(series, applied)
        if not after and not rest.sure:
            conflict = applied.conflict
            where = f": patch {conflict.patch}, {conflict.path}"
            return without_trees(series, f"the series does not apply{where}")
        if not after:
            base = rest.before
        basis = _basis(series, applied.conflict, rest)
        landed = landed[: len(after)] + rest.patches
        after += rest.after
    numbers = [patch.number for patch in landed]
    trees = on_trees(replace(series, patches=landed), numbers, base, after, keep)
    return replace(trees, basis=basis, whole=len(applied.patches))


def placed(series: Series, applied: Applied) -> partial.Partial:
    """The patches from the conflict on, as far as their files can be had."""
    store = open_repository(applied.repository)
    known = applied.patches
    tree = TreeView(store, known[-1].tree_id if known else applied.base.commit)
    return partial.place(tree, series.patches[len(known) :])


def _hedged(result: CheckResult, basis: str, rules: Iterable[Rule]) -> CheckResult:
    """What was seen in trees that are not the author's may be wrong, and the report must say so."""
    looked = {rule.code for rule in rules if rule.declaration.needs is not Needs.SERIES}
    findings = tuple(
        replace(finding, confidence=Confidence.LOW) if finding.code in looked else finding
        for finding in result.findings
    )
    return replace(result, findings=findings, basis=basis)


def _moved(series: Series, trees: Trees) -> Iterator[tuple[int, Moved]]:
    """Where hunks of patches that are not applied were looked at: findings speak of lines there."""
    for mailed, step in list(zip(series.patches, trees.steps, strict=True))[trees.whole :]:
        yield from ((mailed.number, place) for place in between(mailed, step.patch))


def _basis(series: Series, conflict: Conflict, rest: partial.Partial) -> str:
    touched = len(rest.sure) + len(rest.unsure)
    first = series.patches[0].number
    start = f"from patch {conflict.patch} on, " if conflict.patch > first else ""
    return f"{start}{len(rest.sure)} of {touched} files were looked at, those whose hunks apply"


def _landed(series: Series, applied: Applied) -> Iterator[Patch]:
    """Patches with the line numbers that the after-trees have: rules speak of those."""
    moved = {patch.number: patch.moved for patch in applied.patches}
    for patch in series.patches:
        yield as_landed(patch, moved.get(patch.number, ()))


class _Kept:
    """Facts of trees in the cache, as long as the code that makes them is the same."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def load(self, key: Hashable, kind: type[T]) -> T | None:
        """What was kept under the key, or None."""
        return self._cache.load("facts", self._name(key), kind)

    def save(self, key: Hashable, value: object) -> None:
        """Keep a value for the next review.

        A full disk must not look like a broken rule, whose silence would even be kept: the rule goes on,
        and whoever keeps the result of this stage tells the disk.
        """
        with contextlib.suppress(UserError):
            self._cache.save("facts", self._name(key), value)

    def _name(self, key: Hashable) -> str:
        return key_of(code_digest(), key)


def _answers(rules: Sequence[Rule], trees: Trees, seconds: float) -> Iterator[tuple[Answer, bool]]:
    """Each rule's answer, and whether it was lost with its process."""
    results = worker.run_each(
        rules, lambda rule: run_rule(rule, trees), Answer, seconds=seconds, memory=MEMORY
    )
    for rule, result in zip(rules, results, strict=True):
        if isinstance(result, Answer):
            yield result, False
            continue
        outcome = RuleOutcome(
            code=rule.code,
            status=RuleStatus.COULD_NOT_RUN,
            reason=result.reason,
            seconds=round(result.seconds, 4),
        )
        yield Answer(outcome=outcome), True


def _key(request: CheckRequest, rules: Iterable[Rule]) -> str:
    applied = request.applied
    commits = [applied.base.tree_id, *(p.tree_id for p in applied.patches)] if applied else []
    code = [code_digest(), *(rule.digest for rule in rules)]
    codes = [rule.code for rule in rules]
    return key_of(VERSION, request.series, commits, request.reason, codes, code)
