# SPDX-License-Identifier: GPL-2.0-only
"""Run the cases that lie beside a rule: scratch tree, real apply stage, real rule.

This is what ``reviewbot rules test`` and tests/rules/test_cases.py call.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from reviewbot.model.base import Base, BaseRule
from reviewbot.model.errors import UserError
from reviewbot.model.finding import CheckResult
from reviewbot.parse.mail import parse_mail
from reviewbot.parse.series import assemble
from reviewbot.rulekit.case import CaseText, differences, parse_case, render_case, updated
from reviewbot.rulekit.registry import load_rule
from reviewbot.rulekit.rule import Rule
from reviewbot.rulekit.runner import run_rules
from reviewbot.stages import apply, check
from reviewbot.tools.case_tree import CaseTree, case_tree, read_case, write_case
from reviewbot.tools.context import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRequest:
    """Which case; its rule is the file beside it.  ``update`` rewrites the case as found."""

    path: Path
    update: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOutcome:
    """``differences`` is empty when the rule says what the case expects."""

    path: Path
    rule: str
    differences: tuple[str, ...]
    result: CheckResult


def rule_of(case: Path) -> Path:
    """The rule file a case lies beside: padding_use.bad.case -> padding_use.py."""
    return case.with_name(case.name.split(".")[0] + ".py")


def run(request: CaseRequest, tools: Tools) -> CaseOutcome:
    """Run one case.  Raises UserError when it is malformed or its patches do not apply."""
    rule = load_rule(rule_of(request.path))
    case = parse_case(read_case(request.path), request.path.name)
    with case_tree(tools.scratch, case.before) as tree:
        mails = case.mails or _as_mails(tree, case)
        result = _check(rule, mails, tree, tools, request.path.name)
    if request.update:
        case = updated(case, result, mails)
        write_case(request.path, render_case(case))
    return CaseOutcome(
        path=request.path,
        rule=rule.code,
        differences=differences(case, result),
        result=result,
    )


def _check(
    rule: Rule, mails: Iterable[str], tree: CaseTree, tools: Tools, name: str
) -> CheckResult:
    series = assemble([parse_mail(mail.encode()) for mail in mails], source=name)
    if series is None:
        raise UserError(f"{name}: its mails hold no patch")
    applied = apply.run(apply.ApplyRequest(series=series, base=_base(tree)), tools)
    if applied.conflict:
        conflict = applied.conflict
        raise UserError(f"{name}: patch {conflict.patch}: {conflict.path}: {conflict.reason}")
    trees = check.trees_of(series, applied)
    return run_rules([rule], trees)


def _base(tree: CaseTree) -> Base:
    return Base.given(
        str(tree.place),
        tree.commit,
        tree.tree_id,
        rule=BaseRule.EXPLICIT,
        why="the case's own files",
        tree="case",
        ref="main",
    )


def _as_mails(tree: CaseTree, case: CaseText) -> tuple[str, ...]:
    """Make patch mails of whole-file sections, with git's own diff."""
    for draft in case.drafts:
        tree.write(draft.after)
        tree.commit_all(f"{draft.subject}\n\n{draft.changelog or 'A case.'}")
    return tuple(tree.take_mails(len(case.drafts)))
