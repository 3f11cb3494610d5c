# SPDX-License-Identifier: GPL-2.0-only
"""Symbols of what was built, by nm (binutils): which are exported, and which are needed.

__ksymtab_NAME is an exported symbol of a module, and since 6.5 __export_symbol_NAME one of an object
(include/linux/export.h).
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from reviewbot.model.build import Image
from reviewbot.model.errors import InfrastructureError
from reviewbot.tools import kbuild, sandbox
from reviewbot.tools.cache import Cache
from reviewbot.tools.kbuild import Workspace
from reviewbot.tools.sandbox import Bind, Overlay

_SECONDS = 120.0
_MODULES = "/lab/modules"
_SYMBOL = re.compile(
    r"^(?P<file>[^:\n]+):[0-9a-f ]* (?P<kind>[A-Za-z]) (?P<name>\S+)$", re.MULTILINE
)
_EXPORTED = re.compile(r"^__(?:ksymtab|export_symbol)_(?P<name>\S+)$")

Symbols = dict[str, tuple[set[str], set[str]]]
"""By file: names it exports, and names it needs."""


def of_modules(image: Image, cache: Cache, place: Path) -> Symbols:
    """Symbols of an image's modules, by file name ("kvm.ko"); ``place`` is a new directory."""
    place.mkdir(parents=True)
    place.chmod(0o755)
    names = {}
    for number, (path, digest) in enumerate(image.modules):
        (place / str(number)).write_bytes(cache.get(digest))
        names[str(number)] = PurePosixPath(path).name
    mounts = [Bind(source=place, target=_MODULES)]
    found = _nm(mounts, _MODULES, tuple(names))
    return {names[number]: symbols for number, symbols in found.items()}


def of_objects(space: Workspace, objects: Sequence[str]) -> Symbols:
    """Symbols of objects that ``space`` holds; those that are not there are left out."""
    return _nm(space.mounts, kbuild.OBJECTS, objects)


def read(output: str) -> Symbols:
    """What ``nm -A`` prints."""
    found: Symbols = {}
    for line in _SYMBOL.finditer(output):
        exports, needs = found.setdefault(line["file"], (set(), set()))
        if line["kind"] == "U":
            needs.add(line["name"])
        elif exported := _EXPORTED.match(line["name"]):
            exports.add(exported["name"])
    return found


def _nm(mounts: Sequence[Bind | Overlay], directory: str, files: Sequence[str]) -> Symbols:
    if not files:
        return {}
    done = sandbox.run(["nm", "-A", "--", *files], mounts=mounts, cwd=directory, timeout=_SECONDS)
    if done.timed_out or done.truncated:
        raise InfrastructureError(f"nm: {done.complaint()}")
    return read(done.text())
