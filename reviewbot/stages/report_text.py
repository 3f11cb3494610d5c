# SPDX-License-Identifier: GPL-2.0-only
"""Run -> plain text: the summary and one section a patch, for mails and for the terminal.

Pure.  Layout is here; order and wording of the whole are in the templates.
"""

import email.utils
from collections.abc import Callable, Iterable
from datetime import datetime

import jinja2

from reviewbot.model.finding import Finding
from reviewbot.model.run import Run
from reviewbot.model.series import Patch
from reviewbot.stages import reproduce
from reviewbot.stages.blocks import blocks
from reviewbot.stages.judge import label
from reviewbot.stages.printable import one_line, wrap
from reviewbot.stages.quote import moved, passages
from reviewbot.stages.remarks import Remark, broken_build, needs_reply, remarks
from reviewbot.stages.summary import (
    build_lines,
    finding_lines,
    not_tested,
    rows,
    verdict_line,
)
from reviewbot.stages.tally import Tally, tally

MOST_FINDINGS = 12
MOST_NOTES = 5
MOST_REMARKS = 8
MOST_CRASHES = 3


def text(run: Run, templates: jinja2.Environment) -> str:
    """The whole report for a terminal."""
    counted = tally(run)
    patches = run.series.patches if run.series else ()
    sections = [
        patch_section(run, counted, patch, templates, as_mail=False)
        for patch in patches
        if needs_reply(run, counted, patch)
    ]
    return templates.get_template("report.txt.j2").render(
        run=run,
        title=_title(run),
        summary=summary(run, counted, templates, as_mail=False),
        sections=sections,
    )


def summary(
    run: Run, counted: Tally, templates: jinja2.Environment, *, as_mail: bool, inline: str = ""
) -> str:
    """The part about the series as a whole; its first line is the verdict.

    ``inline`` is the section of a patch that is answered by the same mail.
    """
    named = (*counted.errors, *counted.warnings)
    # What no reply to a patch will explain is explained here.
    lines = finding_lines(run, named)
    patches = run.series.patches if run.series else ()
    replies = {patch.number for patch in patches if needs_reply(run, counted, patch)}
    unplaced = _once(f for f in named if f.location is None and f.patch not in replies)
    return templates.get_template("summary.txt.j2").render(
        as_mail=as_mail,
        verdict=verdict_line(run),
        rows=rows(run, counted),
        not_tested=not_tested(run, counted),
        findings=lines[:MOST_FINDINGS],
        more_findings=max(0, len(lines) - MOST_FINDINGS),
        build_lines=build_lines(run, counted),
        notes=_notes(run, counted.notes[:MOST_NOTES]),
        inline=inline,
        more_notes=max(0, len(counted.notes) - MOST_NOTES),
        unplaced=_tagged(unplaced[:MOST_REMARKS]),
        blocks=blocks(run, counted, counted.crashes[:MOST_CRASHES]),
        more_crashes=max(0, len(counted.crashes) - MOST_CRASHES),
        remarks_on_series=run.series.notes if run.series else (),
        newer=_newer(run),
        ours=reproduce.ours(run),
        by_hand=reproduce.by_hand(run, exact=False),
        close=bool(run.build and run.build.reproduce),
        duration=reproduce.duration(run),
        version=one_line(run.version),
    )


def _notes(run: Run, notes: tuple[Finding, ...]) -> list[tuple[str, str]]:
    """The line of each note and what to do; what was said above is not said again."""
    news = _are_new([(note.code, note.fix) for note in notes])
    return [
        (finding_lines(run, (note,))[0], note.fix if new else "")
        for note, new in zip(notes, news, strict=True)
    ]


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """The first of those that say the same of several patches: the list above names them all."""
    return list({(each.code, each.title): each for each in reversed(list(findings))}.values())[::-1]


def _tagged(findings: list[Finding]) -> list[tuple[Finding, str]]:
    """Each with its code, and where that is from when it was not said yet."""
    news = _are_new([(finding.code, finding.reference) for finding in findings])
    return [
        (finding, f"{finding.code}, {finding.reference}" if new else finding.code)
        for finding, new in zip(findings, news, strict=True)
    ]


def _are_new(said: list[tuple[str, str]]) -> list[bool]:
    """Of each whether it was not said before; they are few."""
    return [one not in said[:at] for at, one in enumerate(said)]


def patch_section(
    run: Run, counted: Tally, patch: Patch, templates: jinja2.Environment, *, as_mail: bool
) -> str:
    """What is said about one patch, under its own lines."""
    found = [r for r in remarks(run, counted, patch) if r.kind != "note"]
    grave_ones = [r for r in found if r.kind != "fact"]
    places = {r.location.path for r in grave_ones if r.location and r.kind != "build"}
    facts = [r for r in found if r.kind == "fact" and r.location and r.location.path in places]
    shown = tuple(grave_ones[:MOST_REMARKS] + facts[:2])
    broken = broken_build(counted, patch)
    return templates.get_template("patch.txt.j2").render(
        as_mail=as_mail,
        label=label(run, patch.number),
        subject=patch.subject,
        attribution=attribution(patch),
        passages=passages(patch, shown, moved(run, patch)),
        broken=reproduce.build_lines(run, broken, exact=False) if broken else (),
        more=max(0, len(grave_ones) - MOST_REMARKS),
        summary_of=_root(run, patch),
        remark=_teller(),
    )


def _teller() -> Callable[[Remark], str]:
    """remark_text() that says "Same here" when one rule repeats itself in a mail."""
    said: set[tuple[str, str, str]] = set()

    def tell(remark: Remark) -> str:
        key = (remark.title, remark.text, remark.tag)
        if key in said and remark.text:
            return wrap(f"Same here: {remark.title}.")
        said.add(key)
        return remark_text(remark)

    return tell


def remark_text(remark: Remark) -> str:
    """A remark as a paragraph, its log, and where the rule comes from."""
    lead = f"{remark.kind}: " if remark.kind in ("error", "warning", "note") else ""
    ends = remark.title and (remark.text or not remark.log)
    title = f"{remark.title}." if ends else remark.title
    said = " ".join(part for part in (f"{lead}{title}", remark.text) if part)
    parts = [wrap(said if not remark.log else f"{said.removesuffix('.')}:")]
    if remark.log:
        parts += ["", *remark.log]
    if remark.tag and remark.kind != "fact":
        parts.append(wrap(f"[{remark.tag}]", indent=" "))
    return "\n".join(parts)


def attribution(patch: Patch) -> str:
    """'On Thu, 15 Jan 2026, Jim Mattson wrote:', with whatever of it is known."""
    who = one_line(patch.sender.name or patch.sender.email)[:60]
    when = _when(patch.date)
    return f"On {when:%a, %d %b %Y}, {who} wrote:" if when else f"{who} wrote:"


def _when(date: str) -> datetime | None:
    """A mail's date: RFC 5322's, or ISO's of a local commit; None when it is neither."""
    for read in (email.utils.parsedate_to_datetime, datetime.fromisoformat):
        try:
            return read(date)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _root(run: Run, patch: Patch) -> str:
    """Which mail the summary answers; '' when it is in the same mail."""
    if run.series is None or run.series.message_id == patch.message_id:
        return ""
    return f"{0 if run.series.cover else 1}/{run.series.total}"


def _newer(run: Run) -> int:
    """The newest revision in the thread, when it is not this one."""
    if run.series and run.series.newest_revision > run.series.revision:
        return run.series.newest_revision
    return 0


def _title(run: Run) -> str:
    if run.series is None:
        return one_line(run.request)
    first = run.series.cover or (run.series.patches[0] if run.series.patches else None)
    if first is None:
        return one_line(run.series.title)
    who = one_line(first.sender.name or first.sender.email)
    return f"{one_line(first.full_subject)}\nby {who}, {first.date and one_line(first.date)}"
