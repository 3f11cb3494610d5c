# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot lint``: the rules for authors, before a series is sent.

The engine is that of ``review``; the base is the repository one stands in, of which nothing is run
and no settings are read, and no run is kept.
"""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import tools_for
from reviewbot.cli.review import STDIN_LIMIT
from reviewbot.cli.selection import selected, selection
from reviewbot.engine.pipeline import ReviewRequest
from reviewbot.engine.pipeline import review as review_series
from reviewbot.engine.store import Store
from reviewbot.model.base import Tree
from reviewbot.model.errors import UserError
from reviewbot.model.run import Run, Stage, VerdictKind
from reviewbot.stages import report_lint
from reviewbot.tools import checkout, patch_files

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation
    from reviewbot.model.finding import Finding
    from reviewbot.tools.context import Tools

FORMATS = ("text", "json", "sarif")
_NOT_A_FAULT = (VerdictKind.DECLINED, VerdictKind.INCOMPLETE)
"""Verdicts that must not keep anybody from sending a mail: no kernel patch, one patch of several."""

_MADE_OF = 2
"""Commits below which a base is looked for: a cover letter names the last, the next file the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hooked:
    """What git send-email wants to know: is ``patch`` good?  ``first``: then answer for the series."""

    patch: int
    first: bool


@click.command()
@click.argument("what", nargs=-1, metavar="[RANGE | FILE... | DIR | -]")
@click.option("--base", "base", metavar="REV", help="Patch files go on this commit.")
@selection
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--validate", metavar="FILE", help="For git's sendemail-validate hook.")
@click.pass_context
def lint(
    ctx: click.Context,
    what: tuple[str, ...],
    *,
    base: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    form: str,
    validate: str | None,
) -> None:
    """Check your own commits or patches against the rules before you send them.

    A RANGE of commits (default: since the upstream of the branch; REV means REV..HEAD), FILEs or a
    DIR of git format-patch, or - for standard input.  Stand in the kernel repository they are for.

    Exit status: 0 nothing but notes, 1 findings, 2 wrong usage or input, 3 our own tools failed.
    """
    if validate and what:
        raise click.UsageError("--validate takes the one FILE that git names; give nothing else")
    invocation: Invocation = ctx.obj
    # Configured trees are left alone: a linter fetches nothing.
    config = replace(selected(invocation.config(), select, ignore), trees={})
    top = checkout.top(Path.cwd())
    hooked = None
    if validate:
        hooked, files = _validated(Path(validate))
        if hooked is None:
            return
        request = _of_files(top, files, base)
    else:
        request = _request(top, what, base)
    with tools_for(config, quiet=True) as tools:
        run = review_series(request, tools, Store(tools.scratch / "runs"))
        findings = _shown(run, hooked)
        _print(run, findings, tools, form)
    if not invocation.quiet and not (hooked and not hooked.first):
        _say(run)
    ctx.exit(_status(run, findings, hooked))


def _request(top: Path, what: tuple[str, ...], base: str | None) -> ReviewRequest:
    """Paths if they exist, else a range of commits."""
    if what == ("-",):
        return _reviewed(top, base, (), what="-", stdin=sys.stdin.buffer.read(STDIN_LIMIT))
    if what and all(Path(each).exists() for each in what):
        if len(what) == 1 and Path(what[0]).is_dir():
            files = tuple(sorted(each for each in Path(what[0]).iterdir() if each.is_file()))
            return _reviewed(top, base, patch_files.commits_of(files), what=what[0])
        return _of_files(top, tuple(Path(each) for each in what), base)
    gone = next((each for each in what if not Path(each).exists()), "")
    if len(what) > 1 or gone.startswith((".", "/", "~")):
        raise UserError(f"{gone[:80]!a}: no such file; give files, or one range of commits")
    if base:
        raise UserError(
            "--base is for patch files; a range of commits says by itself where it starts"
        )
    first, dots, last = what[0].partition("..") if what else ("", "", "")
    if what and not dots and not checkout.is_commit(top, first):
        raise UserError(f"{first[:80]!a} is no file here and no commit in {top}")
    commits = checkout.commits_since(top, first or checkout.UPSTREAM, last or "HEAD")
    return _reviewed(top, None, (), commit_range=commits)


def _of_files(top: Path, files: tuple[Path, ...], base: str | None) -> ReviewRequest:
    commits = patch_files.commits_of(files)
    return _reviewed(top, base, commits, paths=tuple(str(file) for file in files))


def _reviewed(
    top: Path,
    base: str | None,
    made_of: tuple[str, ...],
    *,
    what: str = "",
    paths: tuple[str, ...] = (),
    stdin: bytes | None = None,
    commit_range: str | None = None,
) -> ReviewRequest:
    """Patches without a base-commit go below the commits they were made of, else on what is here."""
    refs = [*(f"{commit}^" for commit in made_of[:_MADE_OF]), checkout.UPSTREAM, "HEAD"]
    known = tuple(ref for ref in dict.fromkeys(refs) if checkout.is_commit(top, ref))
    return ReviewRequest(
        what=what,
        paths=paths,
        stdin=stdin,
        commit_range=commit_range,
        trees=(Tree(name=top.name or str(top), path=str(top), refs=known or ("HEAD",)),),
        explicit_base=base,
        until=Stage.CHECK,
        until_reason="reviewbot lint",
    )


def _validated(file: Path) -> tuple[_Hooked | None, tuple[Path, ...]]:
    """The series of the file that git send-email is about to send; None when it was answered for.

    git runs the hook once for each file and ends at the first that fails.  Since 2.41 it counts
    them; where the files to be sent are the series, the first call has answered for all.
    """
    beside = patch_files.series_beside(file)
    files = tuple(path for path, _ in beside)
    position = files.index(file) + 1
    counter, total = _number("GIT_SENDEMAIL_FILE_COUNTER"), _number("GIT_SENDEMAIL_FILE_TOTAL")
    if counter > 1 and (counter, total) == (position, len(files)):
        return None, ()
    return _Hooked(patch=beside[position - 1][1], first=position == 1), files


def _number(variable: str) -> int:
    value = os.environ.get(variable, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 6 else 0


def _shown(run: Run, hooked: _Hooked | None) -> tuple[Finding, ...]:
    findings = run.check.findings if run.check else ()
    if hooked is None or hooked.first:
        return findings
    return tuple(f for f in findings if f.patch == hooked.patch and report_lint.grave((f,)))


def _status(run: Run, findings: tuple[Finding, ...], hooked: _Hooked | None) -> int:
    verdict = run.verdict
    if verdict is None:
        return 3
    if hooked and verdict.kind in (*_NOT_A_FAULT, VerdictKind.FINDINGS):
        return int(report_lint.grave(findings))
    return verdict.exit_code


def _print(run: Run, findings: tuple[Finding, ...], tools: Tools, form: str) -> None:
    """A reader that left (| head) changes nothing about the verdict."""
    if form == "text":
        said = "".join(f"{line}\n" for line in report_lint.lines(run, findings)).encode()
    else:
        from reviewbot.stages import report  # noqa: PLC0415 - jinja2

        said = report.run(run, form, report.settings(tools.config, form))
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.write(said)
        sys.stdout.buffer.flush()


def _say(run: Run) -> None:
    """On standard error: what else there is to know, and the verdict."""
    for line in report_lint.remarks(run):
        click.echo(line, err=True)
    if run.verdict:
        click.echo(f"reviewbot: {run.verdict.line}", err=True)
