# SPDX-License-Identifier: GPL-2.0-only
"""When no kernel that counts is built for a series, and what is said then."""

from dataclasses import replace

import pytest

from reviewbot.model.config import Config
from reviewbot.model.coverage import PatchCoverage
from reviewbot.model.guest import Accelerator, Host
from reviewbot.model.profile import Counting
from reviewbot.model.run import Run
from reviewbot.stages import added_lines, patch_coverage
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools

HOST = Host(accelerator=Accelerator.TCG, qemu="q", qemu_version="7", cpu_model="c", vendor="amd", why="")  # fmt: skip
COUNTING = Counting(directories=("arch/x86/kvm",), config=())
CODE = {"arch/x86/kvm/new.c": "int a(void)\n{\n\treturn 1;\n}\n"}
TEST = {"tools/testing/selftests/kvm/a.c": "int main(void)\n{\n\treturn 0;\n}\n"}


@pytest.fixture
def row(kernel, profile, tmp_path):
    def said(changes, counting=COUNTING):
        request = patch_coverage.PatchCoverageRequest(
            applied=kernel.series(changes),
            profile=replace(profile, counting=counting),
            host=HOST,
            tests=(),
        )
        tools = Tools(
            config=Config(), cache=Cache(tmp_path), scratch=tmp_path, progress=lambda *_: None
        )
        found = patch_coverage.run(request, tools)
        assert isinstance(found, PatchCoverage)
        return added_lines.row(Run(id="r", version="0", started="", request="", coverage=found))

    return said


def test_a_series_of_selftests_and_documents_adds_no_line_that_counts(row):
    assert row(TEST | {"Documentation/a.rst": "A\n"}) == "no executable line was added"


def test_assembler_alone_is_not_called_nothing(row):
    said = row({"arch/x86/kvm/new.S": "ret\n"})
    assert said == "not counted: arch/x86/kvm/new.S (not compiled into this KVM, or assembler)"


def test_without_a_test_it_is_not_known(row):
    assert row(CODE) == "not known: no selftest was run"


def test_without_a_kernel_that_counts_it_is_not_known(row):
    assert row(CODE, counting=None) == "not known: profile tiny has no table [counting]"
