# SPDX-License-Identifier: GPL-2.0-only
"""Anything wrong with a rule stops the program, with a line that says what to do."""

import pytest

from reviewbot import assets
from reviewbot.model.errors import UserError
from reviewbot.rulekit.registry import BadRuleError, chosen, load_rules
from reviewbot.rulekit.rule import SECTIONS

DOCS = "A title.\n\n" + "\n".join(f"{name}\n{'-' * len(name)}\nText.\n" for name in SECTIONS)
BODY = """
from reviewbot.rulekit import Severity, rule

@rule(code="{code}", severity=Severity.NOTE)
def check(context):
    yield from ()
"""
CASE = "EXPECT: none\n"


def write(place, name="one", *, code="SITE-TEST-001", docs=DOCS, body=BODY, cases=("bad", "ok")):
    (place / f"{name}.py").write_text(f'"""{docs}"""\n{body.format(code=code)}')
    for kind in cases:
        (place / f"{name}.{kind}.case").write_text(CASE)


def test_shipped_rules_all_load_and_codes_are_sorted():
    codes = [rule.code for rule in load_rules([assets.rules_directory()])]
    assert codes == sorted(codes)
    assert "KVM-ABI-002" in codes


def test_a_site_directory_needs_only_its_files(tmp_path):
    write(tmp_path)
    (rule,) = load_rules([tmp_path])
    assert (rule.code, rule.title) == ("SITE-TEST-001", "A title.")
    assert rule.docs["Why"] == "Text."


def test_files_of_one_name_in_two_directories_do_not_clash(tmp_path):
    for number in (1, 2):
        place = tmp_path / str(number)
        place.mkdir()
        write(place, code=f"SITE-TEST-00{number}")
    assert len(load_rules([tmp_path])) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"docs": "A title.\n"}, "lacks What"),
        ({"docs": ""}, "lacks"),
        ({"cases": ("bad",)}, r"write one\.ok\.case"),
        ({"cases": ()}, r"write one\.bad\.case"),
        ({"code": "abi2"}, "not like"),
        ({"body": "import reviewbot.tools.process\n" + BODY}, "rules import only"),
        ({"body": "from reviewbot.stages import check\n" + BODY}, "rules import only"),
        ({"body": "from . import other\n" + BODY}, "rules import only"),
        ({"body": "import re, reviewbot.tools\n" + BODY}, "rules import only"),
        ({"body": "import re; import reviewbot\n" + BODY}, "rules import only"),
        ({"body": "from reviewbot.tools\\\n import process\n" + BODY}, "rules import only"),
        ({"body": "from reviewbot.tools\fimport process\n" + BODY}, "rules import only"),
        ({"body": BODY + "\n    if True:\n        import reviewbot.tools\n"}, "rules import only"),
        ({"body": BODY + "\n    try: pass\n    except E: import reviewbot\n"}, "rules import only"),
        ({"body": "import nowhere_at_all\n" + BODY}, "does not load"),
        ({"body": "def broken(:\n"}, "does not load"),
        ({"body": "value = 1\n"}, "0 functions"),
    ],
)
def test_a_bad_rule_is_fatal(tmp_path, change, message):
    write(tmp_path, **change)
    with pytest.raises(BadRuleError, match=message) as caught:
        load_rules([tmp_path])
    assert str(tmp_path / "one.py") in str(caught.value)


def test_a_code_can_be_used_once(tmp_path):
    write(tmp_path)
    write(tmp_path, "two")
    with pytest.raises(BadRuleError, match="already used"):
        load_rules([tmp_path])


def test_a_missing_directory_is_said(tmp_path):
    with pytest.raises(BadRuleError, match="does not exist"):
        load_rules([tmp_path / "nowhere"])


def test_codes_and_prefixes_choose_and_typing_mistakes_are_errors(tmp_path):
    write(tmp_path)
    write(tmp_path, "two", code="SITE-TEST-002")
    write(tmp_path, "three", code="SITE-TESTS-001")
    rules = load_rules([tmp_path])
    assert [r.code for r in chosen(rules, ["SITE-TEST"], ["SITE-TEST-002"])] == ["SITE-TEST-001"]
    assert len(chosen(rules, [], [])) == 3
    with pytest.raises(UserError, match="SITE-TSET"):
        chosen(rules, [], ["SITE-TSET"])
