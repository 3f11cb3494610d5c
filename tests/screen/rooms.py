# SPDX-License-Identifier: GPL-2.0-only
"""A home with mails and reviews, and the screen over it, driven by keys."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import sample_runs
from mails import mail, mbox, patch_body, series

from reviewbot.cli.main import Invocation
from reviewbot.cli.screen_archive import ScreenArchive
from reviewbot.engine.store import Store
from reviewbot.screen.app import TriageScreen
from reviewbot.screen.listing import Wish
from reviewbot.tools.cache import Cache

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from textual.pilot import Pilot

    from reviewbot.model.run import Run

EVIL = "KVM: x86: \x1b]52;c;cm0=\x07[red]bad[/red] [@click=app.quit]x[/] \u202e\u4e2d\u6587\u4e2d\u6587 \x9b2J"
V2 = "20260301130000.4712"
SECONDS = 90.0


def pat_mails() -> list[bytes]:
    """The mails of the sample runs' series: cover and eight patches."""
    root = sample_runs.ROOT
    sent = [mail("[PATCH v2 0/8] KVM: x86: nSVM: Improve PAT virtualization", body="Why.\n", message_id=root.format(1))]  # fmt: skip
    for number, subject in enumerate(sample_runs.SUBJECTS, 1):
        sent.append(
            mail(
                f"[PATCH v2 {number}/8] {subject}",
                body=patch_body(f"arch/x86/kvm/svm/file{number}.c"),
                message_id=root.format(number + 1),
                parent=root.format(1),
                minute=number,
            )
        )
    return sent


class Room:
    """``store`` holds the runs of this home, ``box`` the mails."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.box = folder / "kvm.mbox"
        changed = series(2, tag="PATCH v2", stamp=V2, start=60)
        changed[2] = changed[2].replace(b"+new\n", b"+newer\n")
        evil = mail(f"[PATCH] {EVIL}", body=patch_body("arch/x86/kvm/evil.c", text=f"{EVIL}\n\nWhy.", line=EVIL), message_id="evil@x.example", sender="Eve \x1b[31m[b]x <eve@x.example>", minute=70)  # fmt: skip
        lone = mail("[PATCH] KVM: arm64: Drop it", body=patch_body("arch/arm64/kvm/arm.c"), message_id="lone@x.example", minute=80)  # fmt: skip
        self.mails = [*series(2), *changed, evil, lone, *pat_mails()]
        self.write()
        self.store = Store(self.home / ".local/state/reviewbot/runs")
        self.findings = sample_runs.findings()
        self.store.save(self.findings)

    def write(self) -> None:
        self.box.write_bytes(mbox(self.mails))

    def begun(self, **changes: object) -> Run:
        """A review of the PAT series that has only begun."""
        known = sample_runs.findings()
        return replace(known, id="20991231-000000-0001", base=None, applied=None, check=None, build=None, boot=None, tests=None, verdict=None, times=(), skipped=(), **changes)  # type: ignore[arg-type]  # fmt: skip

    def archive_blob(self, data: bytes) -> str:
        """Put a log into the cache."""
        return Cache(self.home / ".cache/reviewbot").put(data)

    def archive(self, *trees: str) -> ScreenArchive:
        invocation = Invocation(None, quiet=True)
        return ScreenArchive(invocation, str(self.box), trees, days=30, cached=False)

    def app(self, archive: ScreenArchive | None = None, **wish: object) -> TriageScreen:
        return TriageScreen(
            archive or self.archive(),
            where="kvm.mbox",
            views={"ready": "state:ready", "arm": "area:arm64"},
            wish=Wish(**wish),  # type: ignore[arg-type]
        )


def text(app: TriageScreen) -> str:
    """What is on the screen."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def see(pilot: Pilot[None], *words: str, gone: str = "") -> str:
    """Wait until all words are on the screen, and ``gone`` is not; return what is there.

    Where a long line is broken depends on the names in it, those of temporary directories too.
    """
    end = time.monotonic() + SECONDS
    while True:
        there = text(pilot.app)
        unbroken = " ".join(there.split())
        missing = [word for word in words if word not in there and word not in unbroken]
        if not missing and not (gone and gone in there):
            return there
        assert time.monotonic() < end, f"{missing or gone!r} in\n{there}"
        await pilot.pause(0.05)


def drive(app: TriageScreen, work: Callable[[Pilot[None]], Awaitable[None]], size: tuple[int, int] = (80, 24)) -> None:  # fmt: skip
    """Run the screen without a terminal and do ``work`` on it."""

    async def go() -> None:
        async with app.run_test(size=size) as pilot:
            await work(pilot)

    try:
        asyncio.run(go())
    finally:
        app.close()
