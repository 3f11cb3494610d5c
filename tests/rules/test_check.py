# SPDX-License-Identifier: GPL-2.0-only
"""The check stage: real commits, a child that may hang or die, results kept by what went in."""

import dataclasses
import os
import subprocess
import time

import pytest

from reviewbot import assets
from reviewbot.model.base import Conflict, Moved
from reviewbot.model.config import RulesConfig
from reviewbot.model.errors import UserError
from reviewbot.model.finding import RuleOutcome, RuleStatus
from reviewbot.parse.diff import parse_diff
from reviewbot.stages import check
from reviewbot.tools import worker


@pytest.fixture
def only(tools, write_rule, monkeypatch):
    """Tools whose only rules are those of the test."""
    monkeypatch.setattr(assets, "rules_directory", lambda: write_rule.place)
    return tools


def outcomes(result):
    return {outcome.code: outcome for outcome in result.outcomes}


def request(small):
    return check.CheckRequest(series=small.series([small.patch(1, ["notes"])]), applied=None)


PROBLEM = 'Problem(key=1, title="found", why="w", fix="f", reference="r")'


def test_a_rule_that_hangs_is_stopped_and_the_next_one_still_runs(
    only, write_rule, small, monkeypatch
):
    monkeypatch.setattr(check, "SECONDS_PER_RULE", 0.5)
    write_rule("import time; time.sleep(60)", needs="SERIES")
    write_rule(
        f"yield from context.report({PROBLEM}, patch=1)", code="SITE-TEST-002", needs="SERIES"
    )
    started = time.monotonic()
    result = check.run(request(small), only)
    assert time.monotonic() - started < 10
    hung = outcomes(result)["SITE-TEST-001"]
    assert (hung.status, hung.reason) == (RuleStatus.COULD_NOT_RUN, "time limit exceeded")
    assert [finding.title for finding in result.findings] == ["found"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import os; os.abort()", "SIGABRT"),
        ("import os; os._exit(7)", "exit status 7"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    ],
)
def test_a_rule_that_kills_its_process_is_named_with_the_cause(
    only, write_rule, small, body, reason
):
    write_rule(body, needs="SERIES")
    outcome = outcomes(check.run(request(small), only))["SITE-TEST-001"]
    assert outcome.status is RuleStatus.COULD_NOT_RUN
    assert reason in outcome.reason


def test_memory_is_limited(only, write_rule, small, monkeypatch):
    monkeypatch.setattr(check, "MEMORY", 256 << 20)
    write_rule("hoard = bytearray(1 << 30)", needs="SERIES")
    outcome = outcomes(check.run(request(small), only))["SITE-TEST-001"]
    assert outcome.status is RuleStatus.COULD_NOT_RUN
    assert "MemoryError" in outcome.reason


def test_no_child_is_left_when_the_caller_stops_early():
    results = worker.run_each(
        [1, 2, 3],
        lambda n: RuleOutcome(code=str(os.getpid()), status=RuleStatus.RAN, reason=str(n)),
        RuleOutcome,
        seconds=5,
        memory=1 << 30,
    )
    child = int(next(results).code)
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_the_same_request_is_answered_from_the_cache_and_a_changed_rule_is_not(
    only, write_rule, small, monkeypatch
):
    write_rule(f"yield from context.report({PROBLEM}, patch=1)", needs="SERIES")
    first = check.run(request(small), only)
    with monkeypatch.context() as patch:
        patch.setattr(worker, "run_each", None)
        assert check.run(request(small), only) == first
    write_rule(
        f"yield from context.report({PROBLEM.replace('found', 'other')}, patch=1)", needs="SERIES"
    )
    assert [f.title for f in check.run(request(small), only).findings] == ["other"]


def test_a_lost_answer_is_not_kept(only, write_rule, small, tmp_path):
    flag = tmp_path / "flag"
    write_rule(
        f"import os, pathlib\nif not pathlib.Path({str(flag)!r}).exists(): os._exit(1)",
        needs="SERIES",
    )
    assert outcomes(check.run(request(small), only))["SITE-TEST-001"].status == "could not run"
    flag.touch()
    assert outcomes(check.run(request(small), only))["SITE-TEST-001"].status == "ran"


def test_configuration_selects_ignores_and_adds_directories(only, write_rule, small, tmp_path):
    for number in (1, 2):
        write_rule("", code=f"SITE-TEST-00{number}", needs="SERIES")
    rules = RulesConfig(ignore=("SITE-TEST-002",))
    config = dataclasses.replace(only.config, rules=rules)
    result = check.run(request(small), dataclasses.replace(only, config=config))
    assert list(outcomes(result)) == ["SITE-TEST-001"]
    bad = RulesConfig(directories=(str(tmp_path / "nowhere"),))
    config = dataclasses.replace(only.config, rules=bad)
    with pytest.raises(UserError, match="nowhere"):
        check.run(request(small), dataclasses.replace(only, config=config))


def test_shipped_rules_answer_for_real_commits(tools, small, tmp_path):
    """A header with a new flag made with BIT(): the findings point into the after-tree."""
    header = "arch/x86/include/uapi/asm/kvm.h"
    place = tmp_path / "tree"
    (place / header).parent.mkdir(parents=True)

    def git(*words):
        command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *words]
        return subprocess.run(
            command, cwd=place, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    (place / "include/uapi/linux").mkdir(parents=True)
    (place / "include/uapi/linux/kvm.h").write_text("#include <asm/kvm.h>\n")
    commits = []
    for flag in ("(1 << 0)", "BIT(0)"):
        (place / header).write_text(f"#define KVM_OLD 1\n#define KVM_FLAG {flag}\n")
        git("add", "-A")
        git("commit", "-q", "-m", "x")
        commits.append((git("rev-parse", "HEAD"), git("rev-parse", "HEAD^{tree}")))
    series = small.series([small.patch(1, [header])])
    applied = small.applied([1], repository=str(place))
    base = dataclasses.replace(applied.base, commit=commits[0][0], tree_id=commits[0][1])
    patch = dataclasses.replace(applied.patches[0], commit=commits[1][0], tree_id=commits[1][1])
    applied = dataclasses.replace(applied, base=base, patches=(patch,))
    result = check.run(check.CheckRequest(series=series, applied=applied), tools)
    (finding,) = [f for f in result.findings if f.code == "KVM-ABI-011"]
    assert (finding.patch, finding.location.path, finding.location.line) == (1, header, 2)
    assert finding.quoted == ("#define KVM_FLAG BIT(0)",)


def test_after_a_conflict_it_is_told_where_the_other_hunks_were_looked_at(tools, small, tmp_path):
    def git(*words):
        command = [
            "git",
            "-C",
            str(tmp_path),
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@b.c",
            *words,
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "notes").write_text("added above\n" * 3 + "first\nlast\n")
    (tmp_path / "code.c").write_text("rewritten\n")
    git("add", "-A")
    git("commit", "-q", "-m", "x")
    diff = "--- a/notes\n+++ b/notes\n@@ -1,2 +1,3 @@\n first\n+new\n last\n"
    diff += "--- a/code.c\n+++ b/code.c\n@@ -1 +1 @@\n-int one;\n+int two;\n"
    patch = dataclasses.replace(small.patch(1, []), files=tuple(parse_diff(diff)))
    applied = small.applied([1], repository=str(tmp_path))
    base = dataclasses.replace(
        applied.base, commit=git("rev-parse", "HEAD"), tree_id=git("rev-parse", "HEAD^{tree}")
    )
    stop = Conflict(patch=1, path="code.c", hunk="@@ -1 +1 @@", reason="")
    applied = dataclasses.replace(applied, base=base, patches=(), conflict=stop)
    result = check.run(check.CheckRequest(series=small.series([patch]), applied=applied), tools)
    assert result.basis == "1 of 2 files were looked at, those whose hunks apply"
    assert result.moved == ((1, Moved(path="notes", mailed=1, landed=4)),)


def test_facts_that_can_not_be_kept_do_not_make_a_rule_fail(tools):
    kept = check._Kept(tools.cache)
    kept.save("key", "value")
    assert kept.load("key", str) == "value"
    place = tools.cache.root / "results" / "facts"
    place.rename(place.with_name("moved"))
    place.symlink_to("/sys")  # nobody may make a directory there
    with pytest.raises(UserError, match="cannot write"):
        tools.cache.save("facts", "key", "value")
    kept.save("other", "value")
