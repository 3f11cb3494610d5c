# SPDX-License-Identifier: GPL-2.0-only
"""What is kept of a mail: tags, "applied", and which lines a patch touches."""

import pytest
from desks import lone, reply
from hypothesis import given
from hypothesis import strategies as st
from mails import mail, patch_body

from reviewbot.parse.digest import digest, only_tags
from reviewbot.parse.footprint import clashes, footprint
from reviewbot.parse.mail import parse_mail

HEAD = "diff --git a/{0} b/{0}\n--- a/{0}\n+++ b/{0}\n"
BASE = [f"int kvm_something_{number};" for number in range(30)]


def change(
    at: int, *, path: str = "arch/x86/kvm/x86.c", kind: str = "replace", shift: int = 0
) -> str:
    """A hunk with three lines of context that changes line ``at`` of BASE, at another place by ``shift``."""
    before, after = BASE[at - 3 : at], BASE[at + 1 : at + 4]
    middle = {
        "replace": [f"-{BASE[at]}", "+long better;"],
        "insert": [f" {BASE[at]}", "+long another;"],
        "remove": [f"-{BASE[at]}"],
    }[kind]
    lines = [*(f" {one}" for one in before), *middle, *(f" {one}" for one in after)]
    old = sum(line[0] != "+" for line in lines)
    new = sum(line[0] != "-" for line in lines)
    start = at - 2 + shift
    return HEAD.format(path) + f"@@ -{start},{old} +{start},{new} @@ f\n" + "\n".join(lines) + "\n"


def clash(one: str, other: str) -> bool:
    found = clashes({"a": footprint(one), "b": footprint(other)})
    assert set(found) in (set(), {"a", "b"}), "a clash is mutual"
    return bool(found)


@pytest.mark.parametrize("kind", ["replace", "insert", "remove"])
def test_the_same_line_clashes_whatever_the_line_numbers_say(kind):
    assert clash(change(10, kind=kind), change(10, shift=4000))


def test_a_change_within_the_others_context_clashes():
    assert clash(change(10), change(12))
    assert clash(change(12, kind="insert"), change(10, kind="insert"))


def test_context_alone_and_other_files_do_not_clash():
    assert not clash(change(6), change(14))
    assert not clash(change(10), change(16))
    assert not clash(change(10), change(10, path="arch/x86/kvm/cpuid.c"))


def test_neighbours_as_git_apply_sees_them(tmp_path):
    """Where we say clash, git apply does refuse the second patch, and the other way round."""
    import subprocess

    def applies(first: str, second: str) -> bool:
        place = tmp_path / f"{abs(hash((first, second)))}"
        (place / "arch/x86/kvm").mkdir(parents=True)
        (place / "arch/x86/kvm/x86.c").write_text("\n".join(BASE) + "\n")
        results = [
            subprocess.run(
                ["git", "apply", "-"],
                cwd=place,
                input=one.encode(),
                check=False,
                capture_output=True,
                env={"PATH": "/usr/bin:/bin", "GIT_CEILING_DIRECTORIES": str(tmp_path)},
            ).returncode
            for one in (first, second)
        ]
        assert results[0] == 0
        return results[1] == 0

    for distance in range(1, 9):
        for kind in ("replace", "remove"):
            one, other = change(10, kind=kind), change(10 + distance, kind=kind)
            assert clash(one, other) is not applies(one, other), f"distance {distance}, {kind}"


@given(st.text(alphabet="@-+ \n\\dif0123456789,abc/", max_size=300))
def test_no_text_is_too_odd(text):
    for one in (text, HEAD.format("x") + text, HEAD.format("x") + "@@ -1,9 +1,9 @@\n" + text):
        assert isinstance(clashes({"a": footprint(one), "b": footprint(one)}), dict)


def test_a_flood_is_cut():
    flood = (
        HEAD.format("x")
        + "@@ -1,90000 +1,90000 @@\n"
        + "".join(f" int line_{n};\n" for n in range(90_000))
    )
    (touched,) = footprint(flood)
    assert len(touched.seen) <= 4000 * 4


def test_sizes_are_counted():
    (touched,) = footprint(change(10))
    assert (touched.path, touched.added, touched.removed) == ("arch/x86/kvm/x86.c", 1, 1)


def said(body: str, sender: str = "Rita Reviewer <rita@kernel.example>"):
    return digest(
        parse_mail(mail("Re: [PATCH] x", body=body, message_id="a@b", parent="p@q", sender=sender))
    )


@pytest.mark.parametrize(
    "line",
    [
        "Applied to kvm-x86 selftests, thanks!",
        "Queued, thanks.",
        "Applied, thanks, David!",
        "Series applied, thanks!",
        "Applied to kvmarm/next, thanks!",
        "This series was applied to netdev/net-next.git (main)",
    ],
)
def test_what_maintainers_write_when_they_take_a_series(line):
    assert said(f"On Sun, Ann wrote:\n> x\n\n{line}\n").taken.startswith(line[:20])


@pytest.mark.parametrize(
    "line",
    [
        "> Applied to kvm-x86 misc, thanks!",
        "applied to the code.",
        "Applied to the code it would break.",
        "Applied on top of kvm/next it does not build.",
        "I have not applied this",
        "Merged configurations are bad.",
    ],
)
def test_what_is_mere_talk(line):
    assert said(f"{line}\n").taken == ""


def test_tags_count_only_from_whoever_sends_them_and_in_their_own_words():
    assert said("Reviewed-by: Rita Reviewer <rita@kernel.example>\n").tags == (
        ("Reviewed-by", "Rita Reviewer <rita@kernel.example>"),
    )
    assert said("> Reviewed-by: Rita Reviewer <rita@kernel.example>\n").tags == ()
    assert said("Reviewed-by: Sean <sean@x.example>\n").tags == ()
    assert said("Signed-off-by: Rita Reviewer <rita@kernel.example>\n").tags == ()


@pytest.mark.parametrize(
    ("body", "quiet"),
    [
        ("On Sun, Ann wrote:\n> x\n\nReviewed-by: Rita Reviewer <rita@kernel.example>\n", True),
        ("LGTM, thanks\n\nAcked-by: Rita <r@x.example>\n-- \nRita\n", True),
        ("Why is this needed?\n", False),
        ("> x\n\nThanks, but this breaks the build on 32 bit: see below what gcc says\n", False),
    ],
)
def test_courtesy_is_no_remark(body, quiet):
    assert only_tags(parse_mail(mail("Re: x", body=body, message_id="a@b"))) is quiet


def test_a_patch_knows_its_tags_and_that_it_repairs():
    raw = mail(
        "[PATCH] KVM: x",
        body=patch_body(
            "virt/kvm/a.c",
            text='Why.\n\nFixes: 123456789abc ("KVM: y")\nReviewed-by: R <r@x.example>',
        ),
        message_id="a@b",
    )
    found = digest(parse_mail(raw))
    assert found.repairs
    assert found.tags == (("Reviewed-by", "R <r@x.example>"),)
    assert not digest(parse_mail(lone("KVM: x", "virt/kvm/a.c", "c@d"))).repairs


def test_a_reply_with_a_diff_is_a_reply():
    found = digest(parse_mail(reply("p@q", patch_body("virt/kvm/a.c"))))
    assert found.touched == ()
