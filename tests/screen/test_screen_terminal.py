# SPDX-License-Identifier: GPL-2.0-only
"""The screen in a real terminal: tmux, 80x24, driven by keys as over ssh."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

SECONDS = 30.0
PROMPT = "shell here"


class Terminal:
    """A tmux of its own with one window, in which a shell runs the screen."""

    def __init__(self, room, program: str) -> None:
        self.program = program
        self.socket = str(room.home / "tmux.socket")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(room.home),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }
        start = room.home / "bashrc"
        start.write_text(f"PS1='{PROMPT}$ '\n")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "-c", str(room.box.parent), f"bash --noprofile --rcfile {start}")  # fmt: skip

    def tmux(self, *words: str) -> str:
        done = subprocess.run(
            [self.program, "-S", self.socket, *words],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def keys(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def text(self, *more: str) -> str:
        return self.tmux("capture-pane", "-p", *more)

    def see(self, *words: str, gone: str = "") -> str:
        end = time.monotonic() + SECONDS
        while True:
            there = self.text()
            if all(word in there for word in words) and not (gone and gone in there):
                return there
            assert time.monotonic() < end, f"{words} (without {gone!r}) in\n{there}"
            time.sleep(0.1)

    def run(self, *words: str, before: str = "") -> None:
        self.keys(
            f"{before}{sys.executable} -m reviewbot triage screen {' '.join(words)}; echo left=$?",
            "Enter",
        )

    def is_sane(self) -> None:
        """What is typed is seen, line by line, and the cursor is there."""
        self.keys("stty -a | grep -o -E -- '-?(icanon|echo|isig|icrnl)( |;|$)' | xargs", "Enter")
        self.see("icrnl isig icanon echo")
        assert self.tmux("display-message", "-p", "#{cursor_flag} #{alternate_on} #{mouse_any_flag}").split() == ["1", "0", "0"]  # fmt: skip


@pytest.fixture
def terminal(room) -> Iterator[Terminal]:
    program = shutil.which("tmux")
    assert program, "needs tmux: deploy/setup-debian test, or apt-get install tmux"
    made = Terminal(room, program)
    try:
        made.see(PROMPT)
        yield made
    finally:
        made.tmux("kill-server")


def test_start_move_open_and_quit(terminal):
    terminal.run("--from", "kvm.mbox")
    there = terminal.see("4 series", "q:quit", "1/4", gone="reading")
    assert len(there.rstrip("\n").split("\n")) == 24
    terminal.keys("j", "j")
    terminal.see("3/4")
    terminal.keys("End", "Enter")
    terminal.see("[1 overview]  2 patch 4/8", "nSVM: Improve PAT", "q:back")
    terminal.keys("f")
    terminal.see("| ERROR: read of IA32_PAT bypasses")
    assert "\x1b[31m" in terminal.text("-e"), "errors are red, in the terminal's own red"
    terminal.keys("q")
    terminal.see("4/4")
    terminal.keys("q")
    terminal.see("left=0", PROMPT)
    terminal.is_sane()


def test_keys_typed_at_once_go_where_they_lead(terminal):
    terminal.run("--from", "kvm.mbox")
    terminal.see("4 series", "1/4", gone="reading")
    terminal.keys("G", "Enter", "f")
    terminal.see("[2 patch 4/8]", "| ERROR: read of IA32_PAT bypasses")
    terminal.keys("q", "/", "arm64", "Enter", "Enter", "j", "q", "q")
    terminal.see("left=0")


def test_it_follows_the_size_of_the_terminal(terminal):
    terminal.run("--from", "kvm.mbox")
    terminal.see("4 series", gone="reading")
    terminal.tmux("resize-window", "-x", "150", "-y", "30")
    terminal.see("AUTHOR", "CLASHES")
    terminal.tmux("resize-window", "-x", "80", "-y", "24")
    terminal.see("q:quit", gone="AUTHOR")
    terminal.keys("q")
    terminal.see("left=0")


@pytest.mark.parametrize("how", ["C-c", "TERM", "while typing"])
def test_however_it_ends_the_terminal_is_sane(terminal, how):
    terminal.run("--from", "kvm.mbox")
    terminal.see("4 series", gone="reading")
    if how == "TERM":
        shell = int(terminal.tmux("display-message", "-p", "#{pane_pid}"))
        child = int(subprocess.check_output(["ps", "-o", "pid=", "--ppid", str(shell)]).split()[0])
        os.kill(child, signal.SIGTERM)
    else:
        terminal.keys("/" if how == "while typing" else "Enter")
        terminal.see("filter:" if how == "while typing" else "[1 overview]")
        terminal.keys("C-c")
    terminal.see("left=0", PROMPT)
    terminal.is_sane()


def test_to_the_shell_and_back(terminal):
    terminal.run("--from", "kvm.mbox")
    terminal.see("4 series", gone="reading")
    terminal.keys("C-z")
    terminal.see("Stopped", PROMPT)
    terminal.is_sane()
    terminal.keys("clear; fg", "Enter")
    terminal.see("4 series", "q:quit")
    terminal.keys("q")
    terminal.see(PROMPT, gone="q:quit")


def test_no_color_is_heard(terminal):
    terminal.run("--from", "kvm.mbox", before="NO_COLOR=1 ")
    terminal.see("4 series", gone="reading")
    terminal.keys("End", "Enter")
    terminal.see("[1 overview]  2 patch 4/8")
    terminal.keys("f")
    terminal.see("| ERROR: read of")
    sent = terminal.text("-e")
    colours = {
        code
        for part in sent.split("\x1b[")[1:]
        for code in part.partition("m")[0].split(";")
        if code.isdigit() and (30 <= int(code) < 38 or 40 <= int(code) < 48 or int(code) >= 90)
    }
    assert not colours, f"colours {colours} although NO_COLOR is set"
    assert "\x1b[7m" in sent, "the bars stand out all the same"
    terminal.keys("C-c")
    terminal.see("left=0")


def test_nothing_of_a_mail_reaches_the_terminal(terminal):
    terminal.run("--from", "kvm.mbox", "bad")
    terminal.see("1 series", "[red]bad", gone="reading")
    terminal.keys("Enter")
    terminal.see("[1 overview]  2 patch 1/1")
    terminal.keys("2")
    terminal.see("+KVM: x86: \\x1b]52;c;cm0=\\x07[red]bad[/red]")
    assert not terminal.tmux("list-buffers").strip(), "OSC 52 did not write the clipboard"
    terminal.keys("C-c")
    terminal.see("left=0")
