# SPDX-License-Identifier: GPL-2.0-only
"""The systemd units at work: a list, a review in the sandbox, an approved mail, kill -9.

They change the machine that they run on: ``make check-units`` boots one for them.
"""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import epochs
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

CHECKOUT = Path(__file__).resolve().parents[2]
PORTS = {"bot": 9105, "worker": 9106, "sender": 9107, "serve": 8000}
MAIL_PORT = 2587
PASSWORD = "correct horse"  # noqa: S105 - of a mail server that lives as long as the test
STATE = Path("/var/lib/reviewbot")
SETTINGS = Path("/etc/reviewbot/config.toml")
# As docs/running.md has it.
REVIEWBOT = (
    *("sudo", "-u", "reviewbot", f"REVIEWBOT_CONFIG={SETTINGS}", "XDG_STATE_HOME=/var/lib"),
    "/opt/reviewbot/bin/reviewbot",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "REVIEWBOT_CHECK_UNITS" not in os.environ,
        reason="units are not started here, it would change this machine: make check-units does",
    ),
]


def run(*command: str | Path, **options) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def reviewbot(*words: str) -> str:
    return run(*REVIEWBOT, *words, cwd="/")


def shown(unit: str, key: str) -> str:
    return run("systemctl", "show", "--value", "-p", key, f"reviewbot-{unit}").strip()


def wait(what: str, found: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        if time.monotonic() > deadline:
            said = run("journalctl", "-u", "reviewbot-*", "-o", "cat", "--no-pager", "-n", "30")
            pytest.fail(f"not within {seconds:.0f} s: {what}\n{said}")
        time.sleep(1)


def status(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def health(unit: str) -> int:
    return status(PORTS[unit], "healthz")


class Post:
    """Mails by the name with which their sender logged in."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []

    async def handle_DATA(self, server, session, envelope):  # noqa: ARG002, N802 - aiosmtpd's names
        self.taken.append((session.auth_data, envelope.content.decode()))
        return "250 taken"


def known(server, session, envelope, mechanism, data):  # noqa: ARG001 - what aiosmtpd calls
    right = (data.login, data.password) == (b"bot", PASSWORD.encode())
    return AuthResult(
        success=right, auth_data=data.login.decode() if right else None, handled=right
    )


@pytest.fixture(scope="module")
def post(tmp_path_factory) -> Iterator[Post]:
    """The mail server of the shipped settings: STARTTLS with a certificate that the machine trusts, and a password."""
    place = tmp_path_factory.mktemp("mail")
    run(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-subj", "/CN=smtp.example.org", "-addext", "subjectAltName=DNS:smtp.example.org"),
        *("-keyout", place / "key", "-out", place / "smtp.crt"),
    )
    shutil.copy(place / "smtp.crt", "/usr/local/share/ca-certificates/")
    run("update-ca-certificates")
    with Path("/etc/hosts").open("a") as hosts:
        hosts.write("127.0.0.1 smtp.example.org\n")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(place / "smtp.crt", place / "key")
    post = Post()
    server = Controller(
        post,
        hostname="127.0.0.1",
        port=MAIL_PORT,
        tls_context=context,
        require_starttls=True,
        authenticator=known,
        auth_required=True,
    )
    server.start()
    yield post
    server.stop()


def mail_of(tree: Path, number: int) -> bytes:
    """The newest commit as a mail that names its base."""
    git = ["git", "-C", str(tree)]
    text = run(*git, "format-patch", "-1", "--stdout", "--base=HEAD~1")
    head = f"To: kvm@vger.kernel.org\nMessage-ID: <20261121.{number}-1-jo@example.org>\n"
    return (head + text.partition("\n")[2]).encode()


@pytest.fixture(scope="module")
def started(post: Post) -> Post:
    """What an administrator does after deploy/install, with a list of two series and the smallest of trees."""
    tree = Path("/srv/linux")
    code = tree / "arch/x86/kvm/x86.c"
    shutil.rmtree(tree, ignore_errors=True)
    code.parent.mkdir(parents=True)
    (tree / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 12\n")
    code.write_text("int one;\n")
    git = ["git", "-C", str(tree), "-c", "user.name=Jo", "-c", "user.email=jo@example.org"]
    run(*git, "init", "-q")
    run(*git, "add", ".")
    run(*git, "commit", "-q", "-m", "base")
    mails = []
    for number, text in enumerate(("int one;\nint two;\n", "int other;\n")):
        code.write_text(text)
        run(*git, "commit", "-q", "-s", "-a", "-m", f"KVM: x86: Say {number}\n\nIt was not said.")
        mails.append(mail_of(tree, number))
        run(*git, "reset", "-q", "--hard", "HEAD~1")
    mails[1] = mails[1].replace(b"-int one;", b"-int gone;")
    shutil.rmtree("/srv/inbox", ignore_errors=True)
    Path("/srv/inbox/git").mkdir(parents=True)
    epochs.make(Path("/srv/inbox/git/0.git"), [("m", mail) for mail in mails])

    text = SETTINGS.read_text()
    text = text.replace(
        'url = "https://lore.kernel.org/kvm"', 'path = "/srv/inbox"\nbacklog_days = 0'
    )
    text = text.replace('mode = "hold"', 'mode = "hold"\ndelay_minutes = 0')
    text = text.replace('encryption = "tls"', f'encryption = "tls"\nport = {MAIL_PORT}')
    SETTINGS.write_text(text)
    Path("/etc/reviewbot/smtp-password").write_text(PASSWORD + "\n")
    run("systemctl", "enable", "--now", *(f"reviewbot-{unit}" for unit in PORTS))
    return post


def test_every_unit_becomes_active(started):  # noqa: ARG001 - what it tests
    for unit in PORTS:
        assert shown(unit, "ActiveState") == "active", unit
        wait(f"/healthz of {unit}", lambda unit=unit: health(unit) == 200)


def test_the_worker_reviews_in_its_sandbox(started):  # noqa: ARG001
    wait("both reviews done", lambda: reviewbot("queue", "list", "--all").count("done") == 2)
    runs = {json.loads(one.read_text())["id"]: one for one in STATE.glob("runs/*/run.json")}
    assert len(runs) == 2
    said = [one for one in runs.values() if "No rule to make target" in one.read_text()]
    assert said, "make did not run: the sandbox cannot be set up in the worker's unit"
    for name in runs:
        wait(
            f"the page of {name}", lambda name=name: status(PORTS["serve"], f"review/{name}") == 200
        )


def test_the_worker_s_unit_can_do_what_doctor_asks(started):  # noqa: ARG001
    """Sandbox, layers and emulator below exactly that unit's restrictions."""
    text = Path("/etc/systemd/system/reviewbot-worker.service").read_text()
    text = re.sub(r"^(Type|ExecStart|Watchdog\w+|Restart\w*)=.*\n", "", text, flags=re.MULTILINE)
    start = "[Service]\nType=oneshot\nExecStart=/opt/reviewbot/bin/reviewbot doctor\n"
    Path("/run/systemd/system/reviewbot-doctor.service").write_text(
        text.replace("[Service]\n", start)
    )
    run("systemctl", "daemon-reload")
    subprocess.run(["systemctl", "start", "reviewbot-doctor"], check=False)
    said = run("journalctl", "-u", "reviewbot-doctor", "-o", "cat", "--no-pager")
    states = {found[2]: found[1] for found in re.finditer(r"(?m)^(\w+) +(\w+)", said)}
    assert states.get("sandbox") == "ok", said
    assert states.get("layers") == "ok", said
    assert states.get("accelerator") in ("ok", "warn"), said
    assert "fail" not in states.values(), said


def test_an_approved_mail_is_sent(started):
    wait("a mail that waits", lambda: "held" in reviewbot("outbox", "list"))
    name = re.search(r"reviewbot-[0-9a-f]+@example\.org", reviewbot("outbox", "list"))
    assert name
    reviewbot("outbox", "approve", name[0])
    wait("the mail", lambda: started.taken)
    ((login, text),) = started.taken
    assert login == "bot"
    assert f"Message-ID: <{name[0]}>" in text
    assert "does not apply" in text
    wait("its row says so", lambda: "sent" in reviewbot("outbox", "list", "--all"))


@pytest.mark.parametrize("unit", PORTS)
def test_only_the_sender_can_read_the_password(started, unit):  # noqa: ARG001
    """As the unit's user, with what the unit's processes see."""
    inside = ["nsenter", "-t", shown(unit, "MainPID"), "-m", "setpriv"]
    user = [f"--reuid={shown(unit, 'User')}", f"--regid={shown(unit, 'Group')}", "--init-groups"]
    found = []
    for place in (
        "/etc/reviewbot/smtp-password",
        "/run/credentials/reviewbot-sender.service/smtp-password",
        f"/proc/{shown('sender', 'MainPID')}/environ",
    ):
        command = [*inside, *user, "--inh-caps=-all", "--bounding-set=-all", "cat", place]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode == 0:
            found.append(place)
    credential = "/run/credentials/reviewbot-sender.service/smtp-password"
    # A process may read its own environment; there is no password in it.
    assert [one for one in found if "/proc/" not in one] == (
        [credential] if unit == "sender" else []
    )
    if unit != "sender":
        assert not found


def test_the_web_pages_reach_this_host_only(started):  # noqa: ARG001
    """IPAddressDeny=: from the unit's control group another address than localhost does not answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        try:
            route.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but localhost")
        own = route.getsockname()[0]
    with socket.create_server((own, 0)) as server:
        group = f"/sys/fs/cgroup/{shown('serve', 'ControlGroup')}/cgroup.procs"
        code = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)"
        call = f'{sys.executable} -c "{code}"'
        for place, where, reached in (
            (group, (own, server.getsockname()[1]), False),
            (group, ("127.0.0.1", PORTS["serve"]), True),
            ("/dev/null", (own, server.getsockname()[1]), True),
        ):
            script = f"echo $$ >{place}; exec {call} {where[0]} {where[1]}"
            done = subprocess.run(["sh", "-c", script], capture_output=True, check=False)
            assert (done.returncode == 0) == reached, (place, where, done.stderr)


def test_killed_units_start_again(started):
    """After RestartSec=30, with nothing lost and nothing sent twice."""
    for unit in PORTS:
        run("systemctl", "kill", "-s", "KILL", f"reviewbot-{unit}")
    for unit in PORTS:
        wait(f"{unit} again", lambda unit=unit: shown(unit, "NRestarts") == "1")
        wait(f"{unit} active", lambda unit=unit: shown(unit, "ActiveState") == "active")
        wait(f"/healthz of {unit}", lambda unit=unit: health(unit) == 200)
    assert len(started.taken) == 1


def test_the_sweep_timer_of_a_user(started):  # noqa: ARG001
    """As docs/running.md says it for a machine of one's own."""
    with suppress(AssertionError):
        run("useradd", "--create-home", "jo")
    run("loginctl", "enable-linger", "jo")
    home = Path("/home") / "jo"
    units = home / ".config/systemd/user"
    run("sudo", "-u", "jo", "mkdir", "-p", units, home / ".local/bin")
    run("ln", "-sf", "/opt/reviewbot/bin/reviewbot", home / ".local/bin/reviewbot")
    for unit in (CHECKOUT / "deploy/systemd/user").iterdir():
        run("install", "-m", "644", "-o", "jo", unit, units)
    user = ["systemctl", "--user", "-M", "jo@"]
    wait(
        "the user's manager",
        lambda: (
            subprocess.run([*user, "list-units"], capture_output=True, check=False).returncode == 0
        ),
    )
    run(*user, "enable", "--now", "reviewbot-sweep.timer")
    listed = run(*user, "list-timers", "--no-pager")
    assert re.search(r"\d{4}-\d\d-\d\d .* reviewbot-sweep\.timer +reviewbot-sweep\.service", listed)
