# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot b4-check``, run by the real b4: what its review screen shows of us."""

import argparse
import email
import json
import os
import re
import sys
from email.policy import EmailPolicy
from pathlib import Path

import b4
import inbox
import pytest
from b4.review import checks
from mails import mail, patch_body

from reviewbot.tools import mailbox

MANUAL = Path(__file__).resolve().parents[2] / "docs/triage.md"
UAPI = "arch/x86/include/uapi/asm/kvm.h"
HEADER = "#ifndef _ASM_KVM_H\n#define _ASM_KVM_H\n#include <linux/types.h>\n\n#endif\n"
MAIN = "#ifndef _KVM_H\n#define _KVM_H\n#include <asm/kvm.h>\n#endif\n"


@pytest.fixture
def flawed(tree, tmp_path):
    """Two patches, the second with something for the rules; as messages, the cover first."""
    tree.write(UAPI, HEADER)
    tree.write("include/uapi/linux/kvm.h", MAIN)
    base = tree.commit("Headers")
    tree.write("arch/x86/kvm/x86.c", "int kvm_value_0;\n")
    tree.commit("KVM: x86: Have one value only")
    tree.write(UAPI, HEADER.replace("\n\n", "\n\n#define KVM_STATE_A BIT(0)\n"))
    tree.commit("KVM: x86: Add KVM_STATE_A")
    text = tree.git(
        "format-patch", "--stdout", "--cover-letter", "--thread", f"--base={base}",
        "--to=kvm@vger.kernel.org", f"{base}..HEAD",
    )  # fmt: skip
    tree.git("reset", "-q", "--hard", base)
    place = tmp_path / "flawed.mbox"
    place.write_text(text)
    return place


def messages(place):
    parsed = [email.message_from_bytes(raw, policy=EmailPolicy()) for raw in mailbox.read(place)]
    return [(one["message-id"].strip("<>"), one) for one in parsed]


@pytest.fixture
def by_b4(tree, home, tmp_path, monkeypatch):
    """Run b4's own check runner, in the kernel tree, as its review screen does.

    Its settings are those that docs/triage.md tells users to take.
    """
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "reviewbot"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m reviewbot "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    (block,) = re.findall(r"^```\n(\[b4\]\n.*?)^```", MANUAL.read_text(), re.MULTILINE | re.DOTALL)
    (home / ".gitconfig").write_text(block)
    monkeypatch.chdir(tree.path)
    monkeypatch.setattr(b4, "MAIN_CONFIG", {})
    b4.setup_config(argparse.Namespace(config={}))

    def run(mails):
        patch_commands, series_commands = checks.load_check_cmds()
        assert patch_commands == ["_builtin_checkpatch", "reviewbot b4-check"]
        assert series_commands == ["reviewbot b4-check --series"]
        patches = checks.run_perpatch_checks(mails[1:], patch_commands, str(tree.path))
        whole = checks.run_series_checks(mails[0], series_commands, str(tree.path))
        ours = [
            [one for one in patches[name] if one["tool"] == "reviewbot"] for name, _ in mails[1:]
        ]
        return ours, whole

    return run


def test_findings_of_a_known_review_are_shown_by_patch(by_b4, flawed, tree, reviewbot):
    reviewed = reviewbot("review", flawed, "--only-rules", "--tree", tree.path)
    assert reviewed.code == 1, reviewed.err
    patches, whole = by_b4(messages(flawed))
    (first,), (second,) = patches
    assert first["tool"] == second["tool"] == "reviewbot"
    assert first["status"] == "pass"
    assert second["status"] in ("warn", "fail")
    details = json.loads(second["details"])
    assert any(one["context"].startswith("KVM-ABI-") for one in details)
    assert all(set(one) >= {"status", "context", "description"} for one in details)
    (series,) = whole
    assert series["status"] in ("warn", "fail")
    assert any(
        one["context"] == "applies" and one["status"] == "pass"
        for one in json.loads(series["details"])
    )


def test_a_series_nobody_reviewed_is_reviewed_once(by_b4, flawed, home, tmp_path):
    inbox.require_public_inbox()
    place = inbox.inbox_of_mails(list(mailbox.read(flawed)))
    (tmp_path / "served").mkdir()
    with inbox.serving(place, tmp_path / "served") as address:
        settings = home / ".config/reviewbot/config.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(f'[inbox]\nmidmask = "{address}%s"\n')
        patches, whole = by_b4(messages(flawed))
    assert patches[0][0]["status"] == "pass", patches
    assert patches[1][0]["status"] in ("warn", "fail")
    assert whole[0]["status"] in ("warn", "fail")
    runs = list((home / ".local/state/reviewbot/runs").iterdir())
    assert len(runs) == 1, "three questions, one review"


def test_our_own_trouble_is_a_warning_that_says_what_to_do(by_b4, flawed, home):
    settings = home / ".config/reviewbot/config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[inbox]\nmidmask = "http://127.0.0.1:9/%s"\n')
    patches, _ = by_b4(messages(flawed))
    assert patches[0][0]["status"] == "warn"
    assert "cannot be reached" in patches[0][0]["summary"]


def test_nothing_known_and_nothing_to_be_made_says_nothing(reviewbot):
    raw = mail("[PATCH] KVM: x", body=patch_body("virt/kvm/a.c"), message_id="a@x.example")
    said = reviewbot("b4-check", "--known", stdin=raw)
    assert (said.code, said.out) == (0, "")


def test_what_is_no_mail_is_refused(reviewbot):
    said = reviewbot("b4-check", stdin=b"")
    assert said.code == 2
    assert "standard input holds no mail" in said.complaint
