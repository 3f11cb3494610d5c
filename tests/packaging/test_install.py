# SPDX-License-Identifier: GPL-2.0-only
"""What people get: the wheel by pip alone, the checkout by make venv."""

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import debian
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
README = CHECKOUT / "README.md"
EXAMPLE = CHECKOUT / "docs/example/nsvm-gpat.mbox"
SHARED = Path(os.environ.get("REVIEWBOT_SHARED", CHECKOUT.parent / "shared"))
SAMPLE = SHARED / "lore/kvm-sample.bundle"

pytestmark = pytest.mark.slow


def run(*argv, cwd, env=None, expect=(0,)):
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in expect, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def files_of(checkout: Path, folder: str) -> set[str]:
    listed = run("git", "ls-files", "-z", folder, cwd=checkout).stdout
    return {name for name in listed.split("\0") if name}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A clone of what is committed: nothing that only lies about can get into the wheel."""
    place = tmp_path_factory.mktemp("clone") / "reviewbot"
    run("git", "clone", "-q", CHECKOUT, place, cwd="/")
    return place


@pytest.fixture(scope="module")
def wheel(checkout, tmp_path_factory):
    place = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "-o", place, cwd=checkout)
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment that has seen the wheel and pip, never the checkout."""
    place = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", place, cwd="/")
    run(place / "bin/python", "-m", "pip", "-q", "install", wheel, cwd=place)
    return place / "bin/reviewbot"


@pytest.fixture(scope="module")
def small_tree(tmp_path_factory):
    """What the rules look at in the example, as a git repository: seconds instead of a minute."""
    source = debian.archive()
    place = tmp_path_factory.mktemp("tree")
    folders = (
        *("Documentation/virt/kvm", "arch/x86/include", "arch/x86/kvm", "include/linux"),
        *("include/uapi", "scripts", "tools/testing/selftests/kvm"),
    )
    inside = [f"linux-source-6.12/{folder}" for folder in folders]
    run("tar", "-xf", source, "-C", place, *inside, cwd="/")
    (tree,) = place.iterdir()
    run("git", "init", "-q", cwd=tree)
    run("git", "add", "-A", "-f", cwd=tree)
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    run("git", *identity, "commit", "-q", "-m", "a part of Linux 6.12", cwd=tree)
    return tree


def findings(command, tree, home, cwd):
    """(code, patch) of every finding, with ``home`` for everything that is kept."""
    home.mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    done = run(
        *command,
        *("review", EXAMPLE, "--tree", tree, "--only-rules", "--format", "json"),
        cwd=cwd,
        env=env,
        expect=(0, 1),
    )
    report = json.loads(done.stdout)
    return sorted((each["code"], each["patch"]) for each in report["check"]["findings"])


def test_the_wheel_holds_the_rules_and_templates_of_the_checkout(wheel, checkout):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for folder in ("rules", "templates"):
            ours = files_of(checkout, folder)
            assert ours, f"no {folder} are committed"
            assert {n for n in names if n.startswith(f"reviewbot/{folder}/")} == {
                f"reviewbot/{name}" for name in ours
            }
            for name in ours:
                assert archive.read(f"reviewbot/{name}") == (checkout / name).read_bytes(), name
        package = files_of(checkout, "reviewbot")
        assert package <= names, f"not in the wheel: {sorted(package - names)}"
        assert not any(name.startswith(("tests/", "deploy/", ".ci")) for name in names)
        assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_installed_command_says_its_version(installed, tmp_path):
    assert run(installed, "--version", cwd=tmp_path).stdout.startswith("reviewbot, version ")


def test_the_installed_command_lists_its_rules(installed, checkout, tmp_path):
    here = run(sys.executable, "-m", "reviewbot", "rules", "list", cwd=checkout).stdout
    assert run(installed, "rules", "list", cwd=tmp_path).stdout == here
    assert "KVM-" in here


def test_the_installed_command_reviews_like_the_checkout(installed, checkout, small_tree, tmp_path):
    here = [sys.executable, "-m", "reviewbot"]
    theirs = findings([installed], small_tree, tmp_path / "wheel", cwd=tmp_path)
    ours = findings(here, small_tree, tmp_path / "checkout", cwd=checkout)
    assert theirs == ours
    assert theirs, "the example series is written to be found fault with"


def three_commands() -> list[str]:
    """What README tells who wants to see an inbox ranked."""
    found = re.search(r"From a clone to the ranked series.*\n\n((?:    .+\n)+)", README.read_text())
    assert found, "README lost the way from a clone to the ranked series of a list"
    return [line.strip() for line in found[1].splitlines()]


def test_the_three_commands_of_the_readme_end_in_a_ranked_list(tmp_path):
    commands = three_commands()
    assert len(commands) == 3, "issue 6 promises three"
    inbox, least = EXAMPLE, 1
    if SAMPLE.exists():
        inbox, least = tmp_path / "0.git", 50
        run("git", "clone", "-q", "--bare", SAMPLE, inbox, cwd="/")
    origin = tmp_path / "origin/reviewbot"  # a clone is called after what it is made of
    origin.parent.mkdir()
    origin.symlink_to(CHECKOUT)
    script = "\n".join(["set -e", *commands])
    for theirs, ours in (
        ("https://git.example.org/reviewbot", origin),
        ("https://lore.kernel.org/kvm", inbox),
    ):
        assert theirs in script
        script = script.replace(theirs, str(ours))
    # This may itself run below make.
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    env |= {"XDG_STATE_HOME": str(tmp_path / "state"), "REVIEWBOT_CONFIG": os.devnull}
    done = run("bash", "-c", script, cwd=tmp_path, env=env)
    head, *rows = done.stdout[done.stdout.index("ID ") :].splitlines()
    place = head.index("RANK")
    ranks = [int(row[place : place + 4]) for row in rows]
    assert len(ranks) >= least
    assert ranks == sorted(ranks, reverse=True)

    clone = tmp_path / "reviewbot"
    run(clone / ".venv/bin/reviewbot", "--version", cwd=tmp_path)
    started = time.monotonic()
    again = run("make", "venv", cwd=clone, env=env)
    assert again.stdout == ""
    assert time.monotonic() - started < 5, "the second make venv did something"
