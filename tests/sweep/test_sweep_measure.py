# SPDX-License-Identifier: GPL-2.0-only
"""Sizes of code, shares of functions, and how a suite is shared out."""

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.coverage import Coverage, CoveredFile, CoveredFunction
from reviewbot.model.test import TestBinary
from reviewbot.parse.elf_text import text_size
from reviewbot.stages.selftests import wanted
from reviewbot.stages.sweep_measure import executed
from reviewbot.stages.sweep_test import batches


def made(tmp_path: Path, source: str) -> bytes:
    (tmp_path / "a.c").write_text(source)
    command = ["gcc", "-O0", "-ffunction-sections", "-c", "-o", tmp_path / "a.o", tmp_path / "a.c"]
    subprocess.run(command, check=True)
    return (tmp_path / "a.o").read_bytes()


def test_code_is_counted_and_data_is_not(tmp_path):
    small = made(tmp_path, "int f(int x) { return x + 1; }")
    large = made(tmp_path, "int f(int x) { return x + 1; } int g(int x) { return f(x) * 3; }")
    data = made(tmp_path, "int f(int x) { return x + 1; } int table[1000] = {1};")
    assert text_size(small) == text_size(data)
    listed = subprocess.run(
        ["size", "--format=sysv", tmp_path / "a.o"], capture_output=True, text=True, check=True
    ).stdout
    text = sum(int(line.split()[1]) for line in listed.split("\n") if line.startswith(".text"))
    assert text_size(data) == text > 0
    assert (text_size(large) or 0) > text


@given(st.binary(max_size=300))
def test_what_is_no_elf_file_has_no_size(data):
    assert text_size(data) is None or data.startswith(b"\x7fELF")


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1))
def test_a_header_that_lies_is_refused(start, size, count):
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01", 1, 62, 1, 0, 0, start, 0, 64, 0, 0, size, count, 0
    )
    if size != 64 or start + size * count > len(header):
        assert text_size(header) is None


def test_the_share_of_functions_that_ran():
    functions = tuple(
        CoveredFunction(name=f"f{n}", first=n, last=n, tests=tests)
        for n, tests in enumerate(("0", "1", "a", "0"))
    )
    file = CoveredFile(path="x.c", functions=functions, lines=())
    measure = executed(Coverage(commit="c", tests=(), files=(file,)))
    assert measure
    assert (measure.samples, measure.unit) == ((50.0,), "%")
    assert executed(Coverage(commit="c", tests=(), files=())) is None


def named(*names: str) -> list[TestBinary]:
    return [TestBinary(name=name, digest="d", limit=1.0) for name in names]


def test_long_tests_come_first_and_short_ones_share_a_guest():
    tests = named("a", "long", "b", "new")
    seconds = {"a": 1.0, "b": 0.5, "long": 60.0}
    found = [[test.name for test in one] for one in batches(tests, seconds)]
    assert found == [["long"], ["new", "a", "b"]]
    assert [len(one) for one in batches(named(*map(str, range(30))), {}, 1)] == [9, 9, 9, 3]
    assert [len(one) for one in batches(named(*map(str, range(30))), {}, 2)] == [18, 12]


@pytest.mark.parametrize(
    ("name", "globs", "expected"),
    [
        ("x86/state_test", ("*",), True),
        ("x86/state_test", ("state_*",), True),
        ("x86/state_test", ("x86/*",), True),
        ("dirty_log_test", ("x86/*", "state_test"), False),
    ],
)
def test_tests_are_wanted_by_name_or_by_its_last_part(name, globs, expected):
    assert wanted(name, globs) is expected
