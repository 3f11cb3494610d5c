# SPDX-License-Identifier: GPL-2.0-only
"""One review -> what its page shows.  Pure; the facts are those of the HTML report."""

from collections.abc import Iterable
from dataclasses import dataclass

from reviewbot.model.guest import Crash
from reviewbot.model.run import Run
from reviewbot.model.series import Patch
from reviewbot.model.triage import Earlier, Part, Reviewed
from reviewbot.stages import added_lines
from reviewbot.stages.judge import label
from reviewbot.stages.known import whole
from reviewbot.stages.printable import clipped, printable
from reviewbot.stages.quote import ELISION, moved, passages
from reviewbot.stages.remarks import Remark, remarks
from reviewbot.stages.report_html import archive_link, facts
from reviewbot.stages.summary import rows
from reviewbot.stages.tally import Tally, tally
from reviewbot.web.coverage import covered
from reviewbot.web.shown import day
from reviewbot.web.snapshot import Reviews

MOST_PATCHES = 100
"""Patches that are shown on one page with what was said about them; the rest has links."""
MOST_PASSAGES = 20
"""Places of one patch that are quoted there; its own page shows all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """Lines of a patch as (class of the style sheet, text), and what is said below them."""

    lines: tuple[tuple[str, str], ...]
    where: str
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPatch:
    """A patch in brief; ``left`` counts the places that only its own page shows."""

    number: int
    label: str
    subject: str
    link: str
    added: int
    removed: int
    files: int
    total: int
    broken: str
    quoted: tuple[Quoted, ...]
    left: int


_ROWS = {
    Part.FINDINGS: ("Rules", "Ignored", "Severity"),
    Part.BASE: ("Base", "Applied"),
    Part.BUILD: ("Built", "Also built", "Analysed"),
    Part.TESTS: ("Booted", "Tested"),
    Part.COVERAGE: ("Coverage",),
}
"""What stages.summary.rows calls the parts of a review."""


def review(run: Run, earlier: Iterable[Earlier] = ()) -> dict[str, object]:
    """What the template needs of a run; rows say which of its parts are from ``earlier`` reviews."""
    counted = tally(run)
    since = {name: one for one in earlier for name in _ROWS[one.part]}
    shown = [
        (name, f"{text}{_from(since[name])}" if name in since else text)
        for name, text in rows(run, counted)
    ]
    patches = run.series.patches if run.series else ()
    broken = {built.number: built.command for built in counted.broken}
    return {
        **facts(run, counted),
        "rows": shown,
        "covered": covered(run),
        "not_run": added_lines.heading(run),  # of a block whose place a table takes
        "patches": [
            _patch(run, counted, one, broken.get(one.number, "")) for one in patches[:MOST_PATCHES]
        ],
        "more_patches": [
            (one.number, label(run, one.number), one.subject) for one in patches[MOST_PATCHES:]
        ],
        "consoles": [(one, marked(one)) for one in run.new_crashes],
    }


def everything(reviews: Reviews, newest: Reviewed) -> Run | None:
    """A review, with what it did not look at from earlier ones."""
    run = reviews.run(newest.run)
    parts = {one.part: reviews.run(one.run) for one in newest.earlier}
    return whole(run, {part: one for part, one in parts.items() if one}) if run else None


def _from(one: Earlier) -> str:
    return f" (in the review of {day(one.made)})"


def marked(crash: Crash) -> tuple[tuple[bool, str], ...]:
    """The excerpt line by line; True for those that the fingerprint is made of."""
    shown = []
    frames = set(crash.frames)
    for number, text in enumerate(crash.excerpt):
        function = text.strip().partition("+0x")[0].rpartition(" ")[2].partition(".")[0]
        part = number == 0 or ("+0x" in text and "? " not in text and function in frames)
        if part and number:
            frames.discard(function)  # once: the same function below is not part of it
        shown.append((part, clipped(printable(text).replace("\n", " "))))
    return tuple(shown)


def _patch(run: Run, counted: Tally, patch: Patch, broken: str) -> ShownPatch:
    found = remarks(run, counted, patch)
    placed = passages(patch, found, moved(run, patch)) if found else ()
    lines = [line for one in patch.files for hunk in one.hunks for line in hunk.lines]
    return ShownPatch(
        number=patch.number,
        label=label(run, patch.number),
        subject=patch.subject,
        link=archive_link(patch.message_id),
        added=sum(line[:1] == "+" for line in lines),
        removed=sum(line[:1] == "-" for line in lines),
        files=len(patch.files),
        total=sum(one.kind != "fact" for one in found),
        broken=broken,
        quoted=tuple(
            Quoted(
                lines=tuple((_class(text), text) for text in one.quote),
                where=one.where,
                remarks=one.remarks,
            )
            for one in placed[:MOST_PASSAGES]
        ),
        left=max(0, len(placed) - MOST_PASSAGES),
    )


def _class(text: str) -> str:
    if text == ELISION or text.startswith(("@@", "--- ", "+++ ")):
        return "hunk"
    return {"+": "add", "-": "del"}.get(text[:1], "same")
