# SPDX-License-Identifier: GPL-2.0-only
"""Rules that still say something about a series for which no tree is at hand."""

import pytest

from reviewbot import assets
from reviewbot.model.finding import RuleStatus
from reviewbot.parse.mail import parse_mail
from reviewbot.parse.series import assemble
from reviewbot.rulekit.registry import load_rule
from reviewbot.rulekit.runner import run_rule, without_trees

HEADER = "include/uapi/linux/kvm.h"
X86_HEADER = "arch/x86/include/uapi/asm/kvm.h"
API_RST = "Documentation/virt/kvm/api.rst"
X86 = "arch/x86/kvm/x86.c"
CAPABILITY = "+#define KVM_CAP_EXAMPLE 239"
QUIRK = "+#define KVM_X86_QUIRK_EXAMPLE (1 << 11)"


def diff(path: str, line: str) -> str:
    removed = line.startswith("-")
    counts = "-7,2 +7,1" if removed else "-7,1 +7,2"
    return f"--- a/{path}\n+++ b/{path}\n@@ {counts} @@\n context\n{line}\n"


def mail(number: int, total: int, *changes: tuple[str, str]) -> bytes:
    body = "".join(f"diff --git a/{p} b/{p}\n{diff(p, line)}" for p, line in changes)
    return (
        f"From: A Developer <a@example.org>\nTo: kvm@vger.kernel.org\n"
        f"Subject: [PATCH {number}/{total}] KVM: x86: Change {number}\n"
        f"Message-ID: <{number}@example.org>\n"
        + ("" if number == 1 else "In-Reply-To: <1@example.org>\n")
        + f"Date: Thu, 01 Jan 2026 12:00:0{number} +0000\n\nWhy.\n\n"
        f"Signed-off-by: A Developer <a@example.org>\n---\n{body}-- \n2.47.0\n"
    ).encode()


def answer(rule: str, *mails: bytes):
    series = assemble([parse_mail(each) for each in mails], source="test")
    assert series is not None
    loaded = load_rule(assets.rules_directory() / "kvm" / rule)
    return run_rule(loaded, without_trees(series, "no base was found"))


NEW_INTERFACE = [
    pytest.param("doc/uapi_documented.py", (HEADER, CAPABILITY), id="KVM-DOC-001"),
    pytest.param("quirk/documented.py", (X86_HEADER, QUIRK), id="KVM-QUIRK-001"),
    pytest.param("cap/discoverable.py", (HEADER, CAPABILITY), id="KVM-CAP-001"),
]


@pytest.mark.parametrize(("rule", "change"), NEW_INTERFACE)
def test_a_complete_series_that_forgets_its_other_half_is_told(rule, change):
    said = answer(rule, mail(1, 2, change), mail(2, 2, (X86, "+\treturn 0;")))
    assert [(f.patch, f.location.path, f.location.line) for f in said.findings] == [
        (1, change[0], 8)
    ]


@pytest.mark.parametrize(("rule", "change"), NEW_INTERFACE)
def test_the_other_half_may_come_in_a_later_patch(rule, change):
    name = change[1].split()[1]
    rest = mail(2, 2, (API_RST, f"+{name}  By default"), (X86, f"+\tcase {name}:"))
    said = answer(rule, mail(1, 2, change), rest)
    assert said.findings == ()
    assert said.outcome.status is RuleStatus.RAN


@pytest.mark.parametrize(("rule", "change"), NEW_INTERFACE)
def test_an_incomplete_series_is_unknown_not_silence(rule, change):
    said = answer(rule, mail(1, 3, change), mail(2, 3, (X86, "+\treturn 0;")))
    assert said.findings == ()
    assert said.outcome.status is RuleStatus.COULD_NOT_RUN
    assert "incomplete" in said.outcome.reason


@pytest.mark.parametrize(("rule", "change"), NEW_INTERFACE)
def test_a_number_that_only_moves_is_not_new(rule, change):
    path, line = change
    said = answer(rule, mail(1, 2, (path, "-" + line[1:] + "0")), mail(2, 2, change))
    assert said.findings == ()


def test_another_name_that_contains_it_is_no_documentation():
    change = (HEADER, CAPABILITY)
    said = answer(
        "doc/uapi_documented.py", mail(1, 2, change), mail(2, 2, (API_RST, "+KVM_CAP_EXAMPLE2"))
    )
    assert len(said.findings) == 1


def test_a_document_made_to_keep_us_busy_is_read_in_no_time():
    name = "KVM_CAP_" + "A" * 5000
    trap = "KVM_A_B_" + "*A" * 200
    change = (HEADER, f"+#define {name} 239")
    said = answer("doc/uapi_documented.py", mail(1, 2, change), mail(2, 2, (API_RST, f"+{trap}")))
    assert len(said.findings) == 1
    assert said.outcome.seconds < 1
