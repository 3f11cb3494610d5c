# SPDX-License-Identifier: GPL-2.0-only
"""Say of what the console shows which lines of source it is, as scripts/decode_stacktrace.sh does.

The kernels that run have no debug information: it would double the time of a build.  So the few
objects whose functions a report names are compiled once more with -g1, after the fact.  What gcc makes of
a function does not depend on -g, but on much else; so a function that is not, byte by byte, the one in
the module that ran is not decoded.  A wrong line is worse than none.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reviewbot.model.codec import key_of
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.parse import backtrace
from reviewbot.parse.backtrace import Frame  # noqa: TC001 - the codec looks at the types of fields
from reviewbot.parse.elf_functions import Function, functions
from reviewbot.stages import build
from reviewbot.tools import kbuild, layers, source_lines
from reviewbot.tools.layers import View
from reviewbot.tools.objects import TreeView

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reviewbot.model.base import Applied
    from reviewbot.model.build import Image
    from reviewbot.model.guest import BootResult, Crash
    from reviewbot.model.profile import Profile
    from reviewbot.model.test import Delta, TestResult
    from reviewbot.tools.context import Tools
    from reviewbot.tools.kbuild import Workspace

VERSION = 1
_SECONDS = 240.0
_MOST_REPORTS = 5
_MOST_FRAMES = 60
_MOST_OBJECTS = 8
_MOST_TOUCHED = 40
# Of modules alone (Documentation/kbuild/kbuild.rst): nothing else of the kernel is compiled again.
_DEBUG = ("CFLAGS_MODULE=-g1", "AFLAGS_MODULE=-Wa,-gdwarf-4")
_SUFFIX = re.compile(r"\.(?:isra|part|constprop|cold)(?:\.\d+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeRequest:
    """What the series' kernel, ``image``, showed: reports on consoles, its boot, and tests with their last lines."""

    applied: Applied
    profile: Profile
    image: Image
    crashes: tuple[Crash, ...]
    boot: BootResult | None = None
    deltas: tuple[Delta, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """The same with " (FILE:LINE)" after each place that is known for sure."""

    crashes: tuple[Crash, ...]
    boot: BootResult | None
    deltas: tuple[Delta, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    frame: Frame
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    known: tuple[_Place, ...]


def run(request: DecodeRequest, tools: Tools) -> Decoded:
    """Decode the first reports.  Only functions of modules are.

    Raises InfrastructureError when the sandbox fails, or the base's objects were pruned meanwhile.
    """
    boot = request.boot
    texts = [crash.excerpt for crash in request.crashes[:_MOST_REPORTS]]
    texts += [boot.last_lines] if boot else []
    ended = [one.output for delta in request.deltas for one in delta.tip if _ended(one)]
    texts += ended[:_MOST_REPORTS]
    named = {_module(path) for path, _ in request.image.modules}
    wanted = dict.fromkeys(
        one
        for text in texts
        for line in text
        if (one := backtrace.frame(line)) and one.module in named
    )
    if not wanted:
        return Decoded(crashes=request.crashes, boot=boot, deltas=request.deltas)
    places = _known(request, tuple(wanted)[:_MOST_FRAMES], tools)

    def said(lines: tuple[str, ...]) -> tuple[str, ...]:
        return backtrace.with_places(lines, places)

    return Decoded(
        crashes=tuple(replace(one, excerpt=said(one.excerpt)) for one in request.crashes),
        boot=replace(boot, last_lines=said(boot.last_lines)) if boot else None,
        deltas=tuple(
            replace(
                delta,
                tip=tuple(
                    replace(one, output=said(one.output)) if _ended(one) else one
                    for one in delta.tip
                ),
            )
            for delta in request.deltas
        ),
    )


def _ended(result: TestResult) -> bool:
    """Whether a test took its guest down, so that the console's last lines are its own."""
    return result.status is Status.CRASH


def _known(request: DecodeRequest, wanted: Sequence[Frame], tools: Tools) -> dict[Frame, str]:
    """Where they are; kept, for what ran is known by its bytes."""
    tree = request.applied.patches[-1].tree_id
    key = key_of("decode", VERSION, tree, request.image.modules, wanted)
    kept = tools.cache.load("decode", key, _Places)
    if kept is None:
        tools.progress(Stage.COMPARE, "find the source lines of what the console shows")
        found = _Search(request, tools).places(wanted)
        kept = _Places(known=tuple(_Place(frame=one, place=at) for one, at in found.items()))
        tools.cache.save("decode", key, kept)
    return {one.frame: one.place for one in kept.known}


class _Search:
    """One look for source lines: which objects, compile them, compare, ask."""

    def __init__(self, request: DecodeRequest, tools: Tools) -> None:
        applied = request.applied
        self.request, self.tools = request, tools
        asked = build.BuildRequest(applied=applied, profile=request.profile)
        self.kernel = build.kernel(asked)
        self.tip = TreeView(applied.repository, applied.patches[-1].tree_id)
        self.base = TreeView(applied.repository, applied.base.tree_id)
        self.changed = [
            one.path for one in self.base.changed_paths(self.tip) if self.tip.entry(one.path)
        ]

    def places(self, wanted: Sequence[Frame]) -> dict[Frame, str]:
        applied, cache = self.request.applied, self.tools.cache
        jobs = self.tools.config.lab.jobs
        targets = build.whole(self.request.profile)
        if not kbuild.is_built(cache, self.kernel, targets):
            raise InfrastructureError("the objects of the base are no longer in the cache")
        layer = kbuild.object_layer(
            cache, self.kernel, targets, jobs=jobs, timeout=_SECONDS, on_step=lambda _: None
        )
        objects = self._objects(wanted, View.plain(layer / "objects"))
        if not objects:
            return {}
        source = kbuild.source_layer(cache, applied.repository, applied.base.tree_id)
        with kbuild.workspace(
            source,
            layer / "objects",
            self.tools.scratch / "decode",
            variables=self.kernel.variables,
            jobs=jobs,
        ) as space:
            space.show(applied.repository, applied.base.tree_id, applied.patches[-1].tree_id)
            if any(posixpath.basename(path).startswith("Kconfig") for path in self.changed):
                space.configure(timeout=_SECONDS)
            space.make(objects, timeout=_SECONDS, variables=_DEBUG)
            return self._asked(space, wanted, objects)

    def _objects(self, wanted: Sequence[Frame], made: View) -> tuple[str, ...]:
        """Objects that may hold the functions: those that do on the base, and what the series touches.

        As Kbuild names them: it makes arch/x86/kvm/../../../virt/kvm/kvm_main.o a part of kvm.ko, and
        virt/kvm/kvm_main.o, were it asked for that, a part of nothing.
        """
        found: dict[str, None] = {}
        listed = {
            _module(path): _words(layers.read(made, f"{path[:-3]}.mod"))
            for path, _ in self.request.image.modules
        }
        names = {posixpath.normpath(name): name for part in listed.values() for name in part}
        held = {
            name: functions(layers.read(made, posixpath.normpath(name)) or b"")
            for module in {one.module for one in wanted}
            for name in listed.get(module, ())
        }
        for one in wanted:
            inside = [name for name in listed.get(one.module, ()) if one.function in held[name]]
            touched = [names.get(path, path) for path in self._touched(one)]
            found |= dict.fromkeys((*inside, *touched))
        return tuple(found)[:_MOST_OBJECTS]

    def _touched(self, one: Frame) -> Iterable[str]:
        name = _SUFFIX.sub("", one.function).encode()
        for path in self.changed[:_MOST_TOUCHED]:
            if path.endswith((".c", ".S")) and name in (self.tip.read(path) or b""):
                yield f"{path[:-2]}.o"

    def _asked(
        self, space: Workspace, wanted: Sequence[Frame], objects: Sequence[str]
    ) -> dict[Frame, str]:
        ran = {
            _module(path): functions(self.tools.cache.get(digest))
            for path, digest in self.request.image.modules
        }
        said: dict[Frame, set[str]] = {}
        for path in map(posixpath.normpath, objects):
            held = functions(layers.read(space.views[1], path) or b"")
            questions = [
                (one, function)
                for one in wanted
                for function in held.get(one.function, ())
                if _same(one, function, ran.get(one.module, {}))
            ]
            for one, place in self._lines(space, path, questions):
                said.setdefault(one, set()).add(place)
        # Static functions of one name and the same bytes, from different places: who knows.
        return {one: found.pop() for one, found in said.items() if len(found) == 1}

    def _lines(
        self, space: Workspace, path: str, questions: Sequence[tuple[Frame, Function]]
    ) -> Iterable[tuple[Frame, str]]:
        for section in dict.fromkeys(function.section for _, function in questions):
            mine = [(one, f) for one, f in questions if f.section == section]
            offsets = [function.start + one.offset for one, function in mine]
            answers = source_lines.of_code(space, path, section, offsets)
            for (one, _), chain in zip(mine, answers, strict=True):
                if chain and all(self.tip.entry(file) for file, _ in chain):
                    yield one, _place(chain)


def _same(one: Frame, function: Function, ran: Mapping[str, Sequence[Function]]) -> bool:
    """Whether this is the function that ran: the module has no other of that name, and the same bytes."""
    theirs = ran.get(one.function, ())
    return (
        len(theirs) == 1
        and theirs[0].code == function.code
        and one.offset < len(function.code) <= one.size
    )


def _place(chain: Sequence[source_lines.Line]) -> str:
    words = [f"{path}:{line}" for path, line in chain]
    return words[0] if len(words) == 1 else f"{words[0]}, inlined by {words[-1]}"


def _module(path: str) -> str:
    """The name that the kernel has for a module: kvm_amd of arch/x86/kvm/kvm-amd.ko."""
    return posixpath.basename(path)[:-3].replace("-", "_")


def _words(data: bytes | None) -> tuple[str, ...]:
    return tuple((data or b"").decode("utf-8", "replace").split())
