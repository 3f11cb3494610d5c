# SPDX-License-Identifier: GPL-2.0-only
"""Which headers a C file reaches."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from reviewbot.rulekit.trees import View

INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]+([<"])([^>"\n]{1,200})[>"]', re.MULTILINE)
# A file of KVM reaches 700 to 900 headers (6.1, 6.12); strangers may include more.
REACH = 4000


def includes(view: View, path: str) -> Iterator[str]:
    """The headers a C file of KVM includes, and what those include, as far as the tree has them.

    Generated ones it has not.  Nothing is preprocessed: every #include counts.
    """
    architecture = path.split("/")[1] if path.startswith("arch/") else "x86"
    roots = (
        f"arch/{architecture}/include",
        f"arch/{architecture}/include/uapi",
        "include",
        "include/uapi",
        f"arch/{architecture}/kvm",
        "virt/kvm",
    )
    waiting, known = [path], {path}
    while waiting and len(known) < REACH:
        current = waiting.pop()
        for mark, name in _written(view, current):
            wanted = name.decode("utf-8", "replace")
            for root in (str(PurePosixPath(current).parent), *roots)[mark != b'"' :]:
                found = str(PurePosixPath(root, wanted))
                if ".." in wanted:
                    found = tidy(found)
                if found not in known and view.exists(found):
                    known.add(found)
                    waiting.append(found)
                    yield found


def _written(view: View, path: str) -> list[tuple[bytes, bytes]]:
    """The #include lines of a file: the mark and the name."""
    key = ("#include", view.blob_id(path))
    return view.facts.of(key, lambda: INCLUDE.findall(view.read(path) or b""))


def tidy(path: str) -> str:
    """A path without its "..", which the tree does not know."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
