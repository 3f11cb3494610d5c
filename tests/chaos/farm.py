# SPDX-License-Identifier: GPL-2.0-only
"""The bot, its sender and its workers as processes that are started again whenever they end, as systemd would."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIST = "kvm@vger.kernel.example"


@dataclass
class Farm:
    """``expected`` mails come over the list.  ``kills`` counts by role what we killed, ``ends`` by its last words what ended by itself.
    ``ages`` are how many seconds those had lived that we killed."""

    place: Path
    url: str
    workers: int
    expected: int = 0
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    begun: dict[str, float] = field(default_factory=dict)
    ages: list[float] = field(default_factory=list)

    def configure(self, *, mail_port: int, archive_port: int, database: str) -> None:
        (self.place / "clock").write_text("0")
        (self.place / "logs").mkdir()
        (self.place / "config.toml").write_text(f"""
[inbox]
midmask = "http://127.0.0.1:{archive_port}/%s"
timeout = 2.0
[engine]
database = "{database}"
[lists."{LIST}"]
follow = "git"
path = "{self.place / "archive"}"
backlog_days = 0
[lists."{LIST}".report]
mode = "send"
delay_minutes = 0.01
per_day = 100000
per_author = 100000
[mail]
sender = "Bot <bot@example.org>"
server = "127.0.0.1"
port = {mail_port}
encryption = "none"
timeout = 2.0
per_day = 100000
""")

    @property
    def roles(self) -> list[str]:
        return ["bot", "sender", *(f"worker{n}" for n in range(self.workers))]

    @property
    def state(self) -> Path:
        return self.place / "disk/state/reviewbot"

    def start(self, role: str) -> None:
        words = {
            "bot": ["bot", "--every", "0.3"],
            "sender": ["sender", "--every", "0.5"],
        }.get(role, ["worker", "--name", role, "--can", "lab", "--parallel", "2"])
        settings = {"clock": str(self.place / "clock"), "url": self.url, "stage_seconds": 0.05}
        config = ["--config", str(self.place / "config.toml")]
        self.begun[role] = time.monotonic()
        with (self.place / f"logs/{role}").open("ab") as log:
            self.running[role] = subprocess.Popen(
                [sys.executable, HERE / "impatient.py", json.dumps(settings), *config, *words],
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self.place),
                    "LANG": "C.UTF-8",
                    "XDG_STATE_HOME": str(self.place / "disk/state"),
                    "XDG_CACHE_HOME": str(self.place / "disk/cache"),
                    "REVIEWBOT_LOG": "json",
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def restart_ended(self) -> None:
        """Start whatever is not there."""
        for role in self.roles:
            child = self.running.get(role)
            if child is None:
                self.start(role)
            elif child.poll() is not None:
                self.ends[f"{role.rstrip('0123456789')}: {self.last_words(role)}"] += 1
                self.start(role)

    def last_words(self, role: str) -> str:
        lines = (self.place / f"logs/{role}").read_text("utf-8", "replace").splitlines()
        line = lines[-1] if lines else ""
        try:
            return str(json.loads(line)["text"])[:150]
        except (ValueError, KeyError):
            return line[:150]

    def kill(self, role: str) -> None:
        """As a power cut would: no chance to say anything."""
        child = self.running.pop(role, None)
        if child is None:
            return
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
            self.kills[role.rstrip("0123456789")] += 1
            self.ages.append(time.monotonic() - self.begun[role])
        child.wait()

    def pause(self, role: str, seconds: float) -> None:
        """Stop a process and let it go on."""
        child = self.running.get(role)
        if child is None or child.poll() is not None:
            return
        child.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        child.send_signal(signal.SIGCONT)

    def set_clock(self, offset: float) -> None:
        """Everybody's, by seconds against the true time."""
        new = self.place / "clock.new"
        new.write_text(str(offset))
        new.rename(self.place / "clock")

    def end(self) -> None:
        for role in list(self.running):
            child = self.running.pop(role)
            child.kill()
            child.wait()
