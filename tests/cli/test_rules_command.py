# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot rules``: lists for people and programs, and new rules that work from the first minute."""

import json
import os
import subprocess
import sys

import pytest


def test_a_new_rule_passes_its_own_cases_and_says_what_is_next(reviewbot, home, tmp_path):
    place = tmp_path / "site"
    said = reviewbot("rules", "new", "site-abi-001", "my_rule", "--directory", place)
    assert said.code == 0, said.err
    names = ["my_rule.bad.case", "my_rule.ok.case", "my_rule.py"]
    assert sorted(file.name for file in place.iterdir()) == names
    assert f'directories = ["{place}"]' in said.err
    tried = reviewbot("rules", "test", place / "my_rule.bad.case", place / "my_rule.ok.case")
    assert (tried.code, tried.out) == (0, "2 of 2 cases as expected\n")
    updated = reviewbot("rules", "test", "--update", place / "my_rule.bad.case")
    assert updated.code == 0
    assert "%%% mail" in (place / "my_rule.bad.case").read_text()
    config = home / "config.toml"
    config.write_text(f'[rules]\ndirectories = ["{place}"]\n')
    listed = reviewbot("--config", config, "rules", "list", "--select", "SITE")
    assert listed.out.split()[:2] == ["SITE-ABI-001", "warning"]
    picked = reviewbot("--config", config, "rules", "test", "--select", "SITE")
    assert (picked.code, picked.out) == (0, "2 of 2 cases as expected\n")
    assert reviewbot("--config", config, "rules", "test", "--select", "NONE").code == 2
    taken = reviewbot("--config", config, "rules", "new", "SITE-ABI-001", "other")
    assert (taken.code, "is taken by" in taken.complaint) == (2, True)
    second = reviewbot("--config", config, "rules", "new", "SITE-ABI-002", "other")
    assert (second.code, (place / "other.py").exists()) == (0, True)


@pytest.mark.parametrize(
    ("code", "name", "words"),
    [
        ("KVM-ABI-001", "mine", "taken"),
        ("KVM", "mine", "no code"),
        ("SITE-ABI-1;x", "mine", "no code"),
        ("SITE-ABI-001", "../mine", "no name"),
        ("SITE-ABI-001", "", "no name"),
        ("SITE-ABI-001", "there", "left alone"),
        ("SITE-ABI-001", "link", "left alone"),
    ],
)
def test_nothing_is_overwritten_and_no_name_leads_elsewhere(reviewbot, tmp_path, code, name, words):
    place = tmp_path / "site"
    place.mkdir()
    (place / "there.ok.case").write_text("mine")
    (place / "link.py").symlink_to(tmp_path / "elsewhere.py")
    said = reviewbot("rules", "new", code, name, "--directory", place)
    assert (said.code, words in said.complaint) == (2, True), said.complaint
    assert sorted(file.name for file in place.iterdir()) == ["link.py", "there.ok.case"]
    assert not (tmp_path / "elsewhere.py").exists()


def test_without_a_directory_it_asks_for_one(reviewbot):
    said = reviewbot("rules", "new", "SITE-ABI-001", "mine")
    assert (said.code, "--directory" in said.complaint) == (2, True)


def test_the_list_as_json(reviewbot):
    said = json.loads(reviewbot("rules", "list", "--format", "json", "--select", "KVM-ABI").out)
    assert all(rule["code"].startswith("KVM-ABI-") for rule in said)
    assert {"code", "severity", "title", "touches"} <= said[0].keys()


def test_explain_names_the_page_when_there_is_one(reviewbot, home):
    config = home / "config.toml"
    config.write_text('[rules]\nhelp_url = "https://example.org/rules/%s.md"\n')
    said = reviewbot("--config", config, "rules", "explain", "kvm-abi-011")
    assert said.out.endswith("\nhttps://example.org/rules/KVM-ABI-011.md\n")


@pytest.mark.parametrize("command", ["rules list", "rules explain KVM-ABI-011", "--help"])
def test_a_reader_that_has_seen_enough_is_no_failure(command, home):
    # "true" reads nothing: the pipe is closed before, or while, we write.
    script = f"{sys.executable} -m reviewbot {command} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONUNBUFFERED": "1"},
    )
    assert (done.stdout, done.stderr) == ("0\n", "")
