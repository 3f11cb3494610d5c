# SPDX-License-Identifier: GPL-2.0-only
"""Read the log of a kernel build: gcc, clang, as, ld, modpost, objtool, sparse, Kconfig and make.

Accepted grammar, a line at a time; whatever fits nothing is context of the message above it, and a
log cut anywhere or full of garbage still gives everything that can be recognised:

    "  CC [M]  arch/x86/kvm/x86.o"                    a step; what follows belongs to it
    "FILE: In function 'NAME':"                       where the next messages are
    "FILE:LINE:COLUMN: error: TEXT [-WNAME]"          gcc, clang, sparse, kernel-doc
    "FILE:LINE: Error: TEXT"                          as
    "WARNING: unmet direct dependencies detected for NAME"     Kconfig
    "ERROR: modpost: TEXT", "FILE.o: warning: objtool: TEXT", "ld: TEXT", "make[1]: *** TEXT"
"""

import posixpath
import re
from dataclasses import dataclass

from reviewbot.model.build import Diagnostic, Level

_CONTEXT_LINES = 10
_TEXT_LIMIT = 500
_STEP = re.compile(r"^  (?P<kind>[A-Z][A-Z0-9_]{0,15})(?: \[M\])? {1,8}(?P<target>[^\s:]+)$")
_FUNCTION = re.compile(
    r"^(?P<path>[^:\s]+): (?:In (?:\w+ )*?(?:function|constructor) [\u2018'`](?P<name>[^\u2019'`]+)[\u2019'`]|At top level|In function):?"
)
_LD_FUNCTION = re.compile(
    r"^(?:\S*ld(?:\.\w+)?: )?(?P<path>[^:\s]+\.[oa](?:\([^)]*\))?): in function [\u2018'`](?P<name>[^\u2019'`]+)[\u2019'`]:"
    r"(?P<rest>.*)$"
)
_INCLUDED = re.compile(r"^(?:In file included from| {17,}from) \S+[,:]$")
_MESSAGE = re.compile(
    r"^(?P<path>[^:\s][^:]*):(?:(?P<line>\d+):(?:(?P<column>\d+):)?)?\s?"
    r"(?P<level>fatal error|internal compiler error|error|warning|note|Error|Warning|ERROR|WARNING): ?"
    r"(?P<text>.*)$"
)
_SPARSE_MORE = re.compile(r"^[^:\s]+:\d+:\d+: {2,}\S")
_MODPOST = re.compile(r"^(?P<level>ERROR|WARNING|FATAL): modpost: (?P<text>.*)$")
_MODPOST_PATH = re.compile(
    r"\[(?P<module>[^\]\s]+)\]|^(?P<object>[^:\s\"]+): |\bin (?P<file>\S+\.o)\b"
)
_OBJTOOL = re.compile(r"^(?P<name>[A-Za-z_][\w.]*)(?:\(\)|\+0x[0-9a-f]+):? ?")
_LD = re.compile(
    r"^(?:\S*ld(?:\.\w+)?: )?(?P<path>[^:\s]+\.(?:[oaScl]|lds))(?:\([^)]*\))?:(?:\(\S+\)|(?P<line>\d+)):? ?"
    r"(?P<text>(?:undefined reference|multiple definition|relocation|dangerous|more undefined).*)$"
)
_LD_OTHER = re.compile(r"^(?:\S*/)?ld(?:\.\w+)?: (?P<warning>warning: )?(?P<text>.+)$")
_KCONFIG = re.compile(
    r"^(?P<path>[^:\s]*Kconfig[^:\s]*):(?P<line>\d+):\s?(?P<level>warning|error|syntax error|)[: ]*(?P<text>.*)$"
)
_UNMET = re.compile(r"^WARNING: (?P<text>unmet direct dependencies detected for \w+)$")
_MAKE = re.compile(r"^(?:(?P<path>[^:\s]+):(?P<line>\d+)|g?make(?:\[\d+\])?): \*\*\* (?P<text>.*)$")
_NO_RULE = re.compile(r"^No rule to make target '(?P<target>[^']+)'")
_MAKE_ERROR = re.compile(
    r"^\[(?:[^:\]]+:\d+: )?(?P<target>[^\]]+)\] (?:Error (?P<status>\d+)|(?P<signal>.+))$"
)
_WORD = re.compile(r"\b[A-Za-z]\w*|0x[0-9A-Fa-f]+|\d+")
_OPTION = re.compile(r" \[(?P<names>-W[^\]\s]+)\]$")
_NOISE = re.compile(
    r"^(?:cc1|cc1plus|as|collect2|gcc|clang(?:-\d+)?): (?:all |some )?(?:warnings being treated|error: ld returned)"
    r"|^\S+ note: each undeclared identifier|^compilation terminated"
    r"|^\d+ (?:warning|error)s?(?: and \d+ errors?)? generated|^\S+: Assembler messages:$"
    r"|^g?make(?:\[\d+\])?: (?:\*\*\* Deleting file|\*\*\* Waiting for|Target '|'|Nothing to be done)"
)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
_LEVELS = {
    "warning": Level.WARNING,
    "Warning": Level.WARNING,
    "WARNING": Level.WARNING,
    "note": Level.NOTE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing Kbuild made, and what was said about it.  ``kind`` and ``target`` may be empty."""

    kind: str
    target: str
    diagnostics: tuple[Diagnostic, ...]


Place = tuple[str, str, str, str]
"""What identifies a message over patches that move lines: path, function, text, option."""


def place(diagnostic: Diagnostic) -> Place:
    """Where a message is, not counting lines; numbers in its text (sizes, offsets) do not count, those in names do.

    Names that begin with an underscore may have been counted by the compiler (__compiletime_assert_123).
    """
    text = _WORD.sub(lambda word: word[0] if word[0][0].isalpha() else "N", diagnostic.message)
    return (diagnostic.path, diagnostic.function, text, diagnostic.option)


def diagnostics(log: str, roots: tuple[str, ...] = ()) -> tuple[Diagnostic, ...]:
    """All messages of a log, in order, each once; ``roots`` as in :func:`read`."""
    seen = dict.fromkeys(one for step in read(log, roots) for one in step.diagnostics)
    return tuple(seen)


def read(log: str, roots: tuple[str, ...] = ()) -> tuple[Step, ...]:
    """Split a log (made with ``make --output-sync``) into steps with their messages.

    ``roots`` are directories that paths are made relative to, such as where the source was mounted.
    """
    reader = _Reader(roots)
    for line in log.splitlines():
        reader.line(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", line.rstrip())[:4096])
    return reader.steps()


class _Reader:
    """The state of reading: the step, the place in the source, and the message being continued."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self._roots = tuple(root.rstrip("/") + "/" for root in roots)
        self._steps: list[Step] = []
        self._kind = self._target = self._object = ""
        self._found: list[Diagnostic] = []
        self._function: dict[str, str] = {}
        self._context: list[str] | None = None

    def steps(self) -> tuple[Step, ...]:
        self._end_step("", "")
        return tuple(self._steps)

    def line(self, line: str) -> None:
        if step := _STEP.match(line):
            self._end_step(step["kind"], self._path(step["target"]))
        elif _NOISE.search(line):
            return
        elif _INCLUDED.match(line):
            self._end_message()
        elif not (
            self._where(line)
            or self._tools(line)
            or self._compiler(line)
            or self._linker(line)
            or self._make(line)
        ):
            self._more(line)

    def _where(self, line: str) -> bool:
        if found := _FUNCTION.match(line):
            self._end_message()
            self._function[self._path(found["path"])] = found["name"] or ""
            return True
        if found := _LD_FUNCTION.match(line):
            self._end_message()
            self._function["ld"] = found["name"]
            self._object = self._path(found["path"])
            if found["rest"].strip():
                self._linker(found["rest"].strip())
            return True
        return False

    def _compiler(self, line: str) -> bool:
        found = _MESSAGE.match(line)
        if not found or found["path"].startswith(("make", "gmake")):
            return False
        level = _LEVELS.get(found["level"], Level.ERROR)
        if level is Level.NOTE and self._context is not None:
            self._more(line)
            return True
        path, text, function = self._path(found["path"]), found["text"], ""
        if text.startswith("objtool: "):
            named = _OBJTOOL.match(text[len("objtool: ") :])
            function = named["name"] if named else ""
        elif _is_linker(found["path"]):
            return False
        function = function or self._function.get(path, "")
        self._begin(path, level, text, found["line"], column=found["column"], function=function)
        return True

    def _tools(self, line: str) -> bool:
        if found := _MODPOST.match(line):
            named = _MODPOST_PATH.search(found["text"])
            path = next(filter(None, named.groups()), "modpost") if named else "modpost"
            level = _LEVELS.get(found["level"], Level.ERROR)
            self._begin(self._path(path), level, f"modpost: {found['text']}")
            return True
        if found := _UNMET.match(line):  # what was configured, not what make says next to it
            self._end_step("", "Kconfig")
            self._begin("Kconfig", Level.WARNING, found["text"])
            return True
        if line == "#":  # "# configuration written to .config" follows
            self._end_message()
            return True
        if found := _KCONFIG.match(line):
            level = Level.WARNING if found["level"] == "warning" else Level.ERROR
            text = found["text"] or found["level"]
            if level is Level.ERROR and found["level"] == "":
                return False
            self._begin(self._path(found["path"]), level, text, found["line"])
            return True
        return False

    def _linker(self, line: str) -> bool:
        if found := _LD.match(line):
            path = self._path(found["path"])
            if "/" not in path:  # ld names the source as the object does, without its directory
                path = posixpath.join(posixpath.dirname(self._object), path)
            function = self._function.get("ld", "")
            self._begin(path, Level.ERROR, found["text"], found["line"], function=function)
            return True
        if found := _LD_OTHER.match(line):
            level = Level.WARNING if found["warning"] else Level.ERROR
            text = re.sub(r"^error: ", "", found["text"])
            inner = _LD.match(text)
            self._begin(
                self._path(inner["path"]) if inner else self._target,
                level,
                inner["text"] if inner else text,
            )
            return True
        return False

    def _make(self, line: str) -> bool:
        found = _MAKE.match(line)
        if not found:
            return False
        self._end_message()
        status = _MAKE_ERROR.match(found["text"])
        if status and (status["status"] or not status["target"].endswith((".o", ".ko"))):
            return True  # says only that something failed; what did is above
        no_rule = _NO_RULE.match(found["text"])
        path = self._path(found["path"] or (no_rule["target"] if no_rule else ""))
        text = re.sub(r"\s+Stop\.$", "", found["text"])
        self._begin(path, Level.ERROR, f"make: {text}", found["line"])
        return True

    def _more(self, line: str) -> None:
        if self._context is not None and line.strip():
            shown = _SPARSE_MORE.sub(lambda found: found[0].rsplit(":", 1)[1], line)
            if len(self._context) < _CONTEXT_LINES:
                self._context.append(shown[:_TEXT_LIMIT])

    def _begin(
        self,
        path: str,
        level: Level,
        text: str,
        line: str | None = None,
        *,
        column: str | None = None,
        function: str = "",
    ) -> None:
        self._end_message()
        option = ""
        if named := _OPTION.search(text):
            names = [name for name in named["names"].split(",") if name != "-Werror"]
            option = names[-1].replace("-Werror=", "-W").rstrip("=") if names else ""
            text = text[: named.start()]
        self._context = []
        self._found.append(
            Diagnostic(
                path=path,
                line=int((line or "0")[:9]),
                column=int((column or "0")[:9]),
                level=level,
                message=text.strip()[:_TEXT_LIMIT],
                option=option,
                function=function,
            )
        )

    def _end_message(self) -> None:
        if self._context:
            last = self._found[-1]
            self._found[-1] = Diagnostic(
                path=last.path,
                line=last.line,
                column=last.column,
                level=last.level,
                message=last.message,
                option=last.option,
                function=last.function,
                context=tuple(self._context),
            )
        self._context = None

    def _end_step(self, kind: str, target: str) -> None:
        self._end_message()
        if self._kind or self._found:
            step = Step(kind=self._kind, target=self._target, diagnostics=tuple(self._found))
            self._steps.append(step)
        self._kind, self._target = kind, target
        self._found, self._function = [], {}

    def _path(self, path: str) -> str:
        for root in self._roots:
            path = path.removeprefix(root)
        while path.startswith(("./", "../")):
            path = path.split("/", 1)[1]
        # "arch/x86/kvm/../../../virt/kvm/kvm_main.c" is how KVM's Makefile names files of virt/kvm.
        return posixpath.normpath(path) if "/../" in path else path


def _is_linker(path: str) -> bool:
    return path.rsplit("/", 1)[-1] in {"ld", "ld.bfd", "ld.lld", "ld.gold"}
