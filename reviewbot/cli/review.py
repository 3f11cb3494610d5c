# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot review``: one series from its name to the printed report."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import need_isolation, state_directory, store, tools_for
from reviewbot.cli.selection import selected, selection
from reviewbot.engine.pipeline import ORDER, ReviewRequest
from reviewbot.engine.pipeline import review as review_series
from reviewbot.model.base import Tree
from reviewbot.model.errors import UserError
from reviewbot.model.run import Run, Stage, VerdictKind
from reviewbot.stages.printable import one_line
from reviewbot.tools.cache import write_whole

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation
    from reviewbot.engine.store import Store
    from reviewbot.model.config import Config
    from reviewbot.tools.context import Tools

KEPT = ("text", "json", "html", "mbox")
"""What is kept with every run."""
FORMATS = (*KEPT, "sarif", "junit", "kcidb")
_SUFFIX = {"text": "txt", "junit": "junit.xml", "kcidb": "kcidb.json"}
"""Of a format's file; others are called as the format."""
STDIN_LIMIT = 201 * 1024 * 1024
"""Bytes; a little more than the largest mailbox, so that the mailbox reader refuses it by name."""
_UNTIL = [stage.value for stage in ORDER[: ORDER.index(Stage.COMPARE) + 1]]


@click.command()
@click.argument("series", required=False)
@click.option("--range", "commit_range", metavar="A..B", help="Review local commits instead.")
@click.option(
    "--tree", "trees", multiple=True, metavar="PATH", help="Kernel repository; repeatable."
)
@click.option("--base", "explicit_base", metavar="REV", help="Apply on this commit.")
@click.option(
    "--revision", type=click.IntRange(1, 999), help="Which version, if a thread has several."
)
@click.option("--until", type=click.Choice(_UNTIL), help="Stop after this stage.")
@click.option("--only-rules", is_flag=True, help="Same as --until check: no build, no boot.")
@selection
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--output", "-o", type=click.Path(dir_okay=False), help="Write the report here.")
@click.option("--send", is_flag=True, help="Mail the report.  Without this nothing is ever sent.")
@click.pass_context
def review(
    ctx: click.Context,
    series: str | None,
    *,
    commit_range: str | None,
    trees: tuple[str, ...],
    explicit_base: str | None,
    revision: int | None,
    until: str | None,
    only_rules: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    form: str,
    output: str | None,
    send: bool,
) -> None:
    """Review one patch SERIES and print the report.

    SERIES is a message-id, a lore URL, an mbox, a maildir, a directory of patches, or - for
    standard input.
    """
    if bool(series) == bool(commit_range):
        raise click.UsageError("give either SERIES or --range A..B")
    if only_rules and until not in (None, "check"):
        raise click.UsageError("--only-rules and --until contradict each other; use one of them")
    invocation: Invocation = ctx.obj
    config = selected(invocation.config(), select, ignore)
    request = ReviewRequest(
        what=series or "",
        stdin=sys.stdin.buffer.read(STDIN_LIMIT) if series == "-" else None,
        commit_range=commit_range,
        trees=_trees(trees, config, local=commit_range is not None),
        explicit_base=explicit_base,
        revision=revision,
        until=Stage.CHECK if only_rules else Stage(until or Stage.COMPARE),
        until_reason="--only-rules" if only_rules else "",
    )
    _need_qemu(request, config)
    _need_output(output)
    with tools_for(config, quiet=invocation.quiet) as tools:
        if ORDER.index(request.until) >= ORDER.index(Stage.BUILD):
            need_isolation()
        runs = store()
        run = review_series(request, tools, runs)
        _deliver_report(run, runs, tools, form=form, output=output, send=send)
    if run.verdict and run.verdict.exit_code:
        _say_why(run)
        ctx.exit(run.verdict.exit_code)


def _trees(named: tuple[str, ...], config: Config, *, local: bool) -> tuple[Tree, ...]:
    """Trees to consider: those of --tree, else "." for a local range, else the configured ones."""
    if named or local:
        paths = [Path(name).expanduser().absolute() for name in named or (".",)]
        return tuple(Tree(name=path.name or str(path), path=str(path)) for path in paths)
    return trees_of(config)


def trees_of(config: Config) -> tuple[Tree, ...]:
    """The configured trees."""
    return tuple(
        Tree(name=name, path=tree.path, refs=tuple(tree.refs), remote=tree.remote)
        for name, tree in config.trees.items()
    )


def _need_qemu(request: ReviewRequest, config: Config) -> None:
    """Say at once, not after the build, that nothing can be booted."""
    if ORDER.index(request.until) >= ORDER.index(Stage.BOOT) and not shutil.which(config.lab.qemu):
        raise UserError(
            f"{config.lab.qemu} not found: install Debian's qemu-system-x86, "
            "or stop before booting with --until build"
        )


def _need_output(output: str | None) -> None:
    """Say before the work, not after it, that the report cannot be written."""
    if output:
        parent = Path(output).absolute().parent
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise UserError(f"cannot write {output}: {parent} is no writable directory")


def _deliver_report(
    run: Run, runs: Store, tools: Tools, *, form: str, output: str | None, send: bool
) -> None:
    """Keep all renderings beside the run, print or write the wanted one, send if asked."""
    from reviewbot.stages import report  # noqa: PLC0415 - jinja2 only now

    settings = report.settings(tools.config, form)
    rendered = {name: report.run(run, name, settings) for name in dict.fromkeys((*KEPT, form))}
    places = {
        name: runs.save_report(run, f"report.{_SUFFIX.get(name, name)}", content)
        for name, content in rendered.items()
    }
    _print(rendered[form], output)
    if form == "mbox" and not rendered[form] and run.verdict:
        click.echo(f"reviewbot: no mail: {run.verdict.line} --format text shows all", err=True)
    if send:
        # Only when asked: SQLAlchemy alone is 0.12 s of each review.
        from reviewbot.stages import deliver  # noqa: PLC0415
        from reviewbot.tools import database  # noqa: PLC0415

        request = deliver.DeliverRequest(
            mails=report.mails(run, settings),
            database=database.url_of(tools.config.engine.database, state_directory()),
        )
        deliver.run(request, tools)
    click.echo(f"\nrun {run.id}; HTML report: {places['html']}", err=True)


def _print(content: bytes, output: str | None) -> None:
    """To standard output, or whole or not at all to a file.

    A reader that left (| head) changes nothing about the verdict.
    """
    if output and not Path(output).exists():
        write_whole(Path(output).absolute(), content)
    elif output:
        Path(output).write_bytes(content)  # keeps a link, a device, an owner
    else:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()


def _say_why(run: Run) -> None:
    """One line for people and scripts that look at standard error only."""
    if run.verdict is None:
        return
    conflict = run.applied.conflict if run.applied else None
    if run.verdict.kind is VerdictKind.DOES_NOT_APPLY and conflict:
        where = " ".join(word for word in (conflict.path, conflict.hunk) if word)
        why = one_line(
            f"patch {conflict.patch} does not apply: {where}: {conflict.reason}; "
            "name another commit with --base, or another repository with --tree"
        )
        click.echo(f"reviewbot: {why}", err=True)
    elif run.verdict.exit_code > 1:
        click.echo(f"reviewbot: {run.verdict.line}", err=True)
