# SPDX-License-Identifier: GPL-2.0-only
"""What a hostile Makefile can do in the sandbox.

Every attack runs twice: in the sandbox, where it must fail, and as a control without, where it must
work; so a test that cannot fail is noticed.  Controls are harmless: they attack scratch files.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sleepers import running

from reviewbot.model.errors import InfrastructureError
from reviewbot.tools import cgroups, process, sandbox, seccomp
from reviewbot.tools.sandbox import Bind, Limits


@pytest.fixture
def victim(tmp_path):
    """A home directory, a directory the sandbox may write, and one it may only read."""
    for name in ("home", "writable", "readonly"):
        (tmp_path / name).mkdir()
    ssh = tmp_path / "home" / ".ssh"
    ssh.mkdir()
    (ssh / "id_ed25519").write_text("secret key\n")
    (tmp_path / "readonly" / "Makefile").write_text("all:\n\t$(ATTACK)\n")
    sandbox.give(tmp_path / "writable")
    return tmp_path


def attack(victim, command, *, inside, limits=None, timeout=20):
    """Run a make recipe; paths in it are $HOST (the scratch directory), $W and $R."""
    env = {"ATTACK": command, "HOST": str(victim), "HOME": str(victim / "home")}
    if inside:
        env |= {"W": "/lab/w", "R": "/lab/r"}
        mounts = [
            Bind(source=victim / "readonly", target="/lab/r"),
            Bind(source=victim / "writable", target="/lab/w", writable=True),
        ]
        return sandbox.run(
            ["make", "-s", "-C", "/lab/r"],
            mounts=mounts,
            env=env,
            limits=limits,
            timeout=timeout,
            merge=True,
        )
    env |= {"W": str(victim / "writable"), "R": str(victim / "readonly")}
    return process.run(["make", "-s", "-C", env["R"]], env=env, timeout=timeout, merge=True)


both = pytest.mark.parametrize("inside", [True, False], ids=["sandbox", "control"])


@both
@pytest.mark.parametrize(
    "command",
    [
        "cat $$HOME/.ssh/id_ed25519",
        "cat $$R/../home/.ssh/id_ed25519",
        "cat $$HOST/home/.ssh/id_ed25519",
    ],
)
def test_reading_the_home_directory(victim, command, inside):
    done = attack(victim, command, inside=inside)
    assert ("secret key" in done.text()) is not inside
    assert done.ok is not inside


@both
def test_reading_host_files(victim, inside):
    done = attack(victim, "cat /etc/passwd /etc/hostname /proc/1/environ", inside=inside)
    assert ("root:x:0:0" in done.text()) is not inside


@both
def test_the_environment_of_the_caller(victim, inside, monkeypatch):
    monkeypatch.setenv("API_TOKEN", "hidden")
    done = attack(victim, "env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'", inside=inside)
    if inside:
        assert "hidden" not in done.text()
        assert "PATH=" in done.text()


KEYS = """
import ctypes, os, sys
numbers = {"x86_64": (248, 250), "aarch64": (217, 219)}[os.uname().machine]
libc = ctypes.CDLL(None, use_errno=True)
add, keyctl = ((lambda *words, n=n: libc.syscall(n, *words)) for n in numbers)
"""
PLANT = """
from reviewbot.tools import process, sandbox
assert keyctl(1, None) >= 0, "no session keyring for the test"
assert add(b"user", b"ticket", b"hidden ticket", 13, -3) >= 0
run = sandbox.run if sys.argv[1] == "inside" else process.run
done = run(["/usr/bin/python3", "-c", sys.argv[2]], timeout=20)
print(done.text(), done.stderr.decode())
"""
STEAL = """
text = ctypes.create_string_buffer(100)
keyctl(11, keyctl(10, -3, b"user", b"ticket", 0), text, 100)
print("stolen:", text.value.decode())
"""


@pytest.mark.skipif(os.uname().machine not in {"x86_64", "aarch64"}, reason="knows no numbers here")
@both
def test_reading_the_callers_keys(inside):
    """keyrings(7), "Possession": whoever has inherited a session keyring may read what is in it, whoever they are."""
    done = process.run(
        [sys.executable, "-c", KEYS + PLANT, "inside" if inside else "outside", KEYS + STEAL],
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    if "no session keyring for the test" in done.complaint():
        pytest.skip("this kernel or container has no keyrings")
    assert "stolen:" in done.text(), done.complaint()
    assert ("hidden ticket" in done.text()) is not inside


FAMILIES = """
import ctypes, mmap, os, socket
made = set()
for family in range(1, 46):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(family, kind).close()
            made.add(family)
        except OSError:
            pass
print("families", *sorted(made))
libc = ctypes.CDLL(None, use_errno=True)
params = ctypes.create_string_buffer(120)
print("ring", libc.syscall(425, 4, params) >= 0)
if os.uname().machine == "x86_64":
    # mov eax, 20 (getpid of the i386 table); int 0x80; ret
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("b814000000cd80c3"))
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    print("i386", call() > 0)
    print("x32", libc.syscall(0x40000000 + 39) > 0)
"""


@pytest.mark.skipif(not seccomp.program(), reason="no filter for this machine")
@both
def test_system_calls_that_no_namespace_covers(victim, inside):
    """AF_VSOCK reaches the hypervisor; io_uring and the other ABIs would lead past a filter of sockets."""
    (victim / "readonly" / "calls.py").write_text(FAMILIES)
    done = attack(victim, "/usr/bin/python3 $$R/calls.py", inside=inside)
    assert done.ok, done.text()
    found = dict(line.split(" ", 1) for line in done.text().splitlines())
    families = {int(number) for number in found["families"].split()}
    assert {1, 2} <= families
    if inside:
        assert families <= {1, 2, 10, 16}
        assert {name for name, said in found.items() if said == "True"} == set()
    elif families <= {1, 2, 10, 16} or "True" not in done.text():
        pytest.skip("this kernel has nothing to filter")


@both
def test_opening_a_socket(victim, inside):
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        listener = threading.Thread(target=lambda: heard.append(_accepted(server)))
        listener.start()
        port = server.getsockname()[1]
        done = attack(victim, f"bash -c 'echo x >/dev/tcp/127.0.0.1/{port}'", inside=inside)
        if inside:
            server.settimeout(0.1)
            socket.create_connection(("127.0.0.1", port)).close()
        listener.join()
    assert done.ok is not inside


def _accepted(server):
    try:
        server.accept()[0].close()
    except TimeoutError:
        return False
    return True


@both
def test_writing_outside(victim, inside):
    done = attack(victim, "echo x > $$HOST/planted; echo x > $$R/planted", inside=inside)
    assert done.ok is not inside
    assert (victim / "planted").exists() is not inside
    assert (victim / "readonly" / "planted").exists() is not inside


@both
def test_writing_through_a_symlink(victim, inside):
    command = "ln -s $$HOST/home $$W/link; echo x > $$W/link/planted"
    attack(victim, command, inside=inside)
    assert (victim / "home" / "planted").exists() is not inside


@both
def test_what_is_written_belongs_to_nobody_of_the_host(victim, inside):
    attack(victim, "cp /bin/true $$W/suid; chmod 4755 $$W/suid", inside=inside)
    owner = (victim / "writable" / "suid").stat().st_uid
    if os.geteuid() == 0:
        assert owner == (sandbox.UID if inside else 0)


@both
def test_killing_processes_of_the_host(victim, inside):
    """A series may kill its make; never whoever started it, nor anything else outside."""
    with subprocess.Popen(["sleep", "4710.5"]) as bystander:
        command = f"kill -9 {bystander.pid}"
        attack(victim, f"{command}; kill -9 -1; kill -9 1" if inside else command, inside=inside)
        time.sleep(0.2)
        alive = bystander.poll() is None
        bystander.kill()
    assert alive is inside


@both
def test_leaving_a_daemon(victim, inside):
    command = "setsid sleep 4711.5 </dev/null >/dev/null 2>&1 & sleep 0.3"
    attack(victim, command, inside=inside)
    if inside:
        until(lambda: not running("4711.5"))
    left = running("4711.5")
    for pid in left:
        os.kill(pid, 9)
    assert bool(left) is not inside


@both
def test_forking_without_end(victim, inside):
    # Bounded at 200 so that the control does no harm.
    (victim / "readonly" / "bomb.py").write_text(
        "import os, time\n"
        "n = 0\n"
        "try:\n"
        "    while n < 200:\n"
        "        if os.fork() == 0:\n"
        "            time.sleep(2)\n"
        "            os._exit(0)\n"
        "        n += 1\n"
        "except OSError:\n"
        "    pass\n"
        "print('got', n)\n"
    )
    command = "/usr/bin/python3 $$R/bomb.py"
    done = attack(victim, command, inside=inside, limits=Limits(processes=50))
    got = int(done.text().split("got")[1].split()[0])
    assert (got < 50) is inside


@both
def test_one_huge_file(victim, inside):
    command = "head -c 3000000 /dev/zero > $$W/big"
    done = attack(victim, command, inside=inside, limits=Limits(file=1 << 20))
    assert done.ok is not inside
    assert ((victim / "writable" / "big").stat().st_size <= 1 << 20) is inside


@both
def test_many_files(victim, inside):
    command = "for i in 1 2 3 4 5 6 7 8; do head -c 2000000 /dev/zero > $$W/$$i; done; sleep 3; touch $$W/end"
    if inside:
        with pytest.raises(InfrastructureError, match="more than 4 MiB"):
            attack(victim, command, inside=True, limits=Limits(disk=4 << 20))
    else:
        attack(victim, command, inside=False)
    assert (victim / "writable" / "end").exists() is not inside


@both
def test_many_files_behind_a_fork_bomb(victim, inside):
    """What watches the disk must not need what the bomb has taken."""
    (victim / "readonly" / "both.py").write_text(
        "import os, pathlib, sys, time\n"
        "children = []\n"
        "try:\n"
        "    while len(children) < 100:\n"
        "        if child := os.fork():\n"
        "            children.append(child)\n"
        "        else:\n"
        "            time.sleep(2.5)\n"
        "            os._exit(0)\n"
        "except OSError:\n"
        "    pass\n"
        "for child in children:\n"
        "    os.waitpid(child, 0)\n"
        "place = pathlib.Path(sys.argv[1])\n"
        "for number in range(8):\n"
        "    (place / str(number)).write_bytes(b'x' * 2_000_000)\n"
        "time.sleep(3)\n"
        "(place / 'end').touch()\n"
    )
    command = "/usr/bin/python3 $$R/both.py $$W"
    if inside:
        with pytest.raises(InfrastructureError, match="more than 4 MiB"):
            attack(victim, command, inside=True, limits=Limits(disk=4 << 20, processes=40))
    else:
        attack(victim, command, inside=False)
    assert (victim / "writable" / "end").exists() is not inside


DELETED = """
import os, sys, time
kept = []
for number in range(50):
    name = os.path.join(sys.argv[1], str(number))
    kept.append(open(name, "wb"))
    os.unlink(name)
    os.write(kept[-1].fileno(), b"x" * 1_000_000)
time.sleep(3)
open(os.path.join(sys.argv[1], "end"), "w").close()
"""
WITHIN = """
import sys
from pathlib import Path
from reviewbot.tools import process, sandbox
from reviewbot.tools.sandbox import Bind, Limits
writable, script, how = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
sandbox.give(writable)
if how == "inside":
    mounts = [Bind(source=script, target="/s.py"), Bind(source=writable, target="/w", writable=True)]
    limits = Limits(disk=16 << 20)
    done = sandbox.run(["python3", "/s.py", "/w"], mounts=mounts, limits=limits, timeout=20)
else:
    done = process.run(["python3", script, writable], timeout=20)
print(done.stderr.decode(), (writable / "end").exists())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it mounts a small file system")
@both
def test_filling_the_disk_with_deleted_files(victim, inside):
    script = victim / "readonly" / "deleted.py"
    script.write_text(DELETED)
    mount = 'mount -t tmpfs -o size=60m,mode=0755 small "$1" && shift && exec "$@"'
    writable = str(victim / "writable")
    done = process.run(
        [
            *("unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh", writable),
            *(sys.executable, "-c", WITHIN, writable, script, "inside" if inside else "outside"),
        ],
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    if inside:
        assert "disk nearly full" in done.complaint()
    else:
        assert done.text().split() == ["True"], done.complaint()


@both
def test_very_many_empty_files(victim, inside):
    command = "cd $$W; seq 3000 | xargs touch; sleep 6; touch end"
    if inside:
        with pytest.raises(InfrastructureError, match="or 1000 files"):
            attack(victim, command, inside=True, limits=Limits(files=1000))
    else:
        attack(victim, command, inside=False)
    assert (victim / "writable" / "end").exists() is not inside


@both
def test_filling_memory_through_tmp(victim, inside):
    command = "head -c 3000000 /dev/zero > /tmp/reviewbot-test-fill; s=$$?; rm -f /tmp/reviewbot-test-fill; exit $$s"
    done = attack(victim, command, inside=inside, limits=Limits(temporary=1 << 20))
    assert done.ok is not inside


@both
def test_memory_of_one_process(victim, inside):
    command = "/usr/bin/python3 -c 'print(len(bytearray(300000000)))'"
    done = attack(victim, command, inside=inside, limits=Limits(memory=200 << 20))
    assert done.ok is not inside


def _limited_together():
    where = cgroups.place()
    return pytest.mark.skipif(not where.parents, reason=f"{where.why}; {where.fix}")


limited_together = _limited_together()


@limited_together
@both
def test_memory_of_all_processes_together(victim, inside):
    """No process takes much, all of them 240 MB."""
    (victim / "readonly" / "many.py").write_text(
        "import os, time\n"
        "for _ in range(8):\n"
        "    if os.fork() == 0:\n"
        "        taken = bytearray(30_000_000)\n"
        "        time.sleep(2)\n"
        "        os._exit(0)\n"
        "print({os.wait()[1] for _ in range(8)})\n"
    )
    limits = Limits(memory=200 << 20, total_memory=150 << 20)
    if inside:
        with pytest.raises(InfrastructureError, match="more than 150 MiB of memory"):
            attack(victim, "/usr/bin/python3 $$R/many.py", inside=True, limits=limits)
    else:
        assert "{0}" in attack(victim, "/usr/bin/python3 $$R/many.py", inside=False).text()


@limited_together
@both
def test_processors_of_all_processes_together(victim, inside):
    """Two busy loops for a second; in the sandbox one processor is all they may have."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two processors")
    (victim / "readonly" / "busy.py").write_text(
        "import os, time\n"
        "for _ in range(2):\n"
        "    if os.fork() == 0:\n"
        "        end = time.monotonic() + 1.5\n"
        "        while time.monotonic() < end:\n"
        "            pass\n"
        "        os._exit(0)\n"
        "for _ in range(2):\n"
        "    os.wait()\n"
        "spent = os.times()\n"
        "print('busy', (spent.children_user + spent.children_system) / 1.5)\n"
    )
    done = attack(
        victim, "/usr/bin/python3 $$R/busy.py", inside=inside, limits=Limits(processors=1)
    )
    if inside:
        assert float(done.text().split("busy")[1].split()[0]) < 1.2


def sleeping(seconds):
    """A process of ours with a sandbox in which somebody sleeps, and the names of its control groups."""
    code = f"from reviewbot.tools import sandbox\nsandbox.run(['sleep', '{seconds}'], timeout=60)\n"
    ours = subprocess.Popen([sys.executable, "-c", code])
    until(lambda: running(seconds))
    lines = Path(f"/proc/{running(seconds)[0]}/cgroup").read_text().splitlines()
    names = {Path(line.split(":", 2)[2]).name for line in lines}
    return ours, {name for name in names if name.startswith("reviewbot-sandbox-")}


def existing(names):
    parents = {path for _, path in cgroups.place().parents}
    return {name for name in names if any((parent / name).is_dir() for parent in parents)}


@limited_together
def test_control_groups_go_with_the_sandbox():
    ours, names = sleeping("1.4713")
    assert names
    ours.wait()
    assert existing(names) == set()


@limited_together
def test_the_next_sandbox_removes_the_control_groups_of_a_killed_one():
    ours, names = sleeping("4713.5")
    sandbox.run(["true"], timeout=10)
    assert existing(names) == names, "a group in use was removed"
    ours.kill()
    ours.wait()
    until(lambda: not running("4713.5"))
    sandbox.run(["true"], timeout=10)
    assert existing(names) == set()


def test_new_namespaces_are_refused(victim):
    assert not attack(victim, "unshare --user --map-root-user true", inside=True).ok


@both
def test_time(victim, inside):
    started = time.monotonic()
    done = attack(victim, "trap '' TERM; sleep 30 & wait", inside=inside, timeout=1)
    assert done.timed_out
    assert time.monotonic() - started < 10


def test_capabilities_and_privileges_are_gone(victim):
    status = attack(victim, "cat /proc/self/status", inside=True).text()
    found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {
        int(found[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    } == {0}
    assert found["NoNewPrivs"].strip() == "1"


def test_nothing_but_mounts_and_tmp_is_writable(victim):
    done = attack(victim, "find / -xdev -writable -not -type l 2>/dev/null; exit 0", inside=True)
    writable = {line for line in done.text().splitlines() if not line.startswith("/proc")}
    assert writable <= {"/tmp", "/dev/shm", "/lab/w"}, writable  # noqa: S108 - inside
    for place in ("/", "/lab", "/etc", "/dev"):
        assert not attack(victim, f"touch {place}/x", inside=True).ok


def test_the_sandbox_dies_with_us():
    code = "from reviewbot.tools import sandbox\nsandbox.run(['sleep', '4712.5'], timeout=60)\n"
    ours = subprocess.Popen([sys.executable, "-c", code])
    until(lambda: running("4712.5"))
    ours.kill()
    ours.wait()
    until(lambda: not running("4712.5"))


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_missing_mount_is_our_failure(tmp_path):
    with pytest.raises(InfrastructureError, match="not there"):
        sandbox.run(["true"], mounts=[Bind(source=tmp_path / "no", target="/x")], timeout=5)


def test_paths_with_odd_characters(tmp_path):
    odd = tmp_path / "a b,c:d'\"\\$x"
    odd.mkdir()
    (odd / "f").write_text("found")
    done = sandbox.run(["cat", "/x/f"], mounts=[Bind(source=odd, target="/x")], timeout=5)
    assert done.text() == "found"
