# SPDX-License-Identifier: GPL-2.0-only
"""A patch as it was mailed, and below its lines what was said of them.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reviewbot.parse.landing import as_landed
from reviewbot.screen.lines import Line, line
from reviewbot.stages.printable import one_line, wrap
from reviewbot.stages.quote import anchored, file_header, hunk_header, moved
from reviewbot.stages.remarks import Remark, remarks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewbot.model.run import Run
    from reviewbot.model.series import CoverLetter, FileDiff, Patch, Series
    from reviewbot.stages.tally import Tally

LINES = 50_000
"""Lines of one patch that are shown; the longest that was ever posted to kvm has fewer, but for one."""
_TONES = {"build": "bad", "error": "bad", "warning": "warn", "note": "new", "fact": "good"}
_SIGNS = {"+": "good", "-": "bad"}


def cover(run: Run, counted: Tally, series: Series, width: int) -> tuple[Line, ...]:
    """The cover letter, with what is said of the series as a whole; none has no lines."""
    if series.cover is None:
        return ()
    head, body = _cover(series.cover)
    said = (text for each in _of_series(run, counted, series) for text in _remark(each, width, where=True))  # fmt: skip
    return (*head, *said, *body)


def patch(run: Run, counted: Tally, one: Patch, width: int) -> tuple[Line, ...]:
    """One patch; ``run`` may be one that has the series only.  Remarks are wrapped to ``width``.

    Without a cover letter the first patch has what is said of the series, too.
    """
    found = remarks(run, counted, one)
    series = run.series
    if series and series.cover is None and one is series.patches[0]:
        found += _of_series(run, counted, series)
    body: list[Line] = []
    placed: set[int] = set()
    for text in _files(run, one, found, placed, width):
        if len(body) >= LINES:
            body.append(
                line(f"[...] more than {LINES} lines: read the mail {one.message_id}", "warn")
            )
            break
        body.append(text)
    general = [each for each in found if id(each) not in placed]
    return (
        line(one.full_subject or one.subject, "head"),
        line(f"From: {one.author.name} <{one.author.email}>", "dim"),
        line(f"Date: {one.date}", "dim"),
        line(f"Message-ID: <{one.message_id}>", "dim"),
        line(),
        *(text for each in general for text in _remark(each, width, where=True)),
        *(line(text) for text in one.changelog.rstrip().split("\n")),
        *((line("---"), *(line(text) for text in one.below_cut.rstrip().split("\n"))) if one.below_cut.strip() else ()),
        line(),
        *body,
    )  # fmt: skip


def _cover(letter: CoverLetter) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    head = (
        line(letter.full_subject or letter.subject, "head"),
        line(f"From: {letter.sender.name} <{letter.sender.email}>", "dim"),
        line(f"Date: {letter.date}", "dim"),
        line(f"Message-ID: <{letter.message_id}>", "dim"),
        line(),
    )
    return head, tuple(line(text) for text in letter.body.rstrip().split("\n"))


def _of_series(run: Run, counted: Tally, series: Series) -> tuple[Remark, ...]:
    """What is said of patch 0, which stands for the whole series (model.finding.Finding)."""
    return remarks(run, counted, replace(series.patches[0], number=0, files=()))


def _files(
    run: Run, one: Patch, found: tuple[Remark, ...], placed: set[int], width: int
) -> Iterator[Line]:
    landed = as_landed(one, moved(run, one))
    for diff, there in zip(one.files, landed.files, strict=True):
        yield from (line(text, "head") for text in _header(diff))
        for hunk, numbered in zip(diff.hunks, there.hunks, strict=True):
            yield line(hunk_header(hunk), "new")
            said = anchored(diff, numbered, found)
            for at, text in enumerate(hunk.lines):
                yield line(text, _SIGNS.get(text[:1], ""))
                for remark in said.get(at, ()):
                    placed.add(id(remark))
                    yield from _remark(remark, width)


def _header(diff: FileDiff) -> tuple[str, ...]:
    if diff.hunks:
        return file_header(diff)
    what = "binary" if diff.binary else diff.kind.value
    return (f"{what} {one_line(diff.old_path or diff.path)} -> {one_line(diff.path)}",)


def _remark(remark: Remark, width: int, *, where: bool = False) -> Iterator[Line]:
    """A block that stands out by its bar, also where there are no colours."""
    tone = _TONES.get(remark.kind, "new")
    place = remark.location
    at = f" ({place.path}:{place.line})" if where and place else ""
    tag = f" [{remark.tag}]" if remark.tag else ""
    head = f"{remark.kind.upper()}: {remark.title}{tag}{at}".replace(": [", " [")
    bar = "  | "
    for number, text in enumerate(wrap(head, first=bar, indent=bar, width=width).split("\n")):
        yield line(text, tone, stop=number == 0 and remark.kind != "fact")
    if remark.text:
        for text in wrap(remark.text, first=bar, indent=bar, width=width).split("\n"):
            yield line(text, "" if remark.kind != "fact" else tone)
    for text in remark.log:
        yield line(f"{bar}{text}")
    if where:
        for text in remark.quoted:
            yield line(f"{bar}> {text}")
        yield line()
