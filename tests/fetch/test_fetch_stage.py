# SPDX-License-Identifier: GPL-2.0-only
"""From what a user types to a series: against a real public-inbox."""

import time
from dataclasses import replace

import inbox
import mails
import pytest

from reviewbot.model.config import Config, InboxConfig
from reviewbot.model.errors import UserError
from reviewbot.model.series import DeclineReason
from reviewbot.stages.fetch import FetchRequest, run

OLD = "20260301120000.1000"
NEW = "20260301130000.2000"
FORGOTTEN = "20260302120000.3000"


def fetched(tools, what, **more):
    return run(FetchRequest(what=what, **more), tools)


def refused(tools, what, **more):
    with pytest.raises(UserError) as caught:
        fetched(tools, what, **more)
    message = str(caught.value)
    assert "\n" not in message
    assert message.isprintable()
    return message


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "<{}>",
        "https://lore.kernel.org/all/{}/",
        "https://lore.kernel.org/kvm/{}/T/#u",
        "https://lore.kernel.org/r/{}",
        "https://patch.msgid.link/{}",
        "https://patchwork.kernel.org/project/kvm/patch/{}/",
        "id:{}",
    ],
)
def test_every_way_to_name_a_patch_in_the_middle_finds_the_whole_series(inbox_tools, form):
    series = fetched(inbox_tools, form.format(f"{NEW}-3-ann@kernel.example")).series
    assert series.complete
    assert [patch.subject for patch in series.patches] == [f"KVM: x86: step {n}" for n in (1, 2, 3)]
    assert series.cover is not None


def test_an_address_on_another_server_is_taken_at_its_word(tools, midmask):
    elsewhere = replace(tools, config=Config(inbox=InboxConfig(midmask="http://127.0.0.1:1/x/%s")))
    address = midmask.replace("%s", f"{NEW}-1-ann%40kernel.example") + "/t.mbox.gz"
    assert fetched(elsewhere, address).series.revision == 2


def test_the_version_asked_for_is_reviewed_and_the_newest_is_named(inbox_tools):
    series = fetched(inbox_tools, f"{OLD}-2-ann@kernel.example").series
    assert (series.revision, series.newest_revision) == (1, 2)
    assert any("v2" in note for note in series.notes)


def test_another_revision_of_the_thread_can_be_asked_for(inbox_tools):
    series = fetched(inbox_tools, f"{OLD}-1-ann@kernel.example", revision=2).series
    assert series.revision == 2
    assert "revision 7" in refused(inbox_tools, f"{OLD}-1-ann@kernel.example", revision=7)


def test_a_newer_version_that_is_a_thread_of_its_own_is_found_when_asked_for(inbox_tools):
    assert fetched(inbox_tools, f"{FORGOTTEN}-1-ann@kernel.example").series.revision == 8
    series = fetched(inbox_tools, f"{FORGOTTEN}-1-ann@kernel.example", revision=9).series
    assert (series.revision, series.complete) == (9, True)


def test_a_review_leads_to_the_series_and_its_tag_is_kept(inbox_tools):
    series = fetched(inbox_tools, "review-1@kernel.example").series
    offered = [trailer for trailer in series.patches[1].trailers if trailer.message_id]
    assert series.revision == 2
    assert [(one.name, one.message_id) for one in offered] == [
        ("Reviewed-by", "review-1@kernel.example")
    ]


def test_odd_bytes_and_pasted_mails_in_replies_do_no_harm(inbox_tools):
    """The thread holds a reply with a Latin-1 header and one whose body pretends to be another mail."""
    series = fetched(inbox_tools, f"{NEW}-1-ann@kernel.example").series
    assert (series.revision, series.newest_revision, series.complete) == (2, 2, True)


@pytest.mark.parametrize("counter", [1, 2, 4, 5])
def test_a_patch_mailed_without_number_gets_its_place(inbox_tools, counter):
    series = fetched(inbox_tools, f"{FORGOTTEN}-{counter}-ann@kernel.example").series
    assert series.complete
    assert (series.patches[2].number, series.patches[2].mailed_number) == (3, None)
    assert any("without a number" in note for note in series.notes)


def test_the_patch_without_number_itself_finds_its_series(inbox_tools):
    """b4 leaves out everything above a lone [PATCH]; we must not."""
    series = fetched(inbox_tools, f"{FORGOTTEN}-4-ann@kernel.example").series
    assert (series.revision, len(series.patches)) == (8, 4)


def test_a_pull_request_is_declined_by_name(inbox_tools):
    result = fetched(inbox_tools, "pull-1@kernel.example")
    assert result.declined.reason is DeclineReason.PULL_REQUEST
    assert result.series.message_id == "pull-1@kernel.example"


def test_an_unknown_id_is_told_from_an_inbox_that_does_not_answer(inbox_tools, tools):
    unknown = refused(inbox_tools, "no-such-mail@kernel.example")
    assert "not known" in unknown
    assert "midmask" in unknown
    nobody = f"http://127.0.0.1:{inbox.free_port()}/kvm/%s"
    down = replace(tools, config=Config(inbox=InboxConfig(midmask=nobody)))
    message = refused(down, "no-such-mail@kernel.example")
    assert "cannot be reached (connection refused)" in message


def test_a_silent_inbox_costs_no_more_than_the_time_limit(tools):
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/kvm/%s"
        slow = replace(tools, config=Config(inbox=InboxConfig(midmask=address, timeout=1.5)))
        started = time.monotonic()
        assert "cannot be reached" in refused(slow, "some@kernel.example")
        assert time.monotonic() - started < 8


@pytest.mark.parametrize(
    "what",
    ["-rf@x", "a b@c", "x\x1b[31m@y", "nosuch.mbox", "./nosuch", "@", "https://lore.kernel.org/kvm/",
     "https://[::1/x@y", "$(id)@`id`", "x\n@y", "\0@y", "e" * 5000 + "@x"],
)  # fmt: skip
def test_what_is_no_series_is_refused_before_anything_is_asked(tools, what):
    """The default inbox is lore, which a test must never ask: nothing here may get that far."""
    refused(tools, what)


def test_git_configuration_names_the_inbox(tools, midmask, tmp_path, monkeypatch):
    (tmp_path / ".gitconfig").write_text(f'[b4]\n\tmidmask = "{midmask}"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert fetched(tools, f"{NEW}-1-ann@kernel.example").series.complete
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".c")] == []


def test_standard_input(tools):
    series = fetched(tools, "-", stdin=mails.mbox(mails.series(2))).series
    assert series.complete
    assert series.source == "standard input"


@pytest.mark.parametrize(
    ("message_id", "count"),
    [
        ("20241030033514.1728937-1-zack.rusin@broadcom.com", 3),
        ("20241021062226.108657-1-manali.shukla@amd.com", 4),
        ("20240927161657.68110-1-iorlov@amazon.com", 3),
        ("20241219221034.903927-1-mlevitsk@redhat.com", 2),
        ("20260113003016.3511895-1-jmattson@google.com", 10),
        ("20260102142429.896101-1-griffoul@gmail.com", 10),
        ("20230207164225.2114706-1-scgl@linux.ibm.com", 14),
    ],
)
def test_real_series_are_complete(tools, lore, message_id, count):
    from_lore = replace(tools, config=Config(inbox=InboxConfig(midmask=lore)))
    series = fetched(from_lore, message_id).series
    assert series.complete
    assert [patch.number for patch in series.patches] == list(range(1, count + 1))
