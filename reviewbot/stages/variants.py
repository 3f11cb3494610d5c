# SPDX-License-Identifier: GPL-2.0-only
"""Compile the series' tip in other configurations and for other architectures.

maintainer-kvm-x86.rst asks for more than one configuration, and 0-day finds what breaks in the others a
day later.  Only the subsystem's objects are compiled, and only what they say that the base, built
the same way, did not say.
"""

import fnmatch
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace

from reviewbot.model.base import Applied
from reviewbot.model.build import VariantBuild
from reviewbot.model.codec import key_of
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.profile import Profile, Variant
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.parse import compiler as compiler_log
from reviewbot.parse import dotconfig
from reviewbot.stages.built import errors_in, new_diagnostics, places_after, status_of
from reviewbot.stages.missing import missing_symbols
from reviewbot.stages.printable import undefined
from reviewbot.stages.recipe import recipe
from reviewbot.tools import affected, kbuild, layers, toolchain
from reviewbot.tools.context import Tools
from reviewbot.tools.kbuild import BaseFailed, Kernel, Workspace
from reviewbot.tools.objects import TreeView

VERSION = 6
"""Raised when a stored result would be decided otherwise today."""

_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantRequest:
    """The applied series; ``variables`` are what every make of the profile's own build is given."""

    applied: Applied
    profile: Profile
    variables: tuple[str, ...]


def run(
    request: VariantRequest, tools: Tools, stop: threading.Event | None = None
) -> tuple[VariantBuild, ...]:
    """One result for each of the profile's variants that the series' files ask for, in order.

    ``stop``, when set by another thread, ends the one that is built, and leaves out the others.
    """
    stop = stop or threading.Event()
    touched = _touched(request.applied)
    wanted = [one for one in request.profile.variants if _asked(one, touched)]
    found = []
    for variant in wanted:
        if stop.is_set():
            break
        found.append(_build(request, variant, tools, stop))
    return tuple(found)


def _touched(applied: Applied) -> frozenset[str]:
    base = TreeView(applied.repository, applied.base.tree_id)
    tip = TreeView(applied.repository, applied.patches[-1].tree_id)
    return frozenset(change.path for change in base.changed_paths(tip))


def _asked(variant: Variant, touched: Iterable[str]) -> bool:
    return not variant.paths or any(
        fnmatch.fnmatchcase(path, glob) for path in touched for glob in variant.paths
    )


def _build(
    request: VariantRequest,
    variant: Variant,
    tools: Tools,
    stop: threading.Event,
) -> VariantBuild:
    kernel = kernel_of(request, variant)
    if isinstance(kernel, str):
        return _untried(variant, kernel)
    applied = request.applied
    tip = applied.patches[-1].tree_id
    key = key_of("variant", VERSION, kernel.key, variant.targets, tip)
    with tools.cache.lock(f"variant-{key[:20]}"):
        if known := tools.cache.load("variant", key, VariantBuild):
            return replace(known, name=variant.name)
        tools.progress(Stage.BUILD, f"tip with {variant.name}")
        try:
            made = _make(request, variant, kernel, tools, stop)
        except BaseFailed as failure:
            return _untried(variant, f"{failure} with {variant.name}")
        except InfrastructureError as error:
            return _untried(variant, str(error))
        if made.status in {Status.PASS, Status.FAIL}:
            tools.cache.save("variant", key, made)
        return made


def _make(
    request: VariantRequest,
    variant: Variant,
    kernel: Kernel,
    tools: Tools,
    stop: threading.Event,
) -> VariantBuild:
    """Build the base so (once), then the tip on top of it.  Raises BaseFailed."""
    applied, jobs = request.applied, tools.config.lab.jobs
    layer = kbuild.object_layer(
        tools.cache,
        kernel,
        variant.targets,
        jobs=jobs,
        timeout=_SECONDS,
        on_step=lambda _: None,
        stop=stop,
    )
    before = compiler_log.read(kbuild.how_made(layer).log, kbuild.ROOTS)
    source = kbuild.source_layer(tools.cache, applied.repository, applied.base.tree_id)
    place = tools.scratch / f"variant-{key_of(variant.name)[:12]}"
    with kbuild.workspace(
        source, layer / "objects", place, variables=kernel.variables, jobs=jobs, stop=stop
    ) as space:
        space.show(applied.repository, applied.base.tree_id, applied.patches[-1].tree_id)
        # The base was configured so, and nothing that decides about symbols has changed: 2 to 3 s a variant.
        anew = any(map(affected.configures, _touched(applied)))
        asked = space.configure(timeout=_SECONDS) if anew else None
        made = asked if asked and not asked.ok else space.make(variant.targets, timeout=_SECONDS)
        lost = _lost(kernel, space) if made.ok and anew else ()
    if lost:
        return _untried(variant, f"the series' Kconfig does not take {', '.join(lost[:5])}")
    said = asked.log if asked and asked is not made else ""
    steps = compiler_log.read(said + made.log, kbuild.ROOTS)
    status = status_of(ok=made.ok, timed_out=made.timed_out, steps=steps)
    # Code that no other build compiles is the only one to tell that its base is another.
    if status is Status.FAIL and (names := missing_symbols(applied, errors_in(steps))):
        return _untried(variant, undefined(names))
    return VariantBuild(
        name=variant.name,
        status=status,
        compiler=kernel.compiler,
        command=recipe((*kernel.config, *kernel.optional), kernel.variables, variant.targets),
        seconds=round(made.seconds, 3),
        new=new_diagnostics(places_after({}, before), steps),
        log=tools.cache.put((said + made.log).encode()),
    )


def _lost(kernel: Kernel, space: Workspace) -> tuple[str, ...]:
    """What of the variant's configuration a changed Kconfig leaves out, without which less is compiled."""
    config = layers.read(space.views[1], ".config") or b""
    return dotconfig.without_effect(kernel.config, config.decode("utf-8", "replace"))


def kernel_of(request: VariantRequest, variant: Variant) -> Kernel | str:
    """The base in the variant's configuration, or why it cannot be built here."""
    profile, variables = request.profile, request.variables
    compiler, linker = kbuild.compiler(), toolchain.linker()
    if variant.architecture:
        variables = (f"ARCH={variant.architecture}", *variables)
    if variant.llvm:
        version = toolchain.llvm()
        if version is None:
            return "no clang with lld and the llvm programs (Debian: clang, lld, llvm)"
        # What W=1 adds is asked of gcc: clang does not know all of its names.
        named = [word for word in variables if not word.startswith(("W=", "KCFLAGS="))]
        variables = (f"LLVM={version}", *named)
        suffix = version if version != "1" else ""
        compiler, linker = (toolchain.version(f"{name}{suffix}") for name in ("clang", "ld.lld"))
    return Kernel(
        repository=request.applied.repository,
        tree_id=request.applied.base.tree_id,
        config=variant.config if variant.whole_config else merged(profile.config, variant.config),
        optional=() if variant.whole_config else without(profile.optional_config, variant.config),
        variables=variables,
        compiler=compiler,
        linker=linker,
    )


def merged(lines: Iterable[str], instead: tuple[str, ...]) -> tuple[str, ...]:
    """Kconfig lines with ``instead`` in place of those about the same symbols."""
    return (*without(lines, instead), *instead)


def without(lines: Iterable[str], instead: Iterable[str]) -> tuple[str, ...]:
    """``lines`` but for those about a symbol that ``instead`` sets."""
    symbols = {line.partition("=")[0] for line in instead}
    return tuple(line for line in lines if line.partition("=")[0] not in symbols)


def _untried(variant: Variant, reason: str) -> VariantBuild:
    return VariantBuild(
        name=variant.name, status=Status.INFRA, compiler="", command="", reason=reason
    )
