# SPDX-License-Identifier: GPL-2.0-only
"""A source archive becomes one reproducible commit, or nothing."""

import io
import os
import tarfile
import time
from pathlib import Path

import pytest
from kernel_repository import Kernel, files_of, snapshot

from reviewbot.model.errors import UserError
from reviewbot.tools.objects import open_repository
from reviewbot.tools.source_import import import_source

DEBIAN = Path("/usr/src/linux-source-6.12.tar.xz")


def member(name, data=b"", *, kind=tarfile.REGTYPE, link="", mode=0o644, mtime=1_700_000_000):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname, info.mode, info.mtime = len(data), kind, link, mode, mtime
    return info, data


GOOD = (
    member("linux-6.12", kind=tarfile.DIRTYPE, mode=0o755, mtime=1_600_000_000),
    member("linux-6.12/.gitignore", b"/*\n"),
    member("linux-6.12/Makefile", b"all:\n", mtime=1_750_000_000),
    member("linux-6.12/scripts/run.sh", b"#!/bin/sh\n", mode=0o755),
    member("linux-6.12/scripts/link", kind=tarfile.SYMTYPE, link="../Makefile"),
    member("linux-6.12/hard", kind=tarfile.LNKTYPE, link="linux-6.12/Makefile"),
    member("linux-6.12/empty"),
    member('linux-6.12/a "quoted" nämé', b"x\n"),
)


def archive(place, members=GOOD, name="source.tar.xz"):
    file = place / name
    with tarfile.open(file, "w:xz", format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return file


def test_the_tree_is_the_archive(tmp_path):
    commit = import_source(archive(tmp_path), tmp_path / "out.git", "linux-source-6.12")
    opened = open_repository(tmp_path / "out.git")
    made = opened[commit]
    assert files_of(tmp_path / "out.git", str(made.tree_id)) == {
        ".gitignore": (0o100644, b"/*\n"),
        "Makefile": (0o100644, b"all:\n"),
        "scripts/run.sh": (0o100755, b"#!/bin/sh\n"),
        "scripts/link": (0o120000, b"../Makefile"),
        "hard": (0o100644, b"all:\n"),
        "empty": (0o100644, b""),
        'a "quoted" nämé': (0o100644, b"x\n"),
    }
    assert made.message.startswith("linux-source-6.12\n\n")
    assert (made.commit_time, made.parent_ids) == (1_750_000_000, [])
    assert opened.head.target == made.id
    Kernel(tmp_path / "out.git").git("fsck", "--strict")


def test_the_same_archive_is_the_same_commit_anywhere(tmp_path):
    first = import_source(archive(tmp_path), tmp_path / "one.git", "linux")
    second = import_source(archive(tmp_path, name="other.tar.xz"), tmp_path / "two.git", "linux")
    assert first == second


def test_it_is_made_once_and_replaced_when_the_archive_changes(tmp_path):
    file, out = archive(tmp_path), tmp_path / "out.git"
    first = import_source(file, out, "linux")
    before = snapshot(out)
    assert import_source(file, out, "linux") == first
    assert snapshot(out) == before
    archive(tmp_path, (*GOOD, member("linux-6.12/more", b"m\n")))
    second = import_source(file, out, "linux")
    assert second != first
    assert str(open_repository(out).head.target) == second


@pytest.mark.parametrize(
    "bad",
    [
        member("linux-6.12/../../etc/passwd", b"x"),
        member("/etc/passwd", b"x"),
        member("linux-6.12/.git/config", b"x"),
        member("linux-6.12/out", kind=tarfile.SYMTYPE, link="../../x"),
        member("linux-6.12/out", kind=tarfile.SYMTYPE, link="/etc"),
        member("linux-6.12/hard", kind=tarfile.LNKTYPE, link="linux-6.12/nowhere"),
        member("linux-6.12/device", kind=tarfile.CHRTYPE),
        member("linux-6.12/fifo", kind=tarfile.FIFOTYPE),
        member("linux-6.12/Makefile", b"twice\n"),
        member("linux-6.12/line\nbreak", b"x"),
        member("top-level-file", b"x"),
    ],
    ids=lambda pair: pair[0].name,
)
def test_hostile_members_are_refused_and_nothing_is_made(bad, tmp_path):
    with pytest.raises(UserError) as caught:
        import_source(archive(tmp_path, (*GOOD, bad)), tmp_path / "out.git", "linux")
    assert "refused" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "ReadError" not in str(caught.value), "what each decompressor says helps nobody"
    assert not list(tmp_path.glob("out.git*"))


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "none"])
def test_a_damaged_archive_is_one_line(damage, tmp_path):
    file = archive(tmp_path, (*GOOD, member("linux-6.12/big", os.urandom(200_000))))
    whole = file.read_bytes()
    data = {"cut": whole[: len(whole) // 2], "text": b"no archive\n", "empty": b""}.get(damage)
    file.unlink()
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(UserError) as caught:
        import_source(file, tmp_path / "out.git", "linux")
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("out.git*"))


def test_somebody_elses_repository_is_left_alone(kernel, tmp_path):
    before = snapshot(kernel.path)
    with pytest.raises(UserError, match="was not made by an import"):
        import_source(archive(tmp_path), kernel.path, "linux")
    assert snapshot(kernel.path) == before


def test_what_a_killed_import_left_is_cleared(tmp_path):
    (tmp_path / "out.git.part/objects").mkdir(parents=True)
    import_source(archive(tmp_path), tmp_path / "out.git", "linux")
    assert not (tmp_path / "out.git.part").exists()


def test_a_full_disk_is_one_line(small_disk, tmp_path):
    big = (member(f"linux-6.12/{number}", os.urandom(500_000)) for number in range(12))
    with pytest.raises(UserError) as caught:
        import_source(archive(tmp_path, (*GOOD, *big)), small_disk / "out.git", "linux")
    assert "disk full" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(small_disk.glob("out.git*"))


@pytest.mark.slow
def test_debians_archive_is_imported_in_a_minute_of_processor_time(tmp_path):
    if not DEBIAN.exists():
        pytest.skip("needs Debian's package linux-source-6.12: apt-get install linux-source-6.12")
    before = time.process_time() + sum(os.times()[2:4])
    commit = import_source(DEBIAN, tmp_path / "linux.git", "linux-source-6.12")
    assert time.process_time() + sum(os.times()[2:4]) - before < 90
    opened = open_repository(tmp_path / "linux.git")
    assert opened[commit].tree["arch/x86/kvm/x86.c"].size > 300_000
    assert len(opened[commit].tree) > 20
