# SPDX-License-Identifier: GPL-2.0-only
"""The text of a mail -> the commands in it.  Pure; the text is hostile.

A command begins a line with ``#reviewbot``.  Quoted lines begin with something else, so that they are
none; what mail programs put below a reply without quoting it is not looked at.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from reviewbot.model.command import Command, Word
from reviewbot.parse.text import one_line

PREFIX = "#reviewbot"
COMMAND_LIMIT = 5
"""Commands of one mail that are carried out; more are somebody's mistake or worse."""

_TEXT_LIMIT = 256 * 1024  # characters; no reply of a person is longer
_SAID_LIMIT = 200
_REASON_LIMIT = 500
_REASON_LINES = 12
_TREE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_BRANCH = re.compile(r"(?!.*(?:\.\.|//|/\.|\.lock$|[./]$))[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}(?:-[A-Za-z0-9]{1,15}){1,4}")
# What follows is the mail that is answered (Outlook, Gmail's forward) or a signature (RFC 3676, 4.3).
_END = re.compile(
    r"-- ?|_{20,}|-{2,} ?(?:original message|forwarded message) ?-{2,}|begin forwarded message:",
    re.IGNORECASE,
)


def mentions(text: str) -> bool:
    """Whether there is any use in looking for commands: fast, for every mail of a list."""
    return PREFIX in text or PREFIX in text[:_TEXT_LIMIT].lower()


def commands_of(text: str) -> tuple[Command, ...]:
    """The commands of a mail's text, in order.

    At most COMMAND_LIMIT, and when there are more a last one whose problem says so.
    """
    lines = text[:_TEXT_LIMIT].split("\n")
    found: list[Command] = []
    for at, line in enumerate(lines):
        if _END.fullmatch(line.rstrip("\r")):
            break
        if not _is_command(line):
            continue
        if len(found) == COMMAND_LIMIT:
            problem = f"a mail may have {COMMAND_LIMIT} commands; those below were not looked at"
            found.append(Command(word=Word.UNKNOWN, line=at + 1, said=_said(line), problem=problem))
            break
        found.append(_command(lines, at))
    return tuple(found)


def _is_command(line: str) -> bool:
    head, rest = line[: len(PREFIX)], line[len(PREFIX) : len(PREFIX) + 1]
    return head.lower() == PREFIX and (not rest or rest.isspace())


def _said(line: str) -> str:
    return one_line(line[:1000])[:_SAID_LIMIT]


def _command(lines: Sequence[str], at: int) -> Command:
    words = one_line(lines[at][len(PREFIX) :][:1000]).split()
    bare = Command(word=Word.UNKNOWN, line=at + 1, said=_said(lines[at]))
    name = words[0].lower() if words else ""
    if name not in _READERS:
        known = ", ".join(_READERS)
        return replace(bare, problem=f"there is no such command; there are {known}")
    arguments = words[1:]
    return _READERS[name](replace(bare, word=Word(name)), arguments, _below(lines, at))


def _below(lines: Sequence[str], at: int) -> list[str]:
    """The lines that go on with the paragraph of a command."""
    found = []
    for line in lines[at + 1 : at + 1 + _REASON_LINES]:
        text = line.strip()
        if not text or text.startswith(">") or _is_command(line) or _END.fullmatch(line.rstrip()):
            break
        found.append(text[:1000])
    return found


def _test(bare: Command, words: list[str], below: list[str]) -> Command:  # noqa: ARG001
    tree, branch = [*words, "", ""][:2]
    if len(words) > 2:
        return replace(bare, problem="test takes at most a tree and a branch")
    if tree and not _TREE.fullmatch(tree):
        return replace(bare, problem="that is no name of a tree")
    if branch and not _BRANCH.fullmatch(branch):
        return replace(bare, problem="that is no name of a branch")
    return replace(bare, tree=tree, branch=branch)


def _invalid(bare: Command, words: list[str], below: list[str]) -> Command:
    code = words[0] if words else ""
    if not _CODE.fullmatch(code):
        return replace(bare, problem="invalid needs a code, such as KVM-ABI-005, and a reason")
    reason = _reason(words[1:], below)
    if not reason:
        return replace(bare, problem="invalid needs a reason: it is read by a person")
    return replace(bare, code=code.upper(), reason=reason)


def _unrelated(bare: Command, words: list[str], below: list[str]) -> Command:
    return replace(bare, reason=_reason(words, below))


def _mute(bare: Command, words: list[str], below: list[str]) -> Command:  # noqa: ARG001
    if [word.lower() for word in words] not in ([], ["me"]):
        return replace(bare, problem=f"'{bare.word}' is for this thread, '{bare.word} me' for you")
    return replace(bare, me=bool(words))


def _plain(bare: Command, words: list[str], below: list[str]) -> Command:  # noqa: ARG001
    return replace(bare, problem=f"{bare.word} takes no argument") if words else bare


def _reason(words: list[str], below: list[str]) -> str:
    return one_line(" ".join([*words, *below]))[:_REASON_LIMIT]


_READERS: dict[str, Callable[[Command, list[str], list[str]], Command]] = {
    "test": _test,
    "rerun": _plain,
    "invalid": _invalid,
    "unrelated": _unrelated,
    "mute": _mute,
    "unmute": _mute,
    "help": _plain,
}
