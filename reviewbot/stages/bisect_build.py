# SPDX-License-Identifier: GPL-2.0-only
"""Build one tree after the other, each as what differs from the one before, on the nearest complete build.

git bisect run makes the whole kernel again at every step.  Here the lab's copy-on-write view of a complete
build goes from tree to tree: make compiles what differs, and links the kernel itself only where something
beyond the profile's own modules differs from the complete build.
"""

import time
from dataclasses import dataclass, field, replace

from reviewbot.model.build import Diagnostic, Image
from reviewbot.model.codec import key_of
from reviewbot.model.profile import Profile
from reviewbot.model.status import Status
from reviewbot.parse import compiler as compiler_log
from reviewbot.parse.compiler import Place
from reviewbot.stages.built import errors_in, places_after, status_of
from reviewbot.stages.images import image_of, load_order
from reviewbot.stages.rebuild import Rebuild
from reviewbot.tools import affected, kbuild
from reviewbot.tools.context import Tools
from reviewbot.tools.kbuild import Kernel, Made
from reviewbot.tools.objects import TreeView
from reviewbot.tools.shadowed import shadowed

VERSION = 5
"""Raised when a stored build would be decided otherwise today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeBuild:
    """One tree's build.  ``said`` are all messages that are there, ``errors`` those that are errors.

    ``image`` is there when it was built to be booted; ``seconds`` are what it took when it was made.
    """

    tree_id: str
    status: Status
    seconds: float
    errors: tuple[Diagnostic, ...] = ()
    said: tuple[Place, ...] = ()
    image: Image | None = None
    log: str = ""


@dataclass(slots=True, kw_only=True)
class Builder:
    """Builds trees in one configuration.  Close it to remove its workspace.

    ``kernel`` is the complete build to start from; ``whole`` are the targets that it was made of, ``targets``
    those that must build at every step; ``bootable`` is whether images are wanted.  ``modules`` adds the
    profile's modules and what they need to the targets: modpost knows the exports of what it is shown.
    """

    tools: Tools
    kernel: Kernel
    profile: Profile
    whole: tuple[str, ...]
    targets: tuple[str, ...]
    bootable: bool = False
    modules: bool = True
    rebuild: Rebuild = field(init=False)
    visited: set[str] = field(default_factory=set)
    used_by: dict[str, frozenset[str]] = field(default_factory=dict)
    places: dict[str, tuple[Place, ...]] | None = None

    def __post_init__(self) -> None:
        """Nothing is opened yet."""
        self.rebuild = Rebuild(
            tools=self.tools,
            kernel=self.kernel,
            whole=self.whole,
            title="complete build",
            place=f"bisect-{self.kernel.key[:12]}",
        )

    def build(self, tree_id: str, *, seconds: float) -> TreeBuild:
        """The build of a tree, from the cache where it is there; make gets at most ``seconds``.

        A make that was ended has status TIMEOUT, and is not kept.  Raises BaseFailed when the complete
        build cannot be made, InfrastructureError when sandbox, compiler or disk fail us.
        """
        if known := self.known(tree_id):
            return known
        if self.places is None:
            log = self.rebuild.how_made().log
            self.places = places_after({}, compiler_log.read(log, kbuild.ROOTS))
        made = self._make(tree_id, seconds)
        steps = compiler_log.read(made.log, kbuild.ROOTS)
        failed = {step.target for step in steps if errors_in((step,))}
        # Of another tree, not of the commit before: what they said there is no news here.
        before = {name: said for name, said in self.places.items() if name not in failed}
        self.places = places_after(before, steps)
        status = status_of(ok=made.ok, timed_out=made.timed_out, steps=steps)
        # Where make failed, nobody knows what it would still have said.
        there = self.places if status is Status.PASS else places_after({}, steps)
        built = TreeBuild(
            tree_id=tree_id,
            status=status,
            seconds=round(made.seconds, 3),
            errors=errors_in(steps),
            said=tuple(sorted({one for places in there.values() for one in places})),
            image=self._image(tree_id) if self.bootable and status is Status.PASS else None,
            log=self.tools.cache.put(made.log.encode()),
        )
        if status in {Status.PASS, Status.FAIL}:
            self.tools.cache.save("bisect-build", self._key(tree_id), built)
        return built

    def known(self, tree_id: str) -> TreeBuild | None:
        """A build of before, whose image is still there."""
        kept = self.tools.cache.load("bisect-build", self._key(tree_id), TreeBuild)
        if kept is None or kept.image is None:
            return kept
        digests = (kept.image.kernel, *(digest for _, digest in kept.image.modules))
        return kept if all(self.tools.cache.has(digest) for digest in digests) else None

    def close(self) -> None:
        """Remove the workspace."""
        self.rebuild.stack.close()

    def _key(self, tree_id: str) -> str:
        """Not of the complete build: the same tree comes out the same, whatever it was built from."""
        like = replace(self.kernel, tree_id=tree_id).key
        profile = self.profile
        made = (
            (self.targets, profile.kernel_image, profile.modules) if self.bootable else self.targets
        )
        return key_of("bisect-build", VERSION, like, made, self.bootable, self.modules)

    def _make(self, tree_id: str, seconds: float) -> Made:
        end = time.monotonic() + seconds
        plan = self._plan(tree_id)
        wanted = (*self._always(), *plan.objects)
        # What modules need of the kernel is looked up in vmlinux.o, which single targets do not make.
        linked = self.bootable or self.modules
        targets = self.whole if (plan.beyond and linked) or plan.everything else wanted
        return self.rebuild.make(
            tree_id,
            tuple(dict.fromkeys(targets)),
            configure=plan.configure,
            seconds=max(1.0, end - time.monotonic()),
            what="build",
        )

    def _plan(self, tree_id: str) -> affected.Plan:
        """What has to be made: whatever any tree shown so far changed may lie in the view as theirs."""
        base = TreeView(self.kernel.repository, self.kernel.tree_id)
        tree = TreeView(self.kernel.repository, tree_id)
        changed = {change.path for change in base.changed_paths(tree)}
        hidden = shadowed(base, tree)
        objects = self.rebuild.objects()
        unknown = (changed | hidden) - self.used_by.keys()
        self.used_by |= affected.users(objects, unknown)
        self.visited |= changed | {path for path in hidden if self.used_by[path]}
        always = self._always()
        new = frozenset(path for path in self.visited if base.entry(path) is None)
        covered = affected.members(objects, always)
        return affected.plan(sorted(self.visited), self.used_by, covered, always, new)

    def _always(self) -> tuple[str, ...]:
        if not self.modules:
            return self.targets
        return tuple(
            dict.fromkeys((*self.targets, *load_order(self.profile, self.rebuild.base_file)))
        )

    def _image(self, tree_id: str) -> Image:
        files = self.rebuild
        return image_of(tree_id, self.profile, files.file, self.tools.cache, also=files.base_file)
