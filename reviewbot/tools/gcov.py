# SPDX-License-Identifier: GPL-2.0-only
"""Counters of a guest and the notes gcc left beside the objects -> which lines ran.

gcov reads both in the sandbox: the notes come out of a hostile tree's build, the counters of a guest
that runs it.  Nothing of either is written outside.
"""

import io
import tarfile
from collections.abc import Mapping, Sequence

from reviewbot.model.coverage import CountedFile
from reviewbot.model.errors import InfrastructureError
from reviewbot.parse import gcov
from reviewbot.tools import kbuild, sandbox
from reviewbot.tools.sandbox import Bind, Overlay

_SECONDS = 300.0
_OUTPUT = 512 << 20
# $1 the object directory, the rest directories in it.  Notes without counters say what could have run.
_SCRIPT = """
set -eu
objects=$1; shift
mkdir /tmp/counted
cd "$objects"
find "$@" -name '*.gcno' -type f -print0 | xargs -0 -r cp --parents -t /tmp/counted
cd /tmp/counted
tar -xf -
find . -name '*.gcno' -print0 | xargs -0 -r gcov --json-format --branch-probabilities --stdout
"""


def variable(directories: Sequence[str]) -> str:
    """The make variable that lets gcc count in ``directories`` and nowhere else.

    A variable of the command line wins over the Makefiles' GCOV_PROFILE (scripts/Makefile.lib) and is
    expanded for every object, so no file of the tree is changed.
    """
    patterns = " ".join(f"{one} {one}/%" for one in directories)
    return f"GCOV_PROFILE=$(if $(filter {patterns},$(obj)),y)"


def count(
    objects: Bind | Overlay,
    counters: Mapping[str, bytes],
    *,
    directories: Sequence[str],
    headers: Sequence[str] = (),
) -> tuple[CountedFile, ...]:
    """What ran, for all files below ``directories``, and others that match the globs ``headers``.

    ``objects`` mounts the object tree at :data:`kbuild.OBJECTS`; ``counters`` are .gcda files by their
    path in it.  Raises InfrastructureError when gcov fails.
    """
    done = sandbox.run(
        ["sh", "-c", _SCRIPT, "count", kbuild.OBJECTS, *directories],
        mounts=[objects],
        stdin=_archive(counters),
        timeout=_SECONDS,
        output_limit=_OUTPUT,
    )
    if not done.ok or done.truncated:
        raise InfrastructureError(f"gcov: {done.complaint() or 'it says too much'}")
    return gcov.read(
        done.stdout,
        root=kbuild.SOURCE,
        paths=[*(f"{one}/*" for one in directories), *headers],
        loaded=counters.keys(),
    )


def _archive(counters: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in counters.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()
