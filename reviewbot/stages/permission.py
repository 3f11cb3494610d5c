# SPDX-License-Identifier: GPL-2.0-only
"""Who may use which command.  Pure.

Testing takes hours of a machine, so only people whom the settings name may ask for it.  An author may
object, mute and ask for help where his own series is concerned.  Whoever he is, a person may say
that *he* wants no mail.
"""

from collections.abc import Collection

from reviewbot.model.command import Command, Word
from reviewbot.model.config import CommandPolicy

AUTHOR = "author"
_AUTHORS_OWN = frozenset(
    {Word.INVALID, Word.UNRELATED, Word.MUTE, Word.UNMUTE, Word.HELP, Word.UNKNOWN}
)


def may(command: Command, who: str, policy: CommandPolicy, authors: Collection[str]) -> bool:
    """Whether ``who`` (an address in lower case) may; ``authors`` are those of the series."""
    if policy.per_day == 0:
        return False
    if command.me and command.word in (Word.MUTE, Word.UNMUTE):
        return True
    own = who in authors
    return named(who, policy.allow) or (
        own and (AUTHOR in policy.allow or command.word in _AUTHORS_OWN)
    )


def named(who: str, allow: Collection[str]) -> bool:
    """Whether one of ``allow`` is this address, or "@" and its domain; not the domains below it."""
    domain = "@" + who.rpartition("@")[2]
    return "@" in who and any(one.lower() in (who, domain) for one in allow)
