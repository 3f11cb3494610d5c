# SPDX-License-Identifier: GPL-2.0-only
"""The set-up scripts, on small pretended machines: a PATH with a few programs that log their calls."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SETUP = CHECKOUT / "deploy/setup-debian"
SCRIPTS = sorted(
    p for p in (CHECKOUT / "deploy").iterdir() if p.is_file() and p.read_bytes().startswith(b"#!")
)


class Machine:
    """A PATH of its own.  Every pretended program appends its arguments to ``log``."""

    def __init__(self, place: Path) -> None:
        self.bin = place / "bin"
        self.log = place / "log"
        self.bin.mkdir()
        self.log.write_text("")
        for name in ("bash", "awk", "sort", "dirname", "env", "cat", "true"):
            (self.bin / name).symlink_to(shutil.which(name))
        self.program("uname", "echo x86_64")
        self.program("id", "echo 0")
        self.program("dpkg-query", "exit 1")
        self.program("apt-cache", 'echo "  Candidate: 1.0"')
        self.program("apt-get")

    def program(self, name: str, body: str = "") -> None:
        path = self.bin / name
        path.write_text(f'#!/bin/bash\necho "{name} $*" >>"{self.log}"\n{body}\n')
        path.chmod(0o755)

    def setup(self, *scopes: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SETUP, *scopes],
            env={"PATH": str(self.bin), **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self, name: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line.startswith(name)]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def the_complaint(done) -> str:
    assert done.returncode == 3, done.stderr
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("script", [*SCRIPTS, CHECKOUT / ".ci/run"], ids=lambda path: path.name)
def test_scripts_are_programs_that_stop_at_the_first_error(script):
    assert os.access(script, os.X_OK)
    assert "\nset -euo pipefail\n" in script.read_text()
    subprocess.run(["bash", "-n", script], check=True)


def test_every_package_has_a_scope_and_a_reason():
    lines = (CHECKOUT / "deploy/debian-packages.txt").read_text().splitlines()
    rows = [line.split(maxsplit=2) for line in lines if line and not line.startswith("#")]
    assert all(len(row) == 3 for row in rows), "scope, package, why"
    assert {row[0] for row in rows} == {"venv", "review", "cross", "demo", "test", "vm"}


def test_nothing_missing_means_nothing_said_and_nothing_done(machine):
    machine.program("dpkg-query", "printf installed")
    done = machine.setup("venv", "review", "demo", "test")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert machine.calls("apt") == []


def test_missing_packages_are_installed_without_questions(machine):
    machine.program("apt-get", 'echo "frontend $DEBIAN_FRONTEND" >>"' + str(machine.log) + '"')
    done = machine.setup("venv")
    assert done.returncode == 0, done.stderr
    (call,) = machine.calls("apt-get")
    assert " install --no-install-recommends ca-certificates python3-venv" in call
    assert " -y " in call
    assert machine.calls("frontend") == ["frontend noninteractive"]
    assert "python3-venv" in done.stdout


def test_package_lists_are_read_only_when_a_package_is_unknown(machine):
    seen = machine.bin / "lists-are-read"
    machine.program(
        "apt-cache", f'[ -e "{seen}" ] && echo "  Candidate: 1.0" || echo "  Candidate: (none)"'
    )
    machine.program("apt-get", f'[[ "$*" != *update ]] || echo >"{seen}"')
    assert machine.setup("venv").returncode == 0
    first, second = machine.calls("apt-get")
    assert first.endswith(" update")
    assert "install" in second


def test_stale_package_lists_are_read_anew(machine):
    seen = machine.bin / "lists-are-read"
    machine.program("apt-get", f'[[ "$*" != *update ]] || echo >"{seen}"\n[ -e "{seen}" ]')
    assert machine.setup("venv").returncode == 0
    assert [call.split()[-1] for call in machine.calls("apt-get")] == [
        "python3-venv",
        "update",
        "python3-venv",
    ]


def test_a_kernel_source_that_is_not_offered_names_the_line_to_add(machine):
    machine.program("apt-cache", 'echo "  Candidate: (none)"')
    complaint = the_complaint(machine.setup("demo"))
    assert "linux-source-6.12" in complaint
    assert "deb http://security.debian.org/debian-security bookworm-security main" in complaint


def test_a_user_without_sudo_is_told_what_to_ask_for(machine):
    machine.program("id", "echo 1000")
    complaint = the_complaint(machine.setup("venv"))
    assert "root or sudo" in complaint
    assert "apt-get install ca-certificates python3-venv" in complaint


def test_sudo_that_would_ask_is_never_waited_for(machine):
    machine.program("id", "echo 1000")
    machine.program("sudo", "exit 1")
    assert "sudo asks for a password" in the_complaint(machine.setup("venv"))
    assert machine.calls("apt-get") == []


def test_sudo_is_used_by_users(machine):
    machine.program("id", "echo 1000")
    machine.program("sudo", 'shift; exec "$@"')
    assert machine.setup("venv").returncode == 0
    assert any(
        "-n env DEBIAN_FRONTEND=noninteractive apt-get" in call for call in machine.calls("sudo")
    )
    assert machine.calls("apt-get")


def test_other_systems_are_told_how_to_go_on(machine):
    (machine.bin / "dpkg-query").unlink()
    complaint = the_complaint(machine.setup("venv"))
    assert "REVIEWBOT_NO_PACKAGES" in complaint
    assert machine.setup("venv", REVIEWBOT_NO_PACKAGES="1").returncode == 0


def test_other_processors_are_refused(machine):
    machine.program("uname", "echo aarch64")
    assert "x86-64" in the_complaint(machine.setup("venv"))


def test_the_lock_pins_and_hashes_everything():
    lines = (CHECKOUT / "deploy/requirements.txt").read_text().splitlines()
    pinned = [line for line in lines if line and line[0] not in "# "]
    assert pinned
    for line in pinned:
        assert "==" in line, f"not pinned: {line}"
        assert line.endswith("\\"), f"no hashes follow: {line}"
    assert not any("://" in line for line in lines), (
        "no addresses: pip is configured by the machine"
    )
