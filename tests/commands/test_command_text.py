# SPDX-License-Identifier: GPL-2.0-only
"""Which commands a mail holds."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.command import Word
from reviewbot.parse.commands import COMMAND_LIMIT, commands_of, mentions
from reviewbot.parse.mail import parse_mail

LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "#reviewbot test",
                "#reviewbot mute",
                "> #reviewbot mute",
                ">> > #reviewbot test",
                " #reviewbot help",
                "#reviewbot",
                "#reviewbotmute",
                "-- ",
                "#reviewbot invalid KVM-ABI-005 because",
                "#REVIEWBOT Mute Me",
                "text",
                "",
            ]
        ),
        st.text(max_size=60),
    ),
    max_size=40,
)


def one(text):
    (found,) = commands_of(text)
    return found


@pytest.mark.parametrize(
    ("text", "word", "fields"),
    [
        ("#reviewbot test", Word.TEST, {}),
        ("#reviewbot test kvm-x86", Word.TEST, {"tree": "kvm-x86"}),
        ("#reviewbot test linux v6.18-rc3", Word.TEST, {"tree": "linux", "branch": "v6.18-rc3"}),
        ("#reviewbot rerun", Word.RERUN, {}),
        ("#Reviewbot  Mute \t me\r", Word.MUTE, {"me": True}),
        ("#reviewbot unmute", Word.UNMUTE, {"me": False}),
        ("#reviewbot help", Word.HELP, {}),
        ("#reviewbot unrelated it fails since v6.2", Word.UNRELATED, {"reason": "it fails since v6.2"}),
        (
            "#reviewbot invalid kvm-abi-005 the struct is not\nin the UAPI\n\nBye",
            Word.INVALID,
            {"code": "KVM-ABI-005", "reason": "the struct is not in the UAPI"},
        ),
        (
            "#reviewbot invalid KVM-ABI-005\nno\n> quoted",
            Word.INVALID,
            {"code": "KVM-ABI-005", "reason": "no"},
        ),
    ],
)  # fmt: skip
def test_commands_are_understood(text, word, fields):
    found = one(text)
    assert (found.word, found.problem, found.line) == (word, "", 1)
    for name, value in fields.items():
        assert getattr(found, name) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("#reviewbot", "no such command"),
        ("#reviewbot format-disk", "no such command"),
        ("#reviewbot test a b c", "at most a tree and a branch"),
        ("#reviewbot test ../../etc", "no name of a tree"),
        ("#reviewbot test -x", "no name of a tree"),
        ("#reviewbot test x --upload-pack=evil", "no name of a branch"),
        ("#reviewbot test x a..b", "no name of a branch"),
        ("#reviewbot test x $(reboot)", "no name of a branch"),
        ("#reviewbot invalid", "needs a code"),
        ("#reviewbot invalid everything", "needs a code"),
        ("#reviewbot invalid KVM-ABI-005", "needs a reason"),
        ("#reviewbot invalid KVM-ABI-005\n\nlater", "needs a reason"),
        ("#reviewbot mute him", "'mute me' for you"),
        ("#reviewbot help me", "takes no argument"),
        ("#reviewbot rerun now", "takes no argument"),
    ],
)
def test_what_is_wrong_is_said(text, problem):
    assert problem in one(text).problem


@pytest.mark.parametrize(
    "text",
    [
        "> #reviewbot mute",
        "  #reviewbot mute",
        "please use #reviewbot mute",
        "#reviewbotmute",
        "#reviewbot-mute",
        "| #reviewbot mute",
        "Hello.\n-- \n#reviewbot mute",
        "Hello.\n-----Original Message-----\n#reviewbot mute",
        "No.\n________________________________\nFrom: bot\n\n#reviewbot mute",
        "---------- Forwarded message ---------\n#reviewbot mute",
        "+#reviewbot mute",
        "",
    ],
)
def test_what_is_no_command(text):
    assert commands_of(text) == ()


def test_too_many_commands_are_cut_and_said():
    found = commands_of("#reviewbot rerun\n" * 50)
    assert len(found) == COMMAND_LIMIT + 1
    assert [command.problem for command in found[:-1]] == [""] * COMMAND_LIMIT
    assert "were not looked at" in found[-1].problem


def test_an_html_mail_has_no_commands():
    raw = (
        b"From: a@b.example\nSubject: Re: x\nContent-Type: text/html\n\n"
        b"<p>hello</p>\n#reviewbot mute\n"
    )
    assert not mentions(parse_mail(raw).body)
    both = (
        b'From: a@b.example\nSubject: Re: x\nContent-Type: multipart/alternative; boundary="x"\n\n'
        b"--x\nContent-Type: text/html\n\n#reviewbot test\n--x\nContent-Type: text/plain\n\n"
        b"#reviewbot mute\n--x--\n"
    )
    assert one(parse_mail(both).body).word is Word.MUTE


@given(LINES)
def test_any_text_gives_clean_commands_of_unquoted_lines(lines):
    text = "\n".join(lines)
    found = commands_of(text)
    assert len(found) <= COMMAND_LIMIT + 1
    split = text.split("\n")
    for command in found:
        line = split[command.line - 1]
        assert line.lower().startswith("#reviewbot")
        for value in (command.said, command.tree, command.branch, command.code, command.reason):
            assert len(value) <= 500
            assert "\n" not in value
            assert value.isprintable() or not value.isascii()
        assert "/" not in command.tree
        assert not command.branch.startswith(("-", "/"))
    assert bool(found) <= mentions(text)
    assert [command.line for command in found] == sorted({command.line for command in found})


def test_a_huge_mail_takes_no_time():
    texts = [
        "x" * 20_000_000,
        "#reviewbot invalid KVM-ABI-005 " + "y " * 5_000_000,
        "#reviewbot test " + "a/" * 2_000_000,
        "\n" * 5_000_000 + "#reviewbot mute",
        "#reviewbot\n" * 500_000,
        "-" * 10_000_000,
    ]
    started = time.monotonic()
    for text in texts:
        commands_of(text)
        mentions(text)
    assert time.monotonic() - started < 3
