# SPDX-License-Identifier: GPL-2.0-only
"""The pages as files: they lead to each other, and only what changed is written."""

import posixpath
from pathlib import Path
from urllib.parse import unquote

import pytest
from clicking import Links
from sample_runs import clean, findings
from shelves import named, shelf_in

from reviewbot.model.errors import UserError
from reviewbot.tools import templates
from reviewbot.tools.static_site import MARK, StaticSite
from reviewbot.web.export import pages
from reviewbot.web.site import Site


def export(shelf, place: Path) -> tuple[int, int, int]:
    target = StaticSite(place)
    for one in pages(Site(templates.load_web(), shelf.library), shelf.shot()):
        assert one.page.status == 200, one.name
        target.put(one.name, one.page.body)
    gone = target.finish()
    return target.written, target.kept, gone


def test_every_link_leads_to_a_file(shelf, tmp_path):
    export(shelf, tmp_path / "site")
    files = {
        path.relative_to(tmp_path / "site").as_posix()
        for path in (tmp_path / "site").rglob("*.html")
    }
    assert "index.html" in files
    assert len(files) > 100
    for name in files:
        page = (tmp_path / "site" / name).read_text()
        assert "default-src 'none'; style-src 'self'" in page
        for link in Links(page).found:
            if link.startswith(("https://lore.kernel.org/r/", "#", "data:,")):
                continue
            assert not link.startswith("/"), f"{name}: {link}"
            target = posixpath.normpath(
                posixpath.join(posixpath.dirname(name), unquote(link.partition("#")[0]))
            )
            assert (tmp_path / "site" / target).is_file(), f"{name}: {link} leads nowhere"
    assert (tmp_path / "site/index.html").stat().st_mode & 0o777 == 0o644


def test_only_what_changed_is_written_and_what_is_gone_is_taken_away(tmp_path):
    shelf = shelf_in(tmp_path / "state")
    shelf.store.save(named(findings(), "first", 1))
    place = tmp_path / "site"
    written, kept, gone = export(shelf, place)
    assert written > 30
    assert (kept, gone) == (0, 0)
    assert export(shelf, place) == (0, written, 0)
    (place / "own.txt").write_text("not ours")
    shelf.store.save(named(clean(), "second", 2))
    more, same, gone = export(shelf, place)
    assert more >= 10
    assert same > 20
    assert gone == 0
    fewer = shelf_in(tmp_path / "other")
    fewer.store.save(named(clean(), "second", 2))
    _, _, gone = export(fewer, place)
    assert gone > 10
    assert not (place / "review/20260101-000001-0001.html").exists()
    assert not (place / "review/20260101-000001-0001").exists()
    assert (place / "own.txt").read_text() == "not ours"


def test_a_directory_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UserError, match="holds something else"):
        StaticSite(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be made: Not a directory"):
        StaticSite(tmp_path / "file" / "pages")
    assert not (tmp_path / MARK).exists()


def test_no_page_leaves_the_directory(tmp_path):
    site = StaticSite(tmp_path / "site")
    for name in ("../x", "/etc/x", "a/../../x", ""):
        with pytest.raises(UserError, match="no name of a page"):
            site.put(name, b"x")


def test_a_forged_list_of_pages_takes_nothing_away_elsewhere(tmp_path):
    thesis = tmp_path / "thesis.tex"
    thesis.write_text("years of work")
    place = tmp_path / "site"
    place.mkdir()
    (place / MARK).write_text(f"0 ../thesis.tex\n0 {thesis}\n")
    assert StaticSite(place).finish() == 0
    assert thesis.read_text() == "years of work"
