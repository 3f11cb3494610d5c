# SPDX-License-Identifier: GPL-2.0-only
"""What boots: a kernel and its modules in load order, taken out of a build into the cache."""

import posixpath
import re
from collections.abc import Callable

from reviewbot.model.build import Image
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.profile import Profile
from reviewbot.tools.cache import Cache

_DEPENDS = re.compile(rb"\0depends=([\w,-]*)\0")
Read = Callable[[str], bytes | None]
"""A file of the object tree, None when it is not there."""


def image_of(
    commit: str, profile: Profile, read: Read, cache: Cache, *, also: Read | None = None
) -> Image:
    """Keep kernel, modules and configuration as blobs.

    Modules come as (path in the object tree, digest); what a module says it depends on goes before
    it.  ``also`` reads the base, see :func:`load_order`.  Raises InfrastructureError when a build that succeeded lacks one of them.
    """
    if gone := no_longer_made(profile, read):
        raise InfrastructureError(gone)
    modules = {path: _must(read, path) for path in load_order(profile, read, also)}
    return Image(
        commit=commit,
        kernel=cache.put(_must(read, profile.kernel_image)),
        modules=tuple((path, cache.put(data)) for path, data in modules.items()),
        config=cache.put(_must(read, ".config")),
    )


def no_longer_made(profile: Profile, read: Read) -> str:
    """Which of the profile's modules a complete build did not make, as a sentence; "" when it made all.

    A patch may turn one off (a Makefile, what a symbol depends on).  Its file of the build before is still there.
    """
    made = read("modules.order")
    if made is None:  # single modules were made last, after which there is no list
        return ""
    names = {posixpath.splitext(path)[0] for path in made.decode("utf-8", "replace").split()}
    gone = [one.path for one in profile.modules if posixpath.splitext(one.path)[0] not in names]
    return f"this configuration makes {', '.join(gone)} no more" if gone else ""


def load_order(profile: Profile, read: Read, also: Read | None = None) -> tuple[str, ...]:
    """Paths of the profile's modules and of all they depend on, dependencies first.

    Making single modules removes the list of all modules (Makefile, "it is not the real one"), so
    that of the base, read with ``also``, counts too.
    """
    lists = [one("modules.order") or b"" for one in (also, read) if one]
    listed = b"\n".join(lists).decode("utf-8", "replace").split()
    where = {_name(path): posixpath.splitext(path)[0] + ".ko" for path in listed}
    order: dict[str, None] = {}
    visiting: set[str] = set()

    def visit(path: str) -> None:
        if path in order or path in visiting:
            return
        visiting.add(path)
        for name in depends(_must(read, path)):
            if name in where:
                visit(where[name])
        order[path] = None

    for module in profile.modules:
        visit(module.path)
    return tuple(order)


def depends(module: bytes) -> tuple[str, ...]:
    """What a module's .modinfo section says it needs loaded first."""
    found = _DEPENDS.search(module)
    return tuple(name for name in found[1].decode().split(",") if name) if found else ()


def _name(path: str) -> str:
    return posixpath.splitext(posixpath.basename(path))[0].replace("-", "_")


def _must(read: Read, path: str) -> bytes:
    data = read(path)
    if data is None:
        raise InfrastructureError(f"the build left no {path}")
    return data
