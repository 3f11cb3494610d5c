# SPDX-License-Identifier: GPL-2.0-only
"""The ``reviewbot`` command and what all its subcommands share: settings, progress, errors."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import click

from reviewbot import __version__
from reviewbot.model.errors import ReviewbotError
from reviewbot.stages.printable import one_line
from reviewbot.tools import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from reviewbot.model.config import Config


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the options before the subcommand say."""

    config_path: str | None
    quiet: bool

    def config(self) -> Config:
        """The settings in force.  Raises UserError when the file is wrong."""
        return settings.load(self.config_path)


class Commands(click.Group):
    """Subcommands by name; each module is imported only when its command is used."""

    names: ClassVar = {
        "review": "reviewbot.cli.review:review",
        "lint": "reviewbot.cli.lint:lint",
        "runs": "reviewbot.cli.runs:runs",
        "show": "reviewbot.cli.runs:show",
        "triage": "reviewbot.cli.triage:triage",
        "b4-check": "reviewbot.cli.b4_check:b4_check",
        "serve": "reviewbot.cli.web:serve",
        "export": "reviewbot.cli.web:export",
        "bot": "reviewbot.cli.bot:bot",
        "sweep": "reviewbot.cli.sweep:sweep",
        "bisect": "reviewbot.cli.bisect:bisect",
        "coverage": "reviewbot.cli.coverage:coverage",
        "rules": "reviewbot.cli.rules:rules",
        "queue": "reviewbot.cli.queue:queue",
        "worker": "reviewbot.cli.worker:worker",
        "job": "reviewbot.cli.worker:job",
        "sender": "reviewbot.cli.sender:sender",
        "outbox": "reviewbot.cli.outbox:outbox",
        "cache": "reviewbot.cli.cache:cache",
        "doctor": "reviewbot.cli.setup:doctor",
        "init": "reviewbot.cli.setup:init",
        "import-source": "reviewbot.cli.setup:import_source",
        "completion": "reviewbot.cli.manual:completion",
        "manual": "reviewbot.cli.manual:manual",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order people meet them, not the alphabet's."""
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module; None for an unknown name."""
        if cmd_name not in self.names:
            ctx.fail(f"no command {cmd_name!r}; there are: {', '.join(self.names)}")
        module, _, attribute = self.names[cmd_name].partition(":")
        command = getattr(__import__(module, fromlist=[attribute]), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - our own table
        return command

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        """Read the command line, which may print the help."""
        with _unless_reader_left():
            return super().make_context(*arguments, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        with _unless_reader_left():
            return super().invoke(ctx)


@contextlib.contextmanager
def _unless_reader_left() -> Iterator[None]:
    """Keep click from making status 1, which means findings, of a pipe that was closed."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise _ReaderLeftError from error


class _ReaderLeftError(Exception):
    """Whoever read our output (| head) has seen enough."""


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reviewbot")
@click.option("--config", "config_path", metavar="FILE", help="Settings (default: see 'init').")
@click.option("--quiet", "-q", is_flag=True, help="No progress on standard error.")
@click.pass_context
def cli(ctx: click.Context, config_path: str | None, *, quiet: bool) -> None:
    """Review kernel patch series: rules, builds, selftests under nested KVM.

    Exit status: 0 nothing but notes, 1 findings, 2 wrong usage or input, 3 our own tools failed.
    """
    ctx.obj = Invocation(config_path, quiet)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise KeyboardInterrupt


def main() -> NoReturn:
    """Run the command; every error is one line on standard error."""
    signal.signal(signal.SIGTERM, _terminated)
    # The sandbox's user reads what we write (tools.sandbox).  Whether our group may write it is the
    # environment's choice: the units' three users share a file of SQLite.
    os.umask(os.umask(0o022) & 0o020 | 0o002)
    try:
        sys.exit(cli.main(prog_name="reviewbot", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.exceptions.Abort, KeyboardInterrupt):
        _leave("interrupted; what was finished is kept, the same command continues", 130)
    except ReviewbotError as error:
        _leave(str(error), error.exit_code)
    except _ReaderLeftError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to flush
        sys.exit(0)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            _mistake(error)
        _leave("disk full while writing the report; free some space", 2)
    except Exception as error:  # noqa: BLE001 - the last resort, see there
        _mistake(error)


def _mistake(error: Exception) -> NoReturn:
    """A traceback would end with status 1, and that means findings."""
    if os.environ.get("REVIEWBOT_DEBUG"):
        raise error
    _leave(
        f"our own mistake: {type(error).__name__}: {one_line(str(error))}; "
        "with REVIEWBOT_DEBUG=1 it shows where, please report it",
        3,
    )


def _leave(message: str, code: int) -> NoReturn:
    click.echo(f"reviewbot: {one_line(message)}", err=True)
    sys.exit(code)
