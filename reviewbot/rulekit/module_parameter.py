# SPDX-License-Identifier: GPL-2.0-only
"""Module parameters that a series adds, as its mails say."""

from collections.abc import Iterator
from dataclasses import dataclass

from reviewbot.parse.c import CFile
from reviewbot.rulekit.context import Context, matches

_VMCS = ("vmcs_write16", "vmcs_write32", "vmcs_write64", "vmcs_writel")
_VARIABLE = {"module_param": 0, "module_param_named": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleParameter:
    """A ``module_param()`` or ``module_param_named()`` line that a patch adds.

    ``type`` is its second last argument ("bool"); ``writable`` says whether its permissions let
    anybody write.  Those with a ``set`` function of their own (module_param_cb) are not among them.
    """

    variable: str
    type: str
    writable: bool
    patch: int
    path: str
    line: int


def new_parameters(context: Context, *globs: str) -> Iterator[ModuleParameter]:
    """Parameters that the series adds to matching files and takes out nowhere."""
    gone = {
        found[0]
        for patch in context.series.patches
        for file in patch.files
        if matches(file.path, globs)
        for hunk in file.hunks
        for line in hunk.lines
        if line.startswith("-") and (found := _parse(line[1:]))
    }
    for patch, path, line, text in context.added_lines(*globs):
        found = _parse(text)
        if found and found[0] not in gone:
            variable, kind, mode = found
            yield ModuleParameter(
                variable=variable,
                type=kind,
                writable=_writable(mode),
                patch=patch.number,
                path=path,
                line=line,
            )


def copied_to(context: Context, variable: str, *globs: str) -> str:
    """Where an added line keeps a variable's value, "" when none does.

    That is a member it is assigned to ("svm->vmcb->control.x"), or a field of the VMCS.
    """
    for *_, text in context.added_lines(*globs):
        if variable in text:
            source = CFile("", f"void line(void) {{ {text} }}".encode())
            for one in source.assignments("line"):
                if variable in identifiers(one.value) and set(one.target) & set(".>"):
                    return one.target
            for call in source.calls_in("line"):
                if call.name in _VMCS and variable in identifiers(" ".join(call.arguments[1:])):
                    return call.arguments[0]
    return ""


def identifiers(text: str) -> list[str]:
    """The identifiers (and numbers) of an expression, in order."""
    return "".join(c if c.isalnum() or c == "_" else " " for c in text).split()


def _parse(text: str) -> tuple[str, str, str] | None:
    """Variable, type and permissions of a line, None when it is something else."""
    macro, _, rest = text.rstrip().partition("(")
    if macro not in _VARIABLE or not rest.endswith(");"):
        return None
    parts = [part.strip() for part in rest.removesuffix(");").split(",")]
    if len(parts) != _VARIABLE[macro] + 3:
        return None
    return parts[_VARIABLE[macro]], parts[-2], parts[-1]


def _writable(mode: str) -> bool:
    """Whether "0644" or "S_IRUGO | S_IWUSR" lets anybody write."""
    if mode and set(mode) <= set("01234567"):
        return bool(int(mode, 8) & 0o222)
    return "S_IW" in mode
