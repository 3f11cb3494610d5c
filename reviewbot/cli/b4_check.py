# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot b4-check``: what b4's review screen runs for every mail of a series."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import state_directory, store, tools_for
from reviewbot.engine.triage import Triage
from reviewbot.model.base import Tree
from reviewbot.model.errors import ReviewbotError, UserError
from reviewbot.model.run import Stage
from reviewbot.parse.mail import Mail, MailError, parse_mail
from reviewbot.stages import b4_check as answer
from reviewbot.tools import own_git
from reviewbot.tools.desk import Desk
from reviewbot.tools.ledger import Ledger

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation
    from reviewbot.model.config import Config
    from reviewbot.model.run import Run
    from reviewbot.model.triage import Reviewed

_LIMIT = 20 * 1024 * 1024


@click.command(name="b4-check")
@click.option("--series", "whole", is_flag=True, help="Answer for the series, not for one patch.")
@click.option("--known", is_flag=True, help="Only look for reviews that were made; make none.")
@click.pass_context
def b4_check(ctx: click.Context, *, whole: bool, known: bool) -> None:
    """Answer b4 about the mail on standard input: b4 review's check commands.

    \b
    [b4]
        review-perpatch-check-cmd = _builtin_checkpatch
        review-perpatch-check-cmd = reviewbot b4-check
        review-series-check-cmd = reviewbot b4-check --series

    in ~/.gitconfig.  A series that was not reviewed yet is looked at by the rules, once, on the
    configured trees or the repository you stand in.  Prints nothing when there is nothing to say.
    """  # noqa: D301 - a real \\b: click leaves the lines behind it alone
    invocation: Invocation = ctx.obj
    config = invocation.config()
    mail = _mail()
    try:
        review = _known(config, mail.message_id)
        if review is None and not known:
            run = _review(config, mail)
            if run.declined:
                _answer(answer.not_ours(f"{run.declined.reason}: {run.declined.evidence}"))
                return
            review = _known(config, mail.message_id)
    except ReviewbotError as error:
        _answer(answer.not_reviewed(f"not reviewed: {error}"))
        return
    if review is None:
        return
    number = review.mails.index(mail.message_id)
    url = config.rules.help_url
    _answer(
        answer.of_series(review, url)
        if whole or number == 0
        else answer.of_patch(review, number, url)
    )


def _mail() -> Mail:
    raw = sys.stdin.buffer.read(_LIMIT + 1)
    if len(raw) > _LIMIT:
        raise UserError("the mail on standard input is larger than 20 MiB")
    try:
        return parse_mail(raw)
    except MailError as error:
        raise UserError(f"standard input holds no mail: {error}; b4 gives one") from error


def _known(config: Config, message_id: str) -> Reviewed | None:
    """The newest review of a series with that mail, by this host or by workers."""
    from reviewbot.cli.desk import read_finished  # noqa: PLC0415 - loads more than most runs need

    path = state_directory() / "ledger.sqlite"
    with contextlib.closing(Ledger(path)) as ledger, contextlib.closing(Desk(path)) as desk:
        triage = Triage(ledger, desk, {})
        triage.read_runs(store())
        read_finished(triage, config)
        found = [one for one in triage.reviews().values() if message_id in one.mails]
    return max(found, key=lambda one: one.made, default=None)


def _review(config: Config, mail: Mail) -> Run:
    """Run the rules on the series and keep the review."""
    from reviewbot.cli.review import trees_of  # noqa: PLC0415 - loads the pipeline
    from reviewbot.engine.pipeline import ReviewRequest, review  # noqa: PLC0415 - see above

    trees = trees_of(config)
    if not trees:
        here = own_git.top()
        trees = (Tree(name=here.name, path=str(here)),)
    request = ReviewRequest(
        what=mail.message_id, trees=trees, until=Stage.CHECK, until_reason="asked for by b4"
    )
    with tools_for(config, quiet=True) as tools:
        return review(request, tools, store())


def _answer(results: list[dict[str, str]]) -> None:
    click.echo(json.dumps(results))
