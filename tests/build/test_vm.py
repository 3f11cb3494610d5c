# SPDX-License-Identifier: GPL-2.0-only
"""What a hostile Makefile can do in a virtual machine, and that everything else is as without one.

Attacks run a second time without any isolation, where they must work, against scratch files.  A machine takes some
seconds to start where it is emulated, so one has to do for many attacks.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from machines import machines
from sleepers import running

from reviewbot.model.errors import InfrastructureError
from reviewbot.model.status import Status
from reviewbot.tools import process, sandbox
from reviewbot.tools.cache import Cache
from reviewbot.tools.sandbox import Bind, Limits
from reviewbot.tools.scratch import scratch

pytestmark = pytest.mark.slow

MARK = "=@= "
LIMITS = Limits(total_memory=1 << 30, processes=60, processors=2)
ATTACKS = {
    "read a key": ("cat $HOST/home/.ssh/id_ed25519 $HOME/.ssh/id_ed25519", "secret key"),
    "read the users": ("cat /etc/passwd", "root:x:0:0"),
    "read the environment": ("cat /proc/[0-9]*/environ | tr '\\0' '\\n'", "API_TOKEN=hidden"),
    "open a socket": (
        "bash -c 'echo x >/dev/tcp/127.0.0.1/'$PORT && echo conn''ected",
        "connected",
    ),
    "fork without end": ("/usr/bin/python3 $R/bomb.py", "forked 200"),
    "plant a file": ("echo x > $HOST/planted", ""),
    "write what is read-only": ("echo x > $R/planted", ""),
    "write through a link": ("ln -s $HOST/home $W/link; echo x > $W/link/planted", ""),
    "kill a process of the host": ("kill -9 $BYSTANDER", ""),
    "leave a daemon": ("setsid sleep 4718.5 </dev/null >/dev/null 2>&1 & sleep 0.3", ""),
}
# Bounded, so that the control does no harm.
BOMB = """
import os, time
n = 0
try:
    while n < 200:
        if os.fork() == 0:
            time.sleep(2)
            os._exit(0)
        n += 1
except OSError:
    pass
print("forked", n)
"""


@pytest.fixture(scope="module")
def vms(tmp_path_factory):
    return machines(Cache(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def in_vm(vms):
    sandbox.isolate(vms)
    yield vms
    sandbox.isolate(None)


def attack(root, vms):
    """Run all attacks, one after the other; what worked, by name."""
    for name in ("home/.ssh", "w", "r"):
        (root / name).mkdir(parents=True)
    (root / "home/.ssh/id_ed25519").write_text("secret key\n")
    (root / "r/bomb.py").write_text(BOMB)
    steps = "".join(
        f"\techo '{MARK}{name}'; ({what}) 2>&1; true\n" for name, (what, _) in ATTACKS.items()
    )
    last = f"\techo '{MARK}the end'; kill -9 -1; kill -9 1; kill -9 $PPID\n" if vms else ""
    (root / "r/Makefile").write_text(f"all:\n{steps}{last}".replace("$", "$$"))
    sandbox.give(root / "w")
    bystander = subprocess.Popen(["sleep", "4717.5"])
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        env = {
            "HOST": str(root),
            "HOME": str(root / "home"),
            "PORT": str(server.getsockname()[1]),
            "BYSTANDER": str(bystander.pid),
        }
        if vms:
            env |= {"W": "/lab/w", "R": "/lab/r"}
            mounts = [
                Bind(source=root / "r", target="/lab/r"),
                Bind(source=root / "w", target="/lab/w", writable=True),
            ]
            done = sandbox.run(
                ["make", "-s", "-C", "/lab/r"], mounts=mounts, env=env, limits=LIMITS, timeout=60, merge=True
            )  # fmt: skip
        else:
            env |= {"W": str(root / "w"), "R": str(root / "r"), "API_TOKEN": "hidden"}
            done = process.run(
                ["make", "-s", "-C", env["R"]], env=env, timeout=60, merge=True, group_exit=False
            )
        time.sleep(0.2)
        killed = bystander.poll() is not None
        bystander.kill()
        bystander.wait()
        left = running("4718.5")
        for pid in left:
            os.kill(pid, 9)
    said = dict(part.split("\n", 1) for part in done.text().split(MARK) if "\n" in part)
    worked = {name: bool(sign) and sign in said[name] for name, (_, sign) in ATTACKS.items()}
    worked["plant a file"] = (root / "planted").exists()
    worked["write what is read-only"] = (root / "r/planted").exists()
    worked["write through a link"] = (root / "home/planted").exists()
    worked["kill a process of the host"] = killed
    worked["leave a daemon"] = bool(left)
    return worked, done


@pytest.fixture(scope="module", params=["vm", "control"])
def attacked(request, vms, tmp_path_factory):
    inside = request.param == "vm"
    # What a variable of ours in the environment of our process would be to a series.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("API_TOKEN", "hidden")
        sandbox.isolate(vms if inside else None)
        try:
            return inside, *attack(tmp_path_factory.mktemp("host"), vms if inside else None)
        finally:
            sandbox.isolate(None)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack(attacked, name):
    inside, worked, _ = attacked
    assert worked[name] is not inside


def test_killing_everybody_ends_the_task_and_no_more(attacked):
    inside, _, done = attacked
    if inside:
        assert f"{MARK}the end" in done.text()
        assert done.returncode == 137
        assert not done.timed_out


SAME = r"""
set -e
cat
id; pwd; echo $HOME $TMPDIR $GIVEN; ls -a / /dev /tmp /etc; umask
echo complaint >&2
cd /lab/obj
printf 'all: a.o lib.a\n%%.o: %%.c\n\tgcc -c -o $@ $<\nlib.a: a.o\n\tar rcsD $@ $^\n' > Makefile
cp /lab/src/a.c .
make --output-sync=target -j2
make; make -q
ln a.o hard; ln -s a.o soft; mkdir -m 750 d; mkfifo /tmp/f; mv hard d/hard; cp -p a.c d/old; chmod 4755 a.o; rm Makefile
/usr/bin/python3 -c '
import mmap, os
with open("mapped", "w+b") as f:
    f.truncate(9000)
    with mmap.mmap(f.fileno(), 9000) as m:
        m[5000:5006] = b"mapped"
'
find . -printf '%P %y %m %n %l %U\n' | sort
sha256sum a.o d/hard mapped
stat -c %y a.c a.o > /tmp/times; cat /lab/src/list | head -c 20
exit 3
"""


def test_a_task_does_the_same_in_both(vms, tmp_path):
    """Compile, archive, link, map and time files: what builds rely on."""
    answers = {}
    for how, machine in (("process", None), ("vm", vms)):
        root = tmp_path / how
        (root / "src").mkdir(parents=True)
        (root / "obj").mkdir()
        (root / "src/a.c").write_text('#include <stdio.h>\nint f(void) { return puts("a"); }\n')
        (root / "src/list").write_text("x" * 3_000_000)
        sandbox.give(root / "obj")
        sandbox.isolate(machine)
        try:
            done = sandbox.run(
                ["sh", "-c", SAME],
                mounts=[
                    Bind(source=root / "src", target="/lab/src"),
                    Bind(source=root / "obj", target="/lab/obj", writable=True),
                    # A file, and a mount within another's target.
                    Bind(source=root / "src/a.c", target="/lab/one file"),
                ],
                env={"GIVEN": "a b'\"$\\\n c"},
                cwd="/lab/src",
                stdin=b"read\0this",
                limits=LIMITS,
                timeout=60,
            )
        finally:
            sandbox.isolate(None)
        lines = done.stderr.decode().split("\n")
        assert not [line for line in lines if "Clock skew" in line or "in the future" in line]
        files = {
            str(path.relative_to(root)): path.read_bytes()
            for path in (root / "obj").rglob("*")
            if path.is_file() and not path.is_symlink()
        }
        answers[how] = (done.stderr.decode(), done.text(), done.returncode, files)
    for inside, outside in zip(answers["vm"], answers["process"], strict=True):
        assert inside == outside
    assert answers["vm"][2] == 3
    assert len(answers["vm"][3]["obj/mapped"]) == 9000


def test_a_series_builds_the_same_in_both(kernel, lab, vms, tmp_path):
    """The stage as it is: views of a base that was built outside, what only the patch needs, its new warning."""
    other = kernel.series({"arch/x86/kvm/svm.c": lambda old: f"{old}\nstatic const int two = 2;\n"})
    lab.build(other)
    (tmp_path / "copy").mkdir()
    subprocess.run(["cp", "-a", tmp_path / "cache", tmp_path / "copy"], check=True)
    applied = replace(
        kernel.series({"arch/x86/kvm/svm.c": lambda old: f"{old}\nstatic int unused(void) {{ return 1; }}\n"}),
        base=other.base,
    )  # fmt: skip
    outside = lab.build(applied)
    within = replace(lab, root=tmp_path / "copy", runs=0)
    sandbox.isolate(vms)
    try:
        inside = within.build(applied)
    finally:
        sandbox.isolate(None)
    assert [patch.status for patch in inside.patches] == [Status.FAIL]
    assert inside.patches[0].new == outside.patches[0].new
    assert "-Wunused-function" in [entry.option for entry in inside.patches[0].new]
    assert (inside.status, inside.reason) == (outside.status, outside.reason)
    assert not inside.patches[0].reused


@pytest.mark.usefixtures("in_vm")
def test_filling_the_disk_ends_it(tmp_path):
    sandbox.give(tmp_path)
    fill = "for i in 1 2 3 4 5 6 7 8; do head -c 2000000 /dev/zero > /w/$i; done; sleep 20; touch /w/end"
    with pytest.raises(InfrastructureError, match="more than 4 MiB"):
        sandbox.run(
            ["sh", "-c", fill],
            mounts=[Bind(source=tmp_path, target="/w", writable=True)],
            limits=Limits(disk=4 << 20, total_memory=1 << 30),
            timeout=60,
        )
    assert not (tmp_path / "end").exists()


@pytest.mark.usefixtures("in_vm")
def test_taking_all_memory_ends_it():
    """No process takes much, all of them 240 MB."""
    take = (
        "import os, time\n"
        "for _ in range(8):\n"
        "    if os.fork() == 0:\n"
        "        taken = bytearray(30_000_000)\n"
        "        time.sleep(3)\n"
        "        os._exit(0)\n"
        "print({os.wait()[1] for _ in range(8)})\n"
    )
    with pytest.raises(InfrastructureError, match="more than 150 MiB of memory"):
        sandbox.run(
            ["/usr/bin/python3", "-c", take], limits=Limits(total_memory=150 << 20), timeout=60
        )


@pytest.mark.usefixtures("in_vm")
def test_what_is_written_is_seen_at_once_and_stopping_ends_it(tmp_path):
    """As a guest's console is, in a file that stays open."""
    sandbox.give(tmp_path)
    began, stop, log = threading.Event(), threading.Event(), tmp_path / "log"
    seen = []

    def look():
        began.wait(200)
        time.sleep(5)  # kernels write of themselves after 30
        seen.append(log.read_text())
        stop.set()

    looking = threading.Thread(target=look)
    looking.start()
    done = sandbox.run(
        ["sh", "-c", "echo began; exec >/w/log; for n in 1 2 3; do echo $n; done; sleep 1000"],
        mounts=[Bind(source=tmp_path, target="/w", writable=True)],
        limits=LIMITS,
        timeout=300,
        on_line=lambda _: began.set(),
        stop=stop,
    )
    looking.join()
    assert done.timed_out
    assert seen == ["1\n2\n3\n"]


@pytest.mark.usefixtures("in_vm")
def test_time():
    done = sandbox.run(
        ["sh", "-c", "echo began; trap '' TERM; sleep 600 & wait; sleep 600"],
        limits=LIMITS,
        timeout=2,
    )
    assert done.timed_out
    assert done.stdout == b"began\n"
    assert done.seconds < 120


def test_the_machine_dies_with_us(vms, tmp_path):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from reviewbot.tools import sandbox, vm\n"
        "from reviewbot.tools.cache import Cache\n"
        "machines = vm.VirtualMachines(emulator=sys.argv[1], named=sys.argv[2], cache=Cache(Path(sys.argv[3])), emulated=True)\n"
        "sandbox.isolate(machines)\n"
        "sandbox.run(['sleep', '600'], timeout=600)\n"
    )
    ours = subprocess.Popen(
        [sys.executable, "-c", code, vms.emulator, vms.named, str(tmp_path)],
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    until(lambda: qemus_of(ours.pid))
    mine = qemus_of(ours.pid)
    ours.kill()
    ours.wait()
    until(lambda: not [pid for pid in mine if Path(f"/proc/{pid}/exe").exists()])
    # What it leaves behind goes with the next one that starts.
    assert len(list((tmp_path / "scratch").glob("*-*"))) == 1
    with scratch(tmp_path / "scratch") as place:
        assert list((tmp_path / "scratch").glob("*-*")) == [place]


def qemus_of(parent):
    """QEMU processes below ``parent``."""
    parents = {}
    names = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = entry.read_text().split(" (", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        name, fields = rest.rsplit(") ", 1)
        parents[int(pid)], names[int(pid)] = int(fields.split()[1]), name

    def below(pid):
        while pid := parents.get(pid, 0):
            if pid == parent:
                return True
        return False

    return [pid for pid, name in names.items() if name.startswith("qemu-system") and below(pid)]


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
