# SPDX-License-Identifier: GPL-2.0-only
"""What rules said about labelled patches -> found, missed, false; and the counts.  Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reviewbot.model.corpus import (
    Case,
    CaseResult,
    Evaluation,
    Footing,
    Label,
    Outcome,
    Score,
    Stray,
)
from reviewbot.model.finding import CheckResult, Finding, RuleStatus, Severity
from reviewbot.model.series import Series

_COMPLAINTS = (Severity.ERROR, Severity.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One series with what the rules said; without ``result``, ``reason`` says why there is none.

    ``applied`` is the number of the last patch that applied as it is.
    """

    series: Series | None
    result: CheckResult | None
    footing: Footing = Footing.NONE
    tree: str = ""
    reason: str = ""
    applied: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """What must be reached; None asks nothing.  ``recall`` is in per cent."""

    recall: float | None = None
    false_errors: int | None = None
    false_warnings: int | None = None


def run(pairs: Sequence[tuple[Case, Checked]], codes: frozenset[str], floors: Floors) -> Evaluation:
    """Judge every case with what the rules (``codes``) said about its series."""
    cases = tuple(judge(case, checked, codes) for case, checked in pairs)
    strays = tuple(_strays(pairs, cases))
    total = _score("all", cases, 0.0)
    return Evaluation(
        cases=cases,
        strays=strays,
        rules=tuple(_by(cases, lambda one: one.case.rule or "control", _seconds(pairs))),
        by_detect=tuple(_by(cases, lambda one: one.case.detect)),
        by_footing=tuple(_by(cases, lambda one: one.footing.value)),
        total=total,
        floors=tuple(_below(total, strays, floors)),
    )


def judge(case: Case, checked: Checked, codes: frozenset[str]) -> CaseResult:
    """One case: by the findings at the labelled patch, or anywhere when the cover is labelled."""
    number = _number(case, checked.series)
    footing = Footing.WHOLE if number and number <= checked.applied else checked.footing

    def result(outcome: Outcome, reason: str = "", said: Iterable[Finding] = ()) -> CaseResult:
        return CaseResult(
            case=case,
            outcome=outcome,
            footing=footing,
            reason=reason,
            tree=checked.tree,
            number=number or 0,
            findings=tuple(said),
        )

    if checked.result is None:
        return result(Outcome.COULD_NOT_RUN, checked.reason)
    if number is None:
        return result(Outcome.COULD_NOT_RUN, "the labelled mail is no patch of its series")
    here = [f for f in checked.result.findings if not number or f.patch == number]
    if case.label is Label.POSITIVE:
        return _positive(case, here, checked.result, codes, result)
    watched = {case.rule, *case.also}
    wrong = [f for f in here if f.severity in _COMPLAINTS and (not case.rule or f.code in watched)]
    if wrong:
        return result(Outcome.FALSE, wrong[0].title, wrong)
    silent = _why_silent(case.rule, checked.result)
    return result(Outcome.COULD_NOT_RUN if silent else Outcome.QUIET, silent)


def _positive(
    case: Case,
    here: Sequence[Finding],
    answers: CheckResult,
    codes: frozenset[str],
    result: Callable[..., CaseResult],
) -> CaseResult:
    own = [finding for finding in here if finding.code == case.rule]
    if own:
        return result(Outcome.FOUND, own[0].title, own)
    silent = _why_silent(case.rule, answers)
    others = [finding for finding in here if finding.code in case.also]
    if others:
        return result(Outcome.FOUND_BY_ANOTHER, silent or others[0].title, others)
    if silent:
        return result(Outcome.COULD_NOT_RUN, silent)
    if case.rule not in codes:
        return result(Outcome.MISSED, "there is no such rule")
    elsewhere = [finding for finding in answers.findings if finding.code == case.rule]
    if elsewhere:
        places = ", ".join(str(finding.patch) for finding in elsewhere)
        return result(Outcome.MISSED, f"it fires at patch {places} only")
    outcome = next(one for one in answers.outcomes if one.code == case.rule)
    return result(Outcome.MISSED, outcome.reason or "it ran and saw nothing")


def _number(case: Case, series: Series | None) -> int | None:
    """The labelled patch's position; 0 for a cover letter; None when it is neither."""
    if series is None:
        return None
    for patch in series.patches:
        if patch.message_id == case.patch:
            return patch.number
    return 0 if case.patch == case.cover else None


def _why_silent(code: str, result: CheckResult) -> str:
    """Why a rule could not run, "" when it could."""
    for outcome in result.outcomes:
        if outcome.code == code and outcome.status is RuleStatus.COULD_NOT_RUN:
            return outcome.reason or "no reason given"
    return ""


def _strays(pairs: Sequence[tuple[Case, Checked]], cases: Sequence[CaseResult]) -> Iterable[Stray]:
    """Errors anywhere in series with a negative label that no case accounts for, right or wrong."""
    counted = {
        (one.case.patch, finding.code)
        for one in cases
        if one.outcome is Outcome.FALSE
        for finding in one.findings
    }
    known = counted | {
        (case.patch if number else case.cover, code)
        for case, checked in pairs
        if case.label is Label.POSITIVE
        for number in (_number(case, checked.series),)
        for code in (case.rule, *case.also)
    }
    seen: set[str] = set()
    for case, checked in pairs:
        series = checked.series
        if case.label is Label.POSITIVE or series is None or checked.result is None:
            continue
        name = series.message_id
        if name in seen:
            continue
        seen.add(name)
        mails = {patch.number: patch.message_id for patch in series.patches}
        for finding in checked.result.findings:
            places = {(mails.get(finding.patch, name), finding.code), (name, finding.code)}
            if finding.severity is Severity.ERROR and not places & known:
                yield Stray(series=name, finding=finding)


def _seconds(pairs: Iterable[tuple[Case, Checked]]) -> dict[str, float]:
    """What each rule took, over all series."""
    spent: dict[str, float] = {}
    done: set[int] = set()
    for _, checked in pairs:
        if checked.result is None or id(checked.result) in done:
            continue
        done.add(id(checked.result))
        for outcome in checked.result.outcomes:
            spent[outcome.code] = spent.get(outcome.code, 0.0) + outcome.seconds
    return spent


def _by(
    cases: Sequence[CaseResult],
    name: Callable[[CaseResult], str],
    seconds: Mapping[str, float] | None = None,
) -> Iterable[Score]:
    for one in sorted({name(case) for case in cases}):
        chosen = [case for case in cases if name(case) == one]
        yield _score(one, chosen, (seconds or {}).get(one, 0.0))


def _score(name: str, cases: Sequence[CaseResult], seconds: float) -> Score:
    positive = [one for one in cases if one.case.label is Label.POSITIVE]
    wrong = [finding for one in cases if one.outcome is Outcome.FALSE for finding in one.findings]

    def count(outcome: Outcome) -> int:
        return sum(one.outcome is outcome for one in cases)

    return Score(
        name=name,
        positives=len(positive),
        found=count(Outcome.FOUND),
        by_another=count(Outcome.FOUND_BY_ANOTHER),
        missed=count(Outcome.MISSED),
        negatives=len(cases) - len(positive),
        false_errors=sum(finding.severity is Severity.ERROR for finding in wrong),
        false_warnings=sum(finding.severity is Severity.WARNING for finding in wrong),
        could_not_run=count(Outcome.COULD_NOT_RUN),
        seconds=round(seconds, 2),
    )


def _below(total: Score, strays: Sequence[Stray], floors: Floors) -> Iterable[str]:
    decided = total.found + total.by_another + total.missed
    recall = 100.0 * (total.found + total.by_another) / decided if decided else 0.0
    if floors.recall is not None and recall < floors.recall:
        yield f"{recall:.0f} % of the decided positives are found, {floors.recall:g} % are asked"
    errors = total.false_errors + len(strays)
    if floors.false_errors is not None and errors > floors.false_errors:
        yield f"{errors} false errors, at most {floors.false_errors} are asked"
    if floors.false_warnings is not None and total.false_warnings > floors.false_warnings:
        yield f"{total.false_warnings} false warnings, at most {floors.false_warnings} are asked"
