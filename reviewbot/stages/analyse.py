# SPDX-License-Identifier: GPL-2.0-only
"""Ask more than the compiler: sparse, kernel-doc, references, exported symbols, Kconfig symbols.

Of the series' tip, against the base, in the profile's configuration, and only of files that the
series touches.  Nothing that fails here costs the review its other results: it is said to be unknown.
"""

import time
from dataclasses import dataclass, replace

from reviewbot.model.analysis import Analysis, ToolReport
from reviewbot.model.base import Applied
from reviewbot.model.build import BuildResult
from reviewbot.model.codec import key_of
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.profile import Profile
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.stages import build, config_symbols, exports, kernel_documents, sparse, variants
from reviewbot.stages.config_symbols import Configuration
from reviewbot.stages.kernel_documents import Said
from reviewbot.stages.new_messages import Added
from reviewbot.tools import changed_lines, kbuild, nm, toolchain
from reviewbot.tools.context import Tools
from reviewbot.tools.kbuild import BaseFailed, Kernel, Made, Workspace
from reviewbot.tools.objects import TreeView

VERSION = 3
"""Raised when a stored result would be decided otherwise today."""

_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyseRequest:
    """An applied series that builds, and how it was built; ``tip`` shows the tip with the objects of that build."""

    applied: Applied
    profile: Profile
    built: BuildResult
    tip: Workspace | None = None


def run(request: AnalyseRequest, tools: Tools) -> Analysis:
    """Everything there is to say; see :class:`Analysis`."""
    applied, profile = request.applied, request.profile
    kernel = build.kernel(build.BuildRequest(applied=applied, profile=profile))
    found = _Touched.of(applied)
    version = toolchain.sparse() if found.sources else None
    key = key_of("analysis", VERSION, kernel.key, applied.patches[-1].tree_id, version)
    with tools.cache.lock(f"analysis-{key[:20]}"):
        if known := tools.cache.load("analysis", key, Analysis):
            return known
        tools.progress(Stage.BUILD, "sparse, kernel-doc, exported symbols")
        started = time.monotonic()
        tip = _Tip(
            request=request, tools=tools, kernel=kernel, touched=found, sparse_version=version
        )
        try:
            made = tip.analysis()
        except BaseFailed as failure:  # its layer was pruned since the series was built on it
            return Analysis(unavailable=str(failure))
        made = replace(made, seconds=round(time.monotonic() - started, 3))
        if _settled(made):
            tools.cache.save("analysis", key, made)
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Touched:
    """What the series touches: paths, lines it adds, and the C files that are there on base and tip."""

    base: TreeView
    tip: TreeView
    paths: tuple[str, ...]
    removed: tuple[str, ...]
    kconfig: tuple[str, ...]
    added: Added
    sources: tuple[str, ...]

    @classmethod
    def of(cls, applied: Applied) -> "_Touched":
        trees = (applied.base.tree_id, applied.patches[-1].tree_id)
        base, tip = (TreeView(applied.repository, tree) for tree in trees)
        paths = tuple(sorted(change.path for change in base.changed_paths(tip)))
        lines = changed_lines.between(applied.repository, *trees)
        return cls(
            base=base,
            tip=tip,
            paths=paths,
            removed=tuple(path for path in paths if tip.entry(path) is None),
            kconfig=tuple(filter(config_symbols.is_kconfig, paths)),
            added={one.path: one.added for one in lines},
            sources=sparse.sources(path for path in paths if tip.entry(path)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """What was found on one side.  ``sources`` are the C files whose objects were made."""

    sources: tuple[str, ...]
    objects: Made | None
    comments: Said
    references: Said
    exported: nm.Symbols


@dataclass(slots=True, kw_only=True)
class _Tip:
    """One run of the stage; ``sparse_version`` is None where there is none."""

    request: AnalyseRequest
    tools: Tools
    kernel: Kernel
    touched: _Touched
    sparse_version: str | None
    referring: tuple[str, ...] = ()

    def analysis(self) -> Analysis:
        applied, kernel, touched = self.request.applied, self.kernel, self.touched
        jobs = self.tools.config.lab.jobs
        cache = self.tools.cache
        targets = build.whole(self.request.profile)
        # It is there: the series was built on it.
        layer = kbuild.object_layer(
            cache, kernel, targets, jobs=jobs, timeout=_SECONDS, on_step=lambda _: None
        )
        source = kbuild.source_layer(cache, applied.repository, applied.base.tree_id)
        there = sparse.configured(touched.sources, layer / "objects")
        new = [path for path in touched.sources if touched.base.entry(path) is None]
        place = self.tools.scratch / "analysis"
        with kbuild.workspace(
            source, layer / "objects", place, variables=kernel.variables, jobs=jobs
        ) as space:
            gone = [path for path in touched.removed if path.startswith("Documentation/")]
            mentions = kernel_documents.mentioning(space, gone)
            own = kernel_documents.referring(touched.tip, touched.paths)
            self.referring = tuple(sorted({*own, *mentions}))
            before = self._side(space, touched.base, there)
            # Where the series was built the tip's objects are there.  Kconfig symbols are tried in our own view.
            tip = self.request.tip if not touched.kconfig else None
            if tip is None:
                space.show(applied.repository, applied.base.tree_id, applied.patches[-1].tree_id)
            if touched.kconfig:
                space.configure(timeout=_SECONDS)
            after = self._side(tip or space, touched.tip, tuple(sorted((*there, *new))))
            included = sparse.included(there, layer / "objects")
            found = Analysis(tools=self._reports(before, after, included))
            return self._symbols(self._exports(found, before, after), space)

    def _side(self, space: Workspace, tree: TreeView, sources: tuple[str, ...]) -> _Side:
        check = self.sparse_version is not None
        made = sparse.look(space, sources, check=check)
        return _Side(
            sources=sources,
            objects=made,
            comments=kernel_documents.comments(space, tree, self._documented()),
            references=kernel_documents.references(space, tree, self.referring),
            exported=nm.of_objects(space, [sparse.object_of(path) for path in sources]),
        )

    def _documented(self) -> tuple[str, ...]:
        return kernel_documents.documented(set(self.touched.paths) - set(self.touched.removed))

    def _reports(
        self, before: _Side, after: _Side, included: sparse.Included
    ) -> tuple[ToolReport, ...]:
        found = []
        if self.touched.sources and self.sparse_version is None:
            found.append(sparse.absent(self.kernel, after.sources))
        elif self.touched.sources:
            sides = (before.objects, after.objects)
            log = self._keep(after.objects.log if after.objects else "")
            wanted = (before.sources, self.touched.sources)
            lines = self.touched.added
            found.append(
                sparse.report(self.kernel, sides, wanted, lines, log=log, included=included)
            )
        checks = (
            (kernel_documents.COMMENTS, self._documented(), before.comments, after.comments),
            (kernel_documents.REFERENCES, self.referring, before.references, after.references),
        )
        for name, files, old, new in checks:
            if files:
                check = kernel_documents.place_of(self.touched.tip, name)
                log, lines = self._keep(new.text), self.touched.added
                found.append(
                    kernel_documents.report(name, (old, new), files, lines, check=check, log=log)
                )
        return tuple(found)

    def _exports(self, found: Analysis, before: _Side, after: _Side) -> Analysis:
        built = self.request.built
        if built.base_image is None or built.tip_image is None:
            return replace(found, exports_unknown="no kernel was made")
        try:
            base, tip = (
                nm.of_modules(image, self.tools.cache, self.tools.scratch / f"modules-{number}")
                for number, image in enumerate((built.base_image, built.tip_image))
            )
        except InfrastructureError as error:
            return replace(found, exports_unknown=str(error))
        objects = (before.exported, after.exported)
        return replace(found, exports=exports.new_exports((base, tip), objects))

    def _symbols(self, found: Analysis, space: Workspace) -> Analysis:
        touched, request = self.touched, self.request
        new = config_symbols.added(touched.base, touched.tip, touched.kconfig)
        if not new:
            return found
        own = Configuration(
            name="the lab's configuration",
            architecture=request.profile.architecture,
            kernel=self.kernel,
        )
        asked = variants.VariantRequest(
            applied=request.applied, profile=request.profile, variables=self.kernel.variables
        )
        known = config_symbols.configurations(
            own, request.profile.variants, lambda variant: variants.kernel_of(asked, variant)
        )
        try:
            return replace(found, symbols=config_symbols.tried(space, new, known))
        except InfrastructureError as error:
            return replace(found, symbols_unknown=str(error))

    def _keep(self, text: str) -> str:
        return self.tools.cache.put(text.encode()) if text else ""


def _settled(made: Analysis) -> bool:
    failed = any(tool.status is Status.INFRA for tool in made.tools)
    return not (failed or made.exports_unknown or made.symbols_unknown)
