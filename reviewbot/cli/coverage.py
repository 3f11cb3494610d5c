# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot coverage``: find out which selftests execute what, for choosing among them later."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import need_isolation, tools_for
from reviewbot.model.errors import UserError
from reviewbot.stages.covered import only_at_load
from reviewbot.stages.printable import one_line

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation
    from reviewbot.model.config import Config
    from reviewbot.model.coverage import Coverage


@click.command()
@click.option("--tree", metavar="PATH", help="Kernel repository (default: the first configured).")
@click.option("--base", "revision", metavar="REV", default="HEAD", show_default=True)
@click.option("--tests", "globs", multiple=True, metavar="GLOB", help="Only these; repeatable.")
@click.pass_context
def coverage(
    ctx: click.Context, *, tree: str | None, revision: str, globs: tuple[str, ...]
) -> None:
    """Measure which selftests execute which functions of a base.

    Builds a second kernel that counts (once), runs every selftest on it that was not yet, and keeps
    the answer; reviews on that base then choose their tests by it.  Interrupted, it goes on with the next test,
    or builds the kernel anew when that was not done.
    """
    from reviewbot.stages import coverage as stage  # noqa: PLC0415 - the lab loads here
    from reviewbot.tools import profile as profiles  # noqa: PLC0415
    from reviewbot.tools.objects import ObjectStore, open_repository, resolve_commit  # noqa: PLC0415

    invocation: Invocation = ctx.obj
    config = invocation.config()
    path = tree_path(tree, config)
    with tools_for(config, quiet=invocation.quiet) as tools:
        need_isolation()
        commit = resolve_commit(open_repository(path), revision)
        if commit is None:
            raise UserError(f"{path}: no commit {one_line(revision)}")
        store = ObjectStore(tools.cache, path)
        request = stage.CoverageRequest(
            repository=str(store.path),
            commit=commit,
            tree_id=store.tree_of(commit),
            profile=profiles.load(config.lab.profile),
            tests=globs or ("*",),
        )
        _print(stage.run(request, tools))


def tree_path(named: str | None, config: Config) -> str:
    """The kernel repository of an option, else the first configured.  Raises UserError for none."""
    if named:
        return str(Path(named).expanduser().absolute())
    for tree in config.trees.values():
        return tree.path
    raise UserError("no kernel tree: give --tree PATH, or name one in the settings ([trees])")


def _print(found: Coverage) -> None:
    ran = [sum(one.tests != "0" for one in file.functions) for file in found.files]
    total = sum(len(file.functions) for file in found.files)
    for file, count in zip(found.files, ran, strict=True):
        if count:
            click.echo(f"{count:5} of {len(file.functions):5} functions  {one_line(file.path)}")
    seconds = sum(test.seconds for test in found.tests)
    loading = len(only_at_load(found))
    also = f", loading the modules {loading} more" if loading else ""
    click.echo(
        f"{len(found.tests)} selftests, {seconds:.0f} s, execute {sum(ran)} of {total} functions{also}"
    )
