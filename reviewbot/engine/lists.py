# SPDX-License-Identifier: GPL-2.0-only
"""The [lists] of the settings -> what the watcher follows."""

from __future__ import annotations

import re
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.engine.watch import FollowedList
from reviewbot.model.errors import UserError
from reviewbot.parse.gather import Following
from reviewbot.parse.scope import Scope
from reviewbot.tools import profile
from reviewbot.tools.inbox_git import GitInbox
from reviewbot.tools.inbox_http import HttpInbox
from reviewbot.tools.maildir import Maildir

if TYPE_CHECKING:
    from reviewbot.model.config import Config, ListConfig
    from reviewbot.tools.source import Source

_URL = re.compile(r"https?://[^\s/@]+(/\S*)?")


def followed(config: Config, clones: Path) -> dict[str, FollowedList]:
    """Every list that has ``follow``; clones of git inboxes are kept below ``clones``.

    Raises UserError for a list that lacks what its kind needs, and when there is none at all.
    """
    found = {
        name: FollowedList(
            source=_source(name, each, clones),
            following=Following(
                scope=scope_of(each.profile or config.lab.profile), wait=each.wait_minutes * 60
            ),
            backlog_days=each.backlog_days,
        )
        for name, each in config.lists.items()
        if each.follow
    }
    if not found:
        raise UserError(
            'no list is followed; give one a table in the settings, such as [lists."kvm@vger.kernel.org"] '
            'with follow = "git" and url = "https://lore.kernel.org/kvm"'
        )
    return found


def at_hand(config: Config, clones: Path) -> dict[str, Source]:
    """The followed lists again, to be read without fetching: clones as the bot left them.

    A list followed over HTTP has nothing here; it is asked.
    """
    found: dict[str, Source] = {}
    for name, each in config.lists.items():
        if each.follow:
            source = _source(name, each, clones)
            here = source.at_hand() if isinstance(source, GitInbox) else source
            if here is not None:  # else the bot has not been there yet
                found[name] = here
    return found


def _source(name: str, each: ListConfig, clones: Path) -> Source:
    where = f"lists.'{name}'"
    if each.follow == "maildir":
        if not each.path or each.url:
            raise UserError(f'{where}: follow = "maildir" needs path, and no url')
        return Maildir(Path(each.path))
    if each.url and not _URL.fullmatch(each.url):
        raise UserError(
            f"{where}.url: {each.url!a} is no address such as https://lore.kernel.org/kvm"
        )
    if each.follow == "http":
        if not each.url or each.path:
            raise UserError(f'{where}: follow = "http" needs url, and no path')
        return HttpInbox(url=each.url)
    if bool(each.url) == bool(each.path):
        raise UserError(f'{where}: follow = "git" needs url, or path for an inbox on this machine')
    store = clones / urllib.parse.quote(name, safe="@")
    return GitInbox(store=store, url=each.url, path=Path(each.path) if each.path else None)


def scope_of(name: str) -> Scope:
    """What a profile, by name or path, says a list is followed for.  Raises UserError."""
    found = profile.load(name)
    globs = [glob for each in found.selections for glob in each.paths] if found.paths else []
    return Scope(subsystem=found.subsystem, paths=tuple(dict.fromkeys([*found.paths, *globs])))
