# SPDX-License-Identifier: GPL-2.0-only
"""The pages in a real Chromium: nothing hangs over, nothing runs, the keyboard is enough."""

import contextlib
import json

import pytest
from looks import NEEDS_CHROMIUM, STOPS, look_at, tab

pytestmark = NEEDS_CHROMIUM
HOSTILE = "20260102-000000-0001"


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_hangs_over_and_nothing_runs(served, browser, addresses, width, scheme):
    for path in addresses:
        said = look_at(browser, served, path, width, scheme)
        complaints = [x for x in said if "404" not in x and "400" not in x]
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
            assert tab(browser, path) == stop, f"{path}: Tab {number + 1}"


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
