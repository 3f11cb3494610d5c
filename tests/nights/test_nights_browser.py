# SPDX-License-Identifier: GPL-2.0-only
"""The pages of nightly sweeps in a real Chromium: nothing hangs over, nothing runs, the keyboard is enough."""

import pytest
from looks import NEEDS_CHROMIUM, STOPS, look_at, tab
from nights_served import LOG

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def addresses(swept):
    hostile = next(slug for slug, _ in swept.site.sweeps.exported() if not slug.startswith("kvm"))
    night, _ = swept.store.bisections("kvm/queue")[0]
    return [
        "/sweeps",
        "/sweeps/kvm-queue",
        "/sweeps/kvm-queue?page=2",
        f"/sweeps/kvm-queue/{night}",
        f"/sweeps/{hostile}",
        f"/sweeps/{hostile}/evil-1",
        f"/sweeps/{hostile}/evil-2",
        f"/sweeps/{hostile}/evil-1/log/0",
        f"/sweeps/{hostile}/evil-1/log/1",
        f"/sweeps/{hostile}/evil-1/log/2",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_hangs_over_and_nothing_runs(served, browser, addresses, width, scheme):
    for path in addresses:
        assert look_at(browser, served, path, width, scheme) == [], (
            f"{path}: the policy or the page is wrong"
        )


@pytest.mark.parametrize("width", [1280, 400])
def test_the_keyboard_reaches_everything_in_order(served, browser, addresses, width):
    browser.look(width, "light")
    for path in (addresses[0], addresses[1], addresses[3]):
        browser.open(f"http://{served.place}{path}")
        wanted = browser.ask(STOPS)
        assert wanted[0] == ["A", "#content"], path
        found = []
        for _ in range(60):
            stop = tab(browser, path)
            if stop[0] == "BODY":
                break
            found.append(stop)
        links = [one for one in wanted if one[0] in ("A", "SUMMARY")]
        reached = [one for one in found if one[0] in ("A", "SUMMARY")]
        assert reached == links[: len(reached)], path
        assert len(reached) >= min(40, len(links)), path


def test_the_grid_scrolls_in_its_own_box_and_keeps_the_names(served, browser, addresses):
    browser.look(400, "light")
    browser.open(f"http://{served.place}{addresses[1]}")
    box = "document.querySelector('.scroll')"
    assert browser.ask(f"{box}.scrollWidth > {box}.clientWidth")
    name = f"{box}.querySelector('tbody th').getBoundingClientRect().left"
    before = browser.ask(name)
    browser.ask(f"{box}.scrollLeft = 300; 0")
    assert browser.ask(f"{box}.scrollLeft") > 0
    assert abs(browser.ask(name) - before) < 5, "the names of tests scroll away"


def test_a_console_is_shown_as_text(served, browser, addresses):
    browser.open(f"http://{served.place}{addresses[7]}")
    shown = browser.ask("document.querySelector('pre').textContent")
    assert shown.strip() == LOG.replace("\x1b", "\\x1b").strip()
