# SPDX-License-Identifier: GPL-2.0-only
"""Which module parameters a series asks for, and which guest runs what."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.errors import UserError
from reviewbot.model.test import TestBinary, TestCase, Why
from reviewbot.parse import guest, modinfo
from reviewbot.parse.mail import parse_mail
from reviewbot.parse.series import assemble
from reviewbot.stages.vary import vary
from reviewbot.tools import initramfs, profile, share_out

KVM = profile.load("kvm")
CASES = tuple(
    TestCase(name=f"x86_64/t{number}", why=Why.TOUCHED, limit=60.0) for number in range(6)
)
KNOWN = frozenset(word.partition("=")[0] for one in KVM.variations for word in one.parameters)


def series_of(path: str, line: str, section: str = "static int f(void)"):
    """A series of one patch that adds ``line``."""
    mail = f"""From: Jo <jo@example.org>
Subject: [PATCH] KVM: x86: change
Message-Id: <1@example.org>
Date: Thu, 15 Jan 2026 15:21:39 -0800

Why.

Signed-off-by: Jo <jo@example.org>
---
 {path} | 1 +
 1 file changed, 1 insertion(+)

diff --git a/{path} b/{path}
index 1111111..2222222 100644
--- a/{path}
+++ b/{path}
@@ -1,2 +1,3 @@ {section}
 a
+{line}
 b
--
2.43.0
"""
    series = assemble([parse_mail(mail.encode())], source="test")
    assert series is not None
    return series


def varied(series, *, known=KNOWN, vendor="amd", sets=2, at_most=10, cases=CASES):
    return vary(series, KVM, cases, known, vendor=vendor, sets=sets, at_most=at_most)


def names(found) -> list[str]:
    return list(dict.fromkeys(case.name.partition(" [")[2].rstrip("]") for case in found.cases))


def test_shadow_paging_is_tested_when_the_mmu_changes() -> None:
    """By path; the same tests with another name, and no more than the limit."""
    found = varied(series_of("arch/x86/kvm/mmu/mmu.c", "\treturn 0;"))
    assert names(found) == ["npt=0", "tdp_mmu=0"]
    assert len(found.cases) == 10
    first = found.cases[0]
    assert (first.name, first.parameters) == ("x86_64/t0 [npt=0]", ("kvm_amd.npt=0",))
    assert (first.program, first.limit) == ("x86_64/t0", 60.0)


def test_a_name_in_the_change_goes_before_a_path() -> None:
    """Of the function around it too."""
    found = varied(series_of("arch/x86/kvm/mmu/mmu.c", "\tif (eager_page_split)"), sets=1)
    assert names(found) == ["eager_page_split=0"]
    inside = series_of("arch/x86/kvm/x86.c", "\treturn 1;", "int handle_ud(struct kvm_vcpu *vcpu)")
    assert names(varied(inside)) == ["force_emulation_prefix=1"]


def test_a_variation_may_be_for_some_tests_only() -> None:
    """Without nested virtualization most nested tests would skip themselves."""
    names_of = ("x86_64/svm_vmcall_test", "x86_64/state_test", "dirty_log_test")
    cases = [TestCase(name=name, why=Why.TOUCHED, limit=60.0) for name in names_of]
    found = varied(series_of("arch/x86/kvm/svm/nested.c", "\treturn 0;"), cases=cases)
    assert [case.name for case in found.cases] == ["x86_64/state_test [nested=0]"]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("arch/x86/kvm/x86.c", "\treturn 0;"),
        ("Documentation/virt/kvm/api.rst", "npt_enabled"),
        ("tools/testing/selftests/kvm/x86_64/state_test.c", "\tnpt_enabled = 1;"),
    ],
)
def test_a_series_that_touches_nothing_of_it_costs_nothing(path: str, line: str) -> None:
    """Documents and tests that mention a parameter do not depend on it."""
    assert varied(series_of(path, line)).cases == ()


def test_the_other_vendors_parameters_are_not_tried() -> None:
    """And not complained about either."""
    found = varied(series_of("arch/x86/kvm/mmu/mmu.c", "\treturn 0;"), vendor="intel")
    assert names(found) == ["ept=0", "tdp_mmu=0"]
    assert found.not_tested == ()


def test_what_is_left_out_is_said() -> None:
    """A parameter that these kernels lack, and what is over the limit."""
    series = series_of("arch/x86/kvm/mmu/mmu.c", "\tif (eager_page_split)")
    found = varied(series, known=KNOWN - {"kvm_amd.npt"}, sets=1)
    assert names(found) == ["eager_page_split=0"]
    assert found.not_tested == (
        "npt=0 (not there in these kernels)",
        "with tdp_mmu=0 (over the limit of variations)",
    )


def test_none_are_run_when_none_are_wanted() -> None:
    """lab.variations = 0."""
    found = varied(series_of("arch/x86/kvm/mmu/mmu.c", "\treturn 0;"), sets=0)
    assert (found.cases, found.not_tested) == ((), ())


def test_a_modules_parameters_are_read_from_its_modinfo() -> None:
    """As modpost writes them: NUL behind each."""
    section = (
        b"license=GPL\0parmtype=npt:bool\0parm=nested:use it\0parmtype=nested:int\0depends=kvm\0"
    )
    assert modinfo.parameters(b"\x7fELF..." + b"\0" + section) == {"npt", "nested"}
    assert modinfo.parameters(b"parmtype=first:bool\0") == {"first"}
    assert modinfo.parameters(struct.pack("<QQ", 1, 2)) == frozenset()


def test_every_shipped_variation_has_words_that_a_guest_takes() -> None:
    """And something that asks for it, or it would never run."""
    for one in KVM.variations:
        assert one.paths or one.identifiers, one.name
        archive = initramfs.build([], [], expected=one.parameters)
        module, _, rest = one.parameters[0].partition(".")
        assert f"expect {module} {rest.replace('=', ' ')}\n".encode() in archive


def test_a_parameter_that_is_no_number_is_refused(tmp_path: Path) -> None:
    """With what it should look like."""
    text = (Path(profile.__file__).parent.parent / "profiles" / "kvm.toml").read_text("utf-8")
    (tmp_path / "kvm.toml").write_text(text.replace('"kvm_amd.npt=0"', '"npt=off; reboot"'))
    with pytest.raises(UserError, match=r"no module parameter; write it as \"kvm_amd.npt=0\""):
        profile.load(str(tmp_path / "kvm.toml"))


def test_a_guest_says_which_parameter_did_not_take_its_value() -> None:
    """Before any test; and a test cannot say so."""
    said = guest.report("KTAP version 1\n#reviewbot unlike kvm_amd.avic=0\n#reviewbot finished\n")
    assert (said.unlike, said.finished, said.results) == ("kvm_amd.avic=0", True, ())
    forged = "KTAP version 1\n1..1\n# #reviewbot unlike kvm_amd.avic=0\nok 1 a\n"
    assert guest.report(forged).unlike == ""


def binaries(number: int) -> list[TestBinary]:
    return [TestBinary(name=f"t{n}", digest="", limit=1.0) for n in range(number)]


@given(
    seconds=st.lists(st.floats(min_value=0, max_value=300), max_size=30),
    at_most=st.integers(min_value=1, max_value=8),
)
def test_every_test_has_one_guest_and_the_longest_go_first(
    seconds: list[float], at_most: int
) -> None:
    """And no guest is busy for much longer than must be: Graham proved twice, and 4/3 of the best."""
    tests = binaries(len(seconds))
    known = {test.name: took for test, took in zip(tests, seconds, strict=True)}
    shares = share_out.share_out(tests, known, at_most)
    assert sorted(test.name for share in shares for test in share) == sorted(known)
    assert len(shares) <= at_most
    loads = [[known[test.name] for test in share] for share in shares]
    for one in loads:
        assert one == sorted(one, reverse=True)
    if shares:
        least = max([sum(seconds) / len(shares), *seconds])
        assert max(sum(one) for one in loads) <= 2 * least + 1e-6


def test_quick_tests_are_not_worth_another_boot() -> None:
    """What never ran is taken for slow."""
    tests = binaries(4)
    quick = dict.fromkeys(("t0", "t1", "t2", "t3"), 0.5)
    assert len(share_out.share_out(tests, quick, 4)) == 1
    assert [[t.name for t in s] for s in share_out.share_out(tests, {**quick, "t2": 60.0}, 2)] == [
        ["t2"],
        ["t0", "t1", "t3"],
    ]
    assert len(share_out.share_out(tests, {}, 4)) == 4


def test_guests_at_once_follow_the_machine_unless_told() -> None:
    """At least one, however small it is."""
    assert share_out.guests(3, 2048) == 3
    assert share_out.guests(0, 1 << 30) == 1
