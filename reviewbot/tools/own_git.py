# SPDX-License-Identifier: GPL-2.0-only
"""Commands in the user's own repository, as the user would type them: their settings, hooks, identity.

Only 'triage apply' changes anything here, and it asks first.  Everything else of us reads trees by tools.git.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools import process

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECONDS = 60.0
_APPLY_SECONDS = 1800.0


def own_address() -> tuple[str, ...]:
    """The user's address as git knows it; nothing when it knows none."""
    try:
        done = _git("config", "--get", "user.email")
    except InfrastructureError:
        return ()
    return (done.text().strip(),) if done.ok and done.text().strip() else ()


def top() -> Path:
    """The repository we stand in.  Raises UserError for none."""
    done = _git("rev-parse", "--show-toplevel")
    if not done.ok:
        raise UserError("not in a git repository; stand in the kernel tree the series is for")
    return Path(done.text().strip())


def commit_of(revision: str) -> str:
    """The commit's id.  Raises UserError when it is not here."""
    if revision.startswith("-"):
        raise UserError(f"{revision[:80]!a} is no commit")
    done = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if not done.ok:
        raise UserError(
            f"{revision[:80]!a} is not in this repository; fetch it, or name another --base"
        )
    return done.text().strip()


def has_commit(revision: str) -> bool:
    """Whether that commit is here."""
    return _git("cat-file", "-e", f"{revision}^{{commit}}").ok


def require_clean() -> None:
    """Raises UserError when files that git tracks are changed, or a git am is under way."""
    if _git("status", "--porcelain", "--untracked-files=no").text().strip():
        raise UserError("there are changes that are not committed; commit or stash them first")
    place = _git("rev-parse", "--git-path", "rebase-apply").text().strip()
    if place and Path(place).exists():
        raise UserError("a 'git am' is under way here; finish it, or end it with 'git am --abort'")


def require_files(paths: Sequence[str]) -> None:
    """Raises UserError when HEAD has none of ``paths``: this is another project's repository."""
    named = [one for one in paths if "\0" not in one]
    if not named:
        return
    done = _git("ls-tree", "--full-tree", "-r", "--name-only", "-z", "HEAD", "--", *named)
    if not done.text().strip("\0"):
        raise UserError(
            f"the repository {top()} has no {named[0][:120]!a}; stand in the kernel tree the series is for"
        )


def head() -> str:
    """What HEAD is, for people: a branch, else the start of a commit's id."""
    name = _git("symbolic-ref", "--quiet", "--short", "HEAD").text().strip()
    return name or _git("rev-parse", "--short=12", "HEAD").text().strip()


def new_branch(name: str, base: str) -> None:
    """Make a branch at ``base`` and go there.  Raises UserError."""
    if name.startswith("-") or not _git("check-ref-format", "--branch", name).ok:
        raise UserError(f"{name[:80]!a} is no name for a branch")
    done = _git("switch", "--create", name, base)
    if not done.ok:
        raise UserError(f"cannot make the branch {name}: {done.complaint()}")


def shazam(message_id: str, mbox: Path | None, *options: str) -> process.Completed:
    """``b4 shazam`` where we stand; ``mbox`` has the mails, else b4 fetches them.

    What it prints is in the answer, standard error in between.  Raises InfrastructureError without b4.
    """
    command = Path(sys.prefix) / "bin" / "b4"
    if not command.exists():
        raise InfrastructureError(f"{command}: not found; install reviewbot with its dependencies")
    given = ["--use-local-mbox", str(mbox)] if mbox else []
    return process.run(
        [command, "--no-interactive", "shazam", *given, *options, message_id],
        timeout=_APPLY_SECONDS,
        env=dict(os.environ),
        merge=True,
    )


def _git(*arguments: str) -> process.Completed:
    return process.run(["git", "--no-pager", *arguments], timeout=_SECONDS, env=dict(os.environ))
