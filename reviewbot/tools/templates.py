# SPDX-License-Identifier: GPL-2.0-only
"""Read report templates, so that rendering needs no files."""

from pathlib import Path

from reviewbot.assets import templates_directory
from reviewbot.model.errors import UserError


def load(override: Path | None = None) -> dict[str, str]:
    """Sources of the shipped templates by name; files of the same name in ``override`` win.

    Raises UserError when ``override`` cannot be read.
    """
    found = _read(templates_directory())
    if override is None:
        return found
    try:
        return found | _read(override)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"templates in {override} cannot be read: {error}") from error


def load_web() -> dict[str, str]:
    """Sources of the shipped web pages' templates, and of the report's parts they are made of."""
    parts = _read(templates_directory())
    pages = {name: text for name, text in parts.items() if not name.endswith(".txt.j2")}
    return pages | _read(templates_directory() / "web")


def _read(directory: Path) -> dict[str, str]:
    return {
        place.name: place.read_text("utf-8")
        for place in sorted(directory.iterdir())
        if place.suffix in (".j2", ".css")
    }
