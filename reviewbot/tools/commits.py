# SPDX-License-Identifier: GPL-2.0-only
"""Local commits as the mails git format-patch would send."""

import os
import re
import tempfile
from pathlib import Path

from reviewbot.model.errors import UserError
from reviewbot.tools import process

_REVISION = re.compile(r"[A-Za-z0-9_./@{}~^+=-]{1,250}")
_MOST = 999  # what fits a three-digit counter
_SECONDS = 120.0
# Nothing of the repository's or the user's configuration may run a program or change the format.
_GIT = (
    "git", "--no-pager", "--literal-pathspecs",
    "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "log.showSignature=false",
    "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "-c", "format.noprefix=false",
    "-c", "i18n.logOutputEncoding=UTF-8", "-c", "format.forceInBodyFrom=false",
)  # fmt: skip
_FORMAT = (
    "--no-ext-diff", "--no-textconv", "--no-color", "--full-index", "--binary", "--numbered",
    "--subject-prefix=PATCH", "--src-prefix=a/", "--dst-prefix=b/", "--no-cover-letter", "--no-thread",
    "--no-attach", "--no-to", "--no-cc", "--no-add-header", "--no-notes", "--no-signoff", "--no-from",
    "--encode-email-headers", "--diff-algorithm=myers", "--unified=3", "--suffix=.patch", "--quiet",
)  # fmt: skip


def format_range(tree: Path, commits: str) -> tuple[bytes, ...]:
    """The commits ``A..B`` of a repository as raw mails, with base-commit, oldest first.

    Raises UserError when ``tree`` is no repository, or the range is malformed, unknown, empty or
    longer than 999 commits.
    """
    first, last = _ends(commits)
    if not tree.is_dir() or not _git(tree, "rev-parse", "--git-dir").ok:
        raise UserError(f"{tree} is no git repository; name a kernel tree with --tree PATH")
    tip = _commit(tree, last)
    base = _git(tree, "merge-base", _commit(tree, first), tip).text().strip()
    if not base:
        raise UserError(f"{commits}: the two have no common ancestor in {tree}")
    count = int(_git(tree, "rev-list", "--count", "--no-merges", f"{base}..{tip}").text() or 0)
    if not 0 < count <= _MOST:
        raise UserError(f"{commits} holds {count} commits in {tree}; give a range of 1 to {_MOST}")
    with tempfile.TemporaryDirectory(prefix="reviewbot-range-") as scratch:
        done = _git(
            tree,
            "format-patch",
            *_FORMAT,
            f"--base={base}",
            f"--output-directory={scratch}",
            f"{base}..{tip}",
        )
        if not done.ok:
            raise UserError(f"{commits}: git format-patch in {tree} failed: {done.complaint()}")
        files = sorted(Path(scratch).iterdir())
        return tuple(file.read_bytes().partition(b"\n")[2] for file in files)  # without "From SHA"


def _ends(commits: str) -> tuple[str, str]:
    first, dots, last = commits.partition("..")
    for end in (first, last):
        if not dots or end.startswith(("-", ".")) or not _REVISION.fullmatch(end) or ".." in end:
            raise UserError(
                f"--range {commits[:80]!a} is not of the form A..B, such as kvm-x86/next..HEAD"
            )
    return first, last


def _commit(tree: Path, name: str) -> str:
    done = _git(tree, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if not done.ok:
        raise UserError(f"{name}: no such commit in {tree}")
    return done.text().strip().split("\n")[-1]


def _git(tree: Path, *words: str) -> process.Completed:
    kept = ("HOME", "XDG_CONFIG_HOME")  # for safe.directory
    return process.run(
        [*_GIT, "-C", str(tree), *words],
        timeout=_SECONDS,
        env={
            **{name: os.environ[name] for name in kept if name in os.environ},
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
        },
    )
