# SPDX-License-Identifier: GPL-2.0-only
"""Which places a console names, and how they are said with their source lines."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.parse import console
from reviewbot.parse.backtrace import Frame, frame, telling, with_places
from reviewbot.parse.elf_functions import functions

CONSOLE = Path(__file__).resolve().parent.parent / "fixtures" / "console"


def excerpt(name: str) -> tuple[str, ...]:
    """The first report of a real console."""
    return console.crashes((CONSOLE / f"{name}.log").read_text("utf-8"))[0].excerpt


def place(function: str, offset: int, size: int, module: str = "boom") -> Frame:
    return Frame(function=function, offset=offset, size=size, module=module)


def test_where_it_happened_is_exact_and_callers_are_returned_to() -> None:
    """Of a real WARN: the instruction itself, then the last byte of each call."""
    found = [one for line in excerpt("warn") if (one := frame(line))]
    assert found[:2] == [place("boom_warn", 0x21, 0x30), place("boom_init", 0x1B6, 0x1000)]
    assert found[2] == place("do_one_initcall", 0x79, 0x1C0, module="")
    assert not any(one.function == "__do_sys_init_module" and one.offset > 0xE4 for one in found)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("[   33.1] RIP: 0010:f+0x0/0x10 [kvm]", None),  # no time stamp of the kernel's
        ("[   33.123456] RIP: 0010:f+0x0/0x10 [kvm]", place("f", 0, 0x10, "kvm")),
        (" f.isra.0+0x4/0x10 [kvm_amd]", place("f.isra.0", 3, 0x10, "kvm_amd")),
        (" f+0x10/0x10 [kvm 0123456789abcdef0123456789abcdef01234567]", place("f", 0xF, 0x10, "kvm")),
        (" f+0x0/0x10", None),  # nothing calls from before a function
        (" ? f+0x4/0x10 [kvm]", None),
        ("RIP: 0033:0x431c09", None),
        (" f+0x4/0x10 [kvm] and more", None),
        ("f+0x4", None),
    ],
)  # fmt: skip
def test_only_lines_of_the_kernels_own_form_name_a_place(line: str, wanted: Frame | None) -> None:
    assert frame(line) == wanted


def test_a_known_place_is_said_at_its_line_and_only_there() -> None:
    lines = excerpt("warn")
    at = "boom.c:24"
    said = with_places(lines, {place("boom_warn", 0x21, 0x30): at})
    changed = [(old, new) for old, new in zip(lines, said, strict=True) if old != new]
    assert changed == [
        (
            "RIP: 0010:boom_warn+0x21/0x30 [boom]",
            "RIP: 0010:boom_warn+0x21/0x30 [boom] (boom.c:24)",
        )
    ]


@pytest.mark.parametrize("name", ["warn", "null", "bug", "list"])
def test_what_a_mail_shows_of_a_report_is_what_and_where(name: str) -> None:
    """Registers fill the first dozen lines of a report; the call trace comes after them."""
    shown = telling(excerpt(name))
    assert shown[0] == excerpt(name)[0]
    assert any(line.startswith("RIP: 0010:") for line in shown[:6])
    trace = shown.index("Call Trace:")
    assert trace < 8
    assert frame(shown[trace + 1])
    assert not any(
        word in line for line in shown for word in ("RAX", "R10:", "CR2:", "Code:", "? ")
    )


@given(st.lists(st.text(max_size=80), max_size=5))
def test_any_console_is_taken(lines: list[str]) -> None:
    """Nothing is lost or made up."""
    assert with_places(lines, {}) == tuple(lines)
    assert len(telling(lines)) <= len(lines)


SOURCE = """
__attribute__((noinline)) static int twice(int x) { return 2 * x; }
int entry(int x) { return twice(x) + x; }
__attribute__((section(".init.text"))) int early(void) { return 1; }
int data = 4;
"""


def compiled(place: Path, *options: str) -> bytes:
    (place / "a.c").write_text(SOURCE)
    argv = ["gcc", "-O1", "-c", *options, "-o", str(place / "a.o"), str(place / "a.c")]
    subprocess.run(argv, check=True)
    return (place / "a.o").read_bytes()


def test_functions_of_an_object_are_found_and_the_same_with_debug_information(
    tmp_path: Path,
) -> None:
    """Not its data; each in its section, with as many bytes as nm says."""
    plain, debug = compiled(tmp_path), compiled(tmp_path, "-g1")
    listed = subprocess.run(
        ["nm", "-S", tmp_path / "a.o"], check=True, capture_output=True, text=True
    ).stdout.split("\n")
    sizes = {line.split()[3]: int(line.split()[1], 16) for line in listed if line.count(" ") == 3}
    found = functions(plain)
    assert set(found) == {"twice", "entry", "early"}
    assert {name: len(found[name][0].code) for name in found} == {
        name: sizes[name] for name in found
    }
    assert found["early"][0].section == ".init.text"
    assert len(plain) < len(debug)
    assert functions(debug) == found


def test_a_damaged_object_holds_nothing_and_harms_nothing(tmp_path: Path) -> None:
    data = compiled(tmp_path)
    assert functions(b"") == functions(b"MZ" + data) == {}
    for end in range(0, len(data), 37):
        functions(data[:end])
    for where in range(0, 64, 2):
        functions(data[:where] + b"\xff\xff" + data[where + 2 :])
    table = struct.unpack_from("<Q", data, 40)[0]
    for where in range(table, len(data), 5):
        functions(data[:where] + b"\xf7" + data[where + 1 :])
