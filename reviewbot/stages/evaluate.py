# SPDX-License-Identifier: GPL-2.0-only
"""Labelled patches of a list -> how the rules do on them: series, trees, rules, scorecard."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from reviewbot import assets
from reviewbot.model.base import Applied, Base, BaseRule, Confidence, Tree
from reviewbot.model.corpus import Case, Evaluation, Footing, Label
from reviewbot.model.errors import UserError
from reviewbot.model.run import Stage
from reviewbot.model.series import Series
from reviewbot.parse.corpus import read_corpus
from reviewbot.parse.mail import Mail, MailError, parse_mail
from reviewbot.parse.references import Threads, identify
from reviewbot.parse.series import assemble
from reviewbot.parse.thread import unique
from reviewbot.rulekit.registry import chosen, load_sound
from reviewbot.rulekit.rule import Rule
from reviewbot.stages import apply, check, scorecard
from reviewbot.stages.scorecard import Checked, Floors
from reviewbot.tools import epoch, worker
from reviewbot.tools.context import Tools
from reviewbot.tools.objects import ObjectStore, resolve_commit

_PROCESSES = 2
_SECONDS = 1800.0
_MEMORY = 2 * 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateRequest:
    """``corpus`` is JSON, called ``name``; ``inbox`` a public-inbox; ``label`` takes only those cases."""

    corpus: bytes
    name: str
    inbox: Path
    trees: tuple[Tree, ...]
    label: Label | None = None
    floors: Floors = field(default_factory=Floors)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A series and the labelled mails in it."""

    series: Series
    wanted: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What one process found, by the position of the jobs."""

    checked: tuple[tuple[int, Checked], ...]


def run(request: EvaluateRequest, tools: Tools) -> Evaluation:
    """Check every series that has a labelled patch, once, and score the answers.

    A case whose mails are not in the inbox could not run; that is no error.  Raises UserError for a
    corpus, inbox or tree that cannot be read.
    """
    rules = _rules(tools)
    codes = frozenset(rule.code for rule in rules)
    cases = _wanted(request, codes, narrowed=bool(tools.config.rules.select))
    for tree in request.trees:
        _store(tree, tools)
    tools.progress(Stage.FETCH, f"reading {request.inbox}")
    found = _series_of(request.inbox, cases)
    jobs = _jobs(cases, found)
    checked = _check_all(jobs, request, rules, tools)
    answers = {id(job.series): one for job, one in zip(jobs, checked, strict=True)}
    pairs = []
    for case in cases:
        series = found[case.patch]
        if isinstance(series, str):
            pairs.append((case, Checked(series=None, result=None, reason=series)))
        else:
            pairs.append((case, answers[id(series)]))
    return scorecard.run(pairs, codes, request.floors)


def _rules(tools: Tools) -> tuple[Rule, ...]:
    """The rules that load.  Whoever measures one rule should not have to wait for another's author."""
    own = (Path(name).expanduser() for name in tools.config.rules.directories)
    rules, broken = load_sound((assets.rules_directory(), *own))
    for error in broken:
        tools.progress(Stage.CHECK, f"left out: {error}")
    return chosen(rules, tools.config.rules.select, tools.config.rules.ignore)


def _wanted(request: EvaluateRequest, codes: frozenset[str], *, narrowed: bool) -> list[Case]:
    return [
        case
        for case in read_corpus(request.corpus, request.name)
        if request.label in (None, case.label)
        and (not narrowed or not case.rule or codes & {case.rule, *case.also})
    ]


def _series_of(inbox: Path, cases: Iterable[Case]) -> dict[str, Series | str]:
    """The series of each labelled patch by its message-id, or why there is none."""
    threads = Threads(identify(mail.raw) for mail in epoch.read(inbox))
    members = {case.patch: threads.of(case.patch) | threads.of(case.cover) for case in cases}
    needed = frozenset(chain.from_iterable(members.values()))
    mails: dict[str, Mail] = {}
    for one in epoch.read(inbox):
        if identify(one.raw)[0] in needed:
            try:
                mail = parse_mail(one.raw)
            except MailError:
                continue
            mails.setdefault(mail.message_id, mail)
    found: dict[str, Series | str] = {}
    known: dict[tuple[str, ...], Series] = {}
    for patch, ids in members.items():
        thread = unique([mail for one, mail in mails.items() if one in ids])
        found[patch] = _assembled(patch, thread, known)
    return found


def _assembled(
    patch: str, thread: Sequence[Mail], known: dict[tuple[str, ...], Series]
) -> Series | str:
    if not any(mail.message_id == patch for mail in thread):
        return f"{patch} is not in the inbox"
    try:
        series = assemble(thread, source=patch, message_id=patch)
    except UserError as error:
        return str(error)
    if series is None or not series.patches:
        return f"{patch}: no mail of its series carries a patch"
    return known.setdefault(tuple(one.message_id for one in series.patches), series)


def _jobs(cases: Sequence[Case], found: dict[str, Series | str]) -> list[_Job]:
    wanted: dict[int, set[str]] = defaultdict(set)
    series: dict[int, Series] = {}
    for case in cases:
        one = found[case.patch]
        if isinstance(one, Series):
            series[id(one)] = one
            wanted[id(one)].add(case.patch)
    return [_Job(series=one, wanted=frozenset(wanted[name])) for name, one in series.items()]


def _check_all(
    jobs: Sequence[_Job], request: EvaluateRequest, rules: Sequence[Rule], tools: Tools
) -> list[Checked]:
    """Every job's answer, in order, worked out by a few processes."""
    order = sorted(range(len(jobs)), key=lambda at: -len(jobs[at].series.patches))
    shares = [share for share in (order[n::_PROCESSES] for n in range(_PROCESSES)) if share]

    def work(share: list[int]) -> _Batch:
        return _Batch(checked=tuple((at, _check(jobs[at], request, rules, tools)) for at in share))

    tools.progress(Stage.CHECK, f"{len(jobs)} series in {len(shares)} processes")
    answers: dict[int, Checked] = {}
    batches = worker.run_together(shares, work, _Batch, seconds=_SECONDS, memory=_MEMORY)
    for share, batch in zip(shares, batches, strict=True):
        if isinstance(batch, worker.Lost):
            lost = Checked(series=None, result=None, reason=f"the checking process: {batch.reason}")
            answers |= dict.fromkeys(share, lost)
        else:
            answers |= dict(batch.checked)
    return [answers[at] for at in range(len(jobs))]


def _check(job: _Job, request: EvaluateRequest, rules: Sequence[Rule], tools: Tools) -> Checked:
    """One series on the first tree that takes it up to the labelled patches, else on the best."""
    last = max(
        (patch.number for patch in job.series.patches if patch.message_id in job.wanted),
        default=job.series.patches[-1].number,
    )
    best: tuple[tuple[bool, bool, int, int], Tree, Applied] | None = None
    refused = ""
    for tree in request.trees:
        try:
            applied = apply.run(
                apply.ApplyRequest(series=job.series, base=_base(tree, tools)), tools
            )
        except UserError as error:
            refused = str(error)
            continue
        reached = bool(applied.patches) and applied.patches[-1].number >= last
        rest = check.placed(job.series, applied)
        usable = bool(applied.patches or rest.sure)
        merit = (reached, usable, -len(rest.unsure), len(applied.patches))
        if best is None or merit > best[0]:
            best = (merit, tree, applied)
        if reached:
            break
    applied_best = best[2] if best else None
    asked = check.CheckRequest(
        series=job.series, applied=applied_best, reason=refused or "no tree was given"
    )
    answer = check.with_rules(asked, rules, tools)
    if best is None:
        return Checked(series=job.series, result=answer, reason=refused)
    (reached, usable, *_), tree, applied = best
    footing = Footing.WHOLE if reached else Footing.PARTLY if usable else Footing.NONE
    return Checked(
        series=job.series,
        result=answer,
        footing=footing,
        applied=applied.patches[-1].number if applied.patches else 0,
        tree=tree.name if footing is not Footing.NONE else "",
    )


def _store(tree: Tree, tools: Tools) -> tuple[ObjectStore, str]:
    store = ObjectStore(tools.cache, tree.path)
    commit = resolve_commit(store.origin, "HEAD")
    if commit is None:
        raise UserError(
            f"{tree.path}: has no commit; give a kernel repository with one checked out"
        )
    return store, commit


def _base(tree: Tree, tools: Tools) -> Base:
    store, commit = _store(tree, tools)
    return Base.given(
        tree.path,
        commit,
        store.tree_of(commit),
        rule=BaseRule.EXPLICIT,
        why="the rules are measured on it",
        confidence=Confidence.LOW,
        tree=tree.name,
        ref="HEAD",
    )
