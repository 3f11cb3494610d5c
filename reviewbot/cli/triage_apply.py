# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot triage apply``: hand a series over to ``b4 shazam``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reviewbot.cli.desk import complete_id, from_place, open_desk
from reviewbot.cli.environment import tools_for
from reviewbot.model.errors import UserError
from reviewbot.model.triage import Answer
from reviewbot.stages.printable import one_line, printable
from reviewbot.tools import mailbox, own_git

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewbot.cli.main import Invocation
    from reviewbot.model.triage import Item

_RIVALS = 8


@click.command(short_help="Apply a series to the repository you stand in.")
@click.argument("name", metavar="ID", shell_complete=complete_id)
@click.option("--branch", metavar="NAME", help="On a new branch, not on the one you are on.")
@click.option("--base", metavar="REV", help="Where --branch begins (default: the reviewed base).")
@click.option("--link", is_flag=True, help="Add a Link: trailer to every patch.")
@click.option("--sign", is_flag=True, help="Add your Signed-off-by to every patch.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@from_place
@click.pass_context
def apply(
    ctx: click.Context,
    name: str,
    *,
    branch: str | None,
    base: str | None,
    link: bool,
    sign: bool,
    yes: bool,
    origin: str | None,
    days: int,
    cached: bool,
) -> None:
    """Apply a series to the repository you stand in, with the trailers that reviewers gave.

    b4 shazam does it; nothing happens before you have agreed.  Undo: git reset --hard ORIG_HEAD, or
    delete the branch.
    """
    from reviewbot.engine.revisions import thread_of  # noqa: PLC0415 - loads the pipeline

    invocation: Invocation = ctx.obj
    if base and not branch:
        raise click.UsageError("--base says where a new branch begins; name it with --branch")
    top = own_git.top()
    own_git.require_clean()
    with open_desk(invocation, origin, days=days, cached=cached) as desk:
        item = desk.find(name)
        own_git.require_files([one.path for one in item.card.files if one.removed])
        mails = thread_of(desk, item.card)
        names = desk.desk.names()
    start = _start(item, base) if branch else own_git.head()
    where = f"on a new branch {branch} at {start[:12]}" if branch else f"on {start}"
    click.echo(f"{item.id} v{item.card.revision}  {one_line(item.card.subject)}")
    for warning in _warnings(item, names):
        click.echo(f"  but: {one_line(warning)}")
    click.echo(f"  {len(item.card.patches)} patches, {where} of {top}")
    if not yes:
        click.confirm("apply?", abort=True)
    with tools_for(invocation.config(), quiet=True) as tools:
        box = None
        if mails:
            box = tools.scratch / "series.mbox"
            box.write_bytes(mailbox.join(mails))
        if branch:
            own_git.new_branch(branch, start)
        options = [*(["--add-link"] if link else []), *(["--add-my-sob"] if sign else [])]
        done = own_git.shazam(item.card.message_id, box, *options)
    click.echo(printable(done.text().rstrip()))
    if not done.ok:
        raise UserError(
            "b4 shazam did not apply it, see above; 'git am --abort' goes back, "
            "or resolve the conflict and 'git am --continue'"
        )


def _start(item: Item, base: str | None) -> str:
    """Where the new branch begins: as asked for, else where the review applied it, else here."""
    if base:
        return own_git.commit_of(base)
    review = item.review
    if review and review.applies is Answer.YES and own_git.has_commit(review.base):
        return review.base
    return own_git.commit_of("HEAD")


def _warnings(item: Item, names: Mapping[str, str]) -> list[str]:
    found = []
    if str(item.standing) not in ("ready", "new", "re-rolled"):
        found.append(f"{item.standing}: {item.why}")
    review = item.review
    if review is None:
        found.append("reviewbot has not reviewed it")
    elif review.applies is Answer.NO:
        found.append(f"it did not apply to {review.tree}: {review.why_not}")
    elif review.findings:
        found.append(f"reviewbot said: {review.line}")
    if item.clashes:
        rivals = [names.get(one.message_id, one.message_id) for one in item.clashes]
        more = ", ..." if len(rivals) > _RIVALS else ""
        found.append(f"pending series change the same lines: {', '.join(rivals[:_RIVALS])}{more}")
    return found
