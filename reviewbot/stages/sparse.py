# SPDX-License-Identifier: GPL-2.0-only
"""Run sparse on the C files a series touches, on base and tip, by Kbuild (``make C=2``).

Documentation/dev-tools/sparse.rst.  Sparse sees what the compiler does not: address spaces (__user,
__rcu, __iomem), endianness, symbols that should be static.  It is not asked about locks: it cannot follow
one that is taken on a condition, nearly all it says of them is wrong, and Linux 7.0 asks it no more (commit
5b63d0ae94cc, "compiler-context-analysis: Remove Sparse support").
"""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from reviewbot.model.analysis import SPARSE, ToolReport
from reviewbot.model.build import Diagnostic
from reviewbot.model.status import Status
from reviewbot.parse import compiler as compiler_log
from reviewbot.stages.new_messages import Added, new_messages
from reviewbot.stages.recipe import recipe
from reviewbot.tools import kbuild, layers
from reviewbot.tools.kbuild import Kernel, Made, Workspace

_ABSENT = "not installed; Debian: sparse"

_SECONDS = 1800.0
_LOOK = ("C=2", "CHECK=sparse")
# KVM has files with more than the hundred messages after which sparse is silent.
_ALL = "CF=-Wno-context -fmax-warnings=unlimited"
_NOT_BUILT = ("tools/", "scripts/", "samples/", "usr/")


def sources(paths: Iterable[str]) -> tuple[str, ...]:
    """Those of ``paths`` that sparse could be run on by Kbuild."""
    return tuple(
        path for path in sorted(paths) if path.endswith(".c") and not path.startswith(_NOT_BUILT)
    )


def configured(files: Iterable[str], objects: Path) -> tuple[str, ...]:
    """Those of ``files`` that an object tree holds an object of."""
    view = layers.View.plain(objects)
    return tuple(path for path in files if layers.read(view, _command_file(path)) is not None)


Included = Mapping[str, bytes]
"""By C file, what it was compiled from on the base, as Kbuild notes it."""


def included(files: Iterable[str], objects: Path) -> Included:
    """What ``files`` were compiled from in an object tree."""
    view = layers.View.plain(objects)
    return {path: layers.read(view, _command_file(path)) or b"" for path in files}


def look(space: Workspace, files: Iterable[str], *, check: bool) -> Made | None:
    """Make the objects of ``files``, with ``check`` also their checks; None: there are none."""
    targets = [object_of(path) for path in files]
    if not targets:
        return None
    variables = (*_LOOK, _ALL) if check else ()
    return space.make(targets, timeout=_SECONDS, variables=variables)


def absent(kernel: Kernel, files: Iterable[str]) -> ToolReport:
    """What is said where sparse is not installed."""
    command = _command(kernel, tuple(map(object_of, files)))
    return ToolReport(name=SPARSE, status=Status.SKIP, command=command, reason=_ABSENT)


def object_of(path: str) -> str:
    """The object that Kbuild makes of a C file."""
    return f"{path[:-2]}.o"


def report(
    kernel: Kernel,
    sides: tuple[Made | None, Made | None],
    files: tuple[tuple[str, ...], tuple[str, ...]],
    added: Added,
    *,
    log: str,
    included: Included,
) -> ToolReport:
    """What is new.  ``sides`` and the ``files`` given to each are those of base and tip.

    What a header says that the series leaves alone is not its doing where no touched file included it before.
    """
    before, after = (_checked(made) for made in sides)
    wanted = files[1]
    # A file of the base that could not be checked there has nothing to be compared with.
    seen = tuple(
        path for path in wanted if path in after and (path not in files[0] or path in before)
    )
    targets = tuple(map(object_of, seen or wanted))
    made = ToolReport(
        name=SPARSE,
        status=_status(sides) if not seen else Status.PASS,
        command=_command(kernel, targets),
        brief=f"make C=2 CF=-Wno-context {' '.join(targets)}",
        reason="" if seen else _why(sides),
        files=seen,
        unchecked=tuple(path for path in wanted if path not in seen),
        log=log,
    )
    if not seen:
        return made

    def ours(file: str, one: Diagnostic) -> bool:
        return one.path in added or one.path.encode() in included.get(file, b"")

    after = {path: tuple(m for m in said if ours(path, m)) for path, said in after.items()}
    mine, others = new_messages(_messages(before, seen), _messages(after, seen), added)
    return replace(made, added=mine, elsewhere=others)


def _command(kernel: Kernel, targets: tuple[str, ...]) -> str:
    config = (*kernel.config, *kernel.optional)
    return recipe(config, (*kernel.variables, *_LOOK, _ALL), targets)


def _checked(made: Made | None) -> dict[str, tuple[Diagnostic, ...]]:
    """Messages by file that was checked; what the compiler says of it comes in a step before."""
    if made is None:
        return {}
    steps = compiler_log.read(made.log, kbuild.ROOTS)
    return {step.target: step.diagnostics for step in steps if step.kind == "CHECK"}


def _messages(
    checked: dict[str, tuple[Diagnostic, ...]], files: Iterable[str]
) -> tuple[Diagnostic, ...]:
    return tuple(one for path in files for one in checked.get(path, ()))


def _status(sides: tuple[Made | None, Made | None]) -> Status:
    return (
        Status.INFRA if any(made is not None and made.timed_out for made in sides) else Status.SKIP
    )


def _why(sides: tuple[Made | None, Made | None]) -> str:
    if _status(sides) is Status.INFRA:
        return "it took longer than half an hour"
    return "no touched C file is part of the configuration"


def _command_file(path: str) -> str:
    name = posixpath.basename(object_of(path))
    return posixpath.join(posixpath.dirname(path), f".{name}.cmd")
