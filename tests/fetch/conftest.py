# SPDX-License-Identifier: GPL-2.0-only
"""A public-inbox of our own mails, and tools that fetch from it."""

from dataclasses import replace

import inbox
import mails
import pytest
from inbox import lore  # noqa: F401 - a fixture

from reviewbot.model.config import Config, InboxConfig

OLD = "20260301120000.1000"
NEW = "20260301130000.2000"
FORGOTTEN = "20260302120000.3000"


def archive() -> list[bytes]:
    """A two-version thread with review; a series with a patch mailed as plain [PATCH]; a pull request."""
    old = mails.series(3, tag="PATCH", stamp=OLD)
    new = mails.series(3, tag="PATCH v2", stamp=NEW, parent=f"{OLD}-1-ann@kernel.example", start=60)
    review = mails.mail(
        "Re: [PATCH v2 2/3] KVM: x86: step 2",
        body="> Say why.\n\nNice.\n\nReviewed-by: Bob Reader <bob@kernel.example>\n",
        message_id="review-1@kernel.example",
        parent=f"{NEW}-3-ann@kernel.example",
        sender="Bob Reader <bob@kernel.example>",
        minute=90,
    )
    forgotten = mails.series(
        4, tag="PATCH v8", stamp=FORGOTTEN, title="KVM: SVM: one lost its number"
    )
    forgotten[3] = forgotten[3].replace(b"[PATCH v8 3/4]", b"[PATCH]")
    later = mails.series(
        4,
        tag="PATCH v9",
        stamp="20260320120000.9000",
        title="KVM: SVM: one lost its number",
        start=400,
    )
    pull = mails.mail(
        "[GIT PULL] KVM changes for 7.1",
        body="The following changes since commit 0123456789abcdef0123456789abcdef01234567:\n\n  x\n\n"
        "are available in the Git repository at:\n\n  https://example.org/kvm.git tags/for-linus\n",
        message_id="pull-1@kernel.example",
    )
    odd = mails.mail(
        "Re: [PATCH v2 3/3] KVM: x86: step 3",
        body="Fine.\n",
        message_id="odd-bytes@kernel.example",
        parent=f"{NEW}-4-ann@kernel.example",
        minute=91,
    ).replace(b"Ann Example", b"J\xf6rg Example")
    smuggler = mails.mail(
        "Re: [PATCH v2 1/3] KVM: x86: step 1",
        body="Look:\n\nFrom mboxrd@z Thu Jan  1 00:00:00 1970\n"
        + mails.mail(
            "[PATCH v9] KVM: x86: smuggled",
            body=mails.patch_body("a.c"),
            message_id="evil@x.example",
        ).decode(),
        message_id="smuggler@x.example",
        parent=f"{NEW}-2-ann@kernel.example",
        sender="Eve <eve@x.example>",
        minute=92,
    )
    return [*old, *new, review, odd, smuggler, *forgotten, *later, pull]


@pytest.fixture(scope="session")
def midmask(tmp_path_factory):
    """Address of a running inbox with the mails of archive()."""
    inbox.require_public_inbox()
    place = inbox.inbox_of_mails(archive())
    with inbox.serving(place, tmp_path_factory.mktemp("inbox")) as address:
        yield address


@pytest.fixture
def inbox_tools(tools, midmask):
    """Tools whose configured inbox is that one."""
    return replace(tools, config=Config(inbox=InboxConfig(midmask=midmask, timeout=30)))
