# SPDX-License-Identifier: GPL-2.0-only
"""The patches a series says it needs (git format-patch --base): found, or put on the base first."""

from dataclasses import dataclass
from pathlib import Path

from reviewbot.model.codec import key_of
from reviewbot.model.errors import UserError
from reviewbot.model.series import Patch
from reviewbot.stages.apply import put
from reviewbot.tools.cache import Cache
from reviewbot.tools.git import patch_ids
from reviewbot.tools.history import cherry_pick, recent_patch_ids
from reviewbot.tools.objects import ObjectStore

HISTORY = 400
"""How many commits back of a tip are compared: about one topic branch and its merge window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """``commit`` is what the series goes on; the patch-ids are sorted by what became of them."""

    commit: str
    contained: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def sentence(self) -> str:
        """For the report; "" when there was nothing to do."""
        total = len(self.contained) + len(self.applied) + len(self.missing)
        parts = []
        if self.contained:
            parts.append(f"{len(self.contained)} of {total} prerequisite patches are in it")
        if self.applied:
            parts.append(f"{len(self.applied)} of {total} were applied on top first")
        if self.missing:
            names = ", ".join(one[:12] for one in self.missing)
            parts.append(f"{len(self.missing)} of {total} were not found (patch-id {names})")
        return ", ".join(parts)


class Prerequisites:
    """Settles the same patch-ids on one candidate after the other.

    ``offered`` are patches somebody has at hand (an mbox, say), in any order.
    """

    def __init__(
        self, wanted: tuple[str, ...], offered: tuple[Patch, ...], cache: Cache, scratch: Path
    ) -> None:
        self.wanted = tuple(dict.fromkeys(wanted))
        self.cache = cache
        self.scratch = scratch
        self._patches = offered
        self._offered: dict[str, Patch] | None = None

    def settle(self, store: ObjectStore, commit: str, tips: tuple[str, ...] = ()) -> Settled:
        """Look for the patches in the history of ``commit``, then of ``tips``, then among the offered.

        What is found outside the history is committed on top, in the order the series lists it.
        """
        if not self.wanted:
            return Settled(commit=commit)
        contained = self._recent(store, commit)
        elsewhere: dict[str, str] = {}
        for tip in tips:
            elsewhere = self._recent(store, tip) | elsewhere
        applied: list[str] = []
        missing: list[str] = []
        on = commit
        for patch_id in self.wanted:
            if patch_id in contained:
                continue
            made = self._put(store, patch_id, elsewhere.get(patch_id), on)
            (missing if made is None else applied).append(patch_id)
            on = made or on
        return Settled(
            commit=on,
            contained=tuple(one for one in self.wanted if one in contained),
            applied=tuple(applied),
            missing=tuple(missing),
        )

    def _put(self, store: ObjectStore, patch_id: str, picked: str | None, on: str) -> str | None:
        """The commit after one prerequisite, None when nobody has it or it does not apply."""
        if picked:
            return cherry_pick(store, picked, on)
        patch = self._by_id(store).get(patch_id)
        if patch is None:
            return None
        try:
            placed = put(store, [patch], on, self.scratch)
        except UserError:
            return None
        return None if placed.conflict else placed.patches[-1].commit

    def _by_id(self, store: ObjectStore) -> dict[str, Patch]:
        if self._offered is None:
            self._offered = {
                patch_id: patch
                for patch in self._patches
                for patch_id in patch_ids(store.path, patch.diff.encode("utf-8", "replace"))
            }
        return self._offered

    def _recent(self, store: ObjectStore, tip: str) -> dict[str, str]:
        """{patch-id: commit} of the last commits before ``tip``, kept in the cache."""
        key = key_of(tip, HISTORY)
        known = self.cache.load("patch-ids", key, dict[str, str])
        if known is None:
            known = recent_patch_ids(store, tip, HISTORY)
            self.cache.save("patch-ids", key, known)
        return known
