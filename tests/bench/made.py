# SPDX-License-Identifier: GPL-2.0-only
"""Make patch series of any length for a KVM tree, to time rules on.

No real list archive has a 60-patch series that applies to the kernel on this machine, so series are
made: every sixth patch adds a capability with an ioctl, its documentation and its check, the
others change the files KVM series change most.  In a *dense* series every patch changes all of them,
which is more than any real series does.
"""

import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

UAPI = "include/uapi/linux/kvm.h"
API_RST = "Documentation/virt/kvm/api.rst"
X86 = "arch/x86/kvm/x86.c"
TESTS = "tools/testing/selftests/kvm"
Read = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A bare scratch repository that borrows the objects of ``tree``; ``base`` is its commit."""

    path: Path
    base: str

    def git(self, *arguments: str, stdin: bytes = b"", index: str = "index") -> bytes:
        """Run git; a failure ends the benchmark."""
        identity = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "A Developer"), ("EMAIL", "developer@example.org"))
        }
        return subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            check=True,
            input=stdin,
            stdout=subprocess.PIPE,
            env=os.environ | identity | {"GIT_INDEX_FILE": str(self.path / index)},
        ).stdout


def borrow(tree: Path, place: Path) -> Repository:
    """A scratch repository for making commits on top of a tree's HEAD."""
    subprocess.run(["git", "clone", "-q", "--bare", "--shared", str(tree), str(place)], check=True)
    bare = Repository(path=place, base="")
    return Repository(path=place, base=bare.git("rev-parse", "HEAD").decode().strip())


def series(repository: Repository, mbox: Path, *, length: int, name: str, dense: bool) -> Path:
    """Write a series with a cover letter to ``mbox``.  Another ``name`` gives other contents."""
    repository.git("read-tree", repository.base)
    head, known = repository.base, dict[str, str]()

    def read(path: str) -> str:
        if path not in known:
            known[path] = repository.git("show", f"{repository.base}:{path}").decode()
        return known[path]

    for number in range(length):
        kinds = _KINDS if dense else (_KINDS[number % len(_KINDS)],)
        prefix = "KVM: x86:" if dense else kinds[0][0]
        changed = dict[str, str]()
        for _, kind in kinds:
            changed |= kind(read, f"{name}_{number}", number)
            known |= changed
        _stage(repository, changed)
        tree = repository.git("write-tree").decode().strip()
        message = (
            f"{prefix} Add part {number} of {name}\n\nUserspace cannot measure rules without a "
            "series to run them on, because none of this length is at hand.  Add its next part.\n\n"
            "Signed-off-by: A Developer <developer@example.org>\n"
        )
        made = repository.git("commit-tree", tree, "-p", head, stdin=message.encode())
        head = made.decode().strip()
    patches = repository.git(
        "format-patch",
        "--stdout",
        "--cover-letter",
        f"--base={repository.base}",
        f"{repository.base}..{head}",
    )
    mbox.write_bytes(patches)
    return mbox


def split(repository: Repository, mbox: Path, directory: Path) -> list[Path]:
    """The patches of an mbox as files, without the cover letter."""
    directory.mkdir()
    repository.git("mailsplit", f"-o{directory}", str(mbox))
    return sorted(directory.iterdir())[1:]


def for_checkpatch(repository: Repository, place: Path) -> Path:
    """As much of the tree as checkpatch.pl wants to see before it works."""
    place.mkdir()
    names = repository.git("ls-tree", "--name-only", repository.base).decode().split()
    wanted = {"scripts", "COPYING", "CREDITS", "Kbuild", "MAINTAINERS", "Makefile", "README"}
    with (
        subprocess.Popen(
            ["git", "-C", str(repository.path), "archive", repository.base, *wanted],
            stdout=subprocess.PIPE,
        ) as archive,
        tarfile.open(fileobj=archive.stdout, mode="r|") as files,
    ):
        files.extractall(place, filter="data")
    for name in names:
        if not (place / name).exists():
            (place / name).mkdir()
    return place


def _stage(repository: Repository, changed: Mapping[str, str]) -> None:
    lines = []
    for path, text in changed.items():
        blob = repository.git("hash-object", "-w", "--stdin", stdin=text.encode())
        lines.append(f"100644 {blob.decode().strip()}\t{path}\n")
    repository.git("update-index", "--add", "--index-info", stdin="".join(lines).encode())


def _before(text: str, anchor: str, addition: str) -> str:
    """``addition`` before the last line that starts with ``anchor``."""
    position = text.rindex("\n" + anchor) + 1
    return text[:position] + addition + text[position:]


def _capability(read: Read, name: str, number: int) -> Mapping[str, str]:
    upper = f"KVM_CAP_{name.upper()}"
    header = _before(
        read(UAPI), "struct kvm_irq_routing_irqchip {", f"#define {upper} {1000 + number}\n\n"
    )
    header = _before(
        header,
        "#endif /* __LINUX_KVM_H */",
        f"struct kvm_{name} {{\n\t__u32 flags;\n\t__u32 mode;\n\t__u64 address;\n"
        "\t__u64 reserved[6];\n};\n\n"
        f"#define KVM_SET_{name.upper()} _IOW(KVMIO, 0x{number:02x}, struct kvm_{name})\n\n",
    )
    title = f"7.{100 + number} {upper}"
    document = _before(
        read(API_RST),
        "8. Other capabilities.",
        f"{title}\n{'-' * len(title)}\n\n:Architectures: x86\n:Target: VM\n"
        ":Parameters: args[0] - mode\n:Returns: 0 on success, -EINVAL for an unknown mode\n\n"
        f"This capability says that KVM_SET_{name.upper()} is there.\n\n::\n\n"
        f"  struct kvm_{name} {{\n\t__u32 flags;\n\t__u32 mode;\n\t__u64 address;\n"
        "\t__u64 reserved[6];\n  };\n\nflags and reserved must be zero.\n\n",
    )
    source = read(X86).replace(
        "\tcase KVM_CAP_EXCEPTION_PAYLOAD:\n",
        f"\tcase {upper}:\n\tcase KVM_CAP_EXCEPTION_PAYLOAD:\n",
        1,
    )
    return {UAPI: header, API_RST: document, X86: source}


def _functions(*paths: str) -> Callable[[Read, str, int], Mapping[str, str]]:
    def change(read: Read, name: str, number: int) -> Mapping[str, str]:
        return {path: read(path) + "".join(_function(path, name, number)) for path in paths}

    return change


def _function(path: str, name: str, number: int) -> Iterator[str]:
    label = f"kvm_{Path(path).stem}_{name}"
    yield f"\nint {label}(struct kvm_vcpu *vcpu, u64 data);\n"
    yield f"int {label}(struct kvm_vcpu *vcpu, u64 data)\n{{\n"
    yield f"\tif (data & ~0x{number + 1:x}ull)\n\t\treturn -EINVAL;\n\n"
    yield "\tvcpu->arch.msr_misc_features_enables = data;\n\treturn 0;\n}\n"


def _selftest(read: Read, name: str, number: int) -> Mapping[str, str]:
    makefile = read(f"{TESTS}/Makefile")
    made = "TEST_GEN_PROGS_x86_64 += x86_64/fix_hypercall_test\n"
    program = (
        "// SPDX-License-Identifier: GPL-2.0-only\n"
        '#include "kvm_util.h"\n\nint main(void)\n{\n'
        f'\tTEST_ASSERT({number} >= 0, "must hold");\n\treturn 0;\n}}\n'
    )
    listed = f"{made}TEST_GEN_PROGS_x86_64 += x86_64/{name}_test\n"
    return {
        f"{TESTS}/Makefile": makefile.replace(made, listed, 1),
        f"{TESTS}/x86_64/{name}_test.c": program,
    }


_KINDS = (
    ("KVM: x86:", _capability),
    ("KVM: VMX:", _functions("arch/x86/kvm/vmx/vmx.c", "arch/x86/kvm/vmx/nested.c")),
    ("KVM: SVM:", _functions("arch/x86/kvm/svm/svm.c", "arch/x86/kvm/svm/nested.c")),
    ("KVM: x86/mmu:", _functions("arch/x86/kvm/mmu/mmu.c", "arch/x86/kvm/mmu/tdp_mmu.c")),
    (
        "KVM: x86:",
        _functions("arch/x86/kvm/lapic.c", "arch/x86/kvm/hyperv.c", "arch/x86/kvm/cpuid.c"),
    ),
    ("KVM: selftests:", _selftest),
)
