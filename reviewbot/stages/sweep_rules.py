# SPDX-License-Identifier: GPL-2.0-only
"""Run the rules on a branch's new commits, each run of commits in a row as the series it once was.

A finding stays as long as its commit is on the branch; what was looked at before is not looked at again.
Rules about mails are left out: these commits have been accepted.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reviewbot.model.base import Applied, AppliedPatch, Base, BaseRule
from reviewbot.model.errors import ReviewbotError
from reviewbot.model.finding import Finding, Severity
from reviewbot.model.run import Stage
from reviewbot.model.series import Series
from reviewbot.model.status import Status
from reviewbot.model.sweep import Kind, Seen
from reviewbot.model.sweep_range import RangeCommit
from reviewbot.rulekit.registry import chosen, rules_for
from reviewbot.rulekit.rule import Needs
from reviewbot.stages import check, fetch
from reviewbot.stages.severities import adjust
from reviewbot.tools.context import Tools
from reviewbot.tools.objects import ObjectStore

_LONGEST = 40
"""Patches of one series: rules are made for what people post."""
_WORTH_IT = (Severity.ERROR, Severity.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesRequest:
    """New commits, and what earlier nights said of those that are still there.

    ``there`` tells whether a commit, by the start of its id, or one with its subject is on the branch.
    """

    store: ObjectStore
    commits: tuple[RangeCommit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesSeen:
    """Findings, the commit of each by the finding's name, and what could not be looked at."""

    seen: tuple[Seen, ...]
    commits: dict[str, RangeCommit]
    missing: tuple[str, ...]


def run(request: RulesRequest, tools: Tools) -> RulesSeen:
    """Look at all of them.  Raises UserError for a bad rule; a series that cannot be read is missing."""
    found: dict[str, Seen] = {}
    whose: dict[str, RangeCommit] = {}
    missing: list[str] = []
    for chain in chains(request.commits):
        try:
            findings, lost = _chain(request.store, chain, tools)
        except ReviewbotError as error:
            missing.append(f"rules on {chain[0].commit[:12]} ({chain[0].subject}): {error}")
            continue
        if lost:
            missing.append(f"rules that ran out of time or died: {', '.join(lost)}")
        for commit, finding in findings:
            one = _seen(commit, finding)
            found.setdefault(one.name, one)
            whose.setdefault(one.name, commit)
    return RulesSeen(
        seen=tuple(found.values()), commits=whose, missing=tuple(dict.fromkeys(missing))
    )


def carried(
    earlier: Iterable[Seen], commits: Iterable[str], rebased: Iterable[RangeCommit]
) -> Iterator[Seen]:
    """Findings of earlier nights whose commits (starts of ids) are on the branch still, rebased or not."""
    here = set(commits)
    subjects = {one.subject: one for one in rebased}
    for one in earlier:
        start, _, rest = one.detail.partition(" ")
        subject = rest.removeprefix('("').removesuffix('")')
        if start in here:
            yield one
        elif subject in subjects:
            yield seen_at(subjects[subject], one.kind, one.name)


def chains(commits: Sequence[RangeCommit]) -> Iterator[tuple[RangeCommit, ...]]:
    """Runs of commits each of which has the one before as its only parent."""
    chain: list[RangeCommit] = []
    for one in commits:
        follows = bool(chain) and one.parents == (chain[-1].commit,)
        if chain and (not follows or len(chain) == _LONGEST):
            yield tuple(chain)
            chain = []
        if one.parents:
            chain.append(one)
    if chain:
        yield tuple(chain)


def _chain(
    store: ObjectStore, chain: Sequence[RangeCommit], tools: Tools
) -> tuple[list[tuple[RangeCommit, Finding]], tuple[str, ...]]:
    parent, tip = chain[0].parents[0], chain[-1].commit
    wanted = fetch.FetchRequest(what="", tree_path=str(store.path), commit_range=f"{parent}..{tip}")
    fetched = fetch.run(wanted, tools)
    if fetched.declined or len(fetched.series.patches) != len(chain):
        return [], ()
    everything = rules_for(tools.config)
    rules = chosen(everything, tools.config.rules.select, tools.config.rules.ignore)
    rules = tuple(rule for rule in rules if rule.declaration.needs is not Needs.SERIES)
    request = check.CheckRequest(
        series=fetched.series, applied=_applied(store, chain, fetched.series)
    )
    result = adjust(
        check.with_rules(request, rules, tools), everything, fetched.series, tools.config
    )
    tools.progress(Stage.CHECK, f"{len(chain)} commits up to {tip[:12]}")
    by_number = {
        patch.number: commit for patch, commit in zip(fetched.series.patches, chain, strict=True)
    }
    found = [
        (by_number.get(finding.patch, chain[-1]), finding)
        for finding in result.findings
        if finding.severity in _WORTH_IT
    ]
    return found, result.lost


def _applied(store: ObjectStore, chain: Sequence[RangeCommit], series: Series) -> Applied:
    parent = chain[0].parents[0]
    why = "it is the parent of the first commit"
    base = Base.given(str(store.path), parent, store.tree_of(parent), rule=BaseRule.RANGE, why=why)
    patches = tuple(
        AppliedPatch(number=patch.number, commit=one.commit, tree_id=one.tree_id)
        for patch, one in zip(series.patches, chain, strict=True)
    )
    return Applied(status=Status.PASS, base=base, repository=str(store.path), patches=patches)


def _seen(commit: RangeCommit, finding: Finding) -> Seen:
    """The name is what stays from night to night: no line, no commit id."""
    where = f" {finding.location.path}" if finding.location else ""
    kind = Kind.DOCUMENT if finding.code.startswith("KVM-DOC-") else Kind.RULE
    return seen_at(commit, kind, f"{finding.code}{where}: {finding.title}")


def seen_at(commit: RangeCommit, kind: Kind, name: str) -> Seen:
    """A finding that stays as long as its commit is on the branch: :func:`carried` reads the detail."""
    return Seen(
        kind=kind,
        name=name,
        status=Status.FAIL,
        detail=f'{commit.commit[:12]} ("{commit.subject}")',
        failures=1,
    )
