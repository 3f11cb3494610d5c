# SPDX-License-Identifier: GPL-2.0-only
"""The settings file that ``reviewbot init`` writes: every key, commented out, with its meaning.

It is made from model/config.py - names, defaults and the string literals below the fields - so it
can not lag behind.  A comment starts with "# ", a setting to take into use with "#".
"""

import ast
import dataclasses
import inspect
import json
import textwrap
import typing
from pathlib import Path

from reviewbot.model import config
from reviewbot.model.errors import UserError
from reviewbot.tools.cache import write_whole
from reviewbot.tools.settings import default_path

_HEAD = """\
Settings of reviewbot.  What is commented out shows the default; remove the # to change it.
Keys that do not exist are errors.  Paths begin with / or ~.  'reviewbot doctor' checks the file.
"""
# What a first one could be called, for the tables whose names the user chooses.
_EXAMPLE_NAMES = {"trees": "linux", "lists": '"kvm@vger.kernel.org"', "sweeps": "kvm"}
_EXAMPLE_VALUES = {"path": "~/linux"}


def render() -> str:
    """The commented settings as TOML text; parsing it as it is gives the defaults."""
    docs = field_docs()
    lines = _comment(_HEAD)
    for section in dataclasses.fields(config.Config):
        hint = typing.get_type_hints(config.Config)[section.name]
        own_name = typing.get_origin(hint) is dict
        kind = typing.get_args(hint)[1] if own_name else hint
        name = f"{section.name}.{_EXAMPLE_NAMES[section.name]}" if own_name else section.name
        lines += _table(kind, name, docs, taken=not own_name)
    return "\n".join(lines) + "\n"


def _table(kind: type, name: str, docs: dict[tuple[str, str], str], *, taken: bool) -> list[str]:
    """A table and those within it; ``taken`` ones are there without anybody taking them into use."""
    lines = ["", *_comment(inspect.getdoc(kind) or ""), f"[{name}]" if taken else f"#[{name}]"]
    hints = typing.get_type_hints(kind)
    inner = [
        each for each in dataclasses.fields(kind) if dataclasses.is_dataclass(hints[each.name])
    ]
    for each in dataclasses.fields(kind):
        if each not in inner:
            lines += _comment(docs[kind.__name__, each.name])
            lines.append(f"#{each.name} = {_toml(_default(each))}")
    for each in inner:
        lines += _table(hints[each.name], f"{name}.{each.name}", docs, taken=taken)
    return lines


def write(path: str | Path | None = None, *, force: bool) -> Path:
    """Write :func:`render` to ``path``, or where settings are looked for; return where.

    Raises UserError when it exists and not ``force``.
    """
    place = Path(path).expanduser() if path is not None else default_path()
    if place.exists() and not force:
        raise UserError(f"{place} exists and is left alone; --force overwrites it")
    if place.is_dir():
        raise UserError(f"{place} is a directory; name a file")
    try:
        write_whole(place.resolve(), render().encode())
    except OSError as error:
        raise UserError(f"{place}: cannot write the settings: {error.strerror}") from error
    return place


def field_docs() -> dict[tuple[str, str], str]:
    """(class, field) to the string literal below the field, in one line of text."""
    found = {}
    for kind in ast.parse(inspect.getsource(config)).body:
        if not isinstance(kind, ast.ClassDef):
            continue
        for item, below in zip(kind.body, kind.body[1:], strict=False):
            match item, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found[kind.name, name] = " ".join(text.split())
    return found


def _default(each: "dataclasses.Field[object]") -> object:
    if each.default is not dataclasses.MISSING:
        return each.default
    if each.default_factory is not dataclasses.MISSING:
        return each.default_factory()
    return _EXAMPLE_VALUES[each.name]


def _toml(value: object) -> str:
    """A default as TOML.  JSON's strings, numbers and lists of strings are TOML as well."""
    return json.dumps(value, ensure_ascii=False)


def _comment(text: str) -> list[str]:
    lines = []
    for paragraph in text.strip().split("\n"):
        lines += textwrap.wrap(paragraph.strip(), 98, initial_indent="# ", subsequent_indent="# ")
    return lines
