# SPDX-License-Identifier: GPL-2.0-only
"""Run rules in this process, one after the other.  Time limits are the check stage's (it forks)."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reviewbot.model.finding import (
    CheckResult,
    Fact,
    Finding,
    RuleOutcome,
    RuleStatus,
    Severity,
)
from reviewbot.model.series import Series
from reviewbot.parse.clang import HeadersUnreadableError
from reviewbot.parse.rst import DocumentUnreadableError
from reviewbot.rulekit.context import Context, Step, files_of
from reviewbot.rulekit.facts import Facts, Keep
from reviewbot.rulekit.inline_ignore import set_aside
from reviewbot.rulekit.rule import Needs, Rule
from reviewbot.rulekit.trees import NoSuchFileError, TreeView, UnsureFileError, View

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}
_FINDINGS_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """What rules run on: base and one view per applied patch.

    ``reason`` says why there are no trees ("does not apply: ..."), "" otherwise; ``basis`` how much of
    a series that does not apply they hold, "" when they hold all that applied.  ``whole`` is how many
    of the first steps are patches that applied as they are.
    """

    series: Series
    steps: tuple[Step, ...]
    complete: bool
    reason: str = ""
    basis: str = ""
    whole: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One rule's result."""

    outcome: RuleOutcome
    findings: tuple[Finding, ...] = ()
    facts: tuple[Fact, ...] = ()


def on_trees(
    series: Series,
    numbers: Sequence[int],
    base: TreeView,
    after: Sequence[TreeView],
    keep: Keep | None = None,
) -> Trees:
    """Trees of the patches ``numbers`` of a series, at least one.  ``after`` is one view a patch."""
    facts = Facts(keep)
    by_number = {patch.number: patch for patch in series.patches}
    changed = frozenset[str]().union(*map(files_of, series.patches))
    before = first = View(tree=base, facts=facts, label="before the series", changed=changed)
    steps = []
    for number, tree in zip(numbers, after, strict=True):
        view = View(
            tree=tree, facts=facts, label=f"after patch {number}", base=first, changed=changed
        )
        patch = by_number[number]
        steps.append(
            Step(number=number, patch=patch, before=before, after=view, paths=files_of(patch))
        )
        before = view
    complete = series.complete and len(numbers) == len(series.patches)
    return Trees(series=series, steps=tuple(steps), complete=complete)


def without_trees(series: Series, reason: str) -> Trees:
    """Only the mails: rules that need more say that they could not run, and why."""
    return Trees(series=series, steps=(), complete=series.complete, reason=reason)


def run_rule(rule: Rule, trees: Trees) -> Answer:
    """One rule's answer; an exception in it is an outcome, never silence.

    A rule that meets a file nobody is sure of looks again at what is sure: the mails when it works on
    mails alone; when these do not answer everything, and for other rules, the first patches, which applied.
    """
    if rule.declaration.needs is Needs.SERIES and trees.steps:
        try:
            return _run(rule, trees)
        except UnsureFileError as error:
            answer = _run(rule, without_trees(trees.series, str(error)))
            if answer.outcome.status is not RuleStatus.COULD_NOT_RUN:
                return answer
            return _together(answer, _on_whole(rule, trees, str(error)))
    try:
        return _run(rule, trees)
    except UnsureFileError as error:
        return _on_whole(rule, trees, str(error))


def _on_whole(rule: Rule, trees: Trees, reason: str) -> Answer:
    """What a rule says about the patches that applied; later ones are as good as missing."""
    outcome = RuleOutcome(code=rule.code, status=RuleStatus.COULD_NOT_RUN, reason=reason)
    if not trees.whole:
        return Answer(outcome=outcome)
    first = replace(trees, steps=trees.steps[: trees.whole], complete=False)
    answer = _run(rule, first)
    return replace(answer, outcome=replace(outcome, seconds=answer.outcome.seconds))


def _together(mails: Answer, whole: Answer) -> Answer:
    """What the mails show and what the first patches show, each finding once; it could not run."""
    said = {(finding.patch, finding.title) for finding in mails.findings}
    more = (one for one in whole.findings if (one.patch, one.title) not in said)
    return replace(whole, findings=(*mails.findings, *more))


def _run(rule: Rule, trees: Trees) -> Answer:
    started = time.monotonic()
    declaration = rule.declaration
    context = Context(
        series=trees.series,
        steps=trees.steps,
        declaration=declaration,
        complete=trees.complete,
        settled=not trees.basis,
    )
    findings: list[Finding] = []
    facts: list[Fact] = []

    def outcome(status: RuleStatus, reason: str = "") -> RuleOutcome:
        spent = time.monotonic() - started
        return RuleOutcome(code=rule.code, status=status, reason=reason, seconds=round(spent, 4))

    if declaration.touches and not context.touched(*declaration.touches):
        return Answer(outcome=outcome(RuleStatus.NOT_APPLICABLE, "touches none of its files"))
    if declaration.needs is not Needs.SERIES and not trees.steps:
        return Answer(outcome=outcome(RuleStatus.COULD_NOT_RUN, trees.reason or "no usable tree"))
    try:
        for item in rule.check(context):
            (findings if isinstance(item, Finding) else facts).append(item)  # type: ignore[arg-type]
            if len(findings) > _FINDINGS_LIMIT:
                break
    except (DocumentUnreadableError, HeadersUnreadableError, NoSuchFileError) as error:
        return Answer(
            outcome=outcome(RuleStatus.COULD_NOT_RUN, str(error)), findings=tuple(findings)
        )
    except UnsureFileError:
        raise
    except Exception as error:  # noqa: BLE001 - a rule's crash is reported as such, whatever it is
        reason = f"the rule failed: {type(error).__name__}: {error}"
        return Answer(outcome=outcome(RuleStatus.COULD_NOT_RUN, reason), findings=tuple(findings))
    if context.unknown:
        reason = f"series incomplete, unknown: {'; '.join(context.unknown)}"
        status = RuleStatus.COULD_NOT_RUN
    else:
        reason, status = "", RuleStatus.RAN
    return Answer(outcome=outcome(status, reason), findings=tuple(findings), facts=tuple(facts))


def run_rules(rules: Iterable[Rule], trees: Trees) -> CheckResult:
    """All rules, in this process and without time limits (cases and tests use this)."""
    return collect(trees.series, (run_rule(rule, trees) for rule in rules))


def collect(series: Series, answers: Iterable[Answer]) -> CheckResult:
    """Put answers together: by patch, then severity; what the author asks to ignore is set aside."""
    everything = tuple(answers)
    findings = sorted(
        (finding for answer in everything for finding in answer.findings),
        key=lambda f: (
            f.patch,
            _ORDER[f.severity],
            f.code,
            f.location is not None and f.location.line,
        ),
    )
    sorted_out = set_aside(findings, series)
    facts = sorted(
        (fact for answer in everything for fact in answer.facts), key=lambda f: (f.patch, f.code)
    )
    return CheckResult(
        findings=sorted_out.kept,
        facts=tuple(facts),
        outcomes=tuple(sorted((a.outcome for a in everything), key=lambda o: o.code)),
        ignored=sorted_out.ignored,
        refused=sorted_out.refused,
    )
