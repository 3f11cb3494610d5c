# SPDX-License-Identifier: GPL-2.0-only
"""Public-inbox v2 epochs made by git alone, for tests that read them from disk."""

import subprocess
from pathlib import Path

Change = tuple[str, bytes]
"""What one commit holds: "m" or "d", and the mail."""


def make(path: Path, changes: list[Change], branch: str = "master") -> Path:
    """Add commits to an epoch, made where it is missing."""
    if not path.exists():
        run = ["git", "init", "-q", "--bare", "-b", branch, str(path)]
        subprocess.run(run, check=True)
    stream = b""
    for number, (name, raw) in enumerate(changes):
        start = f"from refs/heads/{branch}^0\n".encode() if not number and tip(path) else b""
        stream += (
            f"commit refs/heads/{branch}\ncommitter t <t@example.org> 1772366400 +0000\n".encode()
            + b"data 4\nmail\n"
            + start
            + b"deleteall\n"
            + f"M 100644 inline {name}\ndata {len(raw)}\n".encode()
            + raw
            + b"\n"
        )
    subprocess.run(["git", "-C", str(path), "fast-import", "--quiet"], input=stream, check=True)
    return path


def tip(path: Path) -> str:
    found = subprocess.run(
        ["git", "-C", str(path), "rev-parse", "-q", "--verify", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip()
