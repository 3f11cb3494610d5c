# SPDX-License-Identifier: GPL-2.0-only
"""Read the settings: TOML to :class:`reviewbot.model.config.Config`, strictly.

A key that is not known, or a value of the wrong type, is an error that names file, key and what was
expected: a setting that is silently ignored is worse than none.
"""

import dataclasses
import difflib
import os
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reviewbot.model.config import Config
from reviewbot.model.errors import UserError

SIZE_LIMIT = 1024 * 1024
"""Bytes.  A settings file is never larger; /dev/zero and mailboxes given by mistake are."""

_WORDS: dict[object, str] = {
    str: "a string in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}
# Values that name files: "~" means a home directory, and what has a slash must be absolute.  A
# relative path would be looked up in whatever directory, maybe a patched tree, the bot runs in.
_FILES = frozenset(
    {
        "trees.*.path",
        "rules.directories",
        "mail.password_file",
        "lists.*.path",
        "patchwork.token_file",
        "kcidb.token_file",
        "lab.kvm_unit_tests",
        "lab.vm_kernel",
        "commands.keyring",
    }
)
_NAMES_OR_FILES = frozenset({"lab.profile", "lab.qemu", "lists.*.profile"})
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_POSITIVE = frozenset(
    {
        "sweeps.*.hours",
        "commands.days",
        "commands.dns_timeout",
        "engine.parallel",
        "inbox.timeout",
        "lab.memory_mib",
        "lab.cpus",
        "lab.tcg_scale",
        "lab.repeats",
        "mail.timeout",
        "patchwork.timeout",
        "kcidb.timeout",
    }
)
_SEVERITIES = ("error", "warning", "note", "off")
_CHOICES = {
    "lab.isolation": ("process", "vm"),
    "mail.encryption": ("", "tls", "ssl", "none"),
    "rules.severity.*": _SEVERITIES,
    "lists.*.severity.*": _SEVERITIES,
    "lists.*.follow": ("", "git", "http", "maildir"),
    "lists.*.report.mode": ("off", "owner", "hold", "send"),
    "lists.*.report.severity": ("note", "warning", "error"),
    "lists.*.report.confidence": ("low", "medium", "high"),
    "lists.*.report.recipients": ("all", "author", "list"),
    "sweeps.*.mode": ("off", "owner", "hold", "send"),
    "sweeps.*.days": ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
}
# A token in plain text goes nowhere but to this host, where tests and proxies are.
_SERVICE = re.compile(
    r"|https://[^/@?#\s]+[^@?#\s]*|http://(localhost|127\.0\.0\.1)(:\d+)?(/[^@?#\s]*)?"
)
_SERVICE_WORDS = "expected an address that begins with https://, without user, ? and #"
_GLOB = re.compile(r"[A-Za-z0-9_.+*?/\[\]!-]{1,200}")
_GLOB_WORDS = "expected the name of a selftest, or a pattern with * and ?"
_REF = re.compile(r"(?![-./])(?!.*(\.\.|//|@\{))[A-Za-z0-9_./+-]{1,200}(?<![./])")
_REF_WORDS = 'expected a branch or tag, such as "kvm/queue"'
_PATTERNS = {
    "patchwork.url": (_SERVICE, _SERVICE_WORDS),
    "kcidb.url": (_SERVICE, _SERVICE_WORDS),
    "trees.*.url": (
        re.compile(r"|https://[^@\s]+"),
        "expected an address that begins with https://",
    ),
    "patchwork.context": (
        re.compile(r"[-a-zA-Z0-9_]{1,255}"),
        'expected letters, digits, "-" and "_"',
    ),
    "patchwork.report_url": (
        re.compile(r"|https?://[^%\s]+%s[^%\s]*"),
        "expected an address with one %s for the review's id",
    ),
    "lists.*.commands.allow": (
        re.compile(r"author|[^@\s<>]*@[^@\s<>]+"),
        'expected an address, "@" and a domain, or "author"',
    ),
    "sweeps.*.at": (
        re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]"),
        "expected a time (UTC) as hours:minutes, such as 02:30",
    ),
    "sweeps.*.owner": (
        re.compile(r"|[^@<>]*<[^@\s<>]+@[^@\s<>]+>|[^@\s<>]+@[^@\s<>]+"),
        'expected an address, such as "Jo <jo@example.org>"',
    ),
    "sweeps.*.tests": (_GLOB, _GLOB_WORDS),
    "sweeps.*.performance": (_GLOB, _GLOB_WORDS),
    "sweeps.*.refs": (_REF, _REF_WORDS),
    "sweeps.*.mainline": (re.compile("|" + _REF.pattern), _REF_WORDS),
    "kcidb.origin": (re.compile(r"[a-z0-9_]+"), 'expected a-z, 0-9 and "_" only'),
}
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+")


def default_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the settings are: $REVIEWBOT_CONFIG, else $XDG_CONFIG_HOME/reviewbot/config.toml.

    Never the current directory: that may be a tree with somebody's patches in it.
    """
    if explicit := environ.get("REVIEWBOT_CONFIG", ""):
        return Path(explicit).expanduser().absolute()
    configured = environ.get("XDG_CONFIG_HOME", "")
    # The XDG base directory specification says that relative values are to be ignored.
    root = Path(configured) if configured.startswith("/") else Path.home() / ".config"
    return root / "reviewbot" / "config.toml"


def load(path: str | Path | None = None) -> Config:
    """The settings of ``path``, or of :func:`default_path` when None.

    Without a file at the usual place the defaults hold; one that was named, by ``path`` or
    $REVIEWBOT_CONFIG, must exist.  Raises UserError.
    """
    place = Path(path).expanduser() if path is not None else default_path()
    named = path is not None or bool(os.environ.get("REVIEWBOT_CONFIG"))
    try:
        with place.open("rb") as stream:
            data = stream.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        if named:
            raise UserError(
                f"{place}: no such settings file; 'reviewbot init' writes one"
            ) from None
        return Config()
    except OSError as error:
        raise UserError(f"{place}: cannot read the settings: {error.strerror}") from error
    if len(data) > SIZE_LIMIT:
        raise UserError(f"{place}: larger than 1 MiB, that is no settings file")
    return parse(data, source=str(place))


def parse(data: bytes, *, source: str) -> Config:
    """Settings from TOML text; ``source`` names it in errors.  Raises UserError."""
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{source}: line {line}: not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source}: not TOML: {error}") from error
    except RecursionError as error:
        raise UserError(f"{source}: nested too deeply") from error
    config = _Reader(source).table(Config, table, key="", pattern="")
    assert isinstance(config, Config)  # noqa: S101 - for the type checker
    return config


class _Reader:
    """Turns tables into dataclasses.  ``key`` is for people, ``pattern`` has "*" for own names."""

    def __init__(self, source: str) -> None:
        self.source = source

    def fail(self, key: str, problem: str) -> typing.NoReturn:
        raise UserError(f"{self.source}: {key}: {problem}")

    def table(self, kind: type[Any], value: object, *, key: str, pattern: str) -> object:
        """An instance of the dataclass ``kind`` from a TOML table."""
        if not isinstance(value, dict):
            self.fail(key, f"expected a table, [{key}], got {_shown(value)}")
        hints = typing.get_type_hints(kind)
        for name in value:
            if name not in hints:
                self.unknown(name, tuple(hints), key)
        missing = [
            each.name
            for each in dataclasses.fields(kind)
            if each.default is dataclasses.MISSING
            and each.default_factory is dataclasses.MISSING
            and each.name not in value
        ]
        if missing:
            self.fail(_join(key, missing[0]), "missing, and there is no default")
        return kind(
            **{
                name: self.value(
                    hints[name], each, key=_join(key, name), pattern=_join(pattern, name)
                )
                for name, each in value.items()
            }
        )

    def unknown(self, name: str, known: tuple[str, ...], table: str) -> typing.NoReturn:
        close = difflib.get_close_matches(name.replace("-", "_").lower(), known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        where = f"in [{table}]" if table else "at the top"
        self.fail(_join(table, _quoted(name)), f"unknown key {where}; {hint}")

    def value(self, hint: Any, value: object, *, key: str, pattern: str) -> object:
        """One value of the annotated type ``hint``."""
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            return self.table(hint, value, key=key, pattern=pattern)
        origin = typing.get_origin(hint)
        if origin is dict:
            return self.named(hint, value, key=key, pattern=pattern)
        if origin is tuple:
            return self.array(hint, value, key=key, pattern=pattern)
        if isinstance(hint, types.GenericAlias) or hint not in _WORDS:
            raise TypeError(f"{pattern}: settings cannot be {hint}")  # a mistake in model/config.py
        return self.scalar(hint, value, key=key, pattern=pattern)

    def named(self, hint: Any, value: object, *, key: str, pattern: str) -> dict[str, object]:
        """Tables or values whose names the user chooses."""
        kind = typing.get_args(hint)[1]
        if not isinstance(value, dict):
            example = (
                "tables such as [" + key + ".linux]" if kind not in _WORDS else f"a table, [{key}]"
            )
            self.fail(key, f"expected {example}, got {_shown(value)}")
        if pattern == "lists":
            for name in value:
                if not _ADDRESS.fullmatch(name):
                    self.fail(_join(key, _quoted(name)), "a list is named by its address")
        return {
            name: self.value(kind, each, key=_join(key, _quoted(name)), pattern=f"{pattern}.*")
            for name, each in value.items()
        }

    def array(self, hint: Any, value: object, *, key: str, pattern: str) -> tuple[object, ...]:
        element = typing.get_args(hint)[0]
        if not isinstance(value, list):
            self.fail(key, f"expected a list in brackets, got {_shown(value)}")
        return tuple(
            self.value(element, each, key=f"{key}[{number}]", pattern=pattern)
            for number, each in enumerate(value)
        )

    def scalar(self, hint: Any, value: object, *, key: str, pattern: str) -> object:
        # bool is an int to Python and an int is a good float to people.
        if hint is float and type(value) is int:
            value = float(value)
        if type(value) is not hint:
            self.fail(key, f"expected {_WORDS[hint]}, got {_shown(value)}")
        if isinstance(value, str):
            if any(ord(character) < 0x20 or character == "\x7f" for character in value):
                self.fail(key, "control characters are not allowed here")
            if pattern in _CHOICES and value not in _CHOICES[pattern]:
                words = ", ".join(f'"{word}"' for word in _CHOICES[pattern])
                self.fail(key, f'expected one of {words}, got "{value}"')
            if pattern in _PATTERNS and not _PATTERNS[pattern][0].fullmatch(value):
                self.fail(key, f'{_PATTERNS[pattern][1]}, got "{value}"')
            if pattern in _FILES | _NAMES_OR_FILES:
                return self.file_name(value, key=key, pattern=pattern)
            return value
        if isinstance(value, int | float):
            self.check_range(value, key=key, pattern=pattern)
        return value

    def check_range(self, value: float, *, key: str, pattern: str) -> None:
        # "not >=" and "not <" because nan compares false with everything.
        if pattern in _POSITIVE and not value > 0:
            self.fail(key, f"must be more than 0, got {value}")
        if not 0 <= value < 2**31:
            self.fail(key, f"must be from 0 to 2147483647, got {value}")

    def file_name(self, value: str, *, key: str, pattern: str) -> str:
        """A path with "~" and "~user" replaced by home directories, "" as it is."""
        if not value or (pattern in _NAMES_OR_FILES and "/" not in value):
            return value
        try:
            place = Path(value).expanduser()
        except RuntimeError:
            self.fail(key, f'"{value}" names a user that does not exist')
        if not place.is_absolute():
            self.fail(key, f'"{value}" is a relative path; begin it with / or ~')
        return str(place)


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _quoted(name: str) -> str:
    """A key as TOML would have it; bare when it may be."""
    return name if _BARE_KEY.fullmatch(name) else repr(name)


def _shown(value: object) -> str:
    """A value of the wrong type, short enough for one line."""
    names = {dict: "a table", list: "a list", bool: "true or false", str: "a string"}
    text = repr(value).replace("True", "true").replace("False", "false")
    return names.get(type(value), type(value).__name__) if len(text) > 40 else text
