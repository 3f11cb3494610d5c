# SPDX-License-Identifier: GPL-2.0-only
"""A mail that was read before, once more: by where in its list it was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewbot.model.errors import UserError
from reviewbot.tools import epoch, mailbox
from reviewbot.tools.inbox_git import GitInbox
from reviewbot.tools.maildir import Maildir, raw_mail
from reviewbot.tools.places import Box

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewbot.tools.source import Source


def mails(source: Source, origins: Iterable[str]) -> dict[str, bytes]:
    """Raw mails by origin (model.watch.Arrival); those that are gone, or cannot be read twice, are left out."""
    wanted = list(origins)
    try:
        if isinstance(source, GitInbox):
            return epoch.mails(source.path or source.store, wanted)
        if isinstance(source, Maildir):
            found = ((name, raw_mail(source.path, name)) for name in wanted)
            return {name: raw for name, raw in found if raw is not None}
        if isinstance(source, Box):
            every = mailbox.read(source.path)
            return {one: every[int(one)] for one in wanted if int(one) < len(every)}
    except UserError:
        return {}
    return {}
