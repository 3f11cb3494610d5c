# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot completion`` and ``reviewbot manual``: made from the commands themselves, so they cannot lag."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from reviewbot.model.errors import UserError
from reviewbot.tools.cache import write_whole

SHELLS = ("bash", "zsh", "fish")
_SPECIAL = re.compile(r"[\\\-]")
_SEE = ("reviewbot(1)", "b4(5)", "git(1)")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands, options, series and views.

    \b
    bash  eval "$(reviewbot completion bash)"   in ~/.bashrc
    zsh   eval "$(reviewbot completion zsh)"    in ~/.zshrc, behind compinit
    fish  reviewbot completion fish > ~/.config/fish/completions/reviewbot.fish
    """  # noqa: D301 - a real \\b: click leaves the lines behind it alone
    kind = get_completion_class(shell)
    if kind is None:
        raise UserError(f"no completion for {shell}; there is one for {', '.join(SHELLS)}")
    made = kind(ctx.find_root().command, {}, "reviewbot", "_REVIEWBOT_COMPLETE")
    # BashComplete.source() would start bash to ask for its version; 4.4 is from 2016.
    click.echo(made.source_template % made.source_vars())


@click.command(hidden=True)
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.pass_context
def manual(ctx: click.Context, directory: Path) -> None:
    """Write the manual pages to DIRECTORY: reviewbot.1, and one for each command."""
    pages = manual_pages(ctx.find_root())
    for name, text in pages.items():
        write_whole(directory / name, text.encode())
    for old in directory.glob("reviewbot*.1"):
        if old.name not in pages:
            old.unlink()
    click.echo(f"{directory}: {len(pages)} pages")


def manual_pages(root: click.Context) -> dict[str, str]:
    """File name -> page, in man(7), of all commands that are not hidden."""
    top = root.command
    assert isinstance(top, click.Group)  # noqa: S101 - our own command
    found = {}
    names = []
    for name in top.list_commands(root):
        command = top.get_command(root, name)
        if command and not command.hidden:
            found[f"reviewbot-{name}.1"] = _page(
                click.Context(command, info_name=f"reviewbot {name}")
            )
            names.append((f"reviewbot-{name}(1)", command.get_short_help_str(200)))
    plain = click.Context(top, info_name="reviewbot")
    found["reviewbot.1"] = _page(plain, commands=names)
    return found


def _page(ctx: click.Context, commands: list[tuple[str, str]] | None = None) -> str:
    """One page: the command, and what is below it, unless ``commands`` have pages of their own."""
    path = ctx.command_path
    dashed = path.replace(" ", "-")
    short = ctx.command.get_short_help_str(200).rstrip(".")
    lines = [
        '.\\" SPDX-License-Identifier: GPL-2.0-only',
        '.\\" Made by "make docs" from the help texts: change those.',
        f'.TH "{dashed.upper()}" "1" "" "reviewbot" "User Commands"',
        ".SH NAME",
        f"{_text(dashed)} \\- {_text(short[:1].lower() + short[1:])}",
        *_synopsis(ctx),
        ".SH DESCRIPTION",
        *_prose(ctx.command.help or ""),
        *_options(ctx, ".SH"),
    ]
    if commands is not None:
        lines.append(".SH COMMANDS")
        for name, text in commands:
            lines += [".TP", f"\\fB{_text(name)}\\fR", _text(text)]
    elif isinstance(ctx.command, click.Group):
        lines.append(".SH COMMANDS")
        for name in ctx.command.list_commands(ctx):
            command = ctx.command.get_command(ctx, name)
            if command and not command.hidden:
                below = click.Context(command, info_name=name, parent=ctx)
                lines += [f".SS {_text(_usage(below))}", *_prose(command.help or "")]
                lines += _options(below, "")
    others = [one for one in _SEE if one != f"{dashed}(1)"]
    lines += [".SH SEE ALSO", _text(", ".join(others))]
    return "\n".join(lines) + "\n"


def _synopsis(ctx: click.Context) -> list[str]:
    return [".SH SYNOPSIS", f"\\fB{_text(ctx.command_path)}\\fR {_text(_arguments(ctx))}"]


def _usage(ctx: click.Context) -> str:
    return f"{ctx.info_name} {_arguments(ctx)}"


def _arguments(ctx: click.Context) -> str:
    return " ".join(ctx.command.collect_usage_pieces(ctx))


def _options(ctx: click.Context, heading: str) -> list[str]:
    records = [
        record
        for parameter in ctx.command.get_params(ctx)
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx))
    ]
    lines = [f"{heading} OPTIONS"] if heading and records else []
    for names, text in records:
        lines += [".TP", f"\\fB{_text(names)}\\fR", _text(text) or "\\&"]
    return lines


def _prose(text: str) -> list[str]:
    """Paragraphs of a docstring; one that begins with a backspace is shown line by line."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        body = paragraph.strip("\n")
        if not body.strip():
            continue
        lines.append(".PP")
        if body.lstrip().startswith("\b"):
            rows = [row for row in body.replace("\b", "").split("\n") if row.strip()]
            lines += [".nf", *(_text(row) for row in rows), ".fi"]
        else:
            lines.append(_text(" ".join(body.split())))
    return lines


def _text(text: str) -> str:
    """Text that roff takes as it is: no escapes, no request at the start of a line."""
    escaped = _SPECIAL.sub(lambda found: "\\e" if found[0] == "\\" else "\\-", text)
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped
