# SPDX-License-Identifier: GPL-2.0-only
"""What upstream accepted from 6.1 to 6.12, taken as one patch: no error that is not argued here.

Rules run in this process, without a limit of time: whether they are quick is the benchmark's question.
"""

import fnmatch
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian import kernel_tree

from reviewbot.model.base import Base, BaseRule, Confidence
from reviewbot.model.finding import CheckResult, RuleStatus, Severity
from reviewbot.parse.mail import parse_mail
from reviewbot.parse.series import assemble
from reviewbot.rulekit.registry import rules_for
from reviewbot.rulekit.runner import collect, run_rule
from reviewbot.stages import apply, check
from reviewbot.tools.context import Tools
from reviewbot.tools.objects import ObjectStore, resolve_commit

OLD, NEW = "6.1", "6.12"
KVM = (
    "Documentation/virt/kvm/*",
    "arch/*/include/asm/kvm*",
    "arch/*/include/uapi/*",
    "arch/*/kvm/*",
    "arch/x86/include/asm/*",
    "include/kvm/*",
    "include/linux/kvm*",
    "include/trace/events/kvm*",
    "include/uapi/*",
    "tools/testing/selftests/kvm/*",
    "virt/*",
)
HEADERS = ("arch/*/include/uapi/asm/kvm*.h", "include/uapi/linux/kvm*.h")

# Every error, with why it is right.  Anything else is a rule that cries wolf.
ARGUED = {
    # The row of KVM_X86_QUIRK_VMCS12_ALLOW_FREEZE_IN_SMM has 40 letters in a column of 35: docutils drops
    # the whole table of quirks.  It came with a stable backport; dca01b0a2646 widened the column upstream.
    (
        "KVM-DOC-003",
        "Documentation/virt/kvm/api.rst",
        "new documentation warning: Malformed table",
    ),
}


@pytest.fixture(scope="module")
def trees() -> dict[str, Path]:
    """Both trees."""
    return {version: kernel_tree(version) for version in (OLD, NEW)}


@pytest.fixture(scope="module")
def sides(trees: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with KVM's files of 6.1 in ``a`` and of 6.12 in ``b``."""
    place = tmp_path_factory.mktemp("upstream")
    for side, version in (("a", OLD), ("b", NEW)):
        (place / side).mkdir()
        git = ["git", "-C", str(trees[version])]
        listing = subprocess.run(
            [*git, "ls-tree", "-r", "--name-only", "HEAD"], check=True, capture_output=True
        )
        paths = [path for path in listing.stdout.decode().splitlines() if wanted(path, KVM)]
        archive = subprocess.run(
            [*git, "archive", "HEAD", "--", *paths], check=True, capture_output=True
        )
        subprocess.run(["tar", "-x", "-C", str(place / side)], input=archive.stdout, check=True)
    return place


def wanted(path: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(path, glob) for glob in globs)


def headers(sides: Path) -> Iterator[str]:
    """KVM's headers for userspace that both trees have and that differ."""
    for file in sorted((sides / "a").rglob("*.h")):
        path = str(file.relative_to(sides / "a"))
        other = sides / "b" / path
        changed = other.is_file() and other.read_bytes() != file.read_bytes()
        if wanted(path, HEADERS) and changed:
            yield path


def judged(sides: Path, path: str, tree: Path, tools: Tools) -> CheckResult:
    """What all rules say to a patch that takes a file, or with "" everything, from 6.1 to 6.12."""
    difference = subprocess.run(
        ["git", "diff", "--no-index", "--no-prefix", "--no-renames", f"a/{path}", f"b/{path}"],
        cwd=sides,
        check=False,  # 1 says that they differ
        capture_output=True,
    ).stdout
    mail = (
        b"From: A Developer <developer@example.org>\nSubject: [PATCH] KVM: Go to 6.12\n"
        b"Message-ID: <upstream@example.org>\nDate: Thu, 01 Jan 2026 12:00:00 +0000\n\n"
        b"Take all of it, because it was accepted.\n\n"
        b"Signed-off-by: A Developer <developer@example.org>\n---\n" + difference + b"-- \n2.47.0\n"
    )
    series = assemble([parse_mail(mail)], source="6.1 -> 6.12")
    assert series is not None, (
        "the difference is not taken for a patch: see reviewbot/parse/diff.py"
    )
    store = ObjectStore(tools.cache, str(tree))
    commit = resolve_commit(store.origin, "HEAD")
    assert commit, f"{tree} has no commit: delete it, it is imported anew"
    base = Base(
        tree=tree.name,
        path=str(tree),
        ref="HEAD",
        tip=commit,
        commit=commit,
        tree_id=store.tree_of(commit),
        rule=BaseRule.EXPLICIT,
        confidence=Confidence.HIGH,
        why="the difference starts there",
    )
    applied = apply.run(apply.ApplyRequest(series=series, base=base), tools)
    assert applied.conflict is None, f"the difference does not apply: {applied.conflict}"
    seen = check.trees_of(series, applied)
    return collect(series, [run_rule(rule, seen) for rule in rules_for(tools.config)])


def errors(result: CheckResult) -> set[tuple[str, str, str]]:
    return {
        (one.code, one.location.path if one.location else "", one.title)
        for one in result.findings
        if one.severity is Severity.ERROR
    }


@pytest.mark.slow
def test_what_upstream_accepted_gets_no_error(sides: Path, trees: dict[str, Path], tools: Tools):
    result = judged(sides, "", trees[OLD], tools)
    silent = [one for one in result.outcomes if one.status is RuleStatus.COULD_NOT_RUN]
    assert not silent, f"rules that did not run can not be right: {silent}"
    assert errors(result) == ARGUED, "an error upstream would laugh at: mend the rule, or argue it"


@pytest.mark.slow
def test_no_header_alone_gets_an_error(sides: Path, trees: dict[str, Path], tools: Tools):
    paths = list(headers(sides))
    assert "include/uapi/linux/kvm.h" in paths, f"nothing was compared, only {paths}"
    found = {path: errors(judged(sides, path, trees[OLD], tools)) for path in paths}
    assert {path: said for path, said in found.items() if said} == {}, (
        "nothing in KVM's userspace headers broke from 6.1 to 6.12: mend the rule"
    )
