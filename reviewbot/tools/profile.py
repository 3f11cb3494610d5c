# SPDX-License-Identifier: GPL-2.0-only
"""Read a lab profile: a shipped one by name, or a file of the user's by path."""

import dataclasses
import difflib
import re
import tomllib
from importlib import resources
from pathlib import Path

import msgspec

from reviewbot.model.errors import UserError
from reviewbot.model.profile import Counting, Module, Profile, Selection, Variant, Variation

_PARAMETER = re.compile(r"[a-z0-9_]{1,60}\.[A-Za-z0-9_]{1,60}=[0-9]{1,18}")
_SHIPPED = resources.files("reviewbot") / "profiles"


def shipped() -> tuple[str, ...]:
    """Names of the profiles that come with us."""
    names = (entry.name for entry in _SHIPPED.iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(name.removesuffix(".toml") for name in names))


def load(name_or_path: str) -> Profile:
    """A profile by name ("kvm") or path (anything with a slash or ending in .toml).

    Raises UserError for an unknown name, an unreadable file, a key we do not know or a wrong type.
    """
    text = _text(name_or_path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{name_or_path}: not valid TOML: {error}") from error
    _no_unknown(name_or_path, table, Profile)
    tables = {
        "modules": Module,
        "selections": Selection,
        "variants": Variant,
        "variations": Variation,
    }
    for name, kind in tables.items():
        entries = table.get(name)
        for entry in entries if isinstance(entries, list) else ():
            _no_unknown(f"{name_or_path}: {name}", entry, kind)
    _no_unknown(f"{name_or_path}: counting", table.get("counting"), Counting)
    try:
        profile = msgspec.convert(table, Profile)
    except msgspec.ValidationError as error:
        raise UserError(f"{name_or_path}: {error}") from error
    for variation in profile.variations:
        for word in variation.parameters:
            if not _PARAMETER.fullmatch(word):
                raise UserError(
                    f"{name_or_path}: variations: {word!r} is no module parameter; "
                    'write it as "kvm_amd.npt=0"'
                )
    return profile


def _text(name_or_path: str) -> str:
    if "/" in name_or_path or name_or_path.endswith(".toml"):
        try:
            return Path(name_or_path).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise UserError(f"{name_or_path}: cannot read this profile: {why}") from error
    if name_or_path not in shipped():
        raise UserError(
            f"no profile {name_or_path!r}; there is {', '.join(shipped())}, or give a path"
        )
    return (_SHIPPED / f"{name_or_path}.toml").read_text(encoding="utf-8")


def _no_unknown(
    where: str,
    table: object,
    kind: type[Profile | Counting | Module | Selection | Variant | Variation],
) -> None:
    known = [field.name for field in dataclasses.fields(kind)]
    for key in table if isinstance(table, dict) else ():
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"
            raise UserError(f"{where}: unknown key {key!r}{hint}")
