# SPDX-License-Identifier: GPL-2.0-only
"""Everything a rule may import.  How to write a rule: docs/rulekit.md."""

from reviewbot.model.base import Confidence
from reviewbot.model.finding import Fact, Finding, Location, Severity
from reviewbot.model.series import FileDiff, Hunk, Patch, Series
from reviewbot.parse.c import CFile
from reviewbot.parse.c_facts import Assignment, Call, Case, Condition, Function, Macro
from reviewbot.parse.c_members import Access
from reviewbot.parse.clang import HeadersUnreadableError
from reviewbot.parse.records import Hole, Member, Record
from reviewbot.parse.rst import Document, Section, Table
from reviewbot.parse.uapi import Constant, Layouts
from reviewbot.rulekit.case_body import CaseBody, added_cases, case_bodies
from reviewbot.rulekit.commands import Command, commands, within
from reviewbot.rulekit.context import Context, Step, added, files_of, matches
from reviewbot.rulekit.definitions import definitions
from reviewbot.rulekit.fragments import Fragment, fragments
from reviewbot.rulekit.includes import includes
from reviewbot.rulekit.intercepts import (
    BLOCKING_CALLS,
    MSR_CALLS,
    PASSING_CALLS,
    Switching,
    asks_guest,
    constants,
    switched,
    switching,
)
from reviewbot.rulekit.interface import (
    interface_kind,
    interface_macros,
    macro_in_line,
    removed_macros,
)
from reviewbot.rulekit.layout import (
    KVM_HEADERS,
    RecordChange,
    Slot,
    architectures,
    changes,
    defined_anywhere,
    ioctls,
    is_padding,
    kvm_records,
    leaves,
    overfull,
    resized_ioctls,
    shape,
    slots,
    users,
    userspace_headers,
)
from reviewbot.rulekit.module_parameter import (
    ModuleParameter,
    copied_to,
    identifiers,
    new_parameters,
)
from reviewbot.rulekit.msr_access import (
    MERGE_CALLS,
    Intercept,
    Passed,
    added_intercepts,
    family,
    intercepts,
    named_msr,
    passed,
)
from reviewbot.rulekit.named import (
    DOCUMENTS,
    always_documented,
    documented_family,
    misnamed,
    name_family,
    name_patterns,
    newcomer,
    undocumented,
    unfinished_sections,
    written_names,
)
from reviewbot.rulekit.problem import Problem, Verified
from reviewbot.rulekit.refusals import refused_cases
from reviewbot.rulekit.rule import Needs, rule
from reviewbot.rulekit.structs import DeclaredMember, documented_structs, structs
from reviewbot.rulekit.territory import (
    KVM_X86,
    SELFTESTS,
    backport,
    of_kvm_x86,
    other_architecture,
    softened,
    tested_before,
)
from reviewbot.rulekit.together import enumerated, ranges, several, together
from reviewbot.rulekit.trees import API_RST, NoSuchFileError, View

__all__ = [
    "API_RST",
    "BLOCKING_CALLS",
    "DOCUMENTS",
    "KVM_HEADERS",
    "KVM_X86",
    "MERGE_CALLS",
    "MSR_CALLS",
    "PASSING_CALLS",
    "SELFTESTS",
    "Access",
    "Assignment",
    "CFile",
    "Call",
    "Case",
    "CaseBody",
    "Command",
    "Condition",
    "Confidence",
    "Constant",
    "Context",
    "DeclaredMember",
    "Document",
    "Fact",
    "FileDiff",
    "Finding",
    "Fragment",
    "Function",
    "HeadersUnreadableError",
    "Hole",
    "Hunk",
    "Intercept",
    "Layouts",
    "Location",
    "Macro",
    "Member",
    "ModuleParameter",
    "Needs",
    "NoSuchFileError",
    "Passed",
    "Patch",
    "Problem",
    "Record",
    "RecordChange",
    "Section",
    "Series",
    "Severity",
    "Slot",
    "Step",
    "Switching",
    "Table",
    "Verified",
    "View",
    "added",
    "added_cases",
    "added_intercepts",
    "always_documented",
    "architectures",
    "asks_guest",
    "backport",
    "case_bodies",
    "changes",
    "commands",
    "constants",
    "copied_to",
    "defined_anywhere",
    "definitions",
    "documented_family",
    "documented_structs",
    "enumerated",
    "family",
    "files_of",
    "fragments",
    "identifiers",
    "includes",
    "intercepts",
    "interface_kind",
    "interface_macros",
    "ioctls",
    "is_padding",
    "kvm_records",
    "leaves",
    "macro_in_line",
    "matches",
    "misnamed",
    "name_family",
    "name_patterns",
    "named_msr",
    "new_parameters",
    "newcomer",
    "of_kvm_x86",
    "other_architecture",
    "overfull",
    "passed",
    "ranges",
    "refused_cases",
    "removed_macros",
    "resized_ioctls",
    "rule",
    "several",
    "shape",
    "slots",
    "softened",
    "structs",
    "switched",
    "switching",
    "tested_before",
    "together",
    "undocumented",
    "unfinished_sections",
    "users",
    "userspace_headers",
    "within",
    "written_names",
]
