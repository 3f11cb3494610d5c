# SPDX-License-Identifier: GPL-2.0-only
"""The facts of a run in the order a maintainer reads them: pure, and free of any layout but lines."""

from reviewbot.model.base import BaseRule, Confidence
from reviewbot.model.build import CommitBuild, Level
from reviewbot.model.finding import Finding, RuleOutcome, RuleStatus
from reviewbot.model.run import Run, Stage
from reviewbot.model.status import Status
from reviewbot.stages import added_lines, analysed, other_builds, set_aside, since, tested
from reviewbot.stages.judge import label
from reviewbot.stages.printable import WIDTH, count, lines_of, listed, one_line, wrap
from reviewbot.stages.remarks import diagnostic_lines
from reviewbot.stages.tally import Tally, base_broken, wrong_base
from reviewbot.stages.tested import Block, shortened

_LOG_LINES = 12
_CODE_COLUMN = 50
_STAGE_WORDS = {
    Stage.CHECK: "rules",
    Stage.BUILD: "build",
    Stage.BOOT: "boot",
    Stage.TEST: "selftests",
    Stage.COMPARE: "comparison with the base",
}


def verdict_line(run: Run) -> str:
    """The verdict, or why there is none."""
    if run.verdict:
        return run.verdict.line
    return (
        "no verdict: the review is still running, or was interrupted; the same command continues."
    )


def rows(run: Run, counted: Tally) -> tuple[tuple[str, str], ...]:
    """(label, prose) of what was done, one each for base, patches, rules, build, boot and tests."""
    parts = (
        ("Base", _base(run)),
        ("Applied", _applied(run)),
        ("Rules", _rules(run, counted)),
        since.row(run),
        ("Built", _built(run, counted)),
        ("Also built", other_builds.row(run)),
        ("Analysed", analysed.row(run)),
        ("Booted", tested.booted(run)),
        ("Tested", tested.row(run.tests)),
        ("Coverage", added_lines.row(run)),
        ("Ignored", set_aside.ignored(run)),
        ("Severity", set_aside.severities(run)),
    )
    return tuple((name, text) for name, text in parts if text)


def not_tested(run: Run, counted: Tally) -> tuple[str, ...]:
    """One phrase for each thing this run says nothing about, with the reason."""
    gaps: list[str] = []
    if run.series and run.series.missing:
        missing = tuple(label(run, number) for number in run.series.missing)
        gaps.append(f"patch {listed(missing, 6)} (not among the mails)")
    failed = {stage for stage, _ in run.failures}
    gaps += [f"{_STAGE_WORDS.get(s, s.value)} (our tools failed: {why})" for s, why in run.failures]
    gaps += _skipped(run, failed)
    gaps += unable(counted.unable)
    if run.tests:
        gaps += [run.tests.unavailable] if run.tests.unavailable else []
        gaps += run.tests.not_tested
    return tuple(dict.fromkeys(one_line(gap).rstrip(".") for gap in gaps))


def finding_lines(run: Run, findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """'6/8 warning: title      [CODE]' for each; the same said of several lines is said once."""
    times: dict[tuple[str, str], int] = {}
    for finding in findings:
        title = one_line(finding.title).rstrip(".")
        left = f"{label(run, finding.patch)} {finding.severity}: {title}"
        key = (left, f"[{one_line(finding.code)}]")
        times[key] = times.get(key, 0) + 1
    return tuple(
        _finding_line(left if number == 1 else f"{left} ({number} times)", code)
        for (left, code), number in times.items()
    )


def _finding_line(left: str, code: str) -> str:
    """At most 72 columns, unless title or code alone is longer."""
    column = min(_CODE_COLUMN, WIDTH - len(code))
    if len(left) < column:
        return f"{left:<{column - 1}} {code}"
    if len(left) + 1 + len(code) <= WIDTH:
        return f"{left} {code}"
    return f"{wrap(left, indent='    ')}\n    {code}"


def build_lines(run: Run, counted: Tally) -> tuple[str, ...]:
    """One line for each patch that does not build or brings new compiler messages."""
    said: list[str] = []
    for built in counted.broken:
        said.append(f"{label(run, built.number)} does not build")
        errors = [d for d in built.new if d.level is Level.ERROR]
        said += [f"    {line}" for d in errors[:1] for line in diagnostic_lines(d)[:1]]
    numbers = dict.fromkeys(built.number for built, _ in counted.compiler)
    for number in numbers:
        new = sum(1 for built, _ in counted.compiler if built.number == number)
        said.append(f"{label(run, number)} {count(new, 'new compiler warning')}")
    return tuple(said)


def _in_columns(reason: str) -> tuple[str, ...]:
    """Two quoted lines of code each on a line of its own where they do not fit beside each other."""
    where, expected, quoted = reason.partition(": expected ")
    wanted, found, there = quoted.rpartition(", found ")
    if len(reason) <= WIDTH or not (expected and found):
        return (reason,)
    return (f"{where}:", f"expected {wanted},", f"found {there}")


def conflict_block(run: Run) -> Block | None:
    """Where the series stopped applying."""
    conflict = run.applied.conflict if run.applied else None
    if conflict is None:
        return None
    lines = [one_line(conflict.path)]
    lines += [one_line(conflict.hunk)] if conflict.hunk else []
    lines += [line for text in lines_of(conflict.reason) for line in _in_columns(text) if line]
    return Block(heading=f"Patch {label(run, conflict.patch)} stops at:", lines=tuple(lines))


def symbols_block(run: Run) -> Block | None:
    """The names that neither the series nor its base has."""
    if run.build is None or not wrong_base(run):
        return None
    return Block(
        heading="Used by the series, and defined neither by it nor by the base. Which tree or "
        "prerequisite has them?",
        lines=shortened(run.build.missing_symbols),
    )


def base_block(run: Run) -> Block | None:
    """What the compiler says of a base that does not build."""
    if run.build is None or not base_broken(run):
        return None
    from_log = tuple(f"{d.path}:{d.line}: {d.level}: {d.message}" for d in run.build.base.new)
    return Block(
        heading="The base itself, without the series:",
        lines=shortened(from_log or (run.build.reason or "does not build",)),
    )


def _base(run: Run) -> str:
    base = run.base
    if base is None:
        return ""
    name = one_line(base.tree if base.ref in ("", "HEAD") else f"{base.tree}/{base.ref}")
    said = f"{name} at {base.tip[:12]} ({base.rule})"
    if base.confidence is not Confidence.HIGH or base.rule is BaseRule.SCORED:
        said += f", {base.confidence} confidence. {one_line(base.why).rstrip('.')}"
    return said


def _applied(run: Run) -> str:
    if run.series is None or run.applied is None:
        return ""
    said = f"{len(run.applied.patches)} of {len(run.series.patches)}"
    if not run.series.complete:
        said += f" seen; {run.series.total} were announced"
    merged = sum(patch.fuzzy for patch in run.applied.patches)
    if merged:
        said += f", {merged} of them by three-way merge"
    if run.applied.conflict:
        said += f"; {label(run, run.applied.conflict.patch)} conflicts, later ones were not tried"
    return said


def _rules(run: Run, counted: Tally) -> str:
    if run.check is None:
        return ""
    outcomes = run.check.outcomes
    idle = sum(outcome.status is RuleStatus.NOT_APPLICABLE for outcome in outcomes)
    said = f"{len(outcomes) - len(counted.unable)} of {len(outcomes)} could run"
    said += f"; {idle} of them had nothing to look at here" if idle else ""
    return f"{said}; {run.check.basis}" if run.check.basis else said


def _built(run: Run, counted: Tally) -> str:
    built = run.build
    if built is None:
        return ""
    with_what = ", ".join(one_line(w) for w in (built.config_name, built.compiler) if w)
    good = sum(patch.status is Status.PASS for patch in built.patches)
    total = len(run.series.patches) if run.series else len(built.patches)
    said = f"{good} of {total}, each with {with_what}"
    if base_broken(run):
        return f"not even the base, with {with_what}"
    if good and not counted.compiler and not counted.broken and not wrong_base(run):
        said += ": no new warning"
    elif counted.compiler:
        said += f": {count(len(counted.compiler), 'new warning')}"
    return said


def _skipped(run: Run, failed: set[Stage]) -> list[str]:
    """Stages left out, those with the same reason together: 'build, boot (--only-rules)'."""
    reasons: dict[str, list[str]] = {}
    for stage, reason in run.skipped:
        if stage in _STAGE_WORDS and stage not in failed:
            reasons.setdefault(reason, []).append(_STAGE_WORDS[stage])
    return [f"{', '.join(stages)} ({reason})" for reason, stages in reasons.items()]


def unable(outcomes: tuple[RuleOutcome, ...]) -> list[str]:
    """Rules that could not run, those with the same reason together: 'CODE, CODE (reason)'."""
    reasons: dict[str, list[str]] = {}
    for outcome in outcomes:
        reasons.setdefault(outcome.reason or "no reason given", []).append(outcome.code)
    return [f"{listed(tuple(codes), 4)} ({reason})" for reason, codes in reasons.items()]


def build_command(run: Run) -> CommitBuild | None:
    """The build whose command a reader should repeat: the first that failed, else the last."""
    if run.build is None or not run.build.patches:
        return None
    failed = (built for built in run.build.patches if built.status is not Status.PASS)
    return next(failed, run.build.patches[-1])
