# SPDX-License-Identifier: GPL-2.0-only
"""Run -> bytes in one of seven formats, and the mails that would be sent.

Pure given the settings; :func:`settings` reads the templates once.  What one format alone needs is imported
when it is asked for.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import jinja2

from reviewbot.model.codec import to_json
from reviewbot.model.errors import UserError
from reviewbot.stages import report_mail
from reviewbot.stages.compose import mbox
from reviewbot.stages.printable import count, one_line, printable, row, wrap
from reviewbot.stages.recipients import sender_of
from reviewbot.stages.report_html import html
from reviewbot.stages.report_kcidb import KcidbSettings, kcidb
from reviewbot.stages.report_kcidb import settings as kcidb_settings
from reviewbot.stages.report_text import text
from reviewbot.tools import templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewbot.model.config import Config
    from reviewbot.model.mail import Mail
    from reviewbot.model.run import Run
    from reviewbot.model.series import Address
    from reviewbot.rulekit.rule import Rule

VERSION = 1
FORMATS = ("text", "json", "html", "mbox", "sarif", "junit", "kcidb")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """What a report depends on besides the run.

    ``templates`` are sources by name; ``sender`` None leaves the choice to delivery; ``all_clear``
    also writes mails about clean series; ``pretty`` indents JSON; ``rules`` and ``help_url`` (with %s
    for a code) are what SARIF says of rules, ``kcidb`` what KCIDB says of us and our trees.
    """

    templates: Mapping[str, str]
    sender: Address | None = None
    all_clear: bool = False
    pretty: bool = True
    rules: tuple[Rule, ...] = ()
    help_url: str = ""
    kcidb: KcidbSettings = field(default_factory=KcidbSettings)


def settings(config: Config, form: str = "") -> ReportSettings:
    """Settings for the shipped templates; those for SARIF have the rules as well.

    Raises UserError when mail.sender is no address, BadRuleError for a rule that cannot be read.
    """
    rules: tuple[Rule, ...] = ()
    if form == "sarif":
        from reviewbot.rulekit.registry import rules_for  # noqa: PLC0415 - parsers

        rules = rules_for(config)
    return ReportSettings(
        templates=templates.load(),
        sender=sender_of(config.mail.sender),
        rules=rules,
        help_url=config.rules.help_url,
        kcidb=kcidb_settings(config),
    )


def run(run: Run, form: str, settings: ReportSettings) -> bytes:
    """The report in one of FORMATS.  Raises UserError for another."""
    if form == "text":
        return _encoded(text(run, plain(settings)))
    if form == "json":
        return _json(run, pretty=settings.pretty)
    if form == "html":
        return _encoded(html(run, marked_up(_hashable(settings))))
    if form == "mbox":
        return mbox(mails(run, settings))
    if form == "sarif":
        from reviewbot.stages.report_sarif import sarif  # noqa: PLC0415 - all that rules import

        return sarif(run, settings.rules, settings.help_url)
    if form == "junit":
        from reviewbot.stages.report_junit import junit  # noqa: PLC0415 - the library for XML

        return junit(run)
    if form == "kcidb":
        return kcidb(run, settings.kcidb)
    raise UserError(f"unknown report format {form!r}; there are {', '.join(FORMATS)}")


def mails(run: Run, settings: ReportSettings) -> tuple[Mail, ...]:
    """The mails worth sending, summary first; none when silence is the better answer."""
    return report_mail.mails(
        run,
        plain(settings),
        sender=settings.sender,
        all_clear=settings.all_clear,
    )


def plain(settings: ReportSettings) -> jinja2.Environment:
    """The templates of mails and of text for terminals."""
    return _plain(_hashable(settings))


def _json(run: Run, *, pretty: bool) -> bytes:
    """The whole run: model.codec reads it back.  ASCII only, so that no terminal is in danger."""
    value = json.loads(to_json(run))
    said = json.dumps(value, ensure_ascii=True, sort_keys=True, indent=2 if pretty else None)
    return said.encode() + b"\n"


def _hashable(settings: ReportSettings) -> tuple[tuple[str, str], ...]:
    return tuple(settings.templates.items())


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


@functools.lru_cache(maxsize=2)  # compiling takes longer than rendering
def _plain(sources: tuple[tuple[str, str], ...]) -> jinja2.Environment:
    """Templates for mails and terminals; whatever they print goes through printable()."""
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(dict(sources)),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - plain text; html has its own environment
        keep_trailing_newline=True,
        finalize=lambda value: printable(str(value)),
    )
    environment.filters["wrap"] = lambda text, indent="": wrap(text, first=indent, indent=indent)
    environment.filters["number"] = count
    environment.filters["row"] = lambda text, label: row(label, text)
    environment.filters["rule"] = lambda text: f"--- {one_line(text)} ".ljust(72, "-").rstrip()
    return environment


@functools.lru_cache(maxsize=2)
def marked_up(sources: tuple[tuple[str, str], ...]) -> jinja2.Environment:
    """Templates (name, source) for HTML and XML: control characters are made visible, then all is escaped."""
    return jinja2.Environment(
        loader=jinja2.DictLoader(dict(sources)),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
