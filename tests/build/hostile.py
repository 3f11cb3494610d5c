# SPDX-License-Identifier: GPL-2.0-only
"""One hostile series through the build stage, with the sandbox or without; says whether its attack worked.

usage: hostile.py ATTACK sandbox|open DIRECTORY

Run by test_hostile_series.py in a container that is thrown away (bubblewrap again), because without
the sandbox all of it happens.  "open" leaves everything as it is but the isolation: the same stage, the same
mounts at the same paths, no bubblewrap, no other user, no limits.
"""

import functools
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from conftest import TINY, Kernel, Lab, git

from reviewbot.model.errors import InfrastructureError
from reviewbot.model.profile import Module, Profile
from reviewbot.tools import bubblewrap, sandbox
from reviewbot.tools.enter import SCRIPT
from reviewbot.tools.sandbox import Limits

BEGAN = "the attack began"
HOME = Path("/users/victim")
LIMITS = Limits(memory=400 << 20, file=64 << 20, processes=100, disk=32 << 20, files=5000)
"""Small, so that an attack that succeeds does no harm either."""
PORT = 4747
_BIND = (
    'while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done; cd "$2"; shift 2; exec "$@"'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A shell script in a patch, and how to see whether it worked: by a line in a log or by looking.

    ``ends`` says that make does not survive it.
    """

    script: str
    says: str = ""
    worked: Callable[[], bool] | None = None
    ends: bool = False


def planted() -> bool:
    """A file that came into being in somebody's home directory."""
    return (HOME / "planted").exists()


def daemon_runs() -> bool:
    """A process that is still there when the build is long over."""
    lines = [entry.read_bytes() for entry in Path("/proc").glob("[0-9]*/cmdline")]
    return any(line.startswith(b"sleep\x004747") for line in lines)


ATTACKS = {
    "reads a key": Attack(
        script=f"cat {HOME}/.ssh/id_ed25519 ~/.ssh/id_ed25519", says="secret key"
    ),
    "reads another run": Attack(
        script="cat $(find / -name notes-of-another-run)", says="other notes"
    ),
    "reads the environment": Attack(
        script="tr '\\0' '\\n' < /proc/1/environ; cat /proc/[0-9]*/environ | tr '\\0' '\\n'",
        says="API_TOKEN=hidden",
    ),
    "opens a socket": Attack(script=f"bash -c 'echo x > /dev/tcp/127.0.0.1/{PORT}'"),
    "forks without end": Attack(
        script='n=0; while [ $n -lt 300 ]; do sleep 1 & n=$((n+1)); done > /dev/null; echo "forked $n"',
        says="forked 300",
    ),
    "fills the disk": Attack(
        script="for n in 1 2 3 4 5; do head -c 20000000 /dev/zero > fill$n; done; sleep 3; echo fil''led",
        says="filled",
    ),
    "makes files without end": Attack(
        script="mkdir many; cd many; seq 9000 | xargs touch; sleep 6; echo ma''de", says="made"
    ),
    "writes one huge file": Attack(
        script="head -c 90000000 /dev/zero > huge && echo wro''te it", says="wrote it"
    ),
    "takes all memory": Attack(
        script='/usr/bin/python3 -c \'print("tak" + "en", len(bytearray(600 << 20)))\'',
        says="taken",
    ),
    "writes through a link": Attack(
        script=f"ln -s {HOME} link; echo x > link/planted", worked=planted
    ),
    "writes into the cache": Attack(
        script="echo x > $(dirname $(find / -name notes-of-another-run))/over''written",
        worked=lambda: bool(list(HOME.rglob("overwritten"))),
    ),
    "mounts something": Attack(script="mount -t tmpfs x /mnt && echo moun''ted", says="mounted"),
    "kills its parents": Attack(script="kill -9 -1", ends=True),
    "leaves a daemon": Attack(
        script="setsid sleep 4747 < /dev/null > /dev/null 2>&1 & sleep 0.2", worked=daemon_runs
    ),
}


def open_command(**wanted: object) -> list[str]:
    """What :func:`reviewbot.tools.sandbox._command` makes, without the isolation."""
    mounts = wanted["mounts"]
    stage = bubblewrap.stage([bubblewrap.source_of(mount) for mount in mounts])
    command = bubblewrap.Staged(stage)
    for number, mount in enumerate(mounts):
        command.add(mount, str(number))
    pairs = [word for n, mount in enumerate(mounts) for word in (f"{stage}/{n}", mount.target)]
    os.write(wanted["status"], b'{ "exit-code": 0 }')
    unlimited = str(1 << 40)
    return [
        *bubblewrap.namespace(),
        *("sh", "-c", SCRIPT, "open", stage, *command.enter, "guard", unlimited, unlimited, "run"),
        *("sh", "-c", _BIND, "open", *pairs, "--", wanted["cwd"], "env", f"HOME={HOME}"),
        *(f"{name}={value}" for name, value in wanted["env"].items()),
        *wanted["argv"],
    ]


def listen(heard: list[bool]) -> None:
    """Note whether anybody ever connects."""
    server = socket.create_server(("127.0.0.1", PORT))

    def accept() -> None:
        server.accept()[0].close()
        heard.append(True)

    threading.Thread(target=accept, daemon=True).start()


def series(root: Path, script: str) -> tuple[Lab, object]:
    """The tiny kernel, and a series of one patch that runs a script when make reads its Makefile."""
    path = root / "linux"
    path.mkdir()
    git(path, "init", "-q")
    kernel = Kernel(path)
    kernel.commit({str(f.relative_to(TINY)): f.read_text() for f in TINY.rglob("*") if f.is_file()})
    applied = kernel.series(
        {
            "scripts/attack.sh": f"echo {BEGAN}\n{script}\n",
            "Makefile": lambda old: old.replace(
                "\nelse\n",
                "\nelse\nHOSTILE := $(shell sh $(srctree)/scripts/attack.sh 2>&1)\n$(info $(HOSTILE))\n",
                1,
            ),
            "arch/x86/kvm/svm.c": lambda old: f"{old}\nstatic const int one = 1;\n",
        }
    )
    profile = Profile(
        name="tiny",
        subsystem="KVM",
        architecture="x86_64",
        config=("CONFIG_KVM=m", "CONFIG_KVM_WERROR=y"),
        optional_config=(),
        config_summary="tiny",
        targets=("arch/x86/kvm/kvm.ko", "arch/x86/kvm/kvm-amd.ko"),
        kernel_image="bzImage",
        modules=(Module(path="arch/x86/kvm/kvm-amd.ko"),),
        selftests="kvm",
        selections=(),
    )
    return Lab(root=root, profile=profile, said=[]), applied


def main() -> None:
    """Run the series; print as JSON whether its attack "began" and "worked"."""
    name, how, root = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    attack = ATTACKS[name]
    (HOME / ".ssh").mkdir(parents=True)
    (HOME / ".ssh/id_ed25519").write_text("secret key\n")
    (HOME / "cache").mkdir()
    (HOME / "cache/notes-of-another-run").write_text("other notes\n")
    heard: list[bool] = []
    listen(heard)
    sandbox.run = functools.partial(sandbox.run, limits=LIMITS)
    if how == "open":
        sandbox._command = open_command
    lab, applied = series(root, attack.script)
    try:
        status = lab.build(applied).status.value
    except InfrastructureError as error:
        status = str(error)
    log = b"".join(
        place.read_bytes() for place in (root / "cache/blobs").rglob("*") if place.is_file()
    ).decode(errors="replace")
    worked = bool(heard) or bool(attack.says and attack.says in log)
    worked = worked or bool(attack.worked and attack.worked())
    # A make that was ended says nothing.
    began = (
        BEGAN in log or "stopped in the sandbox" in status or (attack.ends and status == "infra")
    )
    print(json.dumps({"began": began, "worked": worked, "status": status, "log": log[-3000:]}))


if __name__ == "__main__":
    main()
