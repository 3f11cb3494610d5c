# SPDX-License-Identifier: GPL-2.0-only
"""A sweep's report as text at 80 columns, and its subject line.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewbot.model.sweep import Against, Ending, Kind, Move, Reverted
from reviewbot.stages.nightly_words import text as text_of
from reviewbot.stages.printable import count, listed, one_line
from reviewbot.stages.sweep_regzbot import introduced, regzbot_lines, with_commands
from reviewbot.stages.sweep_words import KINDS, commit, day, since

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import jinja2

    from reviewbot.model.sweep import Bisection, Movement
    from reviewbot.model.sweep_report import SweepReport

Rows = list[tuple[str, str]]
_MOST = 12
"""Blocks of one sort that are shown; a broken build may take a hundred tests with it."""
_MOST_MISSING = 12
_NOUNS = {
    Move.BROKE: ("new failure", "new failures"),
    Move.WARNED: ("new warning", "new warnings"),
    Move.FIXED: ("fixed", "fixed"),
    Move.SLOWER: ("slower", "slower"),
    Move.FLAKY: ("flaky", "flaky"),
}
WORTH_A_MAIL = (Move.BROKE, Move.WARNED, Move.FIXED, Move.SLOWER)
_IN_FULL = (
    Move.BROKE, Move.WARNED, Move.SLOWER, Move.GREW, Move.UNCONFIRMED, Move.FLAKY, Move.GONE,
    Move.FASTER, Move.SHRANK, Move.FIXED,
)  # fmt: skip


def decisive(report: SweepReport) -> tuple[Movement, ...]:
    """What moved since the last sweep; on a branch's first night, what mainline does not have."""
    last = [one for one in report.movements if one.against is Against.PREVIOUS]
    if last or not report.incomparable:
        return tuple(last)
    first = [one for one in report.movements if one.against is Against.MERGE_BASE]
    return tuple(one for one in first if one.move is not Move.ADDED)


def changed(report: SweepReport) -> bool:
    """Whether the night is worth a mail."""
    return bool(late(report)) or any(one.move in WORTH_A_MAIL for one in decisive(report))


def late(report: SweepReport) -> tuple[Bisection, ...]:
    """Searches that found tonight who did what began in an earlier night."""
    still = {(one.kind, one.name) for one in decisive(report) if one.move is Move.STILL}
    return tuple(one for one in report.bisections if one.culprit and (one.kind, one.name) in still)


def summary(report: SweepReport) -> str:
    """What moved in numbers, such as "1 new failure, 1 fixed"; says so when nothing did."""
    night = report.night
    if night.ending is Ending.UNCHANGED:
        return "nothing was pushed since the last sweep"
    moves = [one.move for one in decisive(report)]
    said = [
        f"{moves.count(move)} {one if moves.count(move) == 1 else many}"
        for move, (one, many) in _NOUNS.items()
        if move in moves
    ]
    if found := late(report):
        said.append(f"{count(len(found), 'culprit')} found")
    text = ", ".join(said) or "nothing moved"
    if report.incomparable and not said:
        failing = [one for one in night.seen if one.failures]
        text = f"first sweep here, {count(len(failing), 'failure')}"
    return f"{text} (partial)" if night.ending is Ending.PARTIAL else text


def subject(report: SweepReport) -> str:
    """Of the mail: "[kvm/queue] 1 new failure, 1 fixed at 0123456789ab"."""
    night = report.night
    return one_line(f"[{night.branch}] {summary(report)} at {night.commit[:12]}")


def text(report: SweepReport, templates: jinja2.Environment, *, regzbot: bool) -> str:
    """The whole report."""
    night = report.night
    said = templates.get_template("sweep.txt.j2").render(
        branch=night.branch,
        tip=commit(night.commit, report.tip_subject),
        summary=summary(report),
        blocks=[*_moved(report), *_going_on(report)],
        facts=list(_facts(report)),
    )
    return with_commands(said, regzbot_lines(report) if regzbot else ())


def culprit_text(
    report: SweepReport, some: Sequence[Bisection], templates: jinja2.Environment, *, regzbot: bool
) -> str:
    """The mail about one commit: ``some`` are the searches that ended there."""
    culprit = some[0].culprit
    assert culprit is not None  # noqa: S101 - the caller has grouped by it
    moved = {(one.kind, one.name): one for one in decisive(report)}
    blocks = [
        (f"{KINDS[one.kind]}: {one.name}", _rows(moved.get((one.kind, one.name)), one, brief=True))
        for one in some[:_MOST]
    ]
    said = templates.get_template("sweep_culprit.txt.j2").render(
        branch=report.night.branch,
        commit=commit(culprit.commit, culprit.subject),
        what=count(len(some), "test") if _only_tests(some) else one_line(listed(_names(some), 3)),
        blocks=blocks,
        facts=list(_facts(report, brief=True)),
    )
    return with_commands(said, introduced(some) if regzbot else ())


def _only_tests(some: Sequence[Bisection]) -> bool:
    return all(one.kind is Kind.TEST for one in some) and len(some) > 1


def _names(some: Sequence[Bisection]) -> tuple[str, ...]:
    return tuple(
        f"the build of {one.name}"
        if one.kind is Kind.BUILD
        else f"the {KINDS[one.kind]} {one.name}"
        for one in some
    )


def _moved(report: SweepReport) -> Iterator[tuple[str, Rows]]:
    searches = {(one.kind, one.name): one for one in report.bisections}
    closed = {(one.kind, one.name): one for one in report.closed}
    movements = decisive(report)
    for move in _IN_FULL:
        some = [one for one in movements if one.move is move]
        for one in some[:_MOST]:
            kind = f"{KINDS[one.kind]}: " if one.kind else ""
            key = (one.kind, one.name) if one.kind else None
            rows = _rows(one, searches.get(key) if key else None)
            if key and key in closed:
                rows.append(("since", since(closed[key])))
            yield f"{move.value.capitalize()}: {kind}{one.name}", rows
        if len(some) > _MOST:
            yield f"... and {len(some) - _MOST} more: {move.value}", []


def _rows(moved: Movement | None, search: Bisection | None, *, brief: bool = False) -> Rows:
    rows: Rows = []
    if moved:
        rows += [("was", moved.before), ("now", moved.after)]
        if moved.high:
            rows.append(("ratio", f"{moved.low:.3f} to {moved.high:.3f} (95 %)"))
        if moved.move in (Move.BROKE, Move.FLAKY) and 0 < moved.likelihood < 1:
            rows.append(("chance", f"{moved.likelihood:.2g} if nothing had changed"))
    if search:
        rows += _search(search, brief=brief)
    return rows


def _search(found: Bisection, *, brief: bool) -> Rows:
    rows: Rows = []
    if found.culprit:
        who = found.culprit
        if not brief:
            rows += [("culprit", commit(who.commit, who.subject)), ("author", who.author)]
            if who.message_id:
                rows.append(("thread", f"<{who.message_id}>"))
        steps = f", {count(len(found.steps), 'step')} in {found.good[:12]}..{found.bad[:12]}"
        rows.append(("sure", f"{100 * found.confidence:.4g} %{steps if found.steps else ''}"))
        if who.reverted is not Reverted.NOT_TRIED:
            rows.append(("revert", str(who.reverted.value)))
    elif found.suspects:
        some = tuple(one[:12] for one in found.suspects)
        rows.append(("one of", f"{listed(some, 8)}: {found.reason}"))
    elif found.reason:
        rows.append(("culprit", f"not found: {found.reason}"))
    if found.note:
        rows.append(("note", found.note))
    return rows


def _going_on(report: SweepReport) -> Iterator[tuple[str, Rows]]:
    """Failures of earlier nights that are over without anybody having seen when, and that are still there."""
    fresh = {(one.kind, one.name) for one in decisive(report) if one.move in WORTH_A_MAIL}
    over: Rows = [
        ("", f"{one.standing}: {KINDS[one.kind]}: {one.name}, since {since(one)}; {one.why}")
        for one in report.closed
        if (one.kind, one.name) not in fresh and one.why
    ]
    if over:
        yield "Over:", over[:_MOST]
    for found in late(report)[:_MOST]:
        yield f"Culprit found: {KINDS[found.kind]}: {found.name}", _rows(None, found)
    searches = (*report.found, *report.bisections)
    culprits = {(one.kind, one.name): one.culprit for one in searches if one.culprit}
    rows: Rows = []
    for one in report.open:
        if (one.kind, one.name) not in fresh:
            who = culprits.get((one.kind, one.name))
            by = f", since {commit(who.commit, who.subject)}" if who else ""
            rows.append((day(one.since)[5:], f"{KINDS[one.kind]}: {one.name}{by}"))
    if rows:
        yield "Still failing:", rows[:_MOST]
    both = [
        one
        for one in report.movements
        if one.against is Against.MERGE_BASE and one.move is Move.STILL
    ]
    if both:
        names = tuple(one.name for one in both)
        yield "Also failing where the branch leaves mainline:", [("", listed(names, 20))]
    if alone := _compared_with_nothing(report):
        yield "Failing, with nothing to compare with:", alone


def _compared_with_nothing(report: SweepReport) -> Rows:
    """What a first night sees fail of which nobody knows whether it ever passed."""
    if not report.incomparable or report.night.ending is Ending.UNCHANGED:
        return []
    known = {(one.kind, one.name) for one in report.movements}
    rows = [
        ("", f"{KINDS[one.kind]}: {one.name}: {text_of(one)}")
        for one in report.night.seen
        if one.failures and (one.kind, one.name) not in known
    ]
    more = [("", f"and {len(rows) - _MOST} more")] if len(rows) > _MOST else []
    return rows[:_MOST] + more


def _facts(report: SweepReport, *, brief: bool = False) -> Iterator[tuple[str, str]]:
    night, moved = report.night, report.range
    if moved:
        yield "range", _range(report)
    if night.same_as:
        yield "same as", f"the sweep {night.same_as}"
    if report.incomparable and night.ending is not Ending.UNCHANGED:
        yield "compared", report.incomparable
    if not brief:
        tests = [one for one in night.seen if one.kind is Kind.TEST]
        bad = sum(1 for one in tests if one.failures)
        if tests:
            yield "tests", f"{len(tests)}, of which {bad or 'none'} failed"
        for one in night.missing[:_MOST_MISSING]:
            yield "not seen", one
        if len(night.missing) > _MOST_MISSING:
            yield "not seen", f"and {len(night.missing) - _MOST_MISSING} more things"
    yield "machine", night.machine
    yield "sweep", f"{night.id}, {max(0.0, night.ended - night.started) / 60:.1f} minutes"


def _range(report: SweepReport) -> str:
    moved = report.range
    assert moved is not None  # noqa: S101 - asked by _facts
    said = [f"{count(len(moved.commits), 'new commit')} since {moved.old[:12] or 'mainline'}"]
    if moved.forced:
        fresh = count(len(moved.commits), "new commit")
        said = [f"force-pushed over {moved.old[:12]}: {fresh}"]
        said += [f"{len(moved.rebased)} only rebased", f"{len(moved.dropped)} dropped"]
        said += [f"dropped {commit(one.commit, one.subject)}" for one in moved.dropped[:5]]
    if moved.upstream:
        said.append(f"{count(moved.upstream, 'commit')} from mainline")
    if moved.merges:
        said.append(count(moved.merges, "merge"))
    if moved.merge_base:
        said.append(f"merge base {moved.merge_base[:12]}")
    return "; ".join(said)
