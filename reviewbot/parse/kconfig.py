# SPDX-License-Identifier: GPL-2.0-only
"""Read which symbols a Kconfig file defines and what they depend on.

Documentation/kbuild/kconfig-language.rst.  Only what stands in the file itself is seen: not what a
file that sources it puts around it, and no macro is expanded.  What is not understood is taken for
something that may hold.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

_WORD = re.compile(
    r'\s*(?:(?P<space>$)|(?P<symbol>[A-Za-z0-9_]+)|(?P<string>"[^"]*"|\'[^\']*\')'
    r"|(?P<operator>&&|\|\||!=|<=|>=|[!()=<>])|(?P<other>.))"
)
_TYPES = frozenset({"bool", "tristate", "int", "hex", "string", "def_bool", "def_tristate"})
_OPENERS = frozenset({"if", "menu", "choice"})
_CLOSERS = frozenset({"endif", "endmenu", "endchoice"})
_DEEPEST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One ``config`` or ``menuconfig`` entry.  ``depends`` are expressions that all must hold."""

    name: str
    line: int
    type: str
    prompt: bool
    depends: tuple[str, ...]


def definitions(text: str) -> tuple[Definition, ...]:
    """The symbols a file defines, in order."""
    return tuple(_Reader().read(text))


def unmeetable(expression: str, never: frozenset[str]) -> bool:
    """True when an expression cannot hold, whatever its symbols are, if those of ``never`` are n."""
    try:
        return _Expression(expression, never).value() is False
    except _NotUnderstood:
        return False


def needed(expression: str) -> tuple[str, ...]:
    """Symbols that an expression names other than behind a ``!``, in order."""
    found: dict[str, None] = {}
    previous = ""
    for kind, word in _words(expression):
        if kind == "symbol" and previous != "!" and word not in ("y", "m", "n"):
            found[word] = None
        previous = word
    return tuple(found)


class _Reader:
    """The state of reading: what surrounds the line, and the entry that is being read."""

    def __init__(self) -> None:
        self._around: list[list[str]] = []
        self._open: Definition | None = None
        self._own: list[str] = []
        self._help = -1

    def read(self, text: str) -> Iterator[Definition]:
        for number, line in _joined(text):
            word, _, rest = line.strip().partition(" ")
            if not word or word.startswith("#") or self._in_help(line):
                continue
            if word in ("help", "---help---"):
                self._help = 0
            elif word in ("config", "menuconfig"):
                yield from self._end()
                self._begin(rest.strip(), number)
            elif word in _OPENERS and not (word == "if" and not rest):
                yield from self._end()
                self._around.append([rest] if word == "if" else [])
            elif word in _CLOSERS:
                yield from self._end()
                self._around[-1:] = []
            elif word in ("source", "rsource", "osource", "orsource", "comment", "mainmenu"):
                yield from self._end()
            else:
                self._attribute(word, rest.strip())
        yield from self._end()

    def _in_help(self, line: str) -> bool:
        """Help ends with the first line that is indented less than its own first line."""
        if self._help < 0:
            return False
        indent = len(line.expandtabs()) - len(line.expandtabs().lstrip())
        if self._help == 0 and indent:
            self._help = indent
        if indent and indent >= self._help:
            return True
        self._help = -1
        return False

    def _begin(self, name: str, number: int) -> None:
        self._open = Definition(name=name, line=number, type="", prompt=False, depends=())
        self._own = []

    def _attribute(self, word: str, rest: str) -> None:
        if word == "depends" and rest.startswith("on "):
            expression = rest[3:].strip()
            if self._open:
                self._own.append(expression)
            elif self._around:
                self._around[-1].append(expression)
        elif self._open and word in _TYPES:
            prompt = not word.startswith("def_") and bool(rest) and rest[0] in "\"'"
            kind = word.removeprefix("def_")
            self._open = replace(self._open, type=kind, prompt=self._open.prompt or prompt)
        elif self._open and word == "prompt":
            self._open = replace(self._open, prompt=True)

    def _end(self) -> Iterator[Definition]:
        if self._open:
            outer = [expression for level in self._around for expression in level]
            yield replace(self._open, depends=(*outer, *self._own))
        self._open = None


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, those that end in a backslash joined with the next."""
    start, parts = 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        start = start or number
        if line.endswith("\\"):
            parts += line[:-1] + " "
            continue
        yield start, (parts + line).replace("\t", " ") if parts else line.replace("\t", "        ")
        start, parts = 0, ""


def _words(expression: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(expression):
        found = _WORD.match(expression, at)
        if found is None or found["space"] is not None:
            return
        kind = found.lastgroup or "other"
        yield kind, found[kind]
        at = found.end()


class _NotUnderstood(Exception):  # noqa: N818 - never leaves this module
    """The expression is none that we read."""


class _Expression:
    """Three values: True holds, False cannot hold, None may hold."""

    def __init__(self, text: str, never: frozenset[str]) -> None:
        self._words = [*_words(text), ("end", "")]
        self._at = 0
        self._never = never
        self._depth = 0

    def value(self) -> bool | None:
        found = self._either()
        if self._words[self._at][0] != "end":
            raise _NotUnderstood
        return found

    def _next(self, *wanted: str) -> bool:
        kind, word = self._words[self._at]
        if kind == "operator" and word in wanted:
            self._at += 1
            return True
        return False

    def _either(self) -> bool | None:
        return self._chain("||", self._both, _any)

    def _both(self) -> bool | None:
        return self._chain("&&", self._term, _all)

    def _chain(
        self,
        operator: str,
        inner: Callable[[], bool | None],
        combine: Callable[[Iterable[bool | None]], bool | None],
    ) -> bool | None:
        values = [inner()]
        while self._next(operator):
            values.append(inner())
        return combine(values)

    def _term(self) -> bool | None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _NotUnderstood
        try:
            if self._next("!"):
                return _negated(self._term())
            if self._next("("):
                found = self._either()
                if not self._next(")"):
                    raise _NotUnderstood
                return found
            return self._symbol()
        finally:
            self._depth -= 1

    def _symbol(self) -> bool | None:
        kind, word = self._words[self._at]
        if kind not in ("symbol", "string"):
            raise _NotUnderstood
        self._at += 1
        if self._next("=", "!=", "<", ">", "<=", ">="):
            if self._words[self._at][0] not in ("symbol", "string"):
                raise _NotUnderstood
            self._at += 1
            return None
        if word in ("y", "m"):
            return True
        return False if word == "n" or word in self._never else None


def _any(values: Iterable[bool | None]) -> bool | None:
    found = list(values)
    if True in found:
        return True
    return None if None in found else False


def _all(values: Iterable[bool | None]) -> bool | None:
    return _negated(_any(map(_negated, values)))


def _negated(value: bool | None) -> bool | None:
    return None if value is None else not value
