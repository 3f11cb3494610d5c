# SPDX-License-Identifier: GPL-2.0-only
"""Manual pages and shell completion, both made from the commands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mails import mbox, series

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = CHECKOUT / "docs/man"


def test_the_manual_pages_are_what_the_help_says(reviewbot, tmp_path):
    made = tmp_path / "man"
    assert reviewbot("manual", made).code == 0
    fresh = {one.name: one.read_text() for one in made.iterdir()}
    kept = {one.name: one.read_text() for one in PAGES.iterdir()}
    assert fresh.keys() == kept.keys(), (
        "a command came or went: run 'make docs' and commit docs/man"
    )
    differing = [name for name, text in fresh.items() if kept[name] != text]
    assert not differing, f"{differing} are out of date: run 'make docs' and commit docs/man"


@pytest.mark.parametrize("command", ["triage", "completion", "b4-check"])
def test_examples_in_help_stay_line_by_line(reviewbot, command):
    told = reviewbot(command, "--help").out
    assert "\\b" not in told, "a raw docstring: click knows the control character only"
    examples = [one for one in (PAGES / f"reviewbot-{command}.1").read_text().split("\n") if one == ".nf"]  # fmt: skip
    assert examples


def test_every_command_has_a_page_and_options_are_on_it(reviewbot, tmp_path):
    reviewbot("manual", tmp_path / "man")
    page = (tmp_path / "man/reviewbot-triage.1").read_text()
    for part in (".SH NAME", "\\-\\-view NAME", ".SS show [OPTIONS] ID", ".SH SEE ALSO"):
        assert part in page
    top = (tmp_path / "man/reviewbot.1").read_text()
    assert "reviewbot\\-triage(1)" in top
    assert "reviewbot\\-job(1)" not in top, "hidden commands have no page"


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("page", sorted(PAGES.glob("*.1")), ids=lambda path: path.name)
def test_groff_has_nothing_to_complain_about(page):
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", page], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Show this message and exit" in done.stdout


@pytest.fixture
def complete(home, tmp_path):
    """What bash offers behind some words, by the printed completion, in a bash of its own."""
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "reviewbot"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m reviewbot "$@"\n')
    command.chmod(0o755)
    env = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(home), "LANG": "C.UTF-8"}

    def offer(*words: str) -> list[str]:
        given = " ".join(f"'{word}'" for word in words)
        script = (
            'eval "$(reviewbot completion bash)"\n'
            f"COMP_WORDS=({given}); COMP_CWORD={len(words) - 1}\n"
            '_reviewbot_completion reviewbot; printf "%s\\n" "${COMPREPLY[@]}"\n'
        )
        done = subprocess.run(
            ["bash", "-c", script],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.stderr, done.stderr
        return done.stdout.split()

    return offer


def test_bash_completes_commands_options_and_views(complete):
    assert complete("reviewbot", "tri") == ["triage"]
    assert set(complete("reviewbot", "triage", "")) >= {"show", "diff", "apply", "done"}
    assert complete("reviewbot", "triage", "list", "--vi") == ["--view"]
    assert complete("reviewbot", "triage", "--view", "mi") == ["mine"]
    assert complete("reviewbot", "triage", "--vi") == ["--view"], "short for triage list --view"
    assert complete("reviewbot", "triage", "list", "--sort", "ra") == ["rank", "ran"]


def test_bash_completes_the_ids_of_series(complete, reviewbot, tmp_path):
    box = tmp_path / "box.mbox"
    box.write_bytes(mbox(series(1)))
    shown = reviewbot("triage", "--from", box).out.splitlines()[1].split()[0]
    assert complete("reviewbot", "triage", "show", "--from", str(box), shown[:2]) == [shown]
    assert complete("reviewbot", "triage", "show", shown[:2]) == [], "nothing is followed"


@pytest.mark.parametrize(
    ("shell", "part"),
    [("bash", "complete -o nosort"), ("zsh", "compdef"), ("fish", "complete --no-files")],
)
def test_each_shell_gets_its_script(reviewbot, shell, part):
    assert part in reviewbot("completion", shell).out


def test_an_unknown_shell_is_refused(reviewbot):
    said = reviewbot("completion", "tcsh")
    assert said.code == 2
    assert "'bash', 'zsh', 'fish'" in said.err
