# SPDX-License-Identifier: GPL-2.0-only
"""Series whose Makefile attacks whoever builds it: nothing works in the sandbox, everything without.

Both run in a container of their own (bubblewrap, another time), so that what works works on nothing.
The whole build stage is what runs: bind and overlay mounts, what our side reads back, and how it reports.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import ATTACKS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0,
        reason="needs root: a sandbox within a container needs a /proc of its own",
    ),
]

CHECKOUT = Path(__file__).resolve().parent.parent.parent
LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")


def container(work):
    """A machine to break: system and checkout read-only, one directory, a network with nobody on it."""
    words = [
        *("bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
        *("--die-with-parent", "--new-session", "--clearenv", "--ro-bind", "/usr", "/usr"),
    ]
    for link in map(Path, LINKS):
        if link.is_symlink():
            words += ["--symlink", str(link.readlink()), str(link)]
        elif link.is_dir():
            words += ["--ro-bind", str(link), str(link)]
    for name in dict.fromkeys(("/etc", str(CHECKOUT), sys.prefix, sys.base_prefix)):
        words += ["--ro-bind", name, name]
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return [
        *words,
        *("--cap-add", "ALL", "--proc", "/proc", "--dev", "/dev", "--dir", "/mnt"),
        *("--tmpfs", "/tmp"),  # noqa: S108 - inside
        *("--dir", "/lab/src", "--dir", "/lab/obj", "--dir", "/users/victim", "--bind", work, work),
        *("--setenv", "PATH", path, "--setenv", "API_TOKEN", "hidden"),
        *("--setenv", "PYTHONPATH", str(CHECKOUT), "--setenv", "PYTHONDONTWRITEBYTECODE", "1"),
        # bubblewrap's own /proc has things mounted over it: none of a user namespace's would be allowed below it.
        *("--chdir", "/", "--", "sh", "-c", 'mount -t proc proc /proc && exec "$@"', "container"),
        *(sys.executable, str(Path(__file__).with_name("hostile.py"))),
    ]


@pytest.mark.parametrize("how", ["sandbox", "open"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_series_that(attack, how, tmp_path):
    done = subprocess.run(
        [*container(str(tmp_path)), attack, how, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if attack == "kills its parents" and how == "open":
        assert done.returncode != 0, "it should have killed us"
        assert not done.stdout
        return
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout)
    assert answer["began"], answer
    assert answer["worked"] is (how == "open"), answer
