# SPDX-License-Identifier: GPL-2.0-only
"""Objects of sources that are gone.

Kbuild makes objects by rules like "x.o of x.c".  None of them fits where x.c is not there, and make takes an x.o that is,
though a Makefile that still names it builds nowhere else: the series' author forgot to change it.
"""

from collections.abc import Iterable, Sequence

from reviewbot.model.errors import InfrastructureError
from reviewbot.tools import sandbox
from reviewbot.tools.sandbox import Bind, Overlay

_SECONDS = 300.0
_SOURCES = (".c", ".S")
_MADE = (".o", ".s")


def remove(mounts: Sequence[Bind | Overlay], objects: str, gone: Iterable[str]) -> None:
    """Remove what was made of ``gone`` (paths in the source) from the directory ``objects`` of a sandbox.

    Raises InfrastructureError.
    """
    stems = [path[:-2] for path in gone if path.endswith(_SOURCES)]
    if not stems:
        return
    stale = "\0".join(f"{objects}/{stem}{kind}" for stem in stems for kind in _MADE)
    done = sandbox.run(
        ["xargs", "-0", "rm", "-f", "--"], mounts=mounts, timeout=_SECONDS, stdin=stale.encode()
    )
    if not done.ok:
        raise InfrastructureError(f"objects of removed files cannot be removed: {done.complaint()}")
