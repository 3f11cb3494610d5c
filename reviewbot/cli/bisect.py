# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot bisect``: which commit of a range broke something, found in the lab."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from reviewbot.cli.coverage import tree_path
from reviewbot.cli.environment import need_isolation, tools_for
from reviewbot.model.bisection import BisectRequest, Failure
from reviewbot.model.errors import UserError
from reviewbot.model.sweep import Kind
from reviewbot.stages.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewbot.cli.main import Invocation
    from reviewbot.model.profile import Profile


_NAMED = {"test": Kind.TEST, "build": Kind.BUILD, "warning": Kind.WARNING, "console": Kind.CONSOLE}


@click.command()
@click.argument("commits", metavar="GOOD..BAD")
@click.option("--tree", metavar="PATH", help="Kernel repository (default: the first configured).")
@click.option("--test", multiple=True, metavar="NAME", help="A selftest that fails; repeatable.")
@click.option("--assertion", metavar="TEXT", default="", help="Only where --test fails with it.")
@click.option(
    "--build", multiple=True, metavar="NAME", help="What does not build: 'kvm', or a variant."
)
@click.option("--warning", multiple=True, metavar="TEXT", help="What compilers say: FILE: MESSAGE.")
@click.option("--boot", is_flag=True, help="The kernel does not come up with its modules.")
@click.option("--console", multiple=True, metavar="FINGERPRINT", help="A report seen at boot.")
@click.option("--hours", type=click.FloatRange(0, min_open=True), help="End after so long.")
@click.option("--confidence", type=click.FloatRange(0.5, 0.9999), default=0.99, show_default=True)
@click.option("--first-parent", is_flag=True, help="Take a merge for one commit.")
@click.option("--no-verify", is_flag=True, help="Do not try to revert what was found.")
@click.option("--inbox", multiple=True, metavar="PATH", help="Where its mail may be; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print the answers as JSON, one a line.")
@click.pass_context
def bisect(
    ctx: click.Context,
    /,
    commits: str,
    *,
    tree: str | None,
    assertion: str,
    boot: bool,
    hours: float | None,
    confidence: float,
    first_parent: bool,
    no_verify: bool,
    inbox: tuple[str, ...],
    as_json: bool,
    **named: tuple[str, ...],
) -> None:
    """Find the commit of GOOD..BAD that broke something.

    Several failures are looked for in one pass.  A step compiles what differs from the one before and
    boots only the tests concerned; a test that does not always fail is run again until the answer is
    as sure as --confidence asks.  The tree is only read.  Interrupted, the same command goes on.

    Exit status: 0 all found, 1 not all, 2 wrong usage or input, 3 our own tools failed.
    """
    from reviewbot.engine import bisection  # noqa: PLC0415 - the lab loads here
    from reviewbot.model.codec import to_json  # noqa: PLC0415 - see above
    from reviewbot.stages import bisect_text  # noqa: PLC0415 - see above
    from reviewbot.tools import profile as profiles  # noqa: PLC0415 - see above

    invocation: Invocation = ctx.obj
    config = invocation.config()
    path = tree_path(tree, config)
    profile = profiles.load(config.lab.profile)
    good, bad = _ends(path, commits)
    failures = list(_failures(path, bad, named, assertion, profile))
    failures += [Failure(kind=Kind.BOOT, name=profile.name)] if boot else []
    if not failures:
        raise UserError("say what broke: --test NAME, --build NAME, --warning TEXT, --boot")
    request = BisectRequest(
        repository=path,
        good=good,
        bad=bad,
        failures=tuple(failures),
        profile=profile,
        deadline=time.time() + hours * 3600 if hours else 0.0,
        confidence=confidence,
        first_parent=first_parent,
        verify=not no_verify,
        archives=inbox,
    )
    with tools_for(config, quiet=invocation.quiet) as tools:
        need_isolation()
        answers = bisection.bisect(request, tools)
    for answer in answers:
        click.echo(to_json(answer).decode() if as_json else bisect_text.text(answer))
    sys.exit(0 if all(answer.culprit for answer in answers) else 1)


def _ends(path: str, commits: str) -> tuple[str, str]:
    """The commits that GOOD..BAD names."""
    from reviewbot.tools.objects import open_repository, resolve_commit  # noqa: PLC0415 - slow

    good, dots, bad = commits.partition("..")
    if not dots or not good or not bad or bad.startswith("."):
        raise UserError(f"{one_line(commits[:80])!a} is not of the form GOOD..BAD, two commits")
    repository = open_repository(path)
    found = []
    for name in (good, bad):
        commit = resolve_commit(repository, name)
        if commit is None:
            raise UserError(f"{path}: no commit {one_line(name[:80])}")
        found.append(commit)
    return found[0], found[1]


def _failures(
    path: str, bad: str, named: dict[str, tuple[str, ...]], assertion: str, profile: Profile
) -> Iterable[Failure]:
    for option, names in named.items():
        kind = _NAMED[option]
        for name in names:
            if kind is Kind.BUILD:
                known = (profile.name, *(variant.name for variant in profile.variants))
                if name not in known:
                    raise UserError(f"--build {one_line(name[:80])}: there are {', '.join(known)}")
            if kind is Kind.TEST:
                test = _test(path, bad, name, profile)
                yield Failure(kind=kind, name=test, detail=assertion)
            else:
                yield Failure(kind=kind, name=name)


def _test(path: str, bad: str, name: str, profile: Profile) -> str:
    """A selftest's name in the bad end's tree; its directory need not be given."""
    from reviewbot.stages.choose import directory  # noqa: PLC0415 - the lab loads here
    from reviewbot.tools.objects import TreeView  # noqa: PLC0415 - slow

    top = directory(profile)
    view = TreeView(path, bad)
    if view.read(f"{top}/{name}.c") is not None:
        return name
    sources = [one.removeprefix(f"{top}/") for one in view.paths(top) if one.endswith(".c")]
    found = [one.removesuffix(".c") for one in sources if one.endswith(f"/{name}.c")]
    if len(found) != 1:
        said = f"there are {', '.join(found)}" if found else f"{top} of {bad[:12]} has none such"
        raise UserError(f"--test {one_line(name[:80])}: {said}")
    return found[0]
