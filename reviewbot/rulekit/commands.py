# SPDX-License-Identifier: GPL-2.0-only
"""KVM's ioctls: number, direction, size and the struct they take."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reviewbot.parse.uapi import Layouts
from reviewbot.rulekit.layout import ioctls
from reviewbot.rulekit.trees import NoSuchFileError, View

_WRITE, _READ = 1, 2  # include/uapi/asm-generic/ioctl.h, from userspace's point of view


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One ioctl.  ``writes``: userspace hands data in (_IOW, _IOWR); ``reads``: it gets data out.

    ``argument`` is the type in the macro as written, ``record`` its tag when it is a struct or union.
    """

    name: str
    value: int
    writes: bool
    reads: bool
    size: int
    argument: str
    record: str
    path: str
    line: int

    @property
    def number(self) -> int:
        """The lowest eight bits."""
        return self.value & 0xFF


def commands(view: View, architecture: str = "x86_64") -> Mapping[str, Command]:
    """The ioctls of one architecture's KVM headers by name; names that stand for another are left out."""
    constants = view.constants(architecture)
    found = {}
    for name, value in ioctls(constants).items():
        constant = constants[name]
        try:
            macro = view.c(constant.path).macros.get(name)
        except NoSuchFileError:  # a header of ours, for trees that lack it
            continue
        if macro is None or not macro.value.startswith("_IO"):
            continue
        argument = _argument(macro.value)
        kind, _, tag = argument.partition(" ")
        found[name] = Command(
            name=name,
            value=value,
            writes=bool(value >> 30 & _WRITE),
            reads=bool(value >> 30 & _READ),
            size=value >> 16 & 0x3FFF,
            argument=argument,
            record=tag.strip() if kind in {"struct", "union"} else "",
            path=constant.path,
            line=constant.line,
        )
    return found


def within(layouts: Layouts, names: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """The records called ``names`` and all nested in them, each with the records that hold it."""
    holders: dict[str, set[str]] = {name: set() for name in names if name in layouts.records}
    waiting = list(holders)
    while waiting:
        outer = waiting.pop()
        for member in layouts.records[outer].members:
            inner = member.record
            if inner not in layouts.records or inner == outer:
                continue
            known = holders.get(inner)
            wanted = {outer, *holders[outer]} - {inner}
            if known is None or not wanted <= known:
                holders[inner] = wanted | (known or set())
                waiting.append(inner)
    return {name: frozenset(outer) for name, outer in holders.items()}


def _argument(value: str) -> str:
    """The third argument of ``_IOW(type, number, argument)``, "" for ``_IO``."""
    parts = value.partition("(")[2].rpartition(")")[0].split(",")
    return " ".join(parts[2].split()) if len(parts) > 2 else ""
