# SPDX-License-Identifier: GPL-2.0-only
"""Which symbols the tip exports that the base does not, and which modules need them: pure."""

from collections.abc import Iterable, Mapping

from reviewbot.model.analysis import Export
from reviewbot.tools.nm import Symbols


def new_exports(
    modules: tuple[Symbols, Symbols], objects: tuple[Symbols, Symbols]
) -> tuple[Export, ...]:
    """The tip's exports that the base lacks, by name; each pair is that of base and tip."""
    base, tip = (
        {**_exported(single), **_exported(loaded)}
        for loaded, single in zip(modules, objects, strict=True)
    )
    needed = {module: needs for module, (_, needs) in modules[1].items()}
    return tuple(
        Export(name=name, module=tip[name], users=_users(name, tip[name], needed))
        for name in sorted(tip.keys() - base.keys())
    )


def _exported(symbols: Symbols) -> dict[str, str]:
    return {name: file for file, (exports, _) in symbols.items() for name in exports}


def _users(name: str, module: str, needed: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    return tuple(sorted(user for user, names in needed.items() if user != module and name in names))
