# SPDX-License-Identifier: GPL-2.0-only
"""The documents are true: the tutorial is followed to the letter, links lead somewhere, commands exist."""

import fnmatch
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from reviewbot.tools import settings

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")])
MARK = "--- next step ---"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command of a tutorial and the lines it shows; "..." stands for anything, also for lines."""

    command: str
    shown: tuple[str, ...]


def steps(text: str) -> list[Step]:
    """Commands of the ``console`` blocks: "$ command", continued by a backslash, then output."""
    found: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block.replace("\\\n", ""), flags=re.MULTILINE)[1:]:
            command, *shown = part.rstrip("\n").split("\n")
            found.append(Step(command=command, shown=tuple(shown)))
    return found


def matches(shown: tuple[str, ...], printed: list[str]) -> bool:
    """True when the texts agree; a shown "..." stands for anything, also whole lines.

    Where a line is broken does not count: one more test that fails under a slow emulator
    moves the breaks of a whole paragraph.
    """
    text = " ".join(" ".join(shown).split())
    pattern = re.sub(r"([*?\[])", r"[\1]", f" {text} ").replace(" ... ", " *").replace("...", "*")
    return fnmatch.fnmatchcase(f" {' '.join(' '.join(printed).split())} ", pattern)


def follow(todo: list[Step], home: Path) -> list[list[str]]:
    """Type all commands into one shell, in the checkout; the lines that each printed.

    Settings and runs are kept in ``home``; the cache is the real one, it may hold hours of work.
    """
    # The mark must leave $? alone: a tutorial may well show it.
    mark = f"(status=$?; echo '{MARK}'; exit $status)"
    script = "\n".join(f"{mark}\n{step.command}" for step in todo)
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    done = subprocess.run(
        ["bash"],
        input=script,
        cwd=CHECKOUT,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "XDG_CACHE_HOME": cache,
            "LANG": "C.UTF-8",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    blocks = done.stdout.split(f"{MARK}\n")[1:]
    return [block.rstrip("\n").split("\n") if block.strip() else [] for block in blocks]


@pytest.mark.slow
def test_the_tutorial_can_be_followed(tmp_path):
    todo = steps((CHECKOUT / "docs/tutorial.md").read_text())
    assert len(todo) >= 5, "the tutorial has lost its console blocks"
    printed = follow(todo, tmp_path)
    assert len(printed) == len(todo)
    wrong = [
        "\n".join([f"$ {step.command}", *step.shown, "-- but it printed:", *lines, ""])
        for step, lines in zip(todo, printed, strict=True)
        if not matches(step.shown, lines)
    ]
    assert not wrong, "docs/tutorial.md shows\n" + "\n".join(wrong)


def test_the_reader_of_tutorials_reads():
    text = "```console\n$ a \\\n  b\none ... line\n...\nend\n$ c\n```\n```sh\n$ not this\n```\n"
    assert steps(text) == [
        Step(command="a   b", shown=("one ... line", "...", "end")),
        Step(command="c", shown=()),
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (("a",), ["a"], True),
        (("a",), ["b"], False),
        (("a",), [], False),
        ((), ["a"], False),
        (("a ... [x]",), ["a whole lot of [x]"], True),
        (("a*",), ["ab"], False),
        (("...", "end"), ["1", "2", "end"], True),
        (("...", "end"), ["1", "2"], False),
        (("a", "..."), ["a"], True),
    ],
)
def test_the_comparison_compares(shown, printed, same):
    assert matches(shown, printed) is same


def test_a_followed_command_shows_output_errors_and_directory(tmp_path):
    todo = [
        Step(command=c, shown=())
        for c in ("ls Makefile", "echo bad >&2", "X=1; false", "echo $? $X $HOME")
    ]
    assert follow(todo, tmp_path) == [["Makefile"], ["bad"], [], [f"1 1 {tmp_path}"]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    text = document.read_text()
    broken = [
        target
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
        if not target.startswith(("http://", "https://"))
        and not (document.parent / target).exists()
    ]
    assert not broken, f"{document}: no such files: {broken}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_of_documents_exist(document):
    makefile = (CHECKOUT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:`|^    )make ([a-z-]+)", document.read_text(), re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_options_of_documents_exist(document):
    shown = re.findall(r"^.*\breviewbot review\b.*$", document.read_text(), re.MULTILINE)
    named = {option for line in shown for option in re.findall(r"(?<=\s)--[a-z-]+", line)}
    offered = subprocess.run(
        [sys.executable, "-m", "reviewbot", "review", "--help"],
        capture_output=True, text=True, check=True, cwd=CHECKOUT,
    ).stdout  # fmt: skip
    assert {option for option in named if option not in offered} == set()


def test_settings_of_the_manual_are_accepted(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    manual = (CHECKOUT / "docs/configuration.md").read_text()
    blocks = re.findall(r"^```toml\n(.*?)^```", manual, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        settings.parse(block.encode(), source="docs/configuration.md")


def test_mistakes_of_the_manual_are_what_one_gets():
    manual = (CHECKOUT / "docs/configuration.md").read_text()
    for mistake in ("[lab]\nmemory = 1", "[lab]\njobs = '2'"):
        with pytest.raises(Exception, match="lab") as caught:
            settings.parse(mistake.encode(), source="/home/you/.config/reviewbot/config.toml")
        assert f"reviewbot: {caught.value}\n" in manual


def test_make_help_names_every_target():
    shown = subprocess.run(
        ["make", "-s", "help"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout
    makefile = (CHECKOUT / "Makefile").read_text()
    for target in re.findall(r"^([a-z-]+):", makefile, re.MULTILINE):
        assert re.search(rf"^make {target}\b", shown, re.MULTILINE), f"make {target} has no ## text"
