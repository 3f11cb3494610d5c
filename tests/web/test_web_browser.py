# SPDX-License-Identifier: GPL-2.0-only
"""The pages in a real Chromium: nothing hangs over, nothing runs, the keyboard is enough."""

import contextlib
import json
import struct
import zlib

import pytest
from chromium import PROGRAM, chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="needs Debian's chromium: deploy/setup-debian test"),
]

HOSTILE = "20260102-000000-0001"
# What sticks out of the window and out of everything that can be scrolled.
OVERHANG = """[...document.querySelectorAll('body *')].filter(one => {
  const box = one.getBoundingClientRect();
  if (!box.width || box.right <= innerWidth + 1 || one.closest('.jump')) return false;
  for (let up = one.parentElement; up; up = up.parentElement)
    if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(up).overflowX)) return false;
  return true;
}).map(one => one.tagName + '.' + one.className)"""
FOCUS = """(() => { const one = document.activeElement;
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


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def addresses(served):
    evil = next(
        one["id"]
        for one in json.loads(served.get("/index.json?state=all")[1])["series"]
        if "<script>" in one["subject"]
    )
    return [
        "/",
        "/?state=all",
        f"/?q={'W' * 400}",
        f"/series/{evil}",
        f"/review/{HOSTILE}",
        f"/review/{HOSTILE}/patch/6",
        f"/series/{served.shelf.series('crash')}",
        f"/series/{served.shelf.series('regression')}",
        "/review/20260101-000900-0384/patch/6",
        "/review/20260101-000910-038e",
        "/review/20260101-000910-038e/patch/1",
        "/rules",
        "/rules/KVM-ABI-005",
        "/nothing",
    ]


def brightness(picture: bytes) -> float:
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_hangs_over_and_nothing_runs(served, browser, addresses, width, scheme):
    for path in addresses:
        browser.look(width, scheme)
        browser.open(f"http://{served.place}{path}")
        assert browser.ask("document.documentElement.scrollWidth") <= width, path
        assert browser.ask(OVERHANG) == [], path
        shown = browser.picture()
        assert struct.unpack(">II", shown[16:24]) == (width, 900)
        assert (brightness(shown) > 128) is (scheme == "light"), path
        assert browser.ask("window.pwned === undefined"), path
        others = [
            x for x in browser.requests if not x.startswith((f"http://{served.place}/", "data:"))
        ]
        assert others == [], path
        complaints = [x for x in browser.said if "404" not in x and "400" not in x]
        assert complaints == [], f"{path}: the policy or the page is wrong"


def test_a_script_in_a_page_would_not_run(served, browser):
    """The policy is the second line of defence: put what escaping prevents into a page and see."""
    browser.open(f"http://{served.place}/rules")
    browser.ask(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.pwned=1\">');"
        "const one = document.createElement('script'); one.textContent = 'window.pwned=1';"
        "document.body.append(one); 0"
    )
    with contextlib.suppress(AssertionError):
        browser.ask("new Promise(done => setTimeout(done, 200))")
    assert browser.ask("window.pwned === undefined")
    assert any("Content Security Policy" in said for said in browser.said)


@pytest.mark.parametrize("width", [1280, 400])
def test_the_keyboard_reaches_everything_in_order(served, browser, addresses, width):
    browser.look(width, "light")
    for path in ("/", addresses[6], "/rules/KVM-ABI-005", "/review/20260101-000900-0384/patch/6"):
        browser.open(f"http://{served.place}{path}")
        wanted = browser.ask(STOPS)
        assert wanted[0] == ["A", "#content"], path
        for number, stop in enumerate(wanted[:60]):
            browser.press("Tab")
            tag, what, outlined, visible = browser.ask(FOCUS)
            assert [tag, what] == stop, f"{path}: Tab {number + 1}"
            assert outlined, f"{path}: {tag} {what} does not show that it has the focus"
            assert visible, f"{path}: {tag} {what}"


def test_the_filter_works_with_the_keyboard_alone(served, browser):
    browser.look(1280, "light")
    browser.open(f"http://{served.place}/?state=all")
    while browser.ask("document.activeElement.name") != "q":
        browser.press("Tab")
    browser.do("Input.insertText", text="crash")
    before = browser.ask("document.querySelectorAll('table.series tbody tr').length")
    browser._loaded = False
    browser.press("Enter", 13)
    while not browser._loaded:
        browser._note(browser._read())
    assert "q=crash" in browser.ask("location.search")
    assert 0 < browser.ask("document.querySelectorAll('table.series tbody tr').length") < before


def test_paper_gets_no_navigation(served, browser):
    browser.open(f"http://{served.place}/rules")
    browser.do("Emulation.setEmulatedMedia", media="print")
    assert browser.ask("getComputedStyle(document.querySelector('nav.top')).display") == "none"
    browser.do("Emulation.setEmulatedMedia", media="")
