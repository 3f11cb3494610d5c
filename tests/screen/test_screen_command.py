# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot triage screen`` where there is no screen, and what it costs the other commands."""

import os
import pty
import subprocess
import sys

import pytest


def said(room, *words: str, terminal: bool = False, **env: str) -> tuple[int, str]:
    """Exit status and what was printed, on a terminal or a pipe."""
    parent, child = pty.openpty()
    stream = child if terminal else subprocess.PIPE
    run = subprocess.Popen(
        [sys.executable, "-m", "reviewbot", "triage", "screen", *words],
        stdin=child,
        stdout=stream,
        stderr=subprocess.STDOUT if not terminal else child,
        env={"PATH": os.environ["PATH"], "HOME": str(room.home), "TERM": "xterm", **env},
    )
    os.close(child)
    if terminal:
        code = run.wait(60)
        out = os.read(parent, 65536)
    else:
        out, _ = run.communicate(timeout=60)
        code = run.returncode
    os.close(parent)
    return code, out.decode().replace("\r\n", "\n")


def test_without_a_terminal_it_says_so_in_one_line(room):
    code, out = said(room, "--from", str(room.box))
    assert code == 2
    assert out.count("\n") == 1
    assert "needs a terminal" in out
    assert "'reviewbot triage' prints the same list" in out


@pytest.mark.parametrize(
    ("words", "env", "complaint"),
    [
        ((), {"TERM": "dumb"}, "TERM is 'dumb'"),
        (("state:odd",), {}, "expected one of new, re-rolled"),
        (("--sort", "beauty"), {}, "cannot sort by 'beauty'"),
        (("--view", "nope"), {}, "no view 'nope'"),
    ],
)
def test_mistakes_are_named_before_the_screen_opens(room, words, env, complaint):
    code, out = said(room, *words, terminal=True, **env)
    assert code == 2
    assert complaint in out
    assert "\x1b" not in out
    assert out.count("\n") == 1


def test_other_commands_do_not_load_it():
    code = (
        "import sys\n"
        "from reviewbot.cli.main import cli\n"
        "from reviewbot.cli import triage, triage_screen, triage_series, triage_apply\n"
        "cli.main(['triage', 'screen', '--help'], standalone_mode=False)\n"
        "assert 'rich' not in sys.modules and 'textual' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "screen" in done.stdout
