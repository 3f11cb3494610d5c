# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own build system, run in the sandbox with source and objects at constant paths.

A base is two layers of the cache: its exported source, and the objects of one complete build of it.
Both are made once; a :class:`Workspace` is a copy-on-write view of them, in which a series' commits
are built one after the other, each compiling only what it changes.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reviewbot.model.codec import from_json, key_of, to_json
from reviewbot.model.errors import InfrastructureError
from reviewbot.parse import dotconfig
from reviewbot.parse.extrawarn import extra_warnings
from reviewbot.tools import export, layers, process, sandbox, stale
from reviewbot.tools.cache import Cache
from reviewbot.tools.sandbox import Bind, Overlay

SOURCE = "/lab/src"
OBJECTS = "/lab/obj"
ROOTS = (SOURCE, OBJECTS)
"""Directories inside the sandbox that paths in logs are below."""

VERSION = 1
"""Raised when layers of an older version must not be used any more."""

_WANTED = f"{OBJECTS}/.wanted"
_PAST = 1_000_000_000
_CONFIGURE_SECONDS = 300.0
# The same commit gives the same bytes, so an unchanged kernel is recognised by its digest
# (Documentation/kbuild/reproducible-builds.rst).
_REPRODUCIBLE = {
    "KBUILD_BUILD_TIMESTAMP": "2001-09-09 01:46:40 UTC",
    "KBUILD_BUILD_USER": "reviewbot",
    "KBUILD_BUILD_HOST": "lab",
    "KBUILD_BUILD_VERSION": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A base that can be built.

    ``config`` are the lines that must take effect, ``optional`` those that older or newer kernels
    may not know.  ``variables`` are make variables common to every build of it.  ``linker`` is named since
    each brings warnings of its own, which would be news of a series if an older one had linked the base.
    """

    repository: str
    tree_id: str
    config: tuple[str, ...]
    optional: tuple[str, ...]
    variables: tuple[str, ...]
    compiler: str
    linker: str

    @property
    def key(self) -> str:
        """Content key of everything that decides what its objects look like."""
        parts = (self.tree_id, self.config, self.optional, self.variables)
        return key_of("objects", VERSION, SOURCE, OBJECTS, *parts, self.compiler, self.linker)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a make left.  ``log`` is everything it printed."""

    ok: bool
    timed_out: bool
    status: int
    seconds: float
    log: str


class BaseFailed(Exception):  # noqa: N818 - a result on its way to the build stage, no error of ours
    """The base itself could not be configured or built; ``made`` says how."""

    def __init__(self, reason: str, made: Made) -> None:
        super().__init__(reason)
        self.made = made


def compiler() -> str:
    """The compiler's name and version, one line.  Raises InfrastructureError when there is none."""
    done = process.run(["gcc", "--version"], timeout=20)
    if not done.ok:
        raise InfrastructureError(f"gcc does not run: {done.complaint()}")
    return done.text().split("\n", 1)[0].strip()


def processors() -> int:
    """How many processors we may use."""
    return len(os.sched_getaffinity(0))


def source_layer(cache: Cache, repository: str, tree_id: str) -> Path:
    """The files of a git tree as a directory that the sandbox can read, exported once.

    All files carry one old time: should the layer be pruned and made again, objects built from the
    first copy are still newer than every source.
    """

    def build(part: Path) -> None:
        export.export_tree(repository, tree_id, part)
        part.chmod(0o755)
        for directory, inner, files in os.walk(part):
            for name in inner:
                path = Path(directory, name)
                if not path.is_symlink():
                    path.chmod(0o755)
            for name in files:
                os.utime(Path(directory, name), (_PAST, _PAST), follow_symlinks=False)

    return cache.layer("source", key_of("source", VERSION, tree_id), build)


def object_layer(
    cache: Cache,
    kernel: Kernel,
    targets: Sequence[str],
    *,
    jobs: int,
    timeout: float,
    on_step: Callable[[int], None],
    stop: threading.Event | None = None,
) -> Path:
    """A complete build of a base, made once: ``objects`` and ``build.json`` (a :class:`Made`).

    ``on_step`` is told how many steps make has taken.  Raises BaseFailed.
    """
    source = source_layer(cache, kernel.repository, kernel.tree_id)

    def build(part: Path) -> None:
        # Only this directory is writable inside: a build could leave links where we write.
        objects = part / "objects"
        objects.mkdir(mode=0o755)
        sandbox.give(objects)
        mounts = (
            Bind(source=source, target=SOURCE),
            Bind(source=objects, target=OBJECTS, writable=True),
        )
        space = Workspace(mounts=mounts, variables=kernel.variables, jobs=jobs, stop=stop)
        said = _configure(space, kernel)
        made = space.make(targets, timeout=timeout, on_step=on_step)
        if not made.ok:
            raise BaseFailed("the base does not build", made)
        (part / "build.json").write_bytes(to_json(replace(made, log=said + made.log)))

    layer = cache.layer("objects", _layer_key(kernel, targets), build)
    ahead = (layer / "build.json").stat().st_mtime - time.time()
    if ahead > 0:  # make would take its objects for newer than what a series changes
        raise InfrastructureError(
            f"{layer} was built with the clock {ahead:.0f} s ahead of now; remove it or set the clock"
        )
    return layer


def is_built(cache: Cache, kernel: Kernel, targets: Sequence[str]) -> bool:
    """Whether :func:`object_layer` would find its layer made."""
    return cache.has_layer("objects", _layer_key(kernel, targets))


def _layer_key(kernel: Kernel, targets: Sequence[str]) -> str:
    return key_of(kernel.key, tuple(targets))


def how_made(layer: Path) -> Made:
    """What make left when it built an object layer."""
    return from_json((layer / "build.json").read_bytes(), Made)


def _configure(space: "Workspace", kernel: Kernel) -> str:
    """What Kconfig said besides the configuration."""
    wanted = "\n".join((*kernel.config, *kernel.optional, "")).encode()
    script = f'cat > "{_WANTED}" && "$@" >&2 && cat "{OBJECTS}/.config"'
    made = space.configure(
        timeout=_CONFIGURE_SECONDS, wrap=("sh", "-c", script, "make"), stdin=wanted
    )
    if not made.ok:
        raise BaseFailed("the base cannot be configured", made)
    missing = dotconfig.without_effect(kernel.config, made.log)
    if missing:
        raise BaseFailed(f"the base does not take {', '.join(missing[:5])}", made)
    return dotconfig.besides(made.log)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Mounts in which make finds source and objects, and what every make is given.

    ``jobs`` 0 is one per processor, as everywhere in this module.  ``views`` are source and objects when
    they are views (see :func:`workspace`).  ``stop``, when set by another thread, ends a make as its
    time limit does.
    """

    mounts: tuple[Bind | Overlay, ...]
    variables: tuple[str, ...]
    jobs: int
    views: tuple[layers.View, ...] = ()
    stop: threading.Event | None = None

    def make(
        self,
        targets: Sequence[str],
        *,
        timeout: float,
        variables: Sequence[str] = (),
        on_step: Callable[[int], None] | None = None,
        wrap: Sequence[str] = (),
        stdin: bytes = b"",
    ) -> Made:
        """Run make on the kernel; a failing build is returned, with its log."""
        steps = 0

        def on_line(line: str) -> None:
            nonlocal steps
            if on_step and line.startswith("  "):
                steps += 1
                on_step(steps)

        done = sandbox.run(
            [
                *wrap,
                *("make", "-C", SOURCE, f"O={OBJECTS}", f"-j{self.jobs or processors()}", "-k"),
                *("--output-sync=target", "--no-print-directory"),
                *(*self.variables, *variables, *targets),
            ],
            mounts=self.mounts,
            env=_REPRODUCIBLE,
            merge=True,
            timeout=timeout,
            on_line=on_line,
            stdin=stdin,
            stop=self.stop,
        )
        return Made(
            ok=done.ok and not done.truncated,  # what was not kept may be a warning
            timed_out=done.timed_out,
            status=done.returncode,
            seconds=done.seconds,
            log=done.text(),
        )

    def configure(
        self,
        *,
        timeout: float,
        on_step: Callable[[int], None] | None = None,
        wrap: Sequence[str] = (),
        stdin: bytes = b"",
    ) -> Made:
        """Configure from nothing, as the base was.

        olddefconfig would keep what the base's Kconfig had for a default when a patch changes it, and
        so build another kernel than the command in the report does.
        """
        return self.make(
            ["allnoconfig"],
            timeout=timeout,
            variables=(f"KCONFIG_ALLCONFIG={_WANTED}",),
            on_step=on_step,
            wrap=wrap,
            stdin=stdin,
        )

    def show(self, repository: str, old_tree: str, new_tree: str) -> None:
        """Make the source, now that of ``old_tree``, that of ``new_tree``, with no objects of sources that are gone."""
        gone = layers.update(self.views[0], repository, old_tree, new_tree)
        stale.remove(self.mounts, OBJECTS, gone)

    def mark_checkout(self) -> None:
        """Give the source an empty .git, for scripts that look at nothing but a checkout."""
        (self.views[0].written / ".git").mkdir(exist_ok=True)


@contextlib.contextmanager
def workspace(
    source: Path,
    objects: Path,
    place: Path,
    *,
    variables: Sequence[str],
    jobs: int,
    stop: threading.Event | None = None,
) -> Iterator[Workspace]:
    """Views of a base's layers in the new directory ``place``, removed at the end."""
    try:
        views = (
            layers.view(source, place / "source", SOURCE, writable=False),
            layers.view(objects, place / "objects", OBJECTS, writable=True),
        )
        yield Workspace(
            mounts=tuple(view.mount for view in views),
            variables=tuple(variables),
            jobs=jobs,
            views=views,
            stop=stop,
        )
    finally:
        if place.exists():
            layers.remove(place)


def warning_variables(makefile: str) -> tuple[str, ...]:
    """Make variables that compile with W=1 without making an error of what W=1 adds.

    ``makefile`` is the text of the base's scripts/Makefile.extrawarn.  Without these KVM_WERROR=y
    would fail a build for warnings that nobody else gets.  kernel-doc, which W=1 runs on every
    file, is left out: it takes longer than the compiler.
    """
    flags = " ".join(f"-Wno-error={name}" for name in extra_warnings(makefile))
    return ("W=1", "cmd_checkdoc=", *((f"KCFLAGS={flags}",) if flags else ()))
