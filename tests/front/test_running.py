# SPDX-License-Identifier: GPL-2.0-only
"""Units, container and compose files: what they start exists, what they name is there, and they lock down.

Images are not built here: there is no container engine in a test.  Units are started by ``make check-units``.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from reviewbot.cli.main import cli
from reviewbot.tools import settings

CHECKOUT = Path(__file__).resolve().parents[2]
UNITS = CHECKOUT / "deploy/systemd"
CONTAINERFILE = CHECKOUT / "deploy/container/Containerfile"
COMPOSE = CHECKOUT / "deploy/compose/compose.yaml"
PROGRAM = "/opt/reviewbot/bin/reviewbot"

# systemd-analyze security's exposure, 0 (locked) to 10; the worker starts virtual machines and sandboxes.
EXPOSURE = {"bot": 1.5, "sender": 1.5, "serve": 1.5, "worker": 3.5}

analyze = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="no systemd-analyze: it comes with systemd"
)


def accepted(arguments: list[str]) -> None:
    """The command line is one that reviewbot understands."""
    done = CliRunner().invoke(cli, [*arguments, "--help"])
    assert done.exit_code == 0, f"reviewbot {shlex.join(arguments)}: {done.output}"


def values(unit: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), re.MULTILINE)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program that exists."""
    program = tmp_path / "reviewbot"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS.glob("*.service"):
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, str(program)))
    return tmp_path


@analyze
def test_systemd_understands_the_units(units):
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units.glob("*.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@analyze
def test_systemd_understands_the_users_own_units(tmp_path):
    program = tmp_path / "reviewbot"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in (UNITS / "user").iterdir():
        (tmp_path / unit.name).write_text(
            unit.read_text().replace("%h/.local/bin/reviewbot", str(program))
        )
    (service,) = (UNITS / "user").glob("*.service")
    (command,) = values(service, "ExecStart")
    accepted(shlex.split(command)[1:])
    done = subprocess.run(
        [
            "systemd-analyze",
            "verify",
            "--man=no",
            *tmp_path.glob("*.timer"),
            *tmp_path.glob("*.service"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@analyze
@pytest.mark.parametrize(("name", "most"), EXPOSURE.items())
def test_units_are_locked_down(units, name, most):
    done = subprocess.run(
        ["systemd-analyze", "security", "--no-pager", "--offline=yes", units / f"reviewbot-{name}.service"],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot look at files (before 250)")
    assert found, done.stderr
    assert float(found[1]) <= most, done.stdout


def system_calls(filters: list[str]) -> set[str]:
    """What the values of a unit's SystemCallFilter= let through, first to last."""
    groups: dict[str, list[str]] = {}
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter"],
        capture_output=True,
        text=True,
        check=True,
    )
    for line in done.stdout.splitlines():
        if line.startswith("@"):
            members = groups.setdefault(line.strip(), [])
        elif line.startswith("    ") and not line.lstrip().startswith("#"):
            members.append(line.strip())

    def expanded(name: str) -> set[str]:
        if not name.startswith("@"):
            return {name}
        return {call for member in groups[name] for call in expanded(member)}

    allowed: set[str] = set()
    for value in filters:
        named = {call for name in value.removeprefix("~").split() for call in expanded(name)}
        allowed = allowed - named if value.startswith("~") else allowed | named
    return allowed


@analyze
@pytest.mark.skipif(not shutil.which("strace"), reason="no strace: apt-get install strace")
@pytest.mark.skipif(not shutil.which("bwrap"), reason="no bwrap: apt-get install bubblewrap")
def test_the_worker_may_make_its_sandbox(tmp_path):
    """The unit forbade sethostname(2), so that no sandbox could be set up; nothing shorter than running it shows that."""
    program = (
        "from reviewbot.tools import sandbox;"
        " print(sandbox.contain(sandbox.Task(argv=('hostname',), timeout=60)).text())"
    )
    trace = tmp_path / "trace"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", trace, sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "lab"), done.stderr
    made = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", trace.read_text(), re.MULTILINE))
    assert {"clone", "mount", "sethostname"} <= made
    missing = made - system_calls(values(UNITS / "reviewbot-worker.service", "SystemCallFilter"))
    assert not missing, f"reviewbot-worker.service forbids {', '.join(sorted(missing))}"


@pytest.mark.parametrize("name", EXPOSURE)
def test_units_start_commands_that_exist(name):
    unit = UNITS / f"reviewbot-{name}.service"
    (command,) = values(unit, "ExecStart")
    program, *arguments = shlex.split(command)
    assert program == PROGRAM
    assert name in arguments
    accepted(arguments)
    assert values(unit, "KillMode") == ["control-group"]
    assert values(unit, "Restart") == ["always"]


def test_only_the_sender_gets_the_password():
    with_it = {unit.name for unit in UNITS.glob("*.service") if "smtp" in unit.read_text()}
    assert with_it == {"reviewbot-sender.service"}
    users = [values(unit, "User") for unit in UNITS.glob("*.service")]
    assert len({user for (user,) in users}) == len(users), (
        "who shares a user can read the other's memory"
    )
    made = (UNITS / "reviewbot.sysusers").read_text()
    for (user,) in users:
        assert re.search(rf"^u {user} ", made, re.MULTILINE), f"nobody makes the user {user}"


@pytest.mark.skipif(not shutil.which("systemd-sysusers"), reason="no systemd-sysusers")
def test_users_and_directories_are_understood(tmp_path):
    for name, program in (("sysusers", "systemd-sysusers"), ("tmpfiles", "systemd-tmpfiles")):
        place = tmp_path / f"{name}.conf"
        place.write_text((UNITS / f"reviewbot.{name}").read_text())
        if name == "sysusers":
            done = subprocess.run(
                [program, "--dry-run", place], capture_output=True, text=True, check=False
            )
            assert (done.returncode, "not a valid" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize("place", ["systemd", "compose"])
def test_the_settings_that_come_with_it_are_understood(place):
    file = CHECKOUT / f"deploy/{place}/config.toml"
    config = settings.load(str(file))
    assert config.lists["kvm@vger.kernel.org"].report.mode == "hold"
    assert tomllib.loads(file.read_text())["mail"]["password_file"] == config.mail.password_file


def test_compose_names_what_is_there():
    spec = yaml.safe_load(COMPOSE.read_text())
    services = spec["services"]
    assert set(services) == {"database", "bot", "sender", "serve", "worker-1", "worker-2"}
    stages = re.findall(r"^FROM \S+ AS (\S+)$", CONTAINERFILE.read_text(), re.MULTILINE)
    for name, service in services.items():
        if name == "database":
            continue
        accepted(service["command"])
        assert service["command"][0] == name.partition("-")[0]
        assert service["depends_on"]["database"]["condition"] == "service_healthy"
        build = service["build"]
        assert build["target"] in stages
        assert (COMPOSE.parent / build["context"]).resolve() == CHECKOUT
        assert (COMPOSE.parent / build["context"] / build["dockerfile"]).is_file()
        assert set(service["secrets"]) <= set(spec["secrets"])
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source in spec["volumes"] or source in {"./config.toml", "./linux"}, volume
        listened = service["command"][service["command"].index("--listen") + 1].rpartition(":")[2]
        assert f":{listened}/healthz" in service["healthcheck"]["test"][-1]
    assert (COMPOSE.parent / "config.toml").is_file()
    password = [name for name, one in services.items() if "smtp-password" in one.get("secrets", ())]
    assert password == ["sender"]
    used = {volume.partition(":")[0] for one in services.values() for volume in one["volumes"]}
    assert set(spec["volumes"]) <= used


def test_the_containerfile_copies_what_is_there():
    text = CONTAINERFILE.read_text()
    ignore = (CONTAINERFILE.parent / "Containerfile.dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        *sources, _target = line.split()
        for source in sources:
            assert (CHECKOUT / source).exists(), f"COPY {source}: there is no such file"
            assert f"!{source}" in ignore, f"COPY {source}: left out by Containerfile.dockerignore"
    for line in re.findall(r"pip install ((?:[^&\n\\]|\\\n)*)", text):
        assert "--require-hashes" in line or "--no-deps /wheel" in line, f"without hashes: {line}"
    for line in re.findall(r"^CMD (.*)$", text, re.MULTILINE):
        accepted(yaml.safe_load(line))


def pinned(name: str) -> dict[str, str]:
    lines = (CHECKOUT / f"deploy/{name}").read_text().splitlines()
    rows = [
        line.split(";")[0].rstrip("\\ ").split("==") for line in lines if re.match(r"[a-z]", line)
    ]
    return {row[0].split("[")[0]: row[1] for row in rows}


def test_what_is_installed_is_what_is_tested():
    tested, run = pinned("requirements.txt"), pinned("requirements-run.txt")
    hint = "write deploy/requirements-run.txt anew: KEEP=1 deploy/lock"
    assert run.items() <= tested.items(), hint
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    for wanted in project["dependencies"]:
        assert re.split(r"[<>=!~\[; ]", wanted)[0].lower() in run, f"{wanted}: {hint}"
    for name in ("pytest", "mypy", "kcidb-io"):
        assert name not in run


def test_files_of_a_shared_group_can_be_written_by_it(tmp_path):
    """Bot, worker and sender are three users with one file of SQLite: their units say UMask=0002."""
    for umask, wanted in ((0o022, 0o644), (0o002, 0o664), (0o077, 0o644)):
        state = tmp_path / f"{umask:o}"
        subprocess.run(
            [sys.executable, "-m", "reviewbot", "outbox", "list"],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_STATE_HOME": str(state)},
            umask=umask,
            check=True,
            capture_output=True,
        )
        mode = (state / "reviewbot/engine.sqlite").stat().st_mode & 0o777
        assert mode == wanted, f"umask {umask:03o}: {mode:03o}"


def test_the_web_pages_see_the_clones_of_the_bot():
    unit = UNITS / "reviewbot-serve.service"
    (bound,) = values(unit, "BindReadOnlyPaths")
    source, _, target = bound.partition(":")
    homes = {}
    for name in ("bot", "serve"):
        (environment,) = values(UNITS / f"reviewbot-{name}.service", "Environment")
        (cache,) = re.findall(r"XDG_CACHE_HOME=(\S+)", environment)
        homes[name] = f"{cache}/reviewbot/inboxes"
    assert (source, target) == (homes["bot"], homes["serve"])
    made = (UNITS / "reviewbot.tmpfiles").read_text()
    assert re.search(rf"^d {source} ", made, re.MULTILINE), "systemd mounts only what is there"
    owned = values(unit, "CacheDirectory")[0].split()
    parent = str(Path(target).parent).removeprefix("/var/cache/")
    assert parent in owned, "the mount would make it for root"


def test_the_web_pages_can_write_the_ledger_of_the_bot(tmp_path):
    """They note in it who acked what; SQLite by itself makes files that only their owner may write."""
    program = (
        "import sys, pathlib; from reviewbot.tools.ledger import Ledger;"
        " Ledger(pathlib.Path(sys.argv[1])).close()"
    )
    path = tmp_path / "ledger.sqlite"
    subprocess.run([sys.executable, "-c", program, path], umask=0o002, check=True)
    assert path.stat().st_mode & 0o777 == 0o664
