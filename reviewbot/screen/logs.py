# SPDX-License-Identifier: GPL-2.0-only
"""The logs of a review: which there are, and one as lines.  Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewbot.model.build import Level
from reviewbot.model.status import Status
from reviewbot.screen.lines import Lazy, Line, line, plain
from reviewbot.screen.progress import span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reviewbot.model.build import CommitBuild
    from reviewbot.model.guest import BootResult
    from reviewbot.model.run import Run

BYTES = 16 << 20
"""Of a log that are shown, its end: that is where a build or a guest says why it stopped."""
_BAD = re.compile(
    r"\b(error:|fatal error|FAIL|not ok|BUG:|Oops|Kernel panic|KASAN|UBSAN|Call Trace|general protection)"
)
_WARN = re.compile(r"\b(warning:|WARNING:|# SKIP|INFO: task)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Something that can be opened: a blob of the cache, or ``text`` that is here already."""

    title: str
    digest: str = ""
    text: tuple[str, ...] = ()
    bad: bool = False


def logs(run: Run) -> tuple[Log, ...]:
    """What a review has kept, in the order of the stages."""
    return tuple(
        one for one in (*_builds(run), *_boots(run), *_tests(run)) if one.digest or one.text
    )


def menu(found: Sequence[Log]) -> tuple[Line, ...]:
    """A line for each; what went wrong stands out."""
    return tuple(line(one.title, "bad" if one.bad else "", key=str(at)) for at, one in enumerate(found))  # fmt: skip


def opened(data: bytes) -> Lazy:
    """A log as lines; where something is wrong is a stop."""
    cut = len(data) > BYTES
    texts = data[-BYTES:].decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n").split("\n")
    if cut:
        texts[0] = f"[...] the last {BYTES >> 20} MiB of {len(data) >> 20}"
    return lines(texts)


def lines(texts: Sequence[str]) -> Lazy:
    """Lines of a log."""

    def make(at: int) -> Line:
        bad = _BAD.search(texts[at]) is not None
        tone = "bad" if bad else "warn" if _WARN.search(texts[at]) else ""
        return line(texts[at], tone, stop=bad)

    return Lazy(len(texts), make)


def _builds(run: Run) -> Iterator[Log]:
    if run.build is None:
        return
    for one in (run.build.base, *run.build.patches):
        yield Log(title=_built(one), digest=one.log, bad=one.status is Status.FAIL)
        new = [d for d in one.new if d.level is not Level.NOTE]
        said = tuple(text for d in new for text in (f"{d.path}:{d.line}: {d.level}: {d.message} [{d.option}]", *d.context))  # fmt: skip
        name = "base" if one.number == 0 else f"patch {one.number}"
        yield Log(title=f"  new compiler messages, {name}", text=said, bad=True)
    for other in run.build.variants:
        yield Log(
            title=f"build  {other.name} ({other.compiler}): {other.status}, {span(other.seconds)}",
            digest=other.log,
            bad=other.status is Status.FAIL,
        )


def _built(one: CommitBuild) -> str:
    name = "base" if one.number == 0 else f"patch {one.number}"
    reused = ", known before" if one.reused else ""
    return f"build  {name} {one.commit[:12]}: {one.status}, {span(one.seconds)}{reused}"


def _boots(run: Run) -> Iterator[Log]:
    for name, boot in (("base", run.base_boot), ("series", run.boot)):
        if boot:
            yield from _guest(f"boot   {name}", boot)
    for crash in run.new_crashes:
        yield Log(title=f"crash  {crash.kind}: {crash.title}", text=crash.excerpt, bad=True)


def _guest(title: str, boot: BootResult) -> Iterator[Log]:
    yield Log(
        title=f"{title}: {boot.outcome}, {span(boot.seconds)}",
        digest=boot.console,
        text=boot.last_lines if not boot.console else (),
        bad=bool(boot.crashes or boot.module_error),
    )


def _tests(run: Run) -> Iterator[Log]:
    for one in run.tests.runs if run.tests else ():
        again = f", repeat {one.repeat}" if one.repeat else ""
        failed = sum(each.status is Status.FAIL for each in one.results)
        name = f"test   {one.commit[:12]}{again}"
        yield Log(
            title=f"{name}: {len(one.results)} tests, {failed} failed",
            digest=one.log,
            bad=failed > 0,
        )
        for number, boot in enumerate(one.boots, 1):
            yield from _guest(f"{name}, guest {number}", boot)
        for result in one.results:
            if result.status is not Status.PASS and result.output:
                yield Log(
                    title=f"  {result.name}: {result.status}",
                    text=(*((result.assertion,) if result.assertion else ()), *result.output),
                    bad=result.status is Status.FAIL,
                )


def narration(said: Sequence[str]) -> Lazy:
    """What a review that we began has said."""
    return plain(list(said))
