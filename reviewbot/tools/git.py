# SPDX-License-Identifier: GPL-2.0-only
"""The git command, run so that no repository's configuration can run anything on its behalf.

Commands here read our own object store (tools.objects); only :func:`fetch` and :func:`gone` work in a
user's repository, and only because its `remote` setting asks for that.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import git

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools.process import Completed, clean_environment, run

# git-config(1): each of these names a program, or a file that may name one.  Given on the command
# line they win over the repository's.  safe.directory is only honoured from here or the user's own
# configuration; ownership is no question for commands that start nothing.
_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.autocrlf": "false",
    "core.pager": "cat",
    "core.editor": "false",
    "core.askPass": "false",
    "core.quotePath": "true",
    "diff.external": "",
    "apply.whitespace": "nowarn",
    "apply.ignoreWhitespace": "no",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "fetch.recurseSubmodules": "no",
    "submodule.recurse": "false",
    "protocol.ext.allow": "never",
    "safe.directory": "*",
}
ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20",
}
_COMMAND_SECONDS = 60.0
_APPLY_LIMIT = 120.0


def git_command(*arguments: str | Path) -> list[str | Path]:
    """The argv of a git command that trusts nothing but its arguments."""
    settings = [word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}")]
    return ["git", "--no-pager", *settings, *arguments]


def in_store(
    store: Path,
    *arguments: str | Path,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    timeout: float = _COMMAND_SECONDS,
) -> Completed:
    """Run git on our bare repository ``store``.  Raises InfrastructureError when git is not there."""
    return run(
        git_command(*arguments),
        cwd=store,
        env={**ENVIRONMENT, "GIT_DIR": str(store), **(env or {})},
        stdin=stdin,
        timeout=timeout,
    )


def must(done: Completed, what: str) -> Completed:
    """``done`` itself when it succeeded.

    Raises "cannot <what>: ..." otherwise: UserError for a full disk, else InfrastructureError.
    """
    if not done.ok and no_space(done):
        raise UserError(f"cannot {what}: {DISK_FULL}")
    if not done.ok:
        raise InfrastructureError(f"cannot {what}: {done.complaint()}")
    return done


DISK_FULL = "disk full; free some space or point XDG_CACHE_HOME elsewhere"
_NO_SPACE = (b"No space left on device", b"Disk quota exceeded", b"Out of diskspace")


def no_space(done: Completed) -> bool:
    """Whether a full disk is what stopped git."""
    return any(words in done.stderr for words in _NO_SPACE)


def apply_to_index(
    store: Path,
    index: Path,
    diff: bytes,
    *,
    three_way: bool = False,
    reverse_check: bool = False,
) -> Completed:
    """``git apply`` a patch to the index file ``index``; no work tree is read or written.

    ``three_way`` merges with the pre-image blobs the patch names; ``reverse_check`` only asks
    whether the patch could be taken back.  Raises UserError for a full disk, InfrastructureError when
    git does not answer.
    """
    options = ["--3way"] if three_way else []
    options += ["--reverse", "--check"] if reverse_check else []
    done = in_store(
        store,
        "apply",
        "--cached",
        "--whitespace=nowarn",
        *options,
        "-",
        stdin=diff,
        env={"GIT_INDEX_FILE": str(index)},
        timeout=_APPLY_LIMIT,
    )
    if not done.ok and (done.timed_out or no_space(done) or done.returncode < 0):
        must(done, "apply the patch")
    return done


def patch_ids(store: Path, diffs: bytes) -> dict[str, str]:
    """``git patch-id --stable`` of diffs introduced by commit ids: {patch-id: commit}.

    A diff without a commit id is listed under forty zeros.
    """
    done = must(in_store(store, "patch-id", "--stable", stdin=diffs), "compute patch-ids")
    pairs = (line.split() for line in done.text().splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def diffs_of(store: Path, commits: Iterable[str]) -> bytes:
    """What each commit changed, as :func:`patch_ids` reads it; merges and root commits say nothing."""
    names = "".join(f"{commit}\n" for commit in commits)
    options = ("--no-ext-diff", "--no-textconv", "--no-renames", "--full-index", "--binary")
    done = in_store(store, "diff-tree", "--stdin", "-p", *options, stdin=names.encode())
    return must(done, "read the recent commits").stdout


def patch_id_of(store: Path, commit: str) -> str:
    """The patch-id of a commit, which stays the same when it is rebased; "" for a merge or a root."""
    return next(iter(patch_ids(store, diffs_of(store, [commit]))), "")


def is_ancestor(store: Path, commit: str, tip: str, *, timeout: float = 10.0) -> bool:
    """Whether ``commit`` is in the history of ``tip``; False also for one that is not in the store.

    Raises InfrastructureError when git does not answer within ``timeout`` seconds: that is no "no".
    """
    done = in_store(store, "merge-base", "--is-ancestor", commit, tip, timeout=timeout)
    if done.timed_out or done.returncode < 0:
        must(done, f"tell whether {commit[:12]} is in the history of {tip[:12]}")
    return done.ok


def fetch(repository: Path, remote: str, *, timeout: float) -> str:
    """Update the remote-tracking branches of a user's repository; "" or why that did not work.

    Nothing else changes there: no tags, no FETCH_HEAD, no submodules, no garbage collection, no hooks.
    A machine that is offline is no error: whoever calls notes the reason and goes on.
    """
    quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc")
    words = ("fetch", *quiet, "--no-recurse-submodules", "--end-of-options", remote)
    return _at_remote(repository, remote, words, timeout)[1]


def gone(repository: Path, remote: str, ref: str, *, timeout: float) -> bool:
    """Whether the remote has no branch any more for a remote-tracking branch such as "kvm/queue".

    A fetch leaves such a branch where it was.  Nothing is changed; False also when the remote does not answer.
    """
    words = ("remote", "prune", "--dry-run", remote)
    said, trouble = _at_remote(repository, remote, words, timeout)
    if trouble:
        return False
    names = {line.partition("[would prune] ")[2] for line in said.splitlines()}
    return ref.removeprefix("refs/").removeprefix("remotes/") in names - {""}


def _at_remote(
    repository: Path, remote: str, words: Iterable[str], timeout: float
) -> tuple[str, str]:
    """What a git command that asks a remote printed, and why it failed ("": it did not)."""
    if remote.startswith("-") or "::" in remote:
        return "", f"{remote!r} is not the name of a remote"
    try:
        _, said, _ = git.Git(str(repository)).execute(
            [*(str(word) for word in git_command("-C", repository)), *words],
            env={**clean_environment(), **ENVIRONMENT},
            kill_after_timeout=timeout,
            with_extended_output=True,
        )
    except git.exc.GitCommandError as error:
        return "", _fetch_complaint(error, timeout)
    except git.exc.GitCommandNotFound as error:
        raise InfrastructureError(
            "git: not found; 'reviewbot doctor' says what to install"
        ) from error
    return str(said), ""


def _fetch_complaint(error: git.exc.GitCommandError, timeout: float) -> str:
    lines = [line.strip(" '\"") for line in str(error.stderr or "").split("\n")]
    said = [line for line in lines if line and not line.startswith("stderr:")] or lines
    if "Timeout" in str(error.stderr):
        return f"no answer within {timeout:.0f} s"
    fatal = [line for line in said if "fatal:" in line or "error:" in line]
    line = (fatal or said or [f"exit status {error.status}"])[0]
    line = line.removeprefix("stderr: '").removeprefix("fatal: ").strip(" '\"")
    return "".join(char if char.isprintable() else "?" for char in line[:200])
