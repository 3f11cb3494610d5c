# SPDX-License-Identifier: GPL-2.0-only
"""Where the shipped rules and templates lie: inside the installed package, else beside it.

The wheel carries both folders inside the package (pyproject.toml, force-include).  A checkout and an
editable install have them at the top of the tree, as siblings of the package.
"""

from pathlib import Path

from reviewbot.model.errors import InfrastructureError

_PACKAGE = Path(__file__).resolve().parent


def rules_directory() -> Path:
    """The shipped rules.  Raises InfrastructureError when the installation lacks them."""
    return _find("rules", _PACKAGE)


def templates_directory() -> Path:
    """The shipped templates.  Raises InfrastructureError when the installation lacks them."""
    return _find("templates", _PACKAGE)


def _find(name: str, package: Path) -> Path:
    for place in (package / name, package.parent / name):
        if place.is_dir():
            return place
    raise InfrastructureError(
        f"the shipped {name} are missing beside {package}; install reviewbot again"
    )
