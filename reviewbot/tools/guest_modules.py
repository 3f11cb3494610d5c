# SPDX-License-Identifier: GPL-2.0-only
"""Which modules a guest loads, and with which parameters."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from reviewbot.parse import modinfo
from reviewbot.tools.initramfs import GuestModule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewbot.model.build import Image
    from reviewbot.model.profile import Module
    from reviewbot.tools.cache import Cache
    from reviewbot.tools.context import Tools
    from reviewbot.tools.testbed import Kernel


def parameters(cache: Cache, image: Image) -> frozenset[str]:
    """Parameters ("kvm_amd.npt") that the image's modules take; of what is built in we know none."""
    return frozenset(
        f"{stem(path)}.{name}"
        for path, digest in image.modules
        for name in modinfo.parameters(cache.get(digest))
    )


def loads(tools: Tools, kernel: Kernel) -> tuple[list[GuestModule], str]:
    """What to load, and the kernel parameters that say the same to what is built in."""
    wanted = [m for m in kernel.profile.modules if m.vendor in {"", kernel.host.vendor}]
    by_name = {stem(path): digest for path, digest in kernel.image.modules}
    configured = {stem(module.path): module for module in wanted}
    foreign = {stem(m.path) for m in kernel.profile.modules} - set(configured)
    found = []
    # The image's order is the dependency order of the build; it also holds what ours depend on.
    for path, digest in kernel.image.modules:
        name = stem(path)
        if name in foreign:
            continue
        usual = configured[name].parameters if name in configured else ""
        found.append(
            GuestModule(
                name=PurePosixPath(path).name,
                data=tools.cache.get(digest),
                parameters=_changed(usual, name, kernel.parameters),
            )
        )
    built_in = [module for module in wanted if stem(module.path) not in by_name]
    return found, " ".join(_boot_parameters(built_in))


def stem(path: str) -> str:
    """``arch/x86/kvm/kvm-amd.ko`` -> ``kvm_amd``, as the kernel calls it."""
    return PurePosixPath(path).name.removesuffix(".ko").replace("-", "_")


def _changed(usual: str, module: str, parameters: Iterable[str]) -> str:
    """Usual parameters of a module, with those of ``parameters`` that are about it in their place."""
    mine = [word.partition(".")[2] for word in parameters if word.startswith(f"{module}.")]
    names = {word.partition("=")[0] for word in mine}
    kept = [word for word in usual.split() if word.partition("=")[0] not in names]
    return " ".join([*kept, *mine])


def _boot_parameters(modules: Iterable[Module]) -> Iterable[str]:
    for module in modules:
        yield from (f"{stem(module.path)}.{word}" for word in module.parameters.split())
