# SPDX-License-Identifier: GPL-2.0-only
"""The configuration that Kconfig wrote (.config), and what it said of it."""

from collections.abc import Sequence


def without_effect(wanted: Sequence[str], config: str) -> tuple[str, ...]:
    """Those lines of ``wanted`` (``CONFIG_X=y``, ``CONFIG_X=n``) that a .config does not honour."""
    have = set(config.split("\n"))

    def honoured(line: str) -> bool:
        name, _, value = line.partition("=")
        if value != "n":
            return line in have
        return not any(one.startswith(f"{name}=") for one in have)

    return tuple(line for line in wanted if not honoured(line))


def besides(log: str) -> str:
    """The lines of a log that are none of the configuration printed in it."""
    lines = log.split("\n")
    return "".join(f"{line}\n" for line in lines if line and not line.startswith(("#", "CONFIG_")))
