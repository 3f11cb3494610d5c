# SPDX-License-Identifier: GPL-2.0-only
"""The macros that make up KVM's userspace interface, and what each of them is."""

from collections.abc import Iterable

from reviewbot.model.series import Series
from reviewbot.parse.c_facts import Macro
from reviewbot.rulekit.trees import View

QUIRK = "KVM_X86_QUIRK_"
# Bounds, masks and encodings are implementation, even in families that are well documented.
NOT_FLAGS = ("_MASK", "_SHIFT", "_MAX", "_SIZE", "_OFFSET", "_BITS", "_FLAGS", "_FIELDS", "_MODE")


def macro_in_line(text: str, line: int) -> Macro | None:
    """The object-like KVM macro that one line of a header defines."""
    words = text.replace("# define", "#define", 1).split(None, 2)
    if len(words) < len(("#define", "NAME", "value")) or words[0] != "#define":
        return None
    name, value = words[1], words[2]
    if not name.startswith("KVM_") or not name.isidentifier():
        return None
    return Macro(name=name, parameters="", value=value, definition=text, line=line)


def interface_macros(view: View, paths: Iterable[str]) -> dict[str, tuple[str, Macro]]:
    """Object-like macros of the headers with their path."""
    return {
        name: (path, macro)
        for path in paths
        if view.exists(path)
        for name, macro in view.c(path).macros.items()
        if name.startswith("KVM_") and not macro.parameters and macro.value
    }


def interface_kind(macro: Macro) -> str:
    """What a macro defines, "" for what needs no documentation."""
    if macro.value.startswith(("_IO(", "_IOR(", "_IOW(", "_IOWR(")):
        return "ioctl"
    if macro.name.startswith("KVM_CAP_"):
        return "capability"
    if macro.name.startswith("KVM_EXIT_") and macro.value.split()[0].isdecimal():
        return "exit reason"
    return "" if macro.name.startswith(QUIRK) or macro.name.endswith(NOT_FLAGS) else "flag"


def removed_macros(series: Series) -> frozenset[str]:
    """KVM macros with a definition that the series takes away: adding them again only moves them."""
    return frozenset(
        macro.name
        for patch in series.patches
        for file in patch.files
        for hunk in file.hunks
        for line in hunk.lines
        if line.startswith("-") and (macro := macro_in_line(line[1:], 0))
    )
