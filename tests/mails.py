# SPDX-License-Identifier: GPL-2.0-only
"""Mails written for the tests: series that look like what git send-email makes."""

from collections.abc import Sequence

AUTHOR = "Ann Example <ann@kernel.example>"
STAMP = "20260301120000.4711"


def diff_of(path: str, line: str = "new") -> str:
    """A small change of a file, as git writes it."""
    return (
        f"diff --git a/{path} b/{path}\n"
        "index 1111111111..2222222222 100644\n"
        f"--- a/{path}\n+++ b/{path}\n"
        "@@ -1,3 +1,4 @@ static int one(void)\n"
        f" first\n+{line}\n second\n third\n"
    )


def mail(
    subject: str,
    *,
    body: str = "",
    message_id: str = "",
    parent: str = "",
    sender: str = AUTHOR,
    to: str = "kvm@vger.kernel.example",
    minute: int = 0,
    headers: Sequence[str] = (),
) -> bytes:
    """One mail as bytes; ``minute`` is when it was sent, so that mails have an order."""
    lines = [
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        f"Date: Sun, 01 Mar 2026 {12 + minute // 60:02}:{minute % 60:02}:00 +0000",
    ]
    if message_id:
        lines.append(f"Message-ID: <{message_id}>")
    if parent:
        lines += [f"In-Reply-To: <{parent}>", f"References: <{parent}>"]
    return ("\n".join([*lines, *headers]) + "\n\n" + body).encode()


def patch_body(path: str, *, text: str = "Say why.", below: str = "", line: str = "new") -> str:
    """Changelog, cut, diff and signature of a patch mail."""
    return (
        f"{text}\n\nSigned-off-by: {AUTHOR}\n---\n{below}"
        f" {path} | 1 +\n 1 file changed, 1 insertion(+)\n\n{diff_of(path, line)}-- \n2.43.0\n"
    )


def series(
    total: int,
    *,
    tag: str = "PATCH",
    stamp: str = STAMP,
    title: str = "KVM: x86: do things",
    cover_text: str = "What this is about.\n",
    parent: str = "",
    start: int = 0,
    paths: Sequence[str] = (),
) -> list[bytes]:
    """Cover and patches of a threaded series; ids are STAMP-1-ann@... for the cover, and so on."""
    cover_id = f"{stamp}-1-ann@kernel.example"
    mails = [
        mail(
            f"[{tag} 0/{total}] {title}",
            body=cover_text,
            message_id=cover_id,
            parent=parent,
            minute=start,
        )
    ]
    for number in range(1, total + 1):
        path = paths[number - 1] if paths else f"arch/x86/kvm/file{number}.c"
        mails.append(
            mail(
                f"[{tag} {number}/{total}] KVM: x86: step {number}",
                body=patch_body(path),
                message_id=f"{stamp}-{number + 1}-ann@kernel.example",
                parent=cover_id,
                minute=start + number,
            )
        )
    return mails


def mbox(mails: Sequence[bytes]) -> bytes:
    """An mboxrd of raw mails."""
    out = b""
    for raw in mails:
        lines = [
            b">" + line if line.lstrip(b">").startswith(b"From ") else line
            for line in raw.split(b"\n")
        ]
        out += b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + b"\n".join(lines) + b"\n"
    return out
