# SPDX-License-Identifier: GPL-2.0-only
"""Read what the kernel's checks of its documentation print.

"FILE:LINE: warning: TEXT"       scripts/kernel-doc, Perl (until 6.15)
"Warning: FILE:LINE TEXT"        scripts/kernel-doc, Python (since 6.16)
"FILE: REFERENCE"                scripts/documentation-file-ref-check
"""

import re
from collections.abc import Mapping

from reviewbot.model.build import Diagnostic, Level

_TEXT_LIMIT = 500
_PERL = re.compile(r"^(?P<path>[^:\s]+):(?P<line>\d+): (?P<level>warning|error): (?P<text>.+)$")
_PYTHON = re.compile(r"^(?P<level>Warning|Error): (?P<path>[^:\s]+):(?P<line>\d+):? (?P<text>.+)$")
_REFERENCE = re.compile(r"^(?P<path>[^:\s]+): (?P<name>\S.*)$")


def messages(output: str) -> tuple[Diagnostic, ...]:
    """The messages of scripts/kernel-doc -none, in order."""
    found = (_PERL.match(line) or _PYTHON.match(line) for line in output.splitlines())
    return tuple(
        Diagnostic(
            path=said["path"],
            line=int(said["line"][:9]),
            column=0,
            level=Level.ERROR if said["level"].lower() == "error" else Level.WARNING,
            message=said["text"].strip()[:_TEXT_LIMIT],
        )
        for said in found
        if said
    )


def broken_references(output: str, texts: Mapping[str, str]) -> tuple[Diagnostic, ...]:
    """The messages of scripts/documentation-file-ref-check; ``texts`` are the files, for the lines."""
    found = []
    for line in output.splitlines():
        said = _REFERENCE.match(line)
        if said is None or said["path"] not in texts:
            continue
        name = said["name"].removeprefix(":doc:").strip("`")
        before, there, _ = texts[said["path"]].partition(name)
        found.append(
            Diagnostic(
                path=said["path"],
                line=before.count("\n") + 1 if there else 0,
                column=0,
                level=Level.WARNING,
                message=f"there is no {name[:_TEXT_LIMIT]}",
            )
        )
    return tuple(found)
