# SPDX-License-Identifier: GPL-2.0-only
"""A branch of small commits on a real kernel tree, some of which break something; for tests and benchmarks."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pygit2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

KVM = "arch/x86/kvm"
TESTS = "tools/testing/selftests/kvm"
HWCR_TEST = "x86_64/hwcr_msr_test"
SREGS_TEST = "x86_64/set_sregs_test"


@dataclass(frozen=True)
class Made:
    """One commit to make: its subject, and how each file changes."""

    subject: str
    files: Mapping[str, Callable[[str], str]]
    trailers: str = ""


def replaced(old: str, new: str) -> Callable[[str], str]:
    """A change that fails when the text is not there."""

    def change(text: str) -> str:
        assert old in text, f"the tree has no {old!r}: which kernel is this?"
        return text.replace(old, new, 1)

    return change


def added(text: str) -> Callable[[str], str]:
    """A change that goes to the end of a file."""
    return lambda old: old + text


def noise(path: str, mark: str) -> Made:
    """A commit that changes an object and nothing that anybody can see."""
    name = path.rpartition("/")[2].partition(".")[0]
    code = f"\nint kvm_{name}_{mark}(void);\nint kvm_{name}_{mark}(void)\n{{\n\treturn 0;\n}}\n"
    return Made(f"KVM: x86: Add kvm_{name}_{mark}()", {f"{KVM}/{path}": added(code)})


def hwcr() -> Made:
    """Lets a guest's HWCR have bit 9: hwcr_msr_test fails."""
    change = replaced("data &= ~(u64)0x8;", "data &= ~(u64)0x208;")
    link = "Link: https://lore.kernel.org/r/20260101000000.1-2-author@example.org\n"
    return Made("KVM: x86: Ignore one more bit of HWCR", {f"{KVM}/x86.c": change}, link)


def sregs() -> Made:
    """Takes CR0.NW without CR0.CD: set_sregs_test fails."""
    change = replaced("if ((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD))", "if (cr0 == ~0UL)")
    return Made("KVM: x86: Simplify the check of CR0", {f"{KVM}/regs.c": change})


def warns() -> Made:
    """Prints a warning when the module for AMD is loaded."""
    change = replaced(
        "static int __init svm_init(void)\n{\n\tint r;\n",
        "static int __init svm_init(void)\n{\n\tint r;\n\n\tWARN_ON(true);\n",
    )
    return Made("KVM: SVM: Check the obvious", {f"{KVM}/svm/svm.c": change})


def unused() -> Made:
    """Brings a compiler warning with W=1."""
    return Made(
        "KVM: x86: Add a constant",
        {f"{KVM}/irq.c": added("\nstatic const int kvm_irq_unused = 1;\n")},
    )


def broken() -> Made:
    """Does not build."""
    return Made(
        "KVM: x86/mmu: Start a function",
        {
            f"{KVM}/mmu/page_track.c": added(
                "\nint kvm_page_track_half(void)\n{\n\treturn nowhere;\n}\n"
            )
        },
    )


def repaired() -> Made:
    """Builds again."""
    change = replaced(
        "\nint kvm_page_track_half(void)\n{\n\treturn nowhere;\n}\n", "\n/* No more halves. */\n"
    )
    return Made("KVM: x86/mmu: Drop the function again", {f"{KVM}/mmu/page_track.c": change})


def make(place: Path, tree: Path, commits: list[Made]) -> tuple[str, ...]:
    """Commit onto HEAD of ``tree`` in the new bare repository ``place``, which borrows from it.

    Returns the base and then every commit; the branch "next" is at the last.
    """
    source = pygit2.Repository(str(tree))
    base = source.head.peel(pygit2.Commit)
    repository = pygit2.init_repository(str(place), bare=True, initial_head="next")
    alternates = place / "objects" / "info" / "alternates"
    alternates.write_text(f"{source.path}objects\n")
    repository = pygit2.Repository(str(place))
    found, parent = [str(base.id)], base
    for number, commit in enumerate(commits):
        parent = _on_top(repository, parent, commit, number)
        found.append(str(parent.id))
    repository.references.create("refs/heads/next", parent.id)
    return tuple(found)


def never_built(place: Path) -> None:
    """Commit onto HEAD of a repository what no run has built before, and make it the branch "topic"."""
    repository = pygit2.Repository(str(place))
    name = f"svm_counted_{secrets.token_hex(4)}"
    code = f"\nint {name}(int value);\nint {name}(int value)\n{{\n\treturn value;\n}}\n"
    commit = Made("KVM: SVM: Count something", {f"{KVM}/svm/svm.c": added(code)})
    tip = _on_top(repository, repository.head.peel(pygit2.Commit), commit)
    repository.references.create("refs/heads/topic", tip.id, force=True)


def _on_top(
    repository: pygit2.Repository, parent: pygit2.Commit, commit: Made, number: int = 0
) -> pygit2.Commit:
    tree_id = parent.tree_id
    for path, change in commit.files.items():
        tree_id = _with(repository, tree_id, path.split("/"), change)
    who = pygit2.Signature("An Author", "author@example.org", 1_767_225_600 + number, 0)
    message = f"{commit.subject}\n\nFor a test.\n\n{commit.trailers}Signed-off-by: An Author <author@example.org>\n"
    made = repository.create_commit(None, who, who, message, tree_id, [parent.id])
    return repository[made].peel(pygit2.Commit)


def _with(
    repository: pygit2.Repository, tree: pygit2.Oid, path: list[str], change: Callable[[str], str]
) -> pygit2.Oid:
    old = repository[tree].peel(pygit2.Tree)
    builder = repository.TreeBuilder(old)
    name, *rest = path
    if rest:
        builder.insert(
            name, _with(repository, old[name].id, rest, change), pygit2.enums.FileMode.TREE
        )
    else:
        text = repository[old[name].id].peel(pygit2.Blob).data.decode() if name in old else ""
        blob = repository.create_blob(change(text).encode())
        builder.insert(name, blob, pygit2.enums.FileMode.BLOB)
    return builder.write()
