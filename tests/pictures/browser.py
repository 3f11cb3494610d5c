# SPDX-License-Identifier: GPL-2.0-only
"""Photograph the web pages of the example series, reviewed for this in full, and of made nights (``make web-pictures``).

usage: browser.py REVIEWBOT TREE DIRECTORY
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.request import urlopen

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path += [str(CHECKOUT / "tests" / name) for name in ("web", "nights")]

from chromium import Chromium, chromium  # noqa: E402 - lies beside the pages' tests
from year import fill  # noqa: E402 - lies beside the tests of nights

from reviewbot.tools.nights import Nights  # noqa: E402 - see above

FOUND = 1  # exit status of a review that found something, which the example is for


def picture(
    browser: Chromium, place: str, address: str, target: Path, *, scheme: str, width: int
) -> None:
    """The upper part of a page."""
    browser.look(width, scheme, 1000)
    browser.open(f"http://{place}{address}")
    told = browser.do("Page.captureScreenshot", format="webp", quality=70)
    target.write_bytes(base64.b64decode(told["data"]))


def main() -> None:
    """Review, serve, photograph."""
    reviewbot, tree, directory = (Path(word).absolute() for word in sys.argv[1:4])
    with tempfile.TemporaryDirectory(prefix="reviewbot-pictures-") as state:
        home = {**os.environ, "XDG_STATE_HOME": state, "REVIEWBOT_CONFIG": os.devnull}
        example = CHECKOUT / "docs/example/nsvm-gpat.mbox"
        argv = [reviewbot, "-q", "review", example, "--tree", tree, "--output", os.devnull]
        assert subprocess.run(argv, env=home, check=False).returncode == FOUND
        (run,) = (Path(state) / "reviewbot/runs").iterdir()
        nights = Nights(Path(state) / "reviewbot/nights.sqlite")
        fill(nights, branches=4)  # the fourth has something broken in its last night
        nights.close()
        argv = [reviewbot, "serve", "--listen", "127.0.0.1:0"]
        with subprocess.Popen(argv, env=home, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr
            place = server.stderr.readline().split("http://")[1].split("/")[0]
            with urlopen(f"http://{place}/index.json?state=all", timeout=30) as answer:
                series = json.load(answer)["series"][0]["page"]
            with chromium() as browser:
                patch = f"/review/{run.name}/patch/3"
                directory.mkdir(parents=True, exist_ok=True)
                for address, file, scheme, width in (
                    (series, "web-series.webp", "light", 1280),
                    (patch, "web-patch.webp", "dark", 1280),
                    (patch, "web-patch-small.webp", "light", 400),
                    ("/sweeps/kvm-x86-next", "web-sweep.webp", "light", 1280),
                ):
                    target = directory / file
                    picture(browser, place, address, target, scheme=scheme, width=width)
            server.terminate()


if __name__ == "__main__":
    main()
