# SPDX-License-Identifier: GPL-2.0-only
"""A real public-inbox (the software behind lore) on loopback, for tests that fetch.

Needs Debian's package public-inbox.  Indexed inboxes are kept in the user's cache, by content.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from reviewbot.tools.cache import Cache

NEEDED = ("public-inbox-httpd", "public-inbox-init", "public-inbox-index", "git")
_SECONDS_TO_START = 30.0


def require_public_inbox() -> None:
    """Skip, saying what to install, when the software is not here."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{missing[0]} not found: apt-get install public-inbox")


def cache() -> Cache:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Cache(Path(home) / "reviewbot-tests")


def inbox_of_mails(mails: Sequence[bytes]) -> Path:
    """An indexed inbox that holds ``mails``."""
    stream = b""
    for raw in mails:
        stream += (
            b"commit refs/heads/master\ncommitter t <t@example.org> 1772366400 +0000\n"
            b"data 4\nmail\nM 100644 inline m\n" + f"data {len(raw)}\n".encode() + raw + b"\n"
        )

    def fill(epoch: Path) -> None:
        _run(["git", "init", "-q", "--bare", str(epoch)])
        _run(["git", "-C", str(epoch), "fast-import", "--quiet"], data=stream)

    return _indexed(hashlib.sha256(stream).hexdigest(), fill)


def inbox_of_bundle(bundle: Path) -> Path:
    """An indexed inbox made from a git bundle of an epoch."""
    with bundle.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return _indexed(
        digest, lambda epoch: _run(["git", "clone", "-q", "--bare", str(bundle), str(epoch)])
    )


def _indexed(digest: str, fill) -> Path:
    def build(place: Path) -> None:
        inbox = place / "inbox"
        environment = {"PI_CONFIG": str(place / "config")}
        _run(
            [
                "public-inbox-init",
                "-V2",
                "-L",
                "full",
                "kvm",
                str(inbox),
                "http://127.0.0.1/kvm",
                "kvm@lists.example",
            ],
            env=environment,
        )
        epoch = inbox / "git" / "0.git"
        shutil.rmtree(epoch, ignore_errors=True)
        fill(epoch)
        _run(["git", "-C", str(epoch), "symbolic-ref", "HEAD", "refs/heads/master"])
        _run(["public-inbox-index", "-L", "full", str(inbox)], env=environment)

    return (
        cache().layer("inbox", hashlib.sha256(f"3 {digest}".encode()).hexdigest(), build) / "inbox"
    )


def _run(argv: Sequence[str], *, env: dict[str, str] | None = None, data: bytes = b"") -> None:
    done = subprocess.run(
        argv,
        input=data,
        env={**os.environ, **(env or {})},
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{argv[0]} failed: {done.stderr.decode(errors='replace')[-500:]}"


@contextlib.contextmanager
def serving(inbox: Path, scratch: Path) -> Iterator[str]:
    """Serve an inbox; yields its midmask ("http://127.0.0.1:PORT/kvm/%s")."""
    port = free_port()
    config = scratch / "public-inbox-config"
    config.write_text(
        f'[publicinbox "kvm"]\n\taddress = kvm@lists.example\n\turl = http://127.0.0.1:{port}/kvm\n'
        f"\tinboxdir = {inbox}\n"
    )
    log = (scratch / "public-inbox.log").open("wb")
    server = subprocess.Popen(
        ["public-inbox-httpd", "-W0", "-l", f"http://127.0.0.1:{port}"],
        env={**os.environ, "PI_CONFIG": str(config)},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/kvm/", server, scratch / "public-inbox.log")
        yield f"http://127.0.0.1:{port}/kvm/%s"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        log.close()


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        assert server.poll() is None, f"public-inbox-httpd ended: {log.read_text()[-500:]}"
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - our own http address
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    pytest.fail(
        f"public-inbox-httpd did not answer within {_SECONDS_TO_START:.0f} s: {log.read_text()[-500:]}"
    )


@pytest.fixture(scope="session")
def lore(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Midmask of the 3,000 real mails that developers have beside the checkout."""
    require_public_inbox()
    inbox = inbox_of_bundle(shared / "lore" / "kvm-sample.bundle")
    with serving(inbox, tmp_path_factory.mktemp("lore")) as midmask:
        yield midmask
