# SPDX-License-Identifier: GPL-2.0-only
"""What W=1 means in a tree: scripts/Makefile.extrawarn, which changes from release to release."""

import re


def extra_warnings(makefile: str) -> tuple[str, ...]:
    """The warnings that W=1 adds, from the text of scripts/Makefile.extrawarn: names without "-W".

    Compiling with W=1 must not turn these into errors where a directory asks for -Werror, because
    nobody who builds the usual way would get such an error.
    """
    start = re.search(
        r"^ifneq \(\$\(findstring 1, *\$\(KBUILD_EXTRA_WARN\)\),\)$", makefile, re.MULTILINE
    )
    if not start:
        return ()
    names: list[str] = []
    nested: list[bool] = []
    in_else = False
    for text in makefile[start.end() :].split("\n"):
        line = text.partition("#")[0]
        word = line.split(" ", 1)[0].strip()
        if word.startswith("if"):
            nested.append("CLANG" in line)
        elif word == "endif":
            if not nested:
                break
            nested.pop()
        elif word == "else" and not nested:
            in_else = True
        elif not any(nested):
            names += _warning_names(line, disabled=in_else)
    # -Wall has all of -Wunused that matters, so these are errors for everybody (6.1 names it here).
    return tuple(sorted(set(names) - {"unused"}))


def _warning_names(line: str, *, disabled: bool) -> list[str]:
    if disabled:
        found = re.findall(r"cc-disable-warning, *([a-z][a-z0-9-]*)|-Wno-([a-z][a-z0-9-]*)", line)
        return [one or two for one, two in found]
    return [name for name in re.findall(r"-W([a-z][a-z0-9-]*)", line) if not name.startswith("no-")]
