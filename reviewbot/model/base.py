# SPDX-License-Identifier: GPL-2.0-only
"""Which kernel a series belongs on, and what came of applying it."""

from dataclasses import dataclass
from enum import StrEnum

from reviewbot.model.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A configured or named kernel repository.

    ``refs`` are the candidate tips, best first; ``remote`` is fetched before a base is chosen, "" for
    never.  ``name`` is what people call it ("kvm-x86/next" is tree "kvm-x86", ref "next").
    """

    name: str
    path: str
    refs: tuple[str, ...] = ("HEAD",)
    remote: str = ""


class BaseRule(StrEnum):
    """How a base was chosen; the report names it."""

    EXPLICIT = "named with --base"
    RANGE = "parent of the local range"
    BASE_COMMIT = "base-commit of the series"
    PREREQUISITES = "base-commit plus prerequisites"
    SCORED = "best match of the blobs"


class Confidence(StrEnum):
    """How sure we are; used for bases and for findings."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A tip that was considered: how many pre-image blobs it holds, and whether the series applies."""

    tree: str
    ref: str
    commit: str
    blobs_found: int
    blobs_wanted: int
    applies: bool
    first_conflict: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The chosen base.

    ``commit`` is the commit the series' patch 1 goes on (prerequisites included), ``tip`` the
    commit of the tree itself.  ``ref`` and ``tree`` name it for people; ``why`` is one sentence.
    """

    tree: str
    path: str
    ref: str
    tip: str
    commit: str
    tree_id: str
    rule: BaseRule
    confidence: Confidence
    why: str
    candidates: tuple[Candidate, ...] = ()

    @classmethod
    def given(
        cls,
        path: str,
        commit: str,
        tree_id: str,
        *,
        rule: BaseRule,
        why: str,
        confidence: Confidence = Confidence.HIGH,
        tree: str = "",
        ref: str = "",
    ) -> "Base":
        """One that nobody had to choose: the commit is the tip itself."""
        return cls(
            tree=tree,
            path=path,
            ref=ref,
            tip=commit,
            commit=commit,
            tree_id=tree_id,
            rule=rule,
            confidence=confidence,
            why=why,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Where a patch stopped applying.  ``hunk`` is the ``@@`` line as mailed, "" for whole files."""

    patch: int
    path: str
    hunk: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A hunk that applied at an offset: its first line in the mail and in the after-tree."""

    path: str
    mailed: int
    landed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedPatch:
    """One patch as a commit.  ``fuzzy`` when it needed a three-way merge."""

    number: int
    commit: str
    tree_id: str
    fuzzy: bool = False
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The series on its base.

    ``repository`` is our own object store (bare, the user's tree is its alternate): nothing is
    ever written to the user's repository.  ``patches`` are those that applied, in order; after a
    conflict later patches are not tried.
    """

    status: Status
    base: Base
    repository: str
    patches: tuple[AppliedPatch, ...]
    conflict: Conflict | None = None

    @property
    def tip(self) -> str:
        """Commit after the last patch that applied."""
        return self.patches[-1].commit if self.patches else self.base.commit
