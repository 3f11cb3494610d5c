# SPDX-License-Identifier: GPL-2.0-only
"""Run -> one self-contained HTML page.  Pure.

The page holds text from strangers: everything is escaped by the templates, and its own security
policy forbids scripts, images, connections and any style but ours (whose hash it names).
"""

import base64
import hashlib
from dataclasses import dataclass, field
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from reviewbot.model.run import Run, VerdictKind
from reviewbot.model.series import FileDiff, Hunk, Patch
from reviewbot.parse.landing import as_landed
from reviewbot.parse.mail import SYNTHETIC_DOMAIN
from reviewbot.stages import reproduce
from reviewbot.stages.blocks import blocks
from reviewbot.stages.compose import is_identifier
from reviewbot.stages.judge import label
from reviewbot.stages.printable import one_line
from reviewbot.stages.quote import hunk_header, moved, new_numbers, quoted_line
from reviewbot.stages.remarks import Remark, broken_build, remarks
from reviewbot.stages.summary import (
    not_tested,
    rows,
    verdict_line,
)
from reviewbot.stages.tally import Tally, tally
from reviewbot.stages.tested import crash_block, host_phrase

MOST_LINES = 3000
"""Lines of a patch that are shown; a page of a 50 MB patch would help nobody."""

MOOD = {
    VerdictKind.CLEAN: "good",
    VerdictKind.FINDINGS: "bad",
    VerdictKind.WRONG_BASE: "unsure",
    VerdictKind.DOES_NOT_APPLY: "unsure",
    VerdictKind.DECLINED: "unsure",
    VerdictKind.INCOMPLETE: "unsure",
    VerdictKind.INFRA: "unsure",
}
"""Whether a verdict is good, bad or neither."""


@dataclass(slots=True, kw_only=True)
class Line:
    """One line of a diff as a table row; ``kind`` is "add", "del", "same" or "hunk"."""

    kind: str
    old: str
    new: str
    text: str
    remarks: list[Remark] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class ShownFile:
    """One file of a patch."""

    path: str
    what: str
    lines: list[Line]


@dataclass(slots=True, kw_only=True)
class ShownPatch:
    """One patch with its remarks placed; ``general`` are those on none of its lines."""

    number: int
    label: str
    subject: str
    link: str
    files: list[ShownFile]
    general: list[Remark]
    total: int
    broken: str
    cut: int


def html(run: Run, templates: jinja2.Environment) -> str:
    """The page."""
    counted = tally(run)
    assert templates.loader  # noqa: S101 - report.run gives one
    style = templates.loader.get_source(templates, "report.css")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    patches = run.series.patches if run.series else ()
    return templates.get_template("report.html.j2").render(
        **facts(run, counted),
        style=Markup(style),  # noqa: S704 - our own file
        style_hash=digest,
        patches=[_patch(run, counted, patch) for patch in patches],
    )


def facts(run: Run, counted: Tally) -> dict[str, object]:
    """What the parts of the page besides its patches show, by the names the templates use."""
    patches = run.series.patches if run.series else ()
    return {
        "run": run,
        "counted": counted,
        "mood": MOOD[run.verdict.kind] if run.verdict else "unsure",
        "verdict": verdict_line(run),
        "kind": run.verdict.kind.value if run.verdict else "",
        "title": _title(run),
        "link": archive_link(run.series.message_id) if run.series and patches else "",
        "rows": rows(run, counted),
        "not_tested": not_tested(run, counted),
        "findings": run.check.findings if run.check else (),
        "outcomes": sorted(run.check.outcomes, key=lambda o: o.code) if run.check else (),
        "blocks": blocks(run, counted),
        "crashes": [(crash, crash_block(crash)) for crash in run.new_crashes],
        "host": host_phrase(run.tests.host) if run.tests and run.tests.host else "",
        "ours": reproduce.ours(run),
        "by_hand": reproduce.by_hand(run, exact=True),
        "duration": reproduce.duration(run),
        "label": lambda number: label(run, number),
    }


def archive_link(message_id: str) -> str:
    """Where lore has a mail; '' for an id that cannot be one, or that we made up."""
    if not is_identifier(message_id) or message_id.endswith(f"@{SYNTHETIC_DOMAIN}"):
        return ""
    return f"https://lore.kernel.org/r/{quote(message_id, safe='@')}"


def _title(run: Run) -> str:
    if run.series is None:
        return one_line(run.request)
    return one_line(run.series.cover.full_subject if run.series.cover else run.series.title)


def _patch(run: Run, counted: Tally, patch: Patch) -> ShownPatch:
    found = remarks(run, counted, patch)
    placed: set[int] = set()
    room = MOST_LINES
    cut = 0
    files = []
    landed = as_landed(patch, moved(run, patch))
    for diff, there in zip(patch.files, landed.files, strict=True):
        shown = _file(diff, there, found, placed)
        cut += max(0, len(shown.lines) - room)
        shown.lines = shown.lines[: max(0, room)]
        room -= len(shown.lines)
        files.append(shown)
    built = broken_build(counted, patch)
    return ShownPatch(
        number=patch.number,
        label=label(run, patch.number),
        subject=patch.subject,
        link=archive_link(patch.message_id),
        files=files,
        general=[remark for remark in found if id(remark) not in placed],
        total=sum(remark.kind != "fact" for remark in found),
        broken=built.command if built else "",
        cut=cut,
    )


def _file(
    diff: FileDiff, there: FileDiff, found: tuple[Remark, ...], placed: set[int]
) -> ShownFile:
    """``there`` is the diff numbered as it applied, which is where remarks are."""
    lines: list[Line] = []
    for hunk, landed in zip(diff.hunks, there.hunks, strict=True):
        lines.append(Line(kind="hunk", old="", new="", text=hunk_header(hunk)))
        lines += _hunk(diff, landed, found, placed)
    what = "binary" if diff.binary else diff.kind.value
    if diff.old_path and diff.new_path and diff.old_path != diff.new_path:
        what += f" of {one_line(diff.old_path)}"
    return ShownFile(path=one_line(diff.path), what=what, lines=lines)


def _hunk(diff: FileDiff, hunk: Hunk, found: tuple[Remark, ...], placed: set[int]) -> list[Line]:
    lines = []
    old = hunk.old_start
    for text, new in zip(hunk.lines, new_numbers(hunk), strict=True):
        kind = {"+": "add", "-": "del"}.get(text[:1], "same")
        said = [
            r
            for r in found
            if r.location and new == r.location.line and r.location.path == diff.new_path
        ]
        placed.update(id(remark) for remark in said)
        lines.append(
            Line(
                kind=kind,
                old="" if kind == "add" else str(old),
                new="" if new is None else str(new),
                text=quoted_line(text),
                remarks=said,
            )
        )
        old += kind != "add"
    return lines
