# SPDX-License-Identifier: GPL-2.0-only
"""Time ``reviewbot triage``: the first look at a list, the next, and 2,000 series (``make bench-triage``).

usage: triage.py REVIEWBOT SCRATCH    (the epoch is SCRATCH/0.git)
"""

import os
import resource
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from review import measure

from reviewbot.model.finding import Severity
from reviewbot.model.triage import Answer, Found, Reviewed
from reviewbot.tools.desk import Desk

SERIES = 2000
PATCHES = 3
LOOKS = 5
AREAS = (
    "arch/x86/kvm/x86.c",
    "arch/x86/kvm/vmx/vmx.c",
    "arch/arm64/kvm/arm.c",
    "virt/kvm/kvm_main.c",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One run of the command: wall seconds, seconds of processor, MiB, rows."""

    seconds: float
    spent: float
    peak: float
    rows: int

    def __str__(self) -> str:
        return f"{self.seconds:8.2f} seconds ({self.spent:.2f} of processor time)"


def mails() -> bytes:
    """2,000 series of three patches with cover letters, some answered, as an mbox."""
    out = []
    for number in range(SERIES):
        who = f"Dev {number % 200} <dev{number % 200}@example.org>"
        day = 1 + number % 28
        for step in range(PATCHES + 1):
            name = f"series{number}-{step}@example.org"
            parent = f"In-Reply-To: <series{number}-0@example.org>\n" if step else ""
            path = AREAS[number % len(AREAS)]
            diff = (
                f"---\n {path} | 2 +-\n\ndiff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
                f"@@ -{number + 10},3 +{number + 10},3 @@ static int f(void)\n int before_{number // 2}_{step};\n"
                f"-int old_{number // 2}_{step};\n+int new_{number}_{step};\n int after_{number // 2}_{step};\n"
            )
            out.append(
                f"From mboxrd@z Thu Jan  1 00:00:00 1970\nFrom: {who}\nTo: kvm@vger.kernel.org\n"
                f"Subject: [PATCH {step}/{PATCHES}] KVM: topic {number} step {step}\n"
                f"Date: Sun, {day:02} Feb 2026 12:00:{step:02} +0000\nMessage-ID: <{name}>\n{parent}\n"
                f"Say why.\n\nSigned-off-by: {who}\n{diff if step else ''}\n"
            )
        if number % 3 == 0:
            out.append(
                "From mboxrd@z Thu Jan  1 00:00:00 1970\nFrom: Rita <rita@example.org>\n"
                f"Subject: Re: [PATCH 0/{PATCHES}] KVM: topic {number}\nDate: Sat, 28 Feb 2026 12:00:00 +0000\n"
                f"Message-ID: <reply{number}@example.org>\nIn-Reply-To: <series{number}-0@example.org>\n\n"
                "Reviewed-by: Rita <rita@example.org>\n\n"
            )
    return "".join(out).encode()


def review(number: int) -> Reviewed:
    """What reviewbot might have found."""
    finding = Found(
        code="KVM-ABI-001",
        severity=Severity.WARNING,
        patch=1,
        title="a title of a usual length, say",
    )
    return Reviewed(
        run=f"run{number}", origin="run", series=f"series{number}-0@example.org", made=float(number),
        verdict="findings", line="1 warning.", mails=tuple(f"series{number}-{step}@example.org" for step in range(PATCHES + 1)),
        checked=True, findings=(finding,) * (number % 4), tree="kvm/next", base="1" * 40, applies=Answer.YES, builds=Answer.YES, tests=11,
    )  # fmt: skip


def main() -> None:
    """Print it all."""
    reviewbot, scratch = (Path(argument).absolute() for argument in sys.argv[1:3])
    home = scratch / "home"
    home.mkdir()
    os.environ.update(HOME=str(home), COLUMNS="80")
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "REVIEWBOT_CONFIG"):
        os.environ.pop(name, None)

    def look(*words: object) -> Look:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = measure([reviewbot, "--quiet", "triage", *words])
        if done.returncode:
            sys.exit(f"bench-triage: triage ended with {done.returncode}: {done.stdout[-500:]}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Look(
            seconds=done.seconds,
            spent=spent,
            peak=done.peak_mib,
            rows=len(done.stdout.splitlines()) - 1,
        )

    epoch = ("--from", scratch / "0.git")
    first, again = look(*epoch), look(*epoch)
    print(f"{first.rows} pending series of the list; {first.peak:.0f} MiB at most")
    print(f"{first} the first look, start of the command to its end (at most 5 wanted)")
    print(f"{again} the next look")

    box = scratch / "many.mbox"
    box.write_bytes(mails())
    made = look("--from", box)
    (path,) = (home / ".local/state/reviewbot/triage").glob("*many-mbox*.sqlite")
    with closing(Desk(path)) as desk:
        for number in range(SERIES):
            desk.put_review("bench", f"run{number}", "", review(number))
    times = sorted((look("--from", box) for _ in range(LOOKS)), key=lambda one: one.seconds)
    print(f"\n{made.rows} series of {PATCHES} patches, all reviewed, all clashing with another")
    print(f"{made} to read {box.stat().st_size >> 20} MiB of mails")
    print(f"{times[LOOKS // 2]} the table (median of {LOOKS}; at most 0.5 wanted)")


if __name__ == "__main__":
    main()
