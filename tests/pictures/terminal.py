# SPDX-License-Identifier: GPL-2.0-only
"""Make docs/pictures: what a terminal of 80 columns shows of an invented inbox, as SVG.

The commands are run for real, on mails and reviews made here (``make pictures``).

usage: terminal.py DIRECTORY
"""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from email.utils import formatdate
from pathlib import Path
from xml.sax.saxutils import escape

from reviewbot.model.finding import Severity
from reviewbot.model.triage import Answer, Found, Reviewed
from reviewbot.tools.desk import Desk

NARROW, LINE, LETTER = 80, 18, 8.4
NO_BREAK = "\u00a0"  # browsers make one of several spaces
COLOURS = {
    "31": "#d04437",
    "32": "#2e8b57",
    "33": "#b8860b",
    "36": "#1f7fa8",
    "2": "#808080",
    "1": "bold",
}
# (days ago, author, revision, patches, title, file, tags on so many patches, remark, applied)
SERIES = (
    (6, "Ann Example", 3, 4, "KVM: nVMX: Do not leak the shadow VMCS of a failed VM-Entry", "arch/x86/kvm/vmx/nested.c", 4, "", ""),
    (2, "Bo Sample", 4, 11, "KVM: x86/mmu: Take mmu_lock for read in the fast page fault path", "arch/x86/kvm/mmu/mmu.c", 2, "", ""),
    (3, "Cy Specimen", 1, 4, "KVM: nSVM: Give L2 a PAT of its own", "arch/x86/kvm/svm/nested.c", 0, "Why is the quirk not documented?", ""),
    (1, "Di Model", 1, 2, "KVM: arm64: Drop the reference of a vGIC that was never used", "arch/arm64/kvm/vgic/vgic-init.c", 0, "", ""),
    (9, "Ed Pattern", 2, 6, "KVM: Count memory attributes per slot", "virt/kvm/kvm_main.c", 1, "", ""),
    (4, "Flo Muster", 1, 1, "KVM: selftests: Wait for the vCPU before its state is read", "tools/testing/selftests/kvm/dirty_log_test.c", 1, "", ""),
    (5, "Gil Draft", 2, 3, "KVM: x86/mmu: Zap leaf SPTEs only on memslot deletion", "arch/x86/kvm/mmu/mmu.c", 0, "", ""),
    (8, "Hal Proof", 1, 2, "KVM: x86: Remove an unused parameter", "arch/x86/kvm/x86.c", 2, "", "Applied to kvm-x86 misc, thanks!"),
)  # fmt: skip


def mails() -> bytes:
    """The inbox as an mbox."""
    out, now = [], time.time()

    def mail(  # noqa: PLR0917 - short calls keep the tables below readable
        name: str, subject: str, sender: str, when: float, body: str, parent: str = ""
    ) -> None:
        above = f"In-Reply-To: <{parent}>\n" if parent else ""
        out.append(
            f"From mboxrd@z Thu Jan  1 00:00:00 1970\nFrom: {sender}\nTo: kvm@vger.kernel.org\nSubject: {subject}\n"
            f"Date: {formatdate(when)}\nMessage-ID: <{name}>\n{above}\n{body}\n"
        )

    for at, (days, author, revision, patches, title, path, tags, remark, taken) in enumerate(
        SERIES
    ):
        sender = f"{author} <{author.split()[0].lower()}@example.org>"
        when = now - days * 86400
        version = f" v{revision}" if revision > 1 else ""
        cover = f"{at}-0@example.org"
        if patches > 1:
            mail(
                cover, f"[PATCH{version} 0/{patches}] {title}", sender, when, "What it is about.\n"
            )
        for step in range(1, patches + 1):
            number = f" {step}/{patches}" if patches > 1 else ""
            line = f"shared_{path[-8:-2]}" if at in (1, 6) and step == 1 else f"line_{at}_{step}"
            diff = (
                f"---\n {path} | 2 +-\n\ndiff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -9,3 +9,3 @@\n"
                f" int before_{line};\n-int {line};\n+int better_{at};\n int after_{line};\n"
            )
            subject = title if patches == 1 else f"{title.rpartition(': ')[0]}: Step {step}"
            name = f"{at}-{step}@example.org"
            trailer = (
                'Fixes: 123456789abc ("KVM")\n' if "leak" in title or "reference" in title else ""
            )
            body = f"Say why.\n\n{trailer}Signed-off-by: {sender}\n{diff}"
            mail(
                name,
                f"[PATCH{version}{number}] {subject}",
                sender,
                when + step,
                body,
                cover if patches > 1 else "",
            )
            if step <= tags:
                tag = "Reviewed-by: Rita Reviewer <rita@example.org>\n"
                mail(
                    f"{at}-t{step}@example.org",
                    f"Re: {subject}",
                    "Rita Reviewer <rita@example.org>",
                    when + 5000,
                    tag,
                    name,
                )
        for words in (remark, taken):
            if words:
                mail(
                    f"{at}-r@example.org",
                    f"Re: {title}",
                    "Mo Maintainer <mo@example.org>",
                    when + 9000,
                    f"{words}\n",
                    cover,
                )
    return "".join(out).encode()


def reviews(home: Path) -> None:
    """What reviewbot may have found, put where triage keeps it."""
    (path,) = (home / ".local/state/reviewbot/triage").glob("*.sqlite")
    desk = Desk(path)
    error = Found(
        code="KVM-QUIRK-001",
        severity=Severity.ERROR,
        patch=1,
        title="KVM_X86_QUIRK_NESTED_PAT is not documented",
    )
    warning = Found(
        code="KVM-ABI-005",
        severity=Severity.WARNING,
        patch=3,
        title="nothing checks that `reserved` is zero",
    )
    for at, findings, tests, worse in (
        (0, (), 11, 0),
        (1, (warning,), 0, 0),
        (2, (error, warning), 10, 1),
        (3, (), 8, 0),
        (5, (), 1, 0),
    ):
        desk.put_review("picture", str(at), "", Reviewed(
            run=f"r{at}", origin="run", series=f"{at}-{0 if SERIES[at][3] > 1 else 1}@example.org", made=1.0, verdict="findings",
            line="1 error, 1 warning, 1 regression." if worse else "nothing found.", checked=True, findings=findings, tree="kvm-x86/next", base="1" * 40,
            applies=Answer.YES, builds=Answer.YES, tests=tests, regressions=worse, tests_line="x86_64/svm_nested_pat_test" if worse else "",
        ))  # fmt: skip
    desk.close()


def shown(home: Path, *words: str) -> str:
    """What the command sends to a terminal."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, NARROW, 0, 0))
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm", "LANG": "C.UTF-8"}
    run = subprocess.Popen(
        [sys.executable, "-m", "reviewbot", *words],
        stdin=child,
        stdout=child,
        stderr=child,
        env=env,
        cwd=home,
    )
    os.close(child)
    data = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        data += piece
    if run.wait():
        sys.exit(f"pictures: reviewbot {' '.join(words)} failed: {data.decode()}")
    return data.decode().replace("\r\n", "\n")


def svg(command: str, text: str) -> str:
    """The lines as SVG text; colours are those of SGR escapes."""
    rows = [f"$ {command}"] + [
        row for line in text.rstrip("\n").split("\n") for row in _folded(line)
    ]
    width, height = NARROW * LETTER + 24, len(rows) * LINE + 24
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" role="img">',
        "<!-- SPDX-License-Identifier: GPL-2.0-only, made by 'make pictures' -->",
        f"<title>{escape(command)}</title>",
        '<rect width="100%" height="100%" rx="6" fill="#fdfdfb" stroke="#c8c8c0"/>',
        '<g font-family="ui-monospace, DejaVu Sans Mono, monospace" font-size="14" fill="#202020">',
    ]
    for number, row in enumerate(rows):
        pieces, style, column = [], "", 0
        for part in re.split(r"(\x1b\[[0-9;]*m)", row):
            if part.startswith("\x1b"):
                style = COLOURS.get(part[2:-1], "")
            elif part:
                look = (
                    ' font-weight="bold"'
                    if style == "bold"
                    else f' fill="{style}"'
                    if style
                    else ""
                )
                at = 12 + column * LETTER
                pieces.append(
                    f'<tspan x="{at:.1f}" textLength="{len(part) * LETTER:.1f}"{look}>{escape(part).replace(" ", NO_BREAK)}</tspan>'
                )
                column += len(part)
        out.append(f'<text y="{number * LINE + 26}">{"".join(pieces)}</text>')
    return "\n".join([*out, "</g>", "</svg>"]) + "\n"


def _folded(line: str) -> list[str]:
    """A line as a terminal folds it; lines with colours fit by themselves."""
    if "\x1b" in line or len(line) <= NARROW:
        return [line]
    return [line[at : at + NARROW] for at in range(0, len(line), NARROW)]


def main() -> None:
    """Make them all."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="reviewbot-pictures-"))
    try:
        (home / "kvm.mbox").write_bytes(mails())
        shown(home, "triage", "--from", "kvm.mbox")
        reviews(home)
        listed = shown(home, "triage", "--from", "kvm.mbox")
        name = re.search(r"^(\S{5}) .*author", re.sub(r"\x1b\[[0-9;]*m", "", listed), re.MULTILINE)
        if name is None:
            sys.exit("pictures: the list has no series that waits for its author")
        (target / "triage.svg").write_text(svg("reviewbot triage", listed))
        detail = shown(home, "triage", "show", name[1], "--from", "kvm.mbox")
        (target / "triage-show.svg").write_text(svg(f"reviewbot triage show {name[1]}", detail))
    finally:
        shutil.rmtree(home)
    print(f"{target}: 2 pictures")


if __name__ == "__main__":
    main()
