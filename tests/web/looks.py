# SPDX-License-Identifier: GPL-2.0-only
"""What every page must be like in a real browser, and how its keyboard is tried."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from chromium import PROGRAM, chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chromium import Chromium
    from shelves import Served

NEEDS_CHROMIUM = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="needs Debian's chromium: deploy/setup-debian test"),
]
# What sticks out of the window and out of everything that can be scrolled.
_OVERHANG = """[...document.querySelectorAll('body *')].filter(one => {
  const box = one.getBoundingClientRect();
  if (!box.width || box.right <= innerWidth + 1 || one.closest('.jump')) return false;
  for (let up = one.parentElement; up; up = up.parentElement)
    if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(up).overflowX)) return false;
  return true;
}).map(one => one.tagName + '.' + one.className)"""
_FOCUS = """(() => { const one = document.activeElement;
  const style = getComputedStyle(one);
  return [one.tagName, one.getAttribute('href') || one.name || one.textContent.trim().slice(0, 40),
          style.outlineStyle !== 'none', one.getBoundingClientRect().width > 0]; })()"""
# Browsers let the keyboard into what scrolls and holds nothing else that has the focus.
STOPS = """(() => {
  const plain = 'a[href], input, select, button, summary';
  return [...document.querySelectorAll('body *')].filter(one => one.checkVisibility() && (one.matches(plain) ||
    (['auto', 'scroll'].includes(getComputedStyle(one).overflowX) && one.scrollWidth > one.clientWidth &&
     !one.querySelector(plain)))).map(one =>
    [one.tagName, one.getAttribute('href') || one.name || one.textContent.trim().slice(0, 40)]); })()"""
_OPEN = "document.querySelectorAll('details').forEach(one => { one.open = true }); 0"


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with chromium() as opened:
        yield opened


def look_at(browser: Chromium, served: Served, path: str, width: int, scheme: str) -> list[str]:
    """Open a page: nothing hangs over, nothing runs, nobody else is asked.  Returns the console's complaints."""
    browser.look(width, scheme)
    browser.open(f"http://{served.place}{path}")
    for _ in range(2):  # as it comes, and with all that is folded opened
        assert browser.ask("document.documentElement.scrollWidth") <= width, path
        assert browser.ask(_OVERHANG) == [], path
        browser.ask(_OPEN)
    shown = browser.picture()
    assert struct.unpack(">II", shown[16:24]) == (width, 900)
    assert (_brightness(shown) > 128) is (scheme == "light"), path
    assert browser.ask("window.pwned === undefined"), path
    own = (f"http://{served.place}/", "data:")
    assert [one for one in browser.requests if not one.startswith(own)] == [], path
    return browser.said


def tab(browser: Chromium, path: str) -> list[str]:
    """Press Tab; what has the focus then, as in :data:`STOPS`.  It must show that it has it."""
    browser.press("Tab")
    tag, what, outlined, visible = browser.ask(_FOCUS)
    if tag != "BODY":
        assert outlined, f"{path}: {tag} {what} does not show that it has the focus"
        assert visible, f"{path}: {tag} {what}"
    return [tag, what]


def _brightness(picture: bytes) -> float:
    """The red of a PNG's first pixel: the page's background, which is grey."""
    width, kinds = struct.unpack(">I", picture[16:20])[0], picture[25]
    data, place = b"", 8
    while place < len(picture):
        size, kind = struct.unpack(">I4s", picture[place : place + 8])
        if kind == b"IDAT":
            data += picture[place + 8 : place + 8 + size]
        place += 12 + size
    line = zlib.decompressobj().decompress(data, 1 + width * (4 if kinds == 6 else 3))
    return line[1]  # on the first line every filter leaves the first pixel as it is
