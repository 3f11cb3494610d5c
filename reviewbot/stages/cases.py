# SPDX-License-Identifier: GPL-2.0-only
"""Run the cases that lie beside a rule: scratch tree, real apply stage, real rule.

This is what ``reviewbot rules test`` and tests/rules/test_cases.py call.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reviewbot.model.base import Base, BaseRule, Confidence
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.finding import CheckResult
from reviewbot.parse.mail import parse_mail
from reviewbot.parse.series import assemble
from reviewbot.rulekit.case import CaseText, differences, parse_case, render_case, updated
from reviewbot.rulekit.registry import load_rule
from reviewbot.rulekit.rule import Rule
from reviewbot.rulekit.runner import run_rules
from reviewbot.stages import apply, check
from reviewbot.tools import process
from reviewbot.tools.cache import write_whole
from reviewbot.tools.context import Tools

_AUTHOR = "A Developer <developer@example.org>"
_DATE = "2026-01-01T12:00:00Z"
_SECONDS = 60.0


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
    case = parse_case(request.path.read_text(encoding="utf-8"), request.path.name)
    with tempfile.TemporaryDirectory(dir=tools.scratch) as place:
        repository = Path(place) / "tree"
        _scratch_tree(repository, case.before)
        mails = case.mails or tuple(_as_mails(repository, case))
        result = _check(rule, mails, repository, tools, request.path.name)
    if request.update:
        case = updated(case, result, mails)
        write_whole(request.path, render_case(case).encode())
    return CaseOutcome(
        path=request.path,
        rule=rule.code,
        differences=differences(case, result),
        result=result,
    )


def _check(
    rule: Rule, mails: Iterable[str], repository: Path, tools: Tools, name: str
) -> CheckResult:
    series = assemble([parse_mail(mail.encode()) for mail in mails], source=name)
    if series is None:
        raise UserError(f"{name}: its mails hold no patch")
    applied = apply.run(apply.ApplyRequest(series=series, base=_base(repository)), tools)
    if applied.conflict:
        conflict = applied.conflict
        raise UserError(f"{name}: patch {conflict.patch}: {conflict.path}: {conflict.reason}")
    trees = check.trees_of(series, applied)
    return run_rules([rule], trees)


def _base(place: Path) -> Base:
    start = git(place, "rev-parse", "HEAD").strip()
    return Base(
        tree="case",
        path=str(place),
        ref="main",
        tip=start,
        commit=start,
        tree_id=git(place, "rev-parse", "HEAD^{tree}").strip(),
        rule=BaseRule.EXPLICIT,
        confidence=Confidence.HIGH,
        why="the case's own files",
    )


def _scratch_tree(place: Path, files: Iterable[tuple[str, str]]) -> None:
    place.mkdir()
    git(place, "init", "-q", "-b", "main")
    _write(place, files)
    git(place, "add", "-A", "-f")
    git(place, "commit", "-q", "--allow-empty", "-m", "before the series")


def _as_mails(place: Path, case: CaseText) -> Iterator[str]:
    """Make patch mails of whole-file sections, with git's own diff."""
    for draft in case.drafts:
        _write(place, draft.after)
        git(place, "add", "-A", "-f")
        body = draft.changelog or "A case."
        git(place, "commit", "-q", "-m", f"{draft.subject}\n\n{body}", "-s")
    count = len(case.drafts)
    text = git(place, "format-patch", "--stdout", "--no-signature", "--thread", f"-{count}")
    git(place, "reset", "-q", "--hard", f"HEAD~{count}")
    text = re.sub(r"\.\d+\.git\.", ".0.git.", text)  # Message-IDs hold the time of day
    start = "From "
    for chunk in text.split("\n" + start):
        mail = chunk if chunk.startswith(start) else start + chunk
        yield mail.rstrip("\n") + "\n\n"


def _write(place: Path, files: Iterable[tuple[str, str]]) -> None:
    for name, text in files:
        target = (place / name).resolve()
        if not target.is_relative_to(place.resolve()):
            raise UserError(f"{name}: is outside the tree")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def git(place: Path, *arguments: str) -> str:
    """Run git in a scratch tree; its output.  Raises InfrastructureError when it fails."""
    name, _, address = _AUTHOR.partition(" <")
    who = {}
    for role in ("AUTHOR", "COMMITTER"):
        who[f"GIT_{role}_NAME"] = name
        who[f"GIT_{role}_EMAIL"] = address.rstrip(">")
        who[f"GIT_{role}_DATE"] = _DATE
    who["GIT_CONFIG_GLOBAL"] = who["GIT_CONFIG_SYSTEM"] = "/dev/null"
    done = process.run(
        ["git", "-c", "core.autocrlf=false", "-c", "diff.noprefix=false", *arguments],
        timeout=_SECONDS,
        cwd=place,
        env=who,
    )
    if not done.ok:
        raise InfrastructureError(f"git {arguments[0]}: {done.complaint()}")
    return done.text()
