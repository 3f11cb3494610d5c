# SPDX-License-Identifier: GPL-2.0-only
"""The house rules of docs/architecture.md, checked on the text of every committed file."""

import ast
import fnmatch
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
MAX_LINES = 320

# Who may import whom; the key is the folder (or module) below reviewbot/.  A folder may always
# import itself, the version in reviewbot/__init__.py, and nothing else that is not named.
ARROWS = {
    "model": set(),
    "assets": {"model"},
    "parse": {"model"},
    "rulekit": {"model", "parse", "assets"},
    "tools": {"model", "parse", "assets"},
    "stages": {"model", "parse", "assets", "rulekit", "tools"},
    "engine": {"model", "parse", "assets", "rulekit", "tools", "stages"},
    "web": {"model", "parse", "assets", "rulekit", "tools", "stages", "engine"},
    "screen": {"model", "parse", "assets", "rulekit", "tools", "stages", "engine"},
    "cli": {"model", "parse", "assets", "rulekit", "tools", "stages", "engine", "web", "screen"},
    "__main__": {"cli"},
    "__init__": set(),
}
# Only these talk to the outside: tools/ is made for it, assets finds the packaged files, the command
# line has standard input and output.  Some modules elsewhere do, by their nature: the store of
# runs, the queue (DBOS is a database), the loader of rule files, the harness that makes scratch trees
# for the rules' cases.
MAY_DO_IO = {"tools", "assets", "cli"}
MAY_DO_IO_FILES = {
    "reviewbot/engine/durable.py",
    "reviewbot/engine/store.py",
    "reviewbot/engine/workers.py",
    "reviewbot/rulekit/registry.py",
    "reviewbot/stages/cases.py",
}

# os.fork() alone starts no program: tools.worker runs rules in a copy of ourselves.
STARTS_PROGRAMS = {"subprocess", "multiprocessing", "pty"}
STARTING_CALLS = re.compile(
    r"(os\.(system|popen|forkpty|posix_spawnp?|spawn\w+|exec\w+)|asyncio\.create_subprocess_\w+)"
)
IO_MODULES = STARTS_PROGRAMS | {
    "aiosmtpd",
    "b4",
    "dbos",
    "dns",
    "fcntl",
    "ftplib",
    "git",
    "glob",
    "http.client",
    "liblore",
    "mmap",
    "os",
    "psycopg",
    "pygit2",
    "requests",
    "shutil",
    "smtplib",
    "socket",
    "sqlalchemy",
    "sqlite3",
    "ssl",
    "tempfile",
    "urllib.request",
    "urllib3",
    "waitress",
}
IO_METHODS = {
    "chmod",
    "hardlink_to",
    "is_dir",
    "is_file",
    "is_symlink",
    "iterdir",
    "lstat",
    "mkdir",
    "open",
    "read_bytes",
    "read_text",
    "rglob",
    "rmdir",
    "stat",
    "symlink_to",
    "touch",
    "unlink",
    "write_bytes",
    "write_text",
}
# Letters in brackets keep this file from containing what it looks for.
FORBIDDEN_TEXT = re.compile(
    r"(?<![\w.-])/wor[k]/(main|shared)|/var/tm[p]/(?!reviewbot-)\w|/opt/(pyp[i]|wheel[s])"
    r"|pyp[i]\.org|pythonhoste[d]\.org|/home/(?!user\b|you\b)\w"
)
TEXT_WITHOUT_SPDX = {".md", ".mbox", ".eml", ".case", ".json", ".log", ".txt", ".rst", ".patch", ""}


def committed() -> list[PurePosixPath]:
    listed = subprocess.run(
        ["git", "-C", CHECKOUT, "ls-files", "-z"], capture_output=True, check=True
    ).stdout.decode()
    return [
        PurePosixPath(name) for name in listed.split("\0") if name and (CHECKOUT / name).is_file()
    ]


COMMITTED = committed()
PYTHON = [
    path for path in COMMITTED if path.suffix == ".py" and path.parts[0] in {"reviewbot", "rules"}
]


def parsed(path: PurePosixPath) -> ast.Module:
    return ast.parse((CHECKOUT / path).read_text(encoding="utf-8"), filename=str(path))


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything imported anywhere; relative imports begin with a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def within(name: str, module: str) -> bool:
    return name == module or name.startswith(module + ".")


def folder(path: PurePosixPath) -> str:
    """The key of ARROWS a file of reviewbot/ belongs to."""
    return path.parts[1] if len(path.parts) > 2 else path.stem


def wrong_arrows(tree: ast.AST, place: str) -> Iterator[str]:
    for line, name in imports(tree):
        if name.startswith("."):
            yield f"{line}: relative import; write the whole name"
        if not within(name, "reviewbot"):
            continue
        target = name.split(".")[1] if "." in name else ""
        if target in {place, "__version__"}:
            continue
        if target not in ARROWS[place]:
            yield f"{line}: {place} must not import reviewbot.{target}"


def program_starts(tree: ast.AST) -> Iterator[str]:
    for line, name in imports(tree):
        if any(within(name, module) for module in STARTS_PROGRAMS):
            yield f"{line}: imports {name}; start programs with reviewbot.tools.process.run"
        if STARTING_CALLS.fullmatch(name):
            yield f"{line}: imports {name}; start programs with reviewbot.tools.process.run"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and STARTING_CALLS.fullmatch(ast.unparse(node)):
            yield f"{node.lineno}: {ast.unparse(node)}; use reviewbot.tools.process.run"


def input_output(tree: ast.AST) -> Iterator[str]:
    for line, name in imports(tree):
        if any(within(name, module) for module in IO_MODULES):
            yield f"{line}: imports {name}; input and output belong into reviewbot/tools/"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in {"open", "input", "print"}:
            yield f"{node.lineno}: {called.id}(); input and output belong into reviewbot/tools/"
        if isinstance(called, ast.Attribute) and called.attr in IO_METHODS:
            yield f"{node.lineno}: .{called.attr}(); input and output belong into reviewbot/tools/"


def report(path: PurePosixPath, problems: Iterator[str]) -> None:
    found = [f"{path}:{problem}" for problem in problems]
    assert not found, "\n".join([*found, "see docs/architecture.md"])


@pytest.mark.parametrize("path", [p for p in PYTHON if p.parts[0] == "reviewbot"], ids=str)
def test_imports_follow_the_arrows(path):
    place = folder(path)
    assert place in ARROWS, f"{path}: new folder; add it to docs/architecture.md and to ARROWS here"
    report(path, wrong_arrows(parsed(path), place))


@pytest.mark.parametrize("path", [p for p in PYTHON if p.parts[0] == "rules"], ids=str)
def test_rules_import_only_the_rulekit(path):
    foreign = (
        f"{line}: rules import nothing of ours but reviewbot.rulekit, not {name}"
        for line, name in imports(parsed(path))
        if name.startswith(".")
        or (within(name, "reviewbot") and not within(name, "reviewbot.rulekit"))
    )
    report(path, foreign)


@pytest.mark.parametrize("path", PYTHON, ids=str)
def test_only_one_module_starts_programs(path):
    if str(path) != "reviewbot/tools/process.py":
        report(path, program_starts(parsed(path)))


@pytest.mark.parametrize("path", PYTHON, ids=str)
def test_input_and_output_stay_in_tools(path):
    if path.parts[0] == "reviewbot" and (folder(path) in MAY_DO_IO or str(path) in MAY_DO_IO_FILES):
        return
    report(path, input_output(parsed(path)))


@pytest.mark.parametrize("path", PYTHON, ids=str)
def test_modules_are_short(path):
    lines = len((CHECKOUT / path).read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{path}: {lines} lines; split it by reasons to change"


def test_no_folder_of_tests_is_passed_over(request):
    """pytest's own list of folders to leave out has "build": tests/build was not run for weeks."""
    left_out = request.config.getini("norecursedirs")
    found = [
        str(path)
        for path in COMMITTED
        if path.parts[0] == "tests"
        and path.name.startswith("test_")
        and any(fnmatch.fnmatch(part, glob) for part in path.parts[:-1] for glob in left_out)
    ]
    assert not found, f"norecursedirs in pyproject.toml leaves out {found[0]}"


def test_every_file_names_its_licence():
    missing = []
    for path in COMMITTED:
        if path.parts[:2] == ("tests", "fixtures"):
            continue  # recorded, to the byte
        with (CHECKOUT / path).open("rb") as stream:
            head = b"".join(stream.readline() for _ in range(3))
        is_program = path.suffix == "" and head.startswith(b"#!")
        if (path.suffix in TEXT_WITHOUT_SPDX and not is_program) or b"\0" in head:
            continue
        if b"SPDX-License-Identifier: GPL-2.0" not in head:
            missing.append(f"{path}: put '# SPDX-License-Identifier: GPL-2.0-only' on top")
    assert not missing, "\n".join(missing)


def test_no_file_names_this_machine():
    found = []
    for path in COMMITTED:
        text = (CHECKOUT / path).read_bytes().decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), 1):
            if match := FORBIDDEN_TEXT.search(line):
                found.append(f"{path}:{number}: {match.group()} is a place of one machine only")
    assert not found, "\n".join(found)


def test_there_is_something_to_check():
    assert {path.parts[1] for path in PYTHON if path.parts[0] == "reviewbot"} >= {"model", "tools"}


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("model", "from reviewbot.parse import mail"),
        ("parse", "import reviewbot.tools.process"),
        ("rulekit", "def f():\n    from reviewbot.tools.git import x"),
        ("tools", "from reviewbot import stages"),
        ("stages", "if TYPE_CHECKING:\n    from reviewbot.engine.store import Store"),
        ("cli", "from . import main"),
    ],
)
def test_a_wrong_arrow_would_be_seen(place, source):
    assert list(wrong_arrows(ast.parse(source), place))


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "from subprocess import run",
        "from os import system",
        "import os\nos.execvp('sh', [])",
        "import asyncio\nasyncio.create_subprocess_shell('x')",
        "from multiprocessing.pool import Pool",
    ],
)
def test_a_started_program_would_be_seen(source):
    assert list(program_starts(ast.parse(source)))


@pytest.mark.parametrize(
    "text",
    [
        "cd /wor" + "k/main",
        "/var/tm" + "p/me",
        "https://pyp" + "i.org/simple",
        "/hom" + "e/joe/src",
    ],
)
def test_a_place_of_this_machine_would_be_seen(text):
    assert FORBIDDEN_TEXT.search(text)


@pytest.mark.parametrize(
    "source",
    [
        "open('x')",
        "from pathlib import Path\nPath('x').read_text()",
        "import socket",
        "from urllib.request import urlopen",
        "from os import path",
        "import requests.sessions",
        "print('x')",
    ],
)
def test_input_and_output_would_be_seen(source):
    assert list(input_output(ast.parse(source)))
