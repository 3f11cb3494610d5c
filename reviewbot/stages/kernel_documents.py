# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own checks of its documentation, on the files a series touches, on base and tip.

kernel-doc reads the comments of C files and headers, as W=1 has it do; documentation-file-ref-check
looks for mentions of files below Documentation/ that are not there.  Both come out of the tree under
review, so they run in the sandbox.  The markup of .rst files is rule KVM-DOC-003's.
"""

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from reviewbot.model.analysis import ToolReport
from reviewbot.model.build import Diagnostic
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.status import Status
from reviewbot.parse import kernel_doc
from reviewbot.stages.new_messages import Added, new_messages
from reviewbot.tools import kbuild, sandbox
from reviewbot.tools.kbuild import Workspace
from reviewbot.tools.objects import TreeView

COMMENTS = "kernel-doc"
REFERENCES = "documentation-file-ref-check"

# In tools/docs since 6.19.
_PLACES = ("tools/docs", "scripts")
_SECONDS = 300.0
_MOST = 500
_MENTIONS = (b"Documentation/", b":doc:`")
_NOT_DOCUMENTED = ("tools/", "samples/", "scripts/")

# $1 is the check, then come files.  An index of these files alone makes its "git grep" look at
# nothing else; whether a file exists is asked of the whole tree.
_CHECK_REFERENCES = r"""
set -eu
export GIT_DIR=/tmp/git GIT_WORK_TREE="$PWD" GIT_LITERAL_PATHSPECS=1
check=$1; shift
git init -q
git add -f -- "$@"
exec "./$check"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a check said of one side; ``reason`` is why it said nothing."""

    messages: tuple[Diagnostic, ...] = ()
    text: str = ""
    reason: str = ""


def documented(paths: Iterable[str]) -> tuple[str, ...]:
    """Those of ``paths`` whose comments kernel-doc reads."""
    found = (path for path in sorted(paths) if path.endswith((".c", ".h")))
    return tuple(path for path in found if not path.startswith(_NOT_DOCUMENTED))[:_MOST]


def comments(space: Workspace, tree: TreeView, files: Iterable[str]) -> Said:
    """Run kernel-doc on those of ``files`` that ``tree``, which ``space`` shows, has."""
    check = place_of(tree, COMMENTS)
    there = [path for path in files if tree.entry(path)]
    if not check or not there:
        return Said(reason="" if check else f"the tree has no {COMMENTS}")
    return _run(space, [f"./{check}", "-none", *there], kernel_doc.messages)


def references(space: Workspace, tree: TreeView, files: Iterable[str]) -> Said:
    """Run documentation-file-ref-check on those of ``files`` that ``tree`` has."""
    check = place_of(tree, REFERENCES)
    there = [path for path in files if tree.entry(path)]
    if not check or not there:
        return Said(reason="" if check else f"the tree has no {REFERENCES}")
    texts = {path: (tree.read(path) or b"").decode("utf-8", "replace") for path in there}
    space.mark_checkout()
    argv = ["sh", "-c", _CHECK_REFERENCES, "sh", check, *there]
    return _run(space, argv, lambda text: kernel_doc.broken_references(text, texts))


def referring(tree: TreeView, paths: Iterable[str]) -> tuple[str, ...]:
    """Those of ``paths`` whose text in ``tree`` mentions a document."""
    found = (path for path in paths if any(word in (tree.read(path) or b"") for word in _MENTIONS))
    return tuple(found)[:_MOST]


def mentioning(space: Workspace, removed: Sequence[str]) -> tuple[str, ...]:
    """Files of the tree that ``space`` shows that mention one of ``removed``, which takes seconds.

    Raises InfrastructureError: nothing found is not the same as nothing there.
    """
    if not removed:
        return ()
    words = [word for path in removed[:_MOST] for word in ("-e", path)]
    done = sandbox.run(
        ["git", "grep", "--no-index", "-lFz", *words, "--", "."],
        mounts=space.mounts,
        cwd=kbuild.SOURCE,
        timeout=_SECONDS,
    )
    if done.timed_out or done.truncated or done.returncode not in (0, 1):
        raise InfrastructureError(f"cannot look for mentions of documents: {done.complaint()}")
    return tuple(name for name in done.text().split("\0") if name)[:_MOST]


def report(
    name: str,
    sides: tuple[Said, Said],
    files: tuple[str, ...],
    added: Added,
    *,
    check: str,
    log: str,
) -> ToolReport:
    """What is new; ``sides`` are those of base and tip, ``check`` where the tip has the check."""
    reason = next((side.reason for side in sides if side.reason), "")
    argv = [check or name, *(("-none", *files) if name == COMMENTS else ())]
    command = shlex.join(argv)
    if reason:
        status = Status.INFRA if check else Status.SKIP
        return ToolReport(name=name, status=status, command=command, reason=reason)
    mine, others = new_messages(sides[0].messages, sides[1].messages, added)
    return ToolReport(
        name=name,
        status=Status.PASS,
        command=command,
        brief=command,
        files=files,
        added=mine,
        elsewhere=others,
        log=log,
    )


def place_of(tree: TreeView, name: str) -> str:
    """Where a tree has a check, "" when it has none."""
    return next((f"{place}/{name}" for place in _PLACES if tree.entry(f"{place}/{name}")), "")


def _run(
    space: Workspace, argv: Sequence[str], read: Callable[[str], tuple[Diagnostic, ...]]
) -> Said:
    done = sandbox.run(argv, mounts=space.mounts, cwd=kbuild.SOURCE, merge=True, timeout=_SECONDS)
    messages = read(done.text())
    failed = done.timed_out or (not done.ok and not messages)
    reason = f"it does not run: {done.complaint()}" if failed else ""
    return Said(messages=messages, text=done.text(), reason=reason)
