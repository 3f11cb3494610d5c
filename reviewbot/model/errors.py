# SPDX-License-Identifier: GPL-2.0-only
"""Kinds of trouble that must never mix (tuxmake's distinction, see docs/architecture.md).

A kernel that fails to build or a test that fails is *not* an exception: it is a result.
"""


class ReviewbotError(Exception):
    """Base of all our errors.  ``str()`` is one line: the cause, and the way out."""

    exit_code = 3


class UserError(ReviewbotError):
    """The request is impossible until the user changes something: input, options, a full disk.

    Exit code 2.
    """

    exit_code = 2


class UnavailableError(UserError):
    """As above, but the same request may well succeed later: a server that does not answer."""


class InfrastructureError(ReviewbotError):
    """Our own tools failed, or a program that they need did.  Exit code 3."""

    exit_code = 3
