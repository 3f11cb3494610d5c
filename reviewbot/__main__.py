# SPDX-License-Identifier: GPL-2.0-only
"""``python -m reviewbot`` is the same as the ``reviewbot`` command."""

from reviewbot.cli.main import main

if __name__ == "__main__":
    main()
