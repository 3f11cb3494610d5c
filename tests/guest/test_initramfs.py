# SPDX-License-Identifier: GPL-2.0-only
"""The guest's root file system, read back by busybox's own cpio."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools import cpio, initramfs
from reviewbot.tools.initramfs import GuestModule, GuestTest

pytestmark = pytest.mark.skipif(
    not cpio.BUSYBOX.exists(), reason="needs /bin/busybox: apt install busybox-static"
)
MODULE = GuestModule(name="kvm-amd.ko", data=b"module" * 3, parameters="nested=1 avic=0")
TEST = GuestTest(name="x86_64/state_test", data=b"\x7fELF test", limit=120)


def test_an_independent_reader_finds_everything(tmp_path):
    archive = initramfs.build([MODULE], [TEST])
    listed = subprocess.run(
        [cpio.BUSYBOX, "cpio", "-t"], input=archive, capture_output=True, check=True
    ).stdout.decode()
    assert {"init", "bin/busybox", "dev/console", "tests/1"} <= set(listed.split())
    wanted = ["init", "plan", "modules/kvm-amd.ko", "tests/1"]
    subprocess.run(
        [cpio.BUSYBOX, "cpio", "-id", *wanted], input=archive, cwd=tmp_path, check=True,
        capture_output=True,
    )  # fmt: skip
    assert (tmp_path / "plan").read_text() == (
        "total 1\nmodule kvm-amd.ko nested=1 avic=0\ntest 1 120 x86_64/state_test\n"
    )
    assert (tmp_path / "tests/1").read_bytes() == TEST.data
    assert (tmp_path / "tests/1").stat().st_mode & 0o111
    assert (tmp_path / "modules/kvm-amd.ko").read_bytes() == MODULE.data


def test_the_same_contents_are_the_same_bytes():
    assert initramfs.build([MODULE], [TEST]) == initramfs.build([MODULE], [TEST])


def test_init_is_a_shell_script_that_busybox_parses():
    init = Path(initramfs.__file__).parent.parent / "guest" / "init"
    subprocess.run([cpio.BUSYBOX, "sh", "-n", init], check=True)


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a\nmodule evil.ko", "$(reboot)", "../../etc/passwd", "/abs", "-n", "a/../b", "a;b", "\x1b[2J"],
)  # fmt: skip
def test_a_hostile_name_never_reaches_the_plan(name):
    assert not initramfs.acceptable_name(name)
    with pytest.raises(InfrastructureError):
        initramfs.build([], [GuestTest(name=name, data=b"\x7fELF", limit=1)])


@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"#!/bin/sh\nexit 0\n"])
def test_what_is_no_program_is_never_run(data):
    """A shell would take a file of zeros for an empty script, and call that success."""
    with pytest.raises(InfrastructureError, match="no program"):
        initramfs.build([], [GuestTest(name="a", data=data, limit=1)])


@given(st.text())
def test_what_is_acceptable_is_one_word_on_one_line(name):
    if initramfs.acceptable_name(name):
        assert name.split() == [name]
        assert name.isascii()
        assert ".." not in name.split("/")


def test_hostile_module_parameters_are_refused():
    with pytest.raises(InfrastructureError):
        initramfs.build([GuestModule(name="a.ko", data=b"", parameters="a=1\ntest 1 1 x")], [])


@pytest.mark.skipif(not shutil.which("true"), reason="needs a dynamic program")
def test_a_dynamic_busybox_is_refused_with_the_way_out(monkeypatch):
    monkeypatch.setattr(cpio, "BUSYBOX", Path(shutil.which("true")))
    with pytest.raises(UserError, match="apt install busybox-static"):
        initramfs.build([], [])
