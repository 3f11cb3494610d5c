# SPDX-License-Identifier: GPL-2.0-only
"""A guest that has broken out of its emulator: what it can do then.

Here QEMU itself is hostile from the start: a shell script in its place, started, watched and ended as QEMU is.
Each attack runs a second time without the sandbox, where it must work.
"""

import socket
import subprocess
import threading
import time

import pytest

from reviewbot.model.guest import Accelerator, GuestSpec, Host
from reviewbot.tools import process, qemu, sandbox
from reviewbot.tools.cache import Cache

both = pytest.mark.parametrize("inside", [True, False], ids=["sandbox", "control"])


@pytest.fixture
def emulate(tmp_path, monkeypatch):
    """A guest's life whose emulator is a script; it finds paths in $HOST and its guest's files around it."""
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "id_ed25519").write_text("secret key\n")

    def without(argv, *, mounts, timeout, **_):
        return process.run(argv, cwd=mounts[0].source, timeout=timeout, merge=True)

    def live(script, *, inside=True, timeout=15):
        kernel, initramfs = tmp_path / "kernel", tmp_path / "initramfs"
        kernel.write_text(f"HOST={tmp_path}\n{script}\n")
        initramfs.write_bytes(b"")
        monkeypatch.setattr(qemu, "arguments", lambda _spec: ["sh", "bzImage"])
        if not inside:
            monkeypatch.setattr(sandbox, "run", without)
        spec = GuestSpec(
            kernel=str(kernel),
            initramfs=str(initramfs),
            host=Host(
                accelerator=Accelerator.TCG,
                qemu="sh",
                qemu_version="1",
                cpu_model="any",
                vendor="amd",
                why="",
            ),
            cpus=1,
            memory_mib=64,
            timeout=timeout,
            hang_timeout=10,
        )
        return qemu.run(spec, place=tmp_path / "guest", cache=Cache(tmp_path / "cache"))

    return live


@both
def test_it_reads_no_files_of_ours(emulate, inside):
    said = emulate(
        "cat $HOST/keys/id_ed25519 > results.ktap; echo end >> results.ktap", inside=inside
    )
    assert "end" in said.results
    assert ("secret key" in said.results) is not inside


@both
def test_it_writes_no_files_of_ours(emulate, inside, tmp_path):
    emulate("ln -s $HOST/keys link; echo x > link/planted; echo x > $HOST/planted", inside=inside)
    assert (tmp_path / "keys/planted").exists() is not inside
    assert (tmp_path / "planted").exists() is not inside


@both
def test_it_reaches_nobody(emulate, inside):
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def accept():
            connection, address = server.accept()
            connection.close()
            heard.append(address)

        listener = threading.Thread(target=accept)
        listener.start()
        port = server.getsockname()[1]
        emulate(f"bash -c 'echo x > /dev/tcp/127.0.0.1/{port}'", inside=inside)
        if inside:
            assert not heard
            socket.create_connection(("127.0.0.1", port)).close()
        listener.join()
    assert heard


@both
def test_it_ends_no_processes_of_ours(emulate, inside):
    with subprocess.Popen(["sleep", "4714.5"]) as bystander:
        every = "kill -9 -1" if inside else ":"
        emulate(f"kill -9 {bystander.pid}; {every}", inside=inside)
        time.sleep(0.2)
        alive = bystander.poll() is None
        bystander.kill()
    assert alive is inside


def test_what_it_puts_in_place_of_its_results_is_not_read(emulate):
    said = emulate("rm results.ktap; ln -s $HOST/keys/id_ed25519 results.ktap; sleep 0.3")
    assert "secret key" not in said.results


@pytest.mark.slow
def test_not_answering_does_not_keep_it_alive(emulate):
    """Neither signals nor what it leaves behind: it is ended with its sandbox."""
    began = time.monotonic()
    said = emulate(
        "setsid sleep 4716.5 & trap '' TERM; while :; do sleep 1; done",
        timeout=2,
    )
    assert said.boot.outcome.value == "time limit"
    assert time.monotonic() - began < 15
