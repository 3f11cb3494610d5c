# SPDX-License-Identifier: GPL-2.0-only
"""The commands that repeat a build outside the sandbox, from inside a kernel checkout."""

import posixpath
import shlex
from collections.abc import Iterable, Sequence

from reviewbot.model.build import Diagnostic

_PREFIX = "CONFIG_"
_WIDTH = 72
# Decide about messages, not about the configuration.
_NOT_CONFIGURING = ("W=", "KCFLAGS=", "C=", "CHECK=", "CF=", "cmd_checkdoc=")


def recipe(config: Sequence[str], variables: Sequence[str], targets: Sequence[str]) -> str:
    """Shell lines: write the configuration, configure, make.  At most 72 columns where possible."""
    symbols = [line.removeprefix(_PREFIX) for line in config]
    make = ["make", "O=../lab", '-j"$(nproc)"', "-k", *map(shlex.quote, variables), *targets]
    # ARCH and LLVM are as much part of the configuration (Documentation/kbuild/llvm.rst).
    which = [shlex.quote(one) for one in variables if not one.startswith(_NOT_CONFIGURING)]
    configure = ["make", "O=../lab", *which, "KCONFIG_ALLCONFIG=../lab/wanted", "allnoconfig"]
    return "\n".join(
        [
            "mkdir -p ../lab",
            *_continued(["printf", "'CONFIG_%s\\n'", *symbols, ">", "../lab/wanted"]),
            *_continued(configure),
            *_continued(make),
        ]
    )


def from_nothing(
    targets: Sequence[str], whole: tuple[str, ...], errors: Iterable[Diagnostic]
) -> tuple[str, ...]:
    """What to make for the same ``errors`` and warnings as of ``targets`` where no kernel was made before.

    A module is not linked there: modpost looks for what it needs in vmlinux.o, and would miss everything.  Its
    objects are made, or all of ``whole`` where modpost is what complains.
    """
    if any(one.message.startswith("modpost: ") for one in errors):
        return whole
    names = (f"{posixpath.dirname(one)}/" if one.endswith(".ko") else one for one in targets)
    return tuple(dict.fromkeys(names))


def _continued(words: Sequence[str]) -> list[str]:
    """Words as lines that a shell joins; a word is never broken."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) + 3 <= _WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(word if not lines else f"    {word}")
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]
