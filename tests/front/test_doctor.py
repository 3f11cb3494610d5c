# SPDX-License-Identifier: GPL-2.0-only
"""The doctor sees what is missing, says the fix, and never raises."""

import http.server
import os
import re
import socket
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from reviewbot.engine import doctor
from reviewbot.engine.doctor import State
from reviewbot.model.config import Config, InboxConfig, LabConfig, TreeConfig
from reviewbot.tools import cpio, layers, machine, process, toolchain

CHECKOUT = Path(__file__).resolve().parents[2]


def check(tools, name, config=None):
    """One check, by name, without the slow others."""
    steps = {
        step: examine
        for step, _, examine in doctor._steps(replace(tools, config=config or tools.config))
    }
    return steps[name]()


@pytest.fixture
def bare_path(tmp_path, monkeypatch):
    """A PATH on which there are no programs."""
    monkeypatch.setattr(process, "PATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def archive():
    """A web server that answers 404 to everything, as an archive does without a message-id."""

    class Quiet(http.server.BaseHTTPRequestHandler):
        status = 404

        def do_GET(self):
            self.send_response(self.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server, Quiet
    server.shutdown()
    thread.join()
    server.server_close()


def inbox(address, timeout=5.0):
    return Config(inbox=InboxConfig(midmask=f"http://{address}/kvm/%s", timeout=timeout))


@pytest.mark.usefixtures("bare_path")
@pytest.mark.parametrize("program", doctor.PROGRAMS, ids=lambda program: program.name)
def test_a_missing_program_comes_with_its_package(tools, program):
    found = check(tools, program.name)
    assert found.state is State.FAIL
    assert found.fix == f"apt-get install {program.package}"
    assert program.why in found.detail


def test_a_program_that_is_there_shows_its_version(tools):
    found = check(tools, "git")
    assert found.state is State.OK
    assert re.match(r"git version \d", found.detail)


def test_a_program_that_can_not_run_is_not_there(tools, bare_path):
    broken = bare_path / "bison"
    broken.write_text("#!/nonexistent/interpreter\n")
    broken.chmod(0o755)
    assert check(tools, "bison").state is State.FAIL


def test_every_package_of_a_fix_is_one_that_make_demo_installs():
    listed = (CHECKOUT / "deploy/debian-packages.txt").read_text().splitlines()
    installed = {line.split()[1] for line in listed if line.startswith("review ")}
    named = {each.package for each in (*doctor.PROGRAMS, *doctor.SOURCES)}
    assert named <= installed


def test_missing_headers_are_found_by_compiling():
    assert machine.compile_complaint("#include <stdio.h>\n") == ""
    assert "no_such_header.h" in machine.compile_complaint("#include <no_such_header.h>\n")


def test_static_and_dynamic_programs_are_told_apart(tmp_path):
    source = b"int main(void) { return 0; }"
    for name, option in (("static", "-static"), ("dynamic", "-pie")):
        subprocess.run(
            ["gcc", "-x", "c", "-", option, "-o", tmp_path / name], input=source, check=True
        )
    assert machine.is_static_program(tmp_path / "static")
    assert not machine.is_static_program(tmp_path / "dynamic")
    for content in (b"", b"#!/bin/sh\n", b"\x7fELF\x02\x01"):
        (tmp_path / "other").write_bytes(content)
        assert not machine.is_static_program(tmp_path / "other")


def test_a_busybox_with_shared_libraries_is_refused(tools, monkeypatch):
    monkeypatch.setattr(cpio, "BUSYBOX", Path(os.path.realpath("/bin/sh")))
    found = check(tools, "busybox")
    assert (found.state, found.fix) == (State.FAIL, "apt-get install busybox-static")


def test_no_qemu(tools):
    found = check(tools, "qemu", Config(lab=LabConfig(qemu="qemu-system-nothing")))
    assert (found.state, found.fix) == (State.FAIL, "apt-get install qemu-system-x86")


def test_an_archive_that_answers_anything_is_reachable(tools, archive):
    server, _ = archive
    found = check(tools, "inbox", inbox(f"127.0.0.1:{server.server_port}"))
    assert found.state is State.OK
    assert "127.0.0.1" in found.detail


def test_an_archive_behind_a_broken_proxy_is_not(tools, archive):
    server, handler = archive
    handler.status = 502
    found = check(tools, "inbox", inbox(f"127.0.0.1:{server.server_port}"))
    assert found.state is State.WARN
    assert "502" in found.detail


def test_an_archive_that_is_down(tools):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        found = check(tools, "inbox", inbox(f"127.0.0.1:{taken.getsockname()[1]}"))
    assert found.state is State.WARN
    assert "refused" in found.detail
    assert "midmask" in found.fix


def test_an_archive_that_says_nothing_does_not_hang_us(tools):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        found = check(tools, "inbox", inbox(address, timeout=0.3))
    assert found.state is State.WARN
    assert "no answer" in found.detail


def test_credentials_of_a_midmask_are_not_shown(tools):
    found = check(tools, "inbox", inbox("user:secret@127.0.0.1:1"))
    assert "secret" not in found.detail + found.fix


@pytest.mark.parametrize(
    ("gib", "state"), [(100, State.OK), (15, State.OK), (14, State.WARN), (4, State.FAIL)]
)
def test_disk_space(tools, monkeypatch, gib, state):
    monkeypatch.setattr(machine, "free_bytes", lambda _: gib * doctor.GIB)
    found = check(tools, "disk")
    assert found.state is state
    assert bool(found.fix) is (state is not State.OK)


def test_disk_space_of_a_cache_that_does_not_exist_yet(tmp_path):
    assert machine.free_bytes(tmp_path / "not/yet") > 0


def test_trees_are_opened(tools, tmp_path):
    (tmp_path / "empty").mkdir()
    linux = tmp_path / "linux"
    subprocess.run(["git", "init", "-q", "-b", "next", linux], check=True)
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org")
    subprocess.run(
        ["git", "-C", linux, *identity, "commit", "-q", "--allow-empty", "-m", "x"], check=True
    )
    trees = {
        "good": TreeConfig(path=str(linux), refs=("next",)),
        "ref": TreeConfig(path=str(linux), refs=("next", "v9.9")),
        "empty": TreeConfig(path=str(tmp_path / "empty")),
        "gone": TreeConfig(path=str(tmp_path / "gone")),
    }
    config = Config(trees=trees)
    assert check(tools, "tree good", config).state is State.OK
    for name, why in (
        ("ref", "no commit v9.9"),
        ("empty", "no git"),
        ("gone", "no such directory"),
    ):
        found = check(tools, f"tree {name}", config)
        assert found.state is State.FAIL
        assert why in found.detail
        assert f"[trees.{name}]" in found.fix


def test_no_tree_is_a_warning_with_an_example(tools):
    found = check(tools, "trees")
    assert found.state is State.WARN
    assert "[trees.NAME]" in found.fix


def test_broken_settings_are_the_first_thing_said(tools, tmp_path):
    first = next(doctor.run(tools, settings=tmp_path / "c.toml", settings_error="c.toml: not TOML"))
    assert (first.name, first.state, first.detail) == ("settings", State.FAIL, "c.toml: not TOML")
    assert "reviewbot init --force" in first.fix


@pytest.mark.usefixtures("bare_path")
def test_a_check_that_breaks_down_has_failed(tools):
    """Without gcc nothing compiles: the header checks can not be made, and say so."""
    for found in doctor.run(tools):
        if found.name == "libelf headers":
            assert found.state is State.FAIL
            assert found.fix == "apt-get install libelf-dev"
            break
    else:
        pytest.fail("libelf headers were not checked")


@pytest.mark.slow
def test_this_machine_is_healthy(tools):
    """make check has installed everything, so nothing may be missing here."""
    found = tuple(doctor.run(tools))
    failed = [
        f"{each.name}: {each.detail} -> {each.fix}" for each in found if each.state is State.FAIL
    ]
    assert doctor.healthy(found), "\n".join(failed)
    assert {"sandbox", "layers", "accelerator", "qemu"} <= {each.name for each in found}


@pytest.mark.usefixtures("bare_path")
@pytest.mark.parametrize("name", ["clang", "sparse"])
def test_what_reviews_can_do_without_is_a_warning_that_names_the_package(tools, name):
    toolchain.llvm.cache_clear()
    found = check(tools, name)
    toolchain.llvm.cache_clear()
    assert found.state is State.WARN
    assert found.fix.startswith(f"apt-get install {name}")


def test_a_sandbox_that_is_forbidden_is_no_missing_package(tools, tmp_path, monkeypatch):
    """As under a unit or in a container that allows too little."""
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: Cannot set hostname: refused' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(process, "PATH", f"{tmp_path}:{process.PATH}")
    found = check(tools, "sandbox")
    assert found.state is State.FAIL
    assert "there but cannot run: the sandbox cannot be set up" in found.detail
    assert "apt-get" not in found.fix
    assert "allow namespaces" in found.fix


def test_sparse_is_named_with_its_version(tools, tmp_path, monkeypatch):
    program = tmp_path / "sparse"
    program.write_text("#!/bin/sh\necho 0.6.4\n")
    program.chmod(0o755)
    monkeypatch.setattr(process, "PATH", f"{tmp_path}:{process.PATH}")
    found = check(tools, "sparse")
    assert (found.state, found.detail) == (State.OK, "0.6.4")


def test_where_overlayfs_is_not_permitted_the_doctor_says_what_is_done_instead(tools, monkeypatch):
    # What answers is the real probe, on the file system of the scratch directory.
    monkeypatch.setattr(layers, "_overlay_works", lambda _scratch: False)
    layers._sharing_on.cache_clear()
    found = check(tools, "layers")
    how = layers.sharing_at(tools.scratch)
    layers._sharing_on.cache_clear()
    if how is layers.Sharing.REFLINK:
        assert (found.state, found.detail) == (State.OK, "reflink copy")
    else:
        assert how is layers.Sharing.COPY
        assert found.state is State.WARN
        assert "every review copies its base" in found.detail
        assert "allow overlayfs" in found.fix


def test_isolation_in_a_virtual_machine_is_looked_at_only_where_it_is_wanted(tools, tmp_path):
    assert "isolation" not in [name for name, _, _ in doctor._steps(tools)]
    wanted = Config(lab=LabConfig(isolation="vm", vm_kernel=str(tmp_path / "vmlinuz")))
    found = check(tools, "isolation", wanted)
    assert found.state is State.FAIL
    assert "no kernel for a virtual machine" in found.detail
    assert "docs/sandbox.md" in found.fix
