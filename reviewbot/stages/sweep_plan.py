# SPDX-License-Identifier: GPL-2.0-only
"""Which sweeps there are, and when each is due.  Pure; times are seconds since the epoch, UTC."""

import fnmatch
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reviewbot.model.base import Tree
from reviewbot.model.codec import key_of
from reviewbot.model.config import Config, SweepConfig
from reviewbot.model.errors import UserError
from reviewbot.stages.destination import label

_DAY = 24 * 3600.0
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NOT_A_WORD = re.compile(r"[^0-9A-Za-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One branch of one sweep.  ``sweep`` is the table's name, ``name`` what people say ("kvm/queue")."""

    sweep: str
    name: str
    ref: str
    tree: Tree
    settings: SweepConfig

    @property
    def mainline(self) -> str:
        """What people call the branch that this one is compared with, "" for none."""
        return label(self.tree, self.settings.mainline) if self.settings.mainline else ""


def branches(config: Config) -> tuple[Branch, ...]:
    """All branches of all sweeps, in the order of the settings.

    Raises UserError for a sweep of a tree that is not in the settings, and for a branch that two sweep.
    """
    found: dict[str, Branch] = {}
    for name, settings in config.sweeps.items():
        place = settings.tree or name
        known = config.trees.get(place)
        if known is None:
            raise UserError(
                f"sweeps.{name}: there is no [trees.{place}]; name the tree with 'tree', or add it"
            )
        tree = Tree(name=place, path=known.path, refs=known.refs, remote=known.remote)
        for ref in settings.refs or known.refs:
            called = label(tree, ref)
            if called in found:
                raise UserError(
                    f"sweeps.{name}: {called} is swept by [sweeps.{found[called].sweep}] too"
                )
            found[called] = Branch(sweep=name, name=called, ref=ref, tree=tree, settings=settings)
    return tuple(found.values())


def chosen(everything: Sequence[Branch], wanted: Iterable[str]) -> tuple[Branch, ...]:
    """The branches that are named: by sweep, by branch, or by a glob of either; none named: all.

    Raises UserError when a name fits nothing.
    """
    names = tuple(wanted)
    for name in names:
        if not any(_fits(one, name) for one in everything):
            known = ", ".join(one.name for one in everything) or "none; add [sweeps.NAME]"
            raise UserError(f"no sweep or branch {name[:80]!a} in the settings; there are: {known}")
    return tuple(one for one in everything if not names or any(_fits(one, name) for name in names))


def _fits(branch: Branch, name: str) -> bool:
    return any(fnmatch.fnmatchcase(one, name) for one in (branch.sweep, branch.name))


def moment(settings: SweepConfig, now: float) -> float:
    """When the newest sweep up to ``now`` was due."""
    hours, minutes = (int(word) for word in settings.at.split(":"))
    today = now - now % _DAY + hours * 3600 + minutes * 60
    latest = today if today <= now else today - _DAY
    for back in range(8):
        start = latest - back * _DAY
        if not settings.days or _DAYS[time.gmtime(start).tm_wday] in settings.days:
            return start
    return latest


def due(settings: SweepConfig, now: float, last_started: float) -> bool:
    """Whether a sweep is to be made: one, however many were missed.

    One that began in the future had a clock that was ahead, and says nothing of tonight's.
    """
    return last_started < moment(settings, now) or last_started > now


def night_id(branch: Branch, now: float) -> str:
    """A name that sorts by time, says which branch, and is no other night's."""
    when = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    words = _NOT_A_WORD.sub("-", branch.name).strip("-")[:40]
    return f"{when}-{words}-{key_of(branch.sweep, branch.name, now)[:4]}"
