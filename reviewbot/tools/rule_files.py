# SPDX-License-Identifier: GPL-2.0-only
"""Write the three files of a new rule, and the pages of the rule reference."""

import re
from collections.abc import Mapping
from pathlib import Path

import jinja2

from reviewbot.assets import templates_directory
from reviewbot.model.errors import UserError
from reviewbot.tools.cache import write_whole

_CODE = re.compile(r"[A-Z][A-Z0-9]*-[A-Z][A-Z0-9]*-\d{3}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")
_TEMPLATES = {"rule.py.j2": "{}.py", "bad.case.j2": "{}.bad.case", "ok.case.j2": "{}.ok.case"}


def new_rule(code: str, name: str, directory: Path) -> tuple[Path, ...]:
    """Write NAME.py, NAME.bad.case and NAME.ok.case; return where they are, the rule first.

    Raises UserError when code or name are malformed, or one of the files exists.
    """
    if not _CODE.fullmatch(code):
        raise UserError(f"{code[:60]!a} is no code; it must be like SITE-ABI-001")
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{name[:60]!a} is no name of a rule; it must be like padding_use: lower case letters, "
            "digits and underscores"
        )
    templates = templates_directory() / "rule"
    made = {
        directory / pattern.format(name): jinja2.Template(
            (templates / template).read_text("utf-8"), keep_trailing_newline=True
        ).render(code=code)
        for template, pattern in _TEMPLATES.items()
    }
    for place in made:
        if place.exists() or place.is_symlink():
            raise UserError(f"{place} exists and is left alone; choose another name")
    _write(made, directory)
    return tuple(made)


def write_pages(pages: Mapping[str, str], directory: Path, stale: re.Pattern[str]) -> int:
    """Write pages by file name; return how many changed.

    What is called like a page (``stale``) and is none any more is taken away.

    Raises UserError when the directory cannot be written.
    """
    changed = {
        directory / name: text
        for name, text in pages.items()
        if not (directory / name).is_file() or (directory / name).read_text("utf-8") != text
    }
    _write(changed, directory)
    gone = [
        place
        for place in directory.iterdir()
        if stale.fullmatch(place.name) and place.name not in pages
    ]
    for place in gone:
        place.unlink()
    return len(changed) + len(gone)


def _write(files: Mapping[Path, str], directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for place, text in files.items():
            write_whole(place, text.encode())
    except OSError as error:
        raise UserError(f"{directory}: cannot be written: {error.strerror}") from error
