# SPDX-License-Identifier: GPL-2.0-only
"""Build the base once, then every patch of the series on top of it, each compiling what it changes.

A patch is judged by what it adds: a message is new when the commit before did not have it at that
place.  Whatever was built before, by this run or another, is taken from the cache.
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from reviewbot.model.base import Applied, AppliedPatch
from reviewbot.model.build import BuildResult, CommitBuild, Diagnostic, Image, Level
from reviewbot.model.codec import key_of
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.profile import Profile
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.parse import compiler as compiler_log
from reviewbot.stages.build_plan import plans
from reviewbot.stages.built import (
    Built,
    errors_in,
    errors_of,
    lacks_exports,
    new_diagnostics,
    places_after,
    reason,
    status_of,
    with_modpost_of,
    worst,
)
from reviewbot.stages.images import image_of, load_order, no_longer_made
from reviewbot.stages.missing import missing_symbols
from reviewbot.stages.rebuild import Rebuild
from reviewbot.stages.recipe import from_nothing, recipe
from reviewbot.tools import kbuild, toolchain
from reviewbot.tools.affected import Plan
from reviewbot.tools.context import Tools
from reviewbot.tools.kbuild import BaseFailed, Kernel, Made
from reviewbot.tools.objects import TreeView

VERSION = 8
"""Raised when a stored result would be decided otherwise today."""

_PATCH_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """The applied series, and how its subsystem is built."""

    applied: Applied
    profile: Profile


def run(request: BuildRequest, tools: Tools) -> BuildResult:
    """Build base and series.  Failures of either are in the result; see BuildResult.

    Raises InfrastructureError when sandbox, compiler or disk fail us.
    """
    with opened(request, tools) as (built, _):
        return built


@contextlib.contextmanager
def opened(request: BuildRequest, tools: Tools) -> Iterator[tuple[BuildResult, Rebuild]]:
    """The same, with the view that the last patch was compiled in, if one was, for who wants its objects."""
    rebuild = Rebuild(
        tools=tools,
        kernel=kernel(request),
        whole=whole(request.profile),
        title="base",
        place="build",
    )
    series = _Series(request=request, tools=tools, rebuild=rebuild)
    # Whoever comes second with the same series waits, then finds everything done.
    with tools.cache.lock(f"build-{series.key(len(request.applied.patches))[:20]}"), rebuild.stack:
        yield series.build(), rebuild


def variables(request: BuildRequest) -> tuple[str, ...]:
    """Make variables that every build of this base is given."""
    tree = TreeView(request.applied.repository, request.applied.base.tree_id)
    makefile = (tree.read("scripts/Makefile.extrawarn") or b"").decode("utf-8", "replace")
    return kbuild.warning_variables(makefile)


def kernel(request: BuildRequest) -> Kernel:
    """The base in the profile's configuration."""
    applied, profile = request.applied, request.profile
    return Kernel(
        repository=applied.repository,
        tree_id=applied.base.tree_id,
        config=profile.config,
        optional=profile.optional_config,
        variables=variables(request),
        compiler=kbuild.compiler(),
        linker=toolchain.linker(),
    )


def whole(profile: Profile) -> tuple[str, ...]:
    """Make targets of a complete build, which is what the base's layer of objects holds."""
    return (profile.kernel_target, "modules")


@dataclass(slots=True, kw_only=True)
class _Series:
    """One run of the stage.

    ``made`` is the key of what the view holds, ``linked`` the last patch that everything was made of in it.
    """

    request: BuildRequest
    tools: Tools
    rebuild: Rebuild
    made: str = ""
    linked: int = 0
    plans: tuple[Plan, ...] = ()

    def build(self) -> BuildResult:
        applied = self.request.applied
        try:
            before = self._base()
        except BaseFailed as failure:
            failed = self._judged(failure.made, 0, applied.base.commit, {}, self.rebuild.whole)
            return self._result(failed.build, (), Status.INFRA, reason=_because(failure, failed))
        base_image = self._image(before, applied.base.commit, applied.base.tree_id)
        base = before.build
        builts = []
        for index, patch in enumerate(applied.patches, 1):
            before = self._patch(index, patch, before)
            builts.append(before)
        tip_image = None
        if builts and builts[-1].build.status is Status.PASS:
            tip_image = self._image(before, applied.tip, applied.patches[-1].tree_id)
        result = self._result(base, builts, worst(builts), reason=reason(builts))
        missing = missing_symbols(applied, errors_of(builts)) if builts else ()
        return replace(result, base_image=base_image, tip_image=tip_image, missing_symbols=missing)

    def key(self, number: int) -> str:
        """Content key of what is known after patch ``number`` (0 the base): all built up to it."""
        profile = self.request.profile
        trees = [patch.tree_id for patch in self.request.applied.patches[:number]]
        made = (profile.targets, profile.kernel_target, profile.kernel_image, profile.modules)
        return key_of("build", VERSION, self.rebuild.kernel.key, made, trees)

    def _base(self) -> Built:
        commit = self.request.applied.base.commit
        kept = self.tools.cache.load("build", self.key(0), Built)
        if kept is not None:
            return replace(kept, build=replace(kept.build, commit=commit))
        made = self.rebuild.how_made()
        fresh = self._judged(made, 0, commit, {}, self.rebuild.whole)
        # Messages of the base are where the series starts from, not news.
        fresh = replace(fresh, build=replace(fresh.build, new=()), kernel=self.key(0))
        reused = replace(fresh, build=replace(fresh.build, reused=True))
        self.tools.cache.save("build", self.key(0), reused)
        return fresh

    def _patch(self, index: int, patch: AppliedPatch, before: Built) -> Built:
        kept = self.tools.cache.load("build", self.key(index), Built)
        if kept is not None:
            same = replace(kept.build, commit=patch.commit, number=patch.number, reused=True)
            return replace(kept, build=same)
        say = f"patch {index}/{len(self.request.applied.patches)}"
        plan = self._plans()[index - 1]
        if plan.code or before.pending:
            targets = self._targets(index, plan, before)
            made = self._make(patch.tree_id, targets, configure=plan.configure, say=say)
            built = self._judged(made, patch.number, patch.commit, before.places, targets)
            if targets != self.rebuild.whole and lacks_exports(built):
                # Of a module that the series adds, say: modpost sees all of them when all are made.
                targets = self.rebuild.whole
                more = self._make(patch.tree_id, targets, configure=False, say=say)
                made = with_modpost_of(made, more)
                built = self._judged(made, patch.number, patch.commit, before.places, targets)
            built = self._with_modules(replace(built, kernel=self.key(index)), targets)
            self.made = self.key(index)
            if targets == self.rebuild.whole and built.build.status is Status.PASS:
                self.linked = index
        else:  # nothing that is compiled depends on what this patch touches
            self.tools.progress(Stage.BUILD, f"{say}: no kernel code")
            same = replace(before.build, number=patch.number, commit=patch.commit)
            same = replace(same, seconds=0.0, new=(), reused=True)
            built = replace(before, build=same)
        if built.build.status in {Status.PASS, Status.FAIL}:
            self.tools.cache.save("build", self.key(index), built)
        return built

    def _with_modules(self, built: Built, targets: tuple[str, ...]) -> Built:
        """The same, or INFRA: a build without what is to be tested says nothing about it."""
        if built.build.status is not Status.PASS or targets != self.rebuild.whole:
            return built
        gone = no_longer_made(self.request.profile, self.rebuild.file)
        if not gone:
            return built
        error = Diagnostic(path="", line=0, column=0, level=Level.ERROR, message=gone)
        build = replace(built.build, status=Status.INFRA)
        return replace(built, build=build, pending=targets, errors=(error,))

    def _targets(self, index: int, plan: Plan, before: Built) -> tuple[str, ...]:
        # What boots is linked once, when no later patch changes it any more.
        last = not any(plan.code for plan in self._plans()[index:])
        beyond = last and any(one.beyond for one in self._plans())
        # An earlier run may have made all of this, but not in this view.
        everything = any(one.everything for one in self._plans()[self.linked : index])
        if everything or beyond or set(self.rebuild.whole) & set(before.pending):
            return self.rebuild.whole
        wanted = (*self._targets_of_profile(), *plan.objects, *before.pending)
        return tuple(dict.fromkeys(wanted))

    def _targets_of_profile(self) -> tuple[str, ...]:
        """The profile's targets and the modules they need.

        modpost knows the exports of the modules it is shown, so that leaving irqbypass.ko out makes
        "irq_bypass_register_consumer undefined!" of every patch (scripts/Makefile.modpost).
        """
        profile = self.request.profile
        return tuple(
            dict.fromkeys((*profile.targets, *load_order(profile, self.rebuild.base_file)))
        )

    def _plans(self) -> tuple[Plan, ...]:
        if not self.plans:
            objects = self.rebuild.objects()
            self.plans = plans(self.request.applied, objects, self._targets_of_profile())
        return self.plans

    def _make(self, tree_id: str, targets: tuple[str, ...], *, configure: bool, say: str) -> Made:
        self.tools.progress(Stage.BUILD, say)
        return self.rebuild.make(
            tree_id, targets, configure=configure, seconds=_PATCH_SECONDS, what=say
        )

    def _judged(
        self,
        made: Made,
        number: int,
        commit: str,
        before: dict[str, tuple[compiler_log.Place, ...]],
        targets: tuple[str, ...],
    ) -> Built:
        kernel = self.rebuild.kernel
        steps = compiler_log.read(made.log, kbuild.ROOTS)
        status = status_of(ok=made.ok, timed_out=made.timed_out, steps=steps)
        wanted = from_nothing(targets, self.rebuild.whole, errors_in(steps))
        build = CommitBuild(
            number=number,
            commit=commit,
            status=status,
            seconds=round(made.seconds, 3),
            command=recipe((*kernel.config, *kernel.optional), kernel.variables, wanted),
            new=new_diagnostics(before, steps),
            log=self.tools.cache.put(made.log.encode()),
        )
        return Built(
            build=build,
            places=places_after(before, steps),
            pending=() if status is Status.PASS else targets,
            errors=errors_in(steps),
        )

    def _image(self, built: Built, commit: str, tree_id: str) -> Image:
        """The image of a commit that built."""
        cache = self.tools.cache
        kept = cache.load("image", built.kernel, Image)
        if kept and all(cache.has(blob) for blob in _blobs(kept)):
            return replace(kept, commit=commit)
        read = self.rebuild.base_file
        if built.kernel != self.key(0):
            if self.made != built.kernel:  # compiled by another run: make it boot again
                again = self._make(tree_id, self.rebuild.whole, configure=True, say="kernel image")
                if not again.ok:  # what lies there is the base's
                    raise InfrastructureError(
                        "the kernel of the series' tip could not be made again"
                    )
            read = self.rebuild.file
        image = image_of(commit, self.request.profile, read, cache, also=self.rebuild.base_file)
        cache.save("image", built.kernel, image)
        return image

    def _result(
        self, base: CommitBuild, builts: Iterable[Built], status: Status, *, reason: str
    ) -> BuildResult:
        return BuildResult(
            status=status,
            profile=self.request.profile.name,
            config_name=self.request.profile.config_summary,
            compiler=self.rebuild.kernel.compiler,
            base=base,
            patches=tuple(built.build for built in builts),
            reason=reason,
            reproduce=self.request.profile.reproduce,
        )


def _blobs(image: Image) -> tuple[str, ...]:
    return (image.kernel, image.config, *(digest for _, digest in image.modules))


def _because(failure: BaseFailed, base: Built) -> str:
    if not base.errors:
        return str(failure)
    first = base.errors[0]
    where = f"{first.path}:{first.line}: " if first.path and first.line else ""
    return f"{failure}: {where}{first.message}"
