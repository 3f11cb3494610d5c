# SPDX-License-Identifier: GPL-2.0-only
"""The series that are shipped: the example of `make demo`, and the small ones tests are made of."""

import re
import subprocess
import tarfile
from pathlib import Path

import debian
import pytest

from reviewbot.parse.mail import parse_mail
from reviewbot.parse.series import assemble
from reviewbot.tools import mailbox

CHECKOUT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = CHECKOUT / "docs/example/nsvm-gpat.mbox"
SMALL = CHECKOUT / "tests/fixtures/series"
PATCHES = {
    "nsvm-gpat": 4,
    "regression": 1,
    "oops": 1,
    "wrong-base": 1,
    "build-break": 2,
    "warning": 1,
    "shadow-paging": 1,
    "selftest-break": 1,
}
UAPI = "arch/x86/include/uapi/asm/kvm.h"


def mbox(name):
    return EXAMPLE if name == "nsvm-gpat" else SMALL / f"{name}.mbox"


def read(name):
    mails = [parse_mail(raw) for raw in mailbox.read(mbox(name))]
    return assemble(mails, source=name)


def added(raw):
    """(path, line) of each line a mail's diff adds."""
    path = ""
    for line in raw.decode().splitlines():
        if line.startswith("+++ b/"):
            path = line[6:]
        elif line.startswith("+") and path:
            yield path, line[1:]


def example_patch(number):
    """The raw mail of one patch; the cover letter is number 0."""
    return mailbox.read(EXAMPLE)[number]


def test_no_series_is_forgotten_here():
    assert {path.stem for path in SMALL.glob("*.mbox")} == set(PATCHES) - {"nsvm-gpat"}, (
        "add the new mbox to PATCHES and to tests/fixtures/series/README.md"
    )


@pytest.mark.parametrize("name", PATCHES)
def test_series_is_whole_and_in_order(name):
    series = read(name)
    assert series.complete
    assert len(series.patches) == PATCHES[name]
    assert (series.cover is not None) == (PATCHES[name] > 1)
    assert series.base_commit
    assert not series.notes


@pytest.mark.parametrize("name", PATCHES)
def test_nobody_real_is_named(name):
    """A report is addressed to the author: nobody real may get one for an invented series."""
    addresses = set(re.findall(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", mbox(name).read_text()))
    strangers = {a for a in addresses if not a.endswith("example.org")} - {"kvm@vger.kernel.org"}
    assert not strangers, f"{mbox(name)}: replace these by somebody @example.org"


def test_message_ids_are_unique():
    ids = [parse_mail(raw).message_id for name in PATCHES for raw in mailbox.read(mbox(name))]
    assert len(ids) == len(set(ids))


def test_the_flaws_are_still_in_the_example():
    """Whoever polishes the example must not take away what docs/example/README.md promises."""
    everything = [pair for number in range(1, 5) for pair in added(example_patch(number))]
    quirk = re.compile(r"#define KVM_X86_QUIRK_NESTED_SVM_IGNORE_GPAT\s+\(1 << 11\)")
    assert any(path == UAPI and quirk.fullmatch(line) for path, line in everything)
    assert not [path for path, _ in everything if path.startswith("Documentation/")]

    third = list(added(example_patch(3)))
    assert (UAPI, "#define KVM_STATE_SVM_VALID_GPAT\tBIT(0)") in third
    assert (UAPI, "\t__u32 reserved;") in third
    kernel = [line for path, line in everything if path.startswith("arch/x86/kvm/")]
    assert not [line for line in kernel if "reserved" in line]
    assert [line for line in kernel if "hdr.svm.flags & ~KVM_STATE_SVM_VALID_GPAT" in line]


def test_readme_names_what_the_patches_touch():
    """Each row of the table of findings names a patch of the series and a file or type it changes."""
    readme = (EXAMPLE.parent / "README.md").read_text()
    must = readme.split("## What a review must find")[1].split("It may also say")[0]
    rows = re.findall(r"^\| (\d)/4 \| (KVM-[A-Z]+-\d{3}) \| \w+ \| `([^`]+)`", must, re.MULTILINE)
    assert [rule for _, rule, _ in rows] == ["KVM-QUIRK-001", "KVM-ABI-011", "KVM-ABI-005"]
    for number, rule, where in rows:
        assert where in example_patch(int(number)).decode(), f"{rule}: {number}/4 lacks {where}"


@pytest.mark.slow
def test_every_series_applies_to_debians_source(tmp_path):
    source = debian.archive()
    mails = {name: mailbox.read(mbox(name)) for name in PATCHES}
    diffs = {name: [raw for raw in raws if b"\ndiff --git " in raw] for name, raws in mails.items()}
    touched = {
        path.decode()
        for raws in diffs.values()
        for raw in raws
        for path in re.findall(rb"^--- a/(.+)$", raw, re.MULTILINE)
    }
    with tarfile.open(source) as archive:
        for member in archive:
            inner = member.name.partition("/")[2]
            if inner in touched:
                # Not extract(): Debian 12's first Python 3.11 knows no filters yet, later ones ask for one.
                place = tmp_path / "tree" / inner
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(archive.extractfile(member).read())
                touched.discard(inner)
                if not touched:
                    break
    assert not touched, f"{source} lacks these: the series are for another kernel"

    tree = tmp_path / "tree"
    git = ["git", "-C", tree, "-c", "user.name=Jo Example", "-c", "user.email=jo@example.org"]
    subprocess.run([*git, "init", "-q", "."], check=True)
    subprocess.run([*git, "add", "-A", "-f"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "base"], check=True)
    subprocess.run([*git, "tag", "base"], check=True)
    for name, raws in diffs.items():
        subprocess.run([*git, "checkout", "-q", "-B", name, "base"], check=True)
        for raw in raws:
            done = subprocess.run([*git, "am", "-q"], input=raw, capture_output=True, check=False)
            assert done.returncode == 0, f"{name}: {done.stderr.decode()}"
