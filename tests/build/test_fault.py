# SPDX-License-Identifier: GPL-2.0-only
"""Whose fault a failed make was: the machine's words count only when the machine said them."""

import subprocess

import pytest

from reviewbot.model.status import Status
from reviewbot.parse import compiler
from reviewbot.stages.built import status_of


def status(log):
    return status_of(ok=False, timed_out=False, steps=compiler.read(log))


@pytest.mark.parametrize(
    "line",
    [
        "gcc: fatal error: Killed signal terminated program cc1",
        "ld: final link failed: No space left on device",
        "make[3]: *** [/lab/src/scripts/Makefile.build:229: a.o] Killed",
        "make[3]: *** [/lab/src/scripts/Makefile.build:229: a.o] CPU time limit exceeded",
        "make[2]: *** [/lab/src/scripts/Makefile.vmlinux:34: vmlinux] File size limit exceeded",
        "clang: error: unable to execute command: Killed",
        "gcc: internal compiler error: Killed (program cc1)",
        "ld: final link failed: Disk quota exceeded",
        "make: *** write error: No space left on device",
        "/lab/src/a.c:7:1: fatal error: error writing to /tmp/ccA.s: No space left on device\n  7 | }",
    ],
)
def test_the_machines_errors_are_not_the_patchs(line):
    assert status(f"  CC      a.o\n{line}\n") is Status.INFRA


@pytest.mark.parametrize(
    "source",
    [
        "#error No space left on device",
        '#line 0 "gcc"\n#error Killed signal terminated program cc1',
        '_Static_assert(0, "Cannot allocate memory");',
        '#pragma GCC error "error writing to /tmp/ccA.s: No space left on device"',
    ],
)
def test_a_patch_cannot_claim_that_the_machine_failed(tmp_path, source):
    (tmp_path / "a.c").write_text(source + "\n")
    done = subprocess.run(
        ["gcc", "-c", "a.c"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode
    assert status(f"  CC      a.o\n{done.stderr}") is Status.FAIL


def test_gcc_itself_on_a_full_disk(tmp_path):
    (tmp_path / "a.c").write_text("int f(void) { return 1; }\n")
    done = subprocess.run(
        ["gcc", "-S", "-o", "/dev/full", "a.c"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert status(f"  CC      a.o\n{done.stderr}") is Status.INFRA
