# SPDX-License-Identifier: GPL-2.0-only
"""What the bot, its workers and its sender share: how they log, and who may ask how they are."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

import click

from reviewbot.cli.log import Form, Log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reviewbot.engine.metrics import Meters

F = TypeVar("F", bound="Callable[..., object]")


def log_option(component: str) -> Callable[[F], F]:
    """``--log``; the command gets a Log called ``log``."""

    def made(ctx: click.Context, parameter: click.Parameter, value: str) -> Log:  # noqa: ARG001 - click's
        return Log(component, Form(value))

    return click.option(
        "--log",
        type=click.Choice([str(form) for form in Form]),
        default=str(Form.TEXT),
        envvar="REVIEWBOT_LOG",
        show_default=True,
        callback=made,
        help="Lines for people, or one JSON object a line (also $REVIEWBOT_LOG).",
    )


def listen_option(command: F) -> F:
    """``--listen``."""
    return click.option(
        "--listen",
        metavar="ADDRESS:PORT",
        envvar="REVIEWBOT_LISTEN",
        help="Answer GET /metrics and /healthz there (also $REVIEWBOT_LISTEN).",
    )(command)


@contextlib.contextmanager
def answering(listen: str | None, meters: Meters, log: Log) -> Iterator[None]:
    """Serve /metrics and /healthz for the time of a ``with``, when it was asked for.

    Whoever is told to end (SIGTERM, Ctrl-C) within ends with status 0: for a service that is no failure.
    """
    from reviewbot.tools.monitoring import serving  # noqa: PLC0415 - not needed by most

    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.closing(meters))
        if listen:
            port = stack.enter_context(serving(listen, meters.registry, meters.trouble))
            log("listening", f"http://{listen.rpartition(':')[0]}:{port}/metrics and /healthz")
        try:
            yield
        except KeyboardInterrupt:
            log("ended", "told to end; what was finished is kept, the same command continues")
            raise SystemExit(0) from None
