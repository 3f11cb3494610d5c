# SPDX-License-Identifier: GPL-2.0-only
"""Find rules by walking directories.  Anything wrong with a rule is fatal, never a log line."""

import ast
import functools
import hashlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from reviewbot import assets
from reviewbot.model.config import Config
from reviewbot.model.errors import UserError
from reviewbot.rulekit.rule import SECTIONS, Declaration, Rule, documentation

_CODE = re.compile(r"[A-Z][A-Z0-9]*-[A-Z][A-Z0-9]*-\d{3}")
_MAY_IMPORT = frozenset({"reviewbot.rulekit"})
_IMPORT = re.compile(r"\bimport\b")
_PLAIN_IMPORT = re.compile(
    r" *(?:from (?:reviewbot\.rulekit|(?!reviewbot\b)\w[\w.]*) import [\w, ()]+"
    r"|import (?!reviewbot\b)\w[\w.]*(?: as \w+)?)"
)


class BadRuleError(UserError):
    """A rule file that can not be used; the message names the file and what to do."""


def load_rules(directories: Iterable[Path]) -> tuple[Rule, ...]:
    """All rules below the directories, by code.  Raises BadRuleError for the first bad one."""
    rules, bad = load_sound(directories)
    if bad:
        raise bad[0]
    return rules


def load_sound(
    directories: Iterable[Path],
) -> tuple[tuple[Rule, ...], tuple[BadRuleError, ...]]:
    """The rules below the directories that load, by code, and what is wrong with the others."""
    found: dict[str, Rule] = {}
    bad: list[BadRuleError] = []
    for directory in directories:
        if not directory.is_dir():
            bad.append(
                BadRuleError(f"rule directory {directory} does not exist; check rules.directories")
            )
        for path in sorted(directory.rglob("*.py")):
            try:
                loaded = load_rule(path)
            except BadRuleError as error:
                bad.append(error)
                continue
            if other := found.get(loaded.code):
                bad.append(
                    BadRuleError(f"{path}: code {loaded.code} is already used by {other.path}")
                )
                continue
            found[loaded.code] = loaded
    return tuple(found[code] for code in sorted(found)), tuple(bad)


def rules_for(config: Config) -> tuple[Rule, ...]:
    """Shipped rules and the site's own.  Raises BadRuleError for the first bad one."""
    own = (Path(name).expanduser() for name in config.rules.directories)
    return load_rules((assets.rules_directory(), *own))


def load_rule(path: Path) -> Rule:
    """One rule from its file.  Raises BadRuleError."""
    module = _module(path)
    declared = [
        (value, value.reviewbot_rule)
        for value in vars(module).values()
        if isinstance(getattr(value, "reviewbot_rule", None), Declaration)
    ]
    if len(declared) != 1:
        raise BadRuleError(f"{path}: has {len(declared)} functions marked @rule, must be one")
    check, declaration = declared[0]
    if not _CODE.fullmatch(declaration.code):
        raise BadRuleError(f"{path}: code {declaration.code!r} is not like KVM-ABI-002")
    title, docs = documentation(module.__doc__ or "")
    lacking = [name for name in SECTIONS if not docs.get(name)]
    if not title or lacking:
        raise BadRuleError(f"{path}: docstring lacks {', '.join(lacking) or 'a title'}")
    cases = tuple(sorted(path.parent.glob(path.stem + ".*.case")))
    kinds = {case.name[len(path.stem) + 1 :].split(".")[0].rstrip("0123456789") for case in cases}
    for kind in ("bad", "ok"):
        if kind not in kinds:
            raise BadRuleError(f"{path}: no case; write {path.stem}.{kind}.case beside it")
    return Rule(
        declaration=declaration,
        check=check,
        title=title,
        docs=docs,
        path=path,
        cases=cases,
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def chosen(rules: Iterable[Rule], select: Iterable[str], ignore: Iterable[str]) -> tuple[Rule, ...]:
    """The rules whose code starts with one of ``select`` (all when empty) and none of ``ignore``.

    Raises UserError for an entry that matches no rule: a typing mistake must not switch rules off.
    """
    everything = tuple(rules)
    wanted, unwanted = tuple(select), tuple(ignore)
    for entry in (*wanted, *unwanted):
        if not any(covers(entry, rule.code) for rule in everything):
            raise UserError(f"no rule has code or prefix {entry!r}; see 'reviewbot rules list'")
    return tuple(
        rule
        for rule in everything
        if (not wanted or any(covers(entry, rule.code) for entry in wanted))
        and not any(covers(entry, rule.code) for entry in unwanted)
    )


@functools.cache
def code_digest() -> str:
    """A hash of the code that makes facts and findings: an answer of other code is not ours."""
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for folder in ("rulekit", "parse"):
        for path in sorted((package / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def covers(entry: str, code: str) -> bool:
    """Whether a code or prefix of the settings or options is this rule's: KVM-DOC covers KVM-DOC-002."""
    return code == entry or code.startswith(entry.rstrip("-") + "-")


def _module(path: Path) -> ModuleType:
    """Import a rule file under a name of its own, so that no two rules or packages can clash."""
    try:
        source = path.read_text(encoding="utf-8")
        foreign = "" if _plain(source) else _foreign_imports(ast.parse(source))
    except (SyntaxError, ValueError, OSError) as error:
        raise BadRuleError(f"{path}: does not load: {error}") from error
    if foreign:
        raise BadRuleError(f"{path}: imports {foreign}; rules import only reviewbot.rulekit")
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    name = f"reviewbot_rules.{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadRuleError(f"{path}: is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        # Compiled from what was just read: bytecode on disk is matched by size and second only, and
        # a rule edited and run again within one would be the old one.
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - our own rule file
    except Exception as error:
        raise BadRuleError(f"{path}: does not load: {type(error).__name__}: {error}") from error
    return module


def _plain(source: str) -> bool:
    """Whether every line with the word stands alone and imports what a rule may.

    No import is without the word.  Reading a tree of Python's for each rule takes half of loading them.
    """
    lines = (line for line in source.split("\n") if _IMPORT.search(line))
    return "\\\n" not in source and all(_PLAIN_IMPORT.fullmatch(line) for line in lines)


def _foreign_imports(tree: ast.AST) -> str:
    """The first module of ours that a rule must not import, relative imports included; "" for none."""
    for name in _imports(tree):
        if name.startswith(".") or (name.split(".")[0] == "reviewbot" and name not in _MAY_IMPORT):
            return name
    return ""


def _imports(tree: ast.AST) -> Iterator[str]:
    """What a module imports, anywhere: imports are statements, so expressions are not looked into."""
    waiting = [tree]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
        for blocks in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting += getattr(node, blocks, ())
