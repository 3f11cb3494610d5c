# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot rules eval`` from the corpus to the exit status, on a tree and an inbox of its own."""

import json
import re

import pytest
from epochs import make

from reviewbot.tools import mailbox

HEADER = "include/uapi/linux/kvm.h"
CODE = "arch/x86/kvm/x86.c"
DOCUMENT = "Documentation/virt/kvm/api.rst"
API = "#define KVM_CAP_ONE 1\n#define KVM_CAP_TWO 2\n\n#define KVM_RUN 3\n"
TEXT = "API\n===\n\n7.1 KVM_CAP_ONE\n---------------\n\nOne.\n\n7.2 KVM_CAP_TWO\n---------------\n\nTwo.\n"


def add_capability(tree, name, *, documented):
    """A commit that adds a capability."""
    header = (tree.path / HEADER).read_text()
    tree.write(HEADER, header.replace("TWO 2\n", f"TWO 2\n#define {name} 9\n"))
    if documented:
        text = (tree.path / DOCUMENT).read_text()
        tree.write(DOCUMENT, f"{text}\n7.9 {name}\n{'-' * (4 + len(name))}\n\nNew.\n")
    tree.commit(f"KVM: Add {name}")


def mails_of(tree, count):
    text = tree.git("format-patch", "--stdout", "--thread", f"-{count}")
    tree.git("reset", "-q", "--hard", f"HEAD~{count}")
    return mailbox.split(text.encode(), "a test")


def message_id(raw):
    return re.search(rb"^Message-I[dD]: (<.*>)$", raw, re.MULTILINE)[1].decode()


def entry(label, rule, raw, **more):
    name = message_id(raw)
    return {"label": label, "rule": rule, "patch_msgid": name, "cover_msgid": name, **more}


@pytest.fixture
def place(tree, tmp_path):
    """An inbox with a bad patch, a good one, and one whose code nobody has; their raw mails."""
    tree.write(HEADER, API)
    tree.write(DOCUMENT, TEXT)
    tree.commit("Interfaces")
    # Headers alone may have their documents elsewhere; with code they are the whole.
    code = (tree.path / CODE).read_text()
    tree.write(CODE, f"{code}int bad;\n")
    add_capability(tree, "KVM_CAP_BAD", documented=False)
    (bad,) = mails_of(tree, 1)
    add_capability(tree, "KVM_CAP_GOOD", documented=True)
    (good,) = mails_of(tree, 1)
    tree.write("arch/x86/kvm/later.c", "int later;\n")
    tree.commit("Not posted")
    tree.write("arch/x86/kvm/later.c", "int much_later;\n")
    add_capability(tree, "KVM_CAP_PARTLY", documented=False)
    (partly,) = mails_of(tree, 1)
    tree.git("reset", "-q", "--hard", "HEAD~1")
    reply = b"Subject: Re: nothing\nMessage-ID: <r@example.org>\nIn-Reply-To: "
    reply += message_id(bad).encode() + b"\nFrom: R <r@example.org>\n\n> quoted\n\nNo.\n"
    make(tmp_path / "0.git", [("m", raw) for raw in (bad, reply, good, partly)])
    return bad, good, partly


@pytest.fixture
def evaluate(reviewbot, tree, tmp_path):
    """Run the command over entries; the answer's JSON is parsed when it was asked for."""

    def run(entries, *options, trees=(tree.path,), inbox=tmp_path / "0.git"):
        corpus = tmp_path / "corpus.json"
        corpus.write_text(entries if isinstance(entries, str) else json.dumps(entries))
        named = [word for path in trees for word in ("--tree", path)]
        return reviewbot("rules", "eval", corpus, "--inbox", inbox, *named, *options)

    return run


def outcomes(said):
    assert said.code in (0, 1), said.err
    return [(one["outcome"], one["footing"]) for one in json.loads(said.out)["cases"]]


def test_found_quiet_and_missed(place, evaluate):
    bad, good, _ = place
    entries = [
        entry("positive", "kvm-doc-uapi-001", bad),
        entry("negative", "KVM-DOC-001", good, detect="semantic"),
        entry("positive", "kvm-abi-none-999", good),
    ]
    said = evaluate(entries, "--format", "json", "--floor-recall", "50")
    expected = ["found", "quiet", "missed"]
    assert outcomes(said) == [(one, "applies") for one in expected]
    assert said.code == 0


def test_a_false_error_breaks_the_floor_and_is_listed_with_its_mail(place, evaluate):
    bad, *_ = place
    entries = [entry("negative", "kvm-doc-uapi-001", bad)]
    said = evaluate(entries, "--max-false-errors", "0", "--select", "KVM-DOC-001")
    assert said.code == 1
    assert "1 false errors, at most 0 are asked" in said.complaint
    assert f"KVM-DOC-001 negative {message_id(bad)} [applies: linux]" in said.out
    assert re.search(r"^KVM-DOC-001 +0 +0 +0 +0 +1 +1 +0 +0 ", said.out, re.MULTILINE)


def test_a_series_that_does_not_apply_is_judged_by_what_does(place, evaluate):
    *_, partly = place
    said = evaluate([entry("positive", "kvm-doc-uapi-001", partly)], "--format", "json")
    assert outcomes(said) == [("found", "applies in part")]


def test_a_review_of_it_says_on_how_much_it_rests(place, reviewbot, tree, tmp_path):
    *_, partly = place
    mail = tmp_path / "partly.eml"
    mail.write_bytes(partly)
    said = reviewbot("review", mail, "--tree", tree.path, "--only-rules", "--select", "KVM-DOC-001")
    assert said.code == 2
    text = " ".join(said.out.split())
    assert "does not apply to linux" in text
    assert "1 of 2 files were looked at, those whose hunks apply" in text
    assert "KVM_CAP_PARTLY is not documented" in text


def test_the_first_tree_that_takes_the_series_is_used(place, evaluate, tree, tmp_path):
    bad, *_ = place
    old = tmp_path / "older"
    tree.git("clone", "-q", str(tree.path), str(old))
    tree.git("-C", str(old), "checkout", "-q", "HEAD~1")
    said = evaluate(
        [entry("positive", "kvm-doc-uapi-001", bad)], "--format", "json", trees=(old, tree.path)
    )
    (case,) = json.loads(said.out)["cases"]
    assert (case["tree"], case["footing"]) == ("linux", "applies")


def test_without_a_tree_the_rules_for_mails_run(place, evaluate):
    bad, *_ = place
    said = evaluate([entry("positive", "kvm-doc-uapi-001", bad)], "--format", "json", trees=())
    assert outcomes(said) == [("found", "no tree")]


def test_only_the_asked_rules_and_labels_count(place, evaluate):
    bad, good, _ = place
    entries = [
        entry("positive", "kvm-doc-uapi-001", bad),
        entry("positive", "kvm-proc-shortlog-002", bad),
        entry("negative", "kvm-doc-uapi-001", good),
        entry("negative", "control", good),
    ]
    selected = evaluate(entries, "--format", "json", "--select", "KVM-DOC")
    assert outcomes(selected) == [(one, "applies") for one in ("found", "quiet", "quiet")]
    said = evaluate(entries, "--format", "json", "--select", "KVM-DOC", "--label", "positive")
    assert outcomes(said) == [("found", "applies")]


@pytest.mark.usefixtures("place")
def test_a_mail_that_the_inbox_lacks_could_not_be_judged(evaluate):
    lost = {"label": "positive", "rule": "KVM-DOC-001", "patch_msgid": "<lost@example.org>"}
    said = evaluate([lost])
    assert said.code == 0
    assert "lost@example.org is not in the inbox" in said.out


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("corpus", "words"),
    [
        ("[]", "no labelled patch"),
        ("{", "not a corpus"),
        ('[{"label": "maybe", "rule": "KVM-DOC-001", "patch_msgid": "x"}]', "maybe"),
        ('[{"label": "positive", "rule": "typo", "patch_msgid": "x"}]', "'typo' is no rule"),
    ],
)
def test_a_bad_corpus_is_one_clear_line(evaluate, corpus, words):
    said = evaluate(corpus)
    assert said.code == 2
    assert words in said.complaint
    assert "corpus.json" in said.complaint


def test_a_bad_inbox_and_a_bad_tree_are_one_clear_line(place, evaluate, tmp_path):
    bad, *_ = place
    entries = [entry("positive", "kvm-doc-uapi-001", bad)]
    for said in (
        evaluate(entries, inbox=tmp_path / "nowhere"),
        evaluate(entries, trees=(tmp_path / "nowhere",)),
    ):
        assert said.code == 2
        assert "nowhere" in said.complaint
        assert "\n" not in said.complaint
