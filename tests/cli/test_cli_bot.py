# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot bot`` as a user meets it."""

import pytest
from mails import mail, patch_body, series

KVM = "kvm@vger.kernel.org"


@pytest.fixture
def box(tmp_path):
    """A maildir with two series, one of another project."""
    place = tmp_path / "box"
    for name in ("new", "cur", "tmp"):
        (place / name).mkdir(parents=True)
    raw = [
        *series(2),
        mail("[kvm-unit-tests PATCH] x86: \x1b[31mred", body=patch_body("x86/a.c"), message_id="kut@x.example"),
        b"no mail at all",
    ]  # fmt: skip
    for number, one in enumerate(raw):
        (place / "new" / f"{number}.x").write_bytes(one)
    return place


@pytest.fixture
def bot(reviewbot, tmp_path, box):
    def run(*arguments, table=f'follow = "maildir"\npath = "{box}"'):
        config = tmp_path / "config.toml"
        config.write_text(f'[lists."{KVM}"]\n{table}\n')
        return reviewbot("--config", config, "bot", "--once", *arguments)

    return run


def test_one_look_prints_and_records_the_series(bot):
    said = bot()
    assert said.code == 0, said.err
    second, first, *sums = said.out.splitlines()
    assert first.startswith("kvm              v1   KVM: x86: do things")
    assert first.endswith(" complete  <20260301120000.4711-1-ann@kernel.example>")
    assert "skipped: kvm-unit-tests series" in second
    assert "\x1b" not in said.out
    assert sums[0] == "5 mails: 1 skipped, 1 complete"
    assert any(line.startswith("  not read") and "not a mail" in line for line in sums)
    assert bot().out.startswith("0 mails: nothing new\n")


def test_a_dry_run_records_nothing(bot):
    assert "1 complete" in bot("--dry-run").out
    assert "1 complete" in bot("--dry-run").out
    assert "1 complete" in bot().out


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("", "no list is followed"),
        ('follow = "git"', "needs url, or path"),
        ('follow = "git"\nurl = "ftp://x.example/"', "is no address such as"),
        ('follow = "git"\nurl = "https://user@x.example/"', "is no address such as"),
        ('follow = "http"\npath = "/x"', "needs url, and no path"),
        ('follow = "maildir"', "needs path"),
        ('follow = "imap"', 'expected one of "", "git", "http", "maildir"'),
        ('follow = "maildir"\npath = "box"', "begin it with / or ~"),
        ('follow = "maildir"\npath = "/x"\nprofile = "vfio"', "no profile 'vfio'"),
        ('follow = "maildir"\npath = "/x"\nwait_minutes = -1', "must be from 0"),
    ],
)
def test_settings_that_cannot_be_are_named(bot, table, complaint):
    said = bot(table=table)
    assert said.code == 2
    assert complaint in said.complaint


def test_a_list_that_cannot_be_read_is_our_trouble_and_said(bot):
    said = bot(table='follow = "maildir"\npath = "/nowhere"')
    assert said.code == 3
    assert "kvm@vger.kernel.org: /nowhere: no maildir" in said.complaint
