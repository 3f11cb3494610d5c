# SPDX-License-Identifier: GPL-2.0-only
"""Go to a branch, see whether there is anything to look at, and sweep it.  An unchanged tip costs little."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.model.codec import key_of
from reviewbot.model.errors import UserError
from reviewbot.model.run import Stage
from reviewbot.model.sweep import Ending, Night
from reviewbot.model.sweep_report import SweepReport
from reviewbot.stages import sweep_plan
from reviewbot.tools import git
from reviewbot.tools import profile as profiles
from reviewbot.tools.objects import ObjectStore, open_repository, resolve_commit

if TYPE_CHECKING:
    from collections.abc import Callable

    from reviewbot.stages.sweep_plan import Branch
    from reviewbot.tools.context import Tools
    from reviewbot.tools.nights import Nights

_FETCH_SECONDS = 900.0
_KEPT_SECONDS = 3 * 366 * 86400.0
"""Older nights are taken away: a page goes back a year, and a record three months."""
_DIED = "the process that made it died"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """How to go: ``fetch`` first where the tree has a remote; ``again`` although nothing changed.

    ``hours`` is the limit of one branch, 0 for that of the settings.
    """

    tools: Tools
    nights: Nights
    fetch: bool = True
    again: bool = False
    hours: float = 0.0

    def sweep(self, branch: Branch, deliver: Callable[[SweepReport], None]) -> SweepReport:
        """Sweep one branch; who sweeps it in another process is waited for.

        ``deliver`` gets the report, unless nothing has changed.

        Raises UserError for a tree or branch that is not there, InfrastructureError when our tools fail.
        """
        with self.tools.cache.lock(f"sweep-{key_of(branch.name, self.nights.path.name)[:20]}"):
            # Only now: who waited for hours would sweep a tip that nobody has any more.
            missing = self._fetched(branch)
            store = ObjectStore(self.tools.cache, branch.tree.path)
            tip, mainline = _commit(store, branch, branch.ref, missing), ""
            if branch.settings.mainline and branch.mainline != branch.name:
                mainline = _commit(store, branch, branch.settings.mainline, missing)
            now = time.time()
            self.nights.abandoned(branch.name, now, _DIED)
            self.nights.prune(now - _KEPT_SECONDS)
            unchanged = None if self.again else self._unchanged(branch, store, tip, now, missing)
            if unchanged is not None:
                return SweepReport(sweep=branch.sweep, night=unchanged)
            from reviewbot.engine.sweep import Sweep, SweepRequest  # noqa: PLC0415 - the lab loads here

            request = SweepRequest(
                branch=branch,
                store=store,
                profile=profiles.load(self.tools.config.lab.profile),
                tip=tip,
                mainline=mainline,
                night=sweep_plan.night_id(branch, now),
                started=now,
                until=now + (self.hours or branch.settings.hours) * 3600.0,
                missing=missing,
            )
            return Sweep(request=request, tools=self.tools, nights=self.nights).run(deliver)

    def _fetched(self, branch: Branch) -> tuple[str, ...]:
        """Fetch the tree; a sentence when that did not work, for what is here is swept all the same.

        Raises UserError for a branch that its remote has no more: it would be unchanged for ever.
        """
        if not self.fetch or not branch.tree.remote:
            return ()
        path, remote = branch.tree.path, branch.tree.remote
        self.tools.progress(Stage.FETCH, f"fetch {remote} of {branch.tree.name}")
        before = resolve_commit(open_repository(path), branch.ref)
        trouble = git.fetch(Path(path), remote, timeout=_FETCH_SECONDS)
        if trouble:
            return (f"{branch.tree.name} may be out of date: {remote} was not fetched: {trouble}",)
        unmoved = before and before == resolve_commit(open_repository(path), branch.ref)
        if unmoved and git.gone(Path(path), remote, branch.ref, timeout=_FETCH_SECONDS):
            raise UserError(
                f"{remote} has no such branch any more; take {branch.ref} out of [sweeps.{branch.sweep}]"
            )
        return ()

    def _unchanged(
        self, branch: Branch, store: ObjectStore, tip: str, now: float, missing: tuple[str, ...]
    ) -> Night | None:
        """The night of a tip that was swept before on this machine, recorded; None when it is another."""
        before = self.nights.heads(
            branch.name, 1, ending=(Ending.COMPLETE, Ending.PARTIAL, Ending.UNCHANGED)
        )
        if not before or before[0].ending is Ending.PARTIAL:
            return None
        last = self.nights.holding(before[0])
        from reviewbot.engine.sweep_machine import hosts, machine  # noqa: PLC0415 - for those who get here

        profile = profiles.load(self.tools.config.lab.profile)
        here = {machine(host, profile, self.tools) for host in hosts(self.tools)[:1]}
        tree = store.tree_of(tip)
        if last.tree_id != tree or last.machine not in here or last.ending is not Ending.COMPLETE:
            return None
        night = Night(
            id=sweep_plan.night_id(branch, now),
            branch=branch.name,
            commit=tip,
            tree_id=tree,
            started=now,
            ended=time.time(),
            ending=Ending.UNCHANGED,
            machine=last.machine,
            merge_base=last.merge_base,
            same_as=last.id,
            missing=missing,
        )
        self.nights.record(night)
        return night


def _commit(store: ObjectStore, branch: Branch, ref: str, missing: tuple[str, ...]) -> str:
    commit = resolve_commit(store.origin, ref)
    if commit is None:
        why = f" ({missing[0]})" if missing else ""
        raise UserError(
            f"{branch.tree.path} has no {ref}{why}; 'git fetch' it there, or correct "
            f"[sweeps.{branch.sweep}]"
        )
    return commit
