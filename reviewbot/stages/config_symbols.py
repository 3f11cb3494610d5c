# SPDX-License-Identifier: GPL-2.0-only
"""Whether the Kconfig symbols that a series adds can be set at all, by trying.

Kconfig itself answers, in the sandbox: allnoconfig with the lab's configuration and the new symbols on
top, then what is left of them is read.  A symbol that cannot be set there may be fine elsewhere; one
that needs a symbol which no Kconfig file defines is not.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from reviewbot.model.analysis import ConfigSymbol, Reach
from reviewbot.model.profile import Variant
from reviewbot.parse import kconfig
from reviewbot.parse.kconfig import Definition
from reviewbot.tools import kbuild, sandbox
from reviewbot.tools.kbuild import Kernel, Workspace
from reviewbot.tools.objects import TreeView

_SECONDS = 300.0
_MOST = 40
_SOURCE_ARCHITECTURES = {"x86_64": "x86", "i386": "x86"}  # Makefile, SRCARCH
_SWITCHES = frozenset({"bool", "tristate"})
_NAME = re.compile(r"[A-Za-z0-9_]+")
_TRY = 'mkdir /tmp/tried && cat > /tmp/wanted && "$@" >&2 && cat /tmp/tried/.config'


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One in which symbols are tried: how it is called, make's ARCH, and the kernel it makes."""

    name: str
    architecture: str
    kernel: Kernel


def is_kconfig(path: str) -> bool:
    """True for a file that may define symbols of the kernel's."""
    name = path.rpartition("/")[2]
    return name.startswith("Kconfig") and not path.startswith(("scripts/", "tools/"))


def added(
    base: TreeView, tip: TreeView, touched: Iterable[str]
) -> tuple[tuple[str, Definition], ...]:
    """(path, definition) of symbols that ``tip`` defines in the touched files and ``base`` nowhere there."""
    files = [path for path in sorted(touched) if is_kconfig(path)]
    before = {one.name for path in files for one in _definitions(base, path)}
    found: dict[str, tuple[str, Definition]] = {}
    for path in files:
        for one in _definitions(tip, path):
            if one.name not in before and _NAME.fullmatch(one.name):
                found.setdefault(one.name, (path, one))
    return tuple(found.values())[:_MOST]


def configurations(
    profile: Configuration,
    variants: Sequence[Variant],
    kernel_of: Callable[[Variant], Kernel | str],
) -> tuple[tuple[Configuration, ...], dict[str, str]]:
    """The profile's and one for each other architecture of its variants; and why some cannot be had."""
    found = {source_architecture(profile.architecture): profile}
    reasons: dict[str, str] = {}
    for variant in variants:
        name = source_architecture(variant.architecture)
        if not variant.architecture or name in found:
            continue
        kernel = kernel_of(variant)
        if isinstance(kernel, str):
            reasons[name] = kernel
        else:
            found[name] = Configuration(
                name=variant.name, architecture=variant.architecture, kernel=kernel
            )
    return tuple(found.values()), reasons


def source_architecture(name: str) -> str:
    """The directory below arch/ for a value of make's ARCH."""
    return _SOURCE_ARCHITECTURES.get(name, name)


def tried(
    space: Workspace,
    symbols: Sequence[tuple[str, Definition]],
    known: tuple[Sequence[Configuration], dict[str, str]],
) -> tuple[ConfigSymbol, ...]:
    """What becomes of each symbol in the configurations it could be of.  ``space`` shows the tip."""
    found: dict[str, ConfigSymbol] = {}
    for configuration in known[0]:
        own = source_architecture(configuration.architecture)
        here = [one for one in symbols if _architecture(one[0]) in ("", own)]
        open_ = [one for one in here if not _settled(found.get(one[1].name))]
        for path, one, values in _try_all(space, configuration, open_):
            made = _judged(path, one, values, configuration.name)
            if one.name not in found or made.reach is Reach.YES:
                found[one.name] = made
    for path, one in symbols:
        why = known[1].get(_architecture(path), "its architecture is not built here")
        found.setdefault(one.name, _symbol(path, one, Reach.UNKNOWN, why))
    never = _undefined(space, [one for _, one in symbols if not _settled(found[one.name])])
    return tuple(_without_hope(found[one.name], one, never) for _, one in symbols)


def _architecture(path: str) -> str:
    return path.split("/")[1] if path.startswith("arch/") and path.count("/") > 1 else ""


def _settled(known: ConfigSymbol | None) -> bool:
    return known is not None and known.reach is Reach.YES


_Tried = list[tuple[str, Definition, dict[str, str] | None]]


def _try_all(
    space: Workspace, configuration: Configuration, symbols: Sequence[tuple[str, Definition]]
) -> _Tried:
    """All at once, for one may need another; then those that failed alone, for one may forbid another."""
    if not symbols:
        return []
    together = _values(space, configuration, [one for _, one in symbols])
    result: _Tried = []
    for path, one in symbols:
        values = together
        if len(symbols) > 1 and together is not None and one.name not in together:
            values = _values(space, configuration, [one])
        result.append((path, one, values))
    return result


def _values(
    space: Workspace, configuration: Configuration, wanted: Iterable[Definition]
) -> dict[str, str] | None:
    """The configuration that comes of it; None when Kconfig fails."""
    kernel = configuration.kernel
    lines = [*kernel.config, *kernel.optional]
    lines += [f"CONFIG_{one.name}=y" for one in wanted if one.type in _SWITCHES and one.prompt]
    made = replace(space, variables=kernel.variables).make(
        ["allnoconfig"],
        timeout=_SECONDS,
        variables=("KCONFIG_ALLCONFIG=/tmp/wanted", "KCONFIG_CONFIG=/tmp/tried/.config"),
        wrap=("sh", "-c", _TRY, "make"),
        stdin="\n".join((*lines, "")).encode(),
    )
    if not made.ok:
        return None
    pairs = (line.partition("=") for line in made.log.split("\n") if line.startswith("CONFIG_"))
    return {name.removeprefix("CONFIG_"): value for name, _, value in pairs}


def _judged(path: str, one: Definition, values: dict[str, str] | None, where: str) -> ConfigSymbol:
    if values is None:
        return _symbol(path, one, Reach.UNKNOWN, f"Kconfig fails with {where}")
    if one.name in values:
        return _symbol(path, one, Reach.YES, where=where)
    if not one.prompt:
        return _symbol(path, one, Reach.UNKNOWN, f"nothing turns it on with {where}")
    off = [name for text in one.depends for name in kconfig.needed(text) if name not in values]
    names = ", ".join(f"CONFIG_{name}" for name in dict.fromkeys(off))
    why = (
        f"off with {where}: {names}" if names else f"what it depends on does not hold with {where}"
    )
    return _symbol(path, one, Reach.NOT_HERE, why)


def _symbol(
    path: str, one: Definition, reach: Reach, why: str = "", where: str = ""
) -> ConfigSymbol:
    return ConfigSymbol(name=one.name, path=path, line=one.line, reach=reach, why=why, where=where)


def _undefined(space: Workspace, unreached: Sequence[Definition]) -> frozenset[str]:
    """Symbols that these depend on and that no Kconfig file of the tree defines."""
    names = {name for one in unreached for text in one.depends for name in kconfig.needed(text)}
    if not names:
        return frozenset()
    words = "|".join(sorted(names))
    pattern = rf"^[[:space:]]*(menu)?config[[:space:]]+({words})[[:space:]]*$"
    done = sandbox.run(
        ["grep", "-rhE", "--include=Kconfig*", "-e", pattern, "."],
        mounts=space.mounts,
        cwd=kbuild.SOURCE,
        timeout=_SECONDS,
    )
    if done.returncode not in (0, 1):  # 2: it could not read everything
        return frozenset()
    return frozenset(names - {line.split()[-1] for line in done.text().split("\n") if line.strip()})


def _without_hope(known: ConfigSymbol, one: Definition, never: frozenset[str]) -> ConfigSymbol:
    if known.reach is Reach.YES:
        return known
    hopeless = [text for text in one.depends if kconfig.unmeetable(text, never)]
    lacking = [name for text in hopeless for name in kconfig.needed(text) if name in never]
    if not lacking:
        return known
    names = ", ".join(f"CONFIG_{name}" for name in dict.fromkeys(lacking))
    return replace(known, reach=Reach.NEVER, why=f"no Kconfig file defines {names}")


def _definitions(tree: TreeView, path: str) -> tuple[Definition, ...]:
    return kconfig.definitions((tree.read(path) or b"").decode("utf-8", "replace"))
