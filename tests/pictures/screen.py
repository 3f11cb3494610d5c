# SPDX-License-Identifier: GPL-2.0-only
"""Make the pictures of the interactive screen in docs/pictures: the list, and a patch with a finding.

The screen runs for real, on mails and reviews made here (``make pictures``).

usage: screen.py DIRECTORY
"""

import os
import re
import sys
import tempfile
import time
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

from textual.pilot import Pilot

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS), str(TESTS / "report"), str(TESTS / "screen"), str(TESTS / "pictures")]

import rooms  # noqa: E402 - lies beside the screen's tests
import sample_runs  # noqa: E402 - lies beside the reports' tests
import terminal  # noqa: E402 - lies beside this file

from reviewbot.screen.widgets import Page  # noqa: E402 - see above
from reviewbot.tools.mailbox import join  # noqa: E402 - see above

FINDING = "| ERROR: read of IA32_PAT"


class Studio(rooms.Room):
    """The invented inbox, and the PAT series, which came two days ago."""

    def write(self) -> None:
        """Mails with dates of these days."""
        sent = formatdate(time.time() - 2 * 86400).encode()
        recent = [re.sub(rb"(?m)^Date: .*$", b"Date: " + sent, one) for one in rooms.pat_mails()]
        self.box.write_bytes(terminal.mails() + join(recent))


def svg(app: rooms.TriageScreen, title: str) -> str:
    """What is on the screen; fonts are those of the reader, none is fetched."""
    drawn = app.export_screenshot(title=title)
    bare = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    fonts = "ui-monospace, DejaVu Sans Mono, monospace"
    bare = re.sub(r"font-family: [^;]*;", f"font-family: {fonts};", bare)
    bare = re.sub(r"<!-- Generated .*?-->\s*", "", bare)
    first, rest = bare.split("\n", 1)
    return (
        f"{first}\n<!-- SPDX-License-Identifier: GPL-2.0-only, made by 'make pictures' -->\n{rest}"
    )


def main() -> None:
    """Open the screen, press keys, draw."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="reviewbot-pictures-") as folder:
        for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "REVIEWBOT_CONFIG", "NO_COLOR"):  # fmt: skip
            os.environ.pop(name, None)
        os.environ["HOME"] = str(Path(folder) / "home")
        os.environ["TERM"] = "xterm-256color"
        studio = Studio(Path(folder))
        studio.archive().look(mails=True)
        terminal.reviews(studio.home)
        begun = replace(studio.begun(), series=sample_runs.series())
        with studio.store.at_work(begun.id):
            studio.store.save(begun)

            async def work(pilot: Pilot[None]) -> None:
                await rooms.see(pilot, "[reviewing]", "8 series", gone="reading the")
                page = pilot.app.screen.query_one(Page)
                at = next(
                    at for at, one in enumerate(page.lines) if one.key == sample_runs.ROOT.format(1)
                )
                await pilot.press("home", *(["down"] * at))
                await pilot.pause(0.3)
                (target / "screen-list.svg").write_text(svg(pilot.app, "reviewbot triage screen"))

            rooms.drive(studio.app(), work)
        studio.store.save(replace(studio.findings, id=begun.id))

        async def patch(pilot: Pilot[None]) -> None:
            await rooms.see(pilot, "1 series", gone="reading the")
            await pilot.press("enter")
            await rooms.see(pilot, "2 patch 4/8")
            await pilot.press("f")
            await rooms.see(pilot, FINDING)
            await pilot.pause(0.3)
            (target / "screen-patch.svg").write_text(svg(pilot.app, "reviewbot triage screen"))

        rooms.drive(studio.app(words="PAT virtualization"), patch)
    print(f"{target}: 2 pictures of the screen")


if __name__ == "__main__":
    main()
