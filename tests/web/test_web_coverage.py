# SPDX-License-Identifier: GPL-2.0-only
"""Coverage of added lines on the pages: by function, at its lines, in the lists."""

import json
import re

from clicking import Links

RUN = "20260101-000910-038e"


def section(served) -> str:
    _, body = served.get(f"/review/{RUN}")
    return body.decode().partition('id="coverage"')[2].partition("</section>")[0]


def test_the_review_shows_what_ran_by_function_and_what_cannot_run_here(served):
    text = section(served)
    assert "4 of 5 executable lines, by 2 selftests" in text
    assert "1 more cannot run on this host" in text
    rows = re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)[1:]
    assert ["nested_one" in rows[0], "nested_two" in rows[1], "&lt;b&gt;svm" in rows[2]] == [
        True
    ] * 3
    assert "2 of 3" in rows[0]
    assert "cannot run here" in rows[2]
    assert "<b>svm" not in text
    _, body = served.get(f"/review/{RUN}")
    assert body.count(b"Added lines that") == 1, "the table stands for the list of the mail"


def test_missed_lines_lead_to_the_patch_that_adds_them_though_a_later_one_moved_them(served):
    (link,) = [x for x in Links(section(served)).found if "/patch/1#" in x]
    path, _, name = link.partition("#")
    _, body = served.get(path)
    text = body.decode()
    line = text.partition(f'id="{name}"')[2].partition("</div>")[0]
    assert "<i>14</i>" in line, "line 16 at the tip is line 14 after patch 1"
    assert "return c();" in line
    assert 'aria-label="did not run"' in line


def test_lines_are_marked_by_sign_and_word_and_not_by_colour_alone(served):
    _, body = served.get(f"/review/{RUN}/patch/1")
    text = body.decode()
    marks = re.findall(r'aria-label="([a-z ]+)" title="[^"]+">(.)</b><code>([^<]*)', text)
    assert marks == [
        ("ran", "●", "a = b();"),
        ("ran", "●", "if (a)"),
        ("did not run", "○", "\treturn c();"),
    ], "a declaration is no code and has no mark"
    assert "2 ran" in text
    assert "1 did not" in text
    _, body = served.get(f"/review/{RUN}/patch/2")
    assert "1 that this host cannot run" in body.decode()


def test_a_review_that_counted_nothing_has_no_marks(served):
    _, body = served.get("/review/20260101-000900-0384/patch/6")
    assert 'class="ran' not in body.decode()
    _, body = served.get("/review/20260101-000900-0384")
    assert 'id="coverage"' not in body.decode()


def test_lists_and_revisions_show_the_share_and_json_both_numbers(served):
    name = served.shelf.series("counted")
    _, body = served.get("/?state=all&q=ran:%3C90")
    text = body.decode()
    assert f"/series/{name}" in text
    assert "80 %" in text
    _, body = served.get(f"/series/{name}")
    assert "80 %" in body.decode()
    (one,) = json.loads(served.get("/index.json?state=all&q=ran:%3C90+coverage")[1])["series"]
    assert one["review"]["added_lines"] == {"counted": 5, "ran": 4}
    assert served.get("/?q=ran:many")[0].status == 400
