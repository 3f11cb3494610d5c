# SPDX-License-Identifier: GPL-2.0-only
"""A real PostgreSQL server of its own, on a socket in a scratch directory."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


class Server:
    """A cluster that can be stopped and started again."""

    def __init__(self, place: Path, programs: Path) -> None:
        self.place = place
        self.programs = programs
        self.url = f"postgresql+psycopg://reviewbot@/postgres?host={place}"
        # The server refuses to run as root.
        self.user = "nobody" if os.geteuid() == 0 else None
        self.process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        if self.user:
            shutil.chown(self.place, self.user)
        words = ("-U", "reviewbot", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        self._run("initdb", "-D", "data", *words)

    def start(self) -> None:
        options = (
            "listen_addresses=",
            "fsync=off",
            "max_connections=200",
            f"unix_socket_directories={self.place}",
        )
        words = [word for option in options for word in ("-c", option)]
        self.process = subprocess.Popen(
            [self.programs / "postgres", "-D", "data", *words],
            cwd=self.place,
            user=self.user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while subprocess.run(
            [self.programs / "pg_isready", "-q", "-h", self.place], check=False
        ).returncode:
            assert time.monotonic() < deadline, "PostgreSQL did not start within 30 s"
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process:
            with contextlib.suppress(subprocess.CalledProcessError):
                self._run("pg_ctl", "-D", "data", "-m", "immediate", "stop")
            self.process.wait(30)
            self.process = None

    def database(self, name: str, *options: str) -> str:
        """The address of a fresh, empty database, made with more ``options`` of createdb."""
        words = ["-h", str(self.place), "-U", "reviewbot", *options, name]
        subprocess.run([self.programs / "createdb", *words], check=True)
        return f"postgresql+psycopg://reviewbot@/{name}?host={self.place}"

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [self.programs / program, *words],
            cwd=self.place,
            user=self.user,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """A running server, gone at the end."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.fail("no PostgreSQL server: deploy/setup-debian test installs it")
    place = Path(tempfile.mkdtemp(prefix="reviewbot-pg-"))
    place.chmod(0o755)
    running = Server(place, found[-1].parent)
    try:
        running.make()
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(place, ignore_errors=True)
