"""`hakmem run`: becomes a program that runs on HAKMEM."""

import os
import signal
import sys
from pathlib import Path
from typing import Final, NoReturn

from hakmem.cli.arguments import (
    Parser,
    add_flavour,
    add_settings,
    link_directories,
    settings_of,
)
from hakmem.cli.python_malloc import add_python_malloc, wants_python_malloc
from hakmem.cpython import Choice
from hakmem.errors import CannotPreloadError, UsageError
from hakmem.launch import PYTHON_MALLOC, Launch
from hakmem.libraries import library_path, loadable
from hakmem.program import Program, check_preloadable, find, follow

_WITH_VALUE: Final = ("--flavour", "--set", "--python-malloc")
"""Options whose value may be the next word; the others stand alone, so that a program's name is none."""

_COERCED: Final = ("C.UTF-8", "C.utf8", "UTF-8")
"""Values of LC_CTYPE that Python puts into its own environment in the C locale (PEP 538)."""


def execute(words: list[str]) -> int:
    """Replaces this process by the program; comes back only with an error."""
    options, command = _split(words)
    arguments = _parser().parse_args(options)
    if not command:
        raise UsageError("which program? hakmem run -- python3 app.py")
    environment = _original_environment()
    settings = settings_of(arguments.settings) | _stats(arguments.stats)
    library = loadable(library_path(arguments.flavour), link_directories(environment, os.getuid()))
    search_path = environment.get("PATH", os.defpath)
    program = follow(find(command[0], search_path), search_path)
    check_preloadable(program, library)
    python_malloc = wants_python_malloc(Choice(arguments.python_malloc), program, environment)
    if python_malloc and not arguments.quiet:
        print(
            f"hakmem: {PYTHON_MALLOC}=malloc is set, for child processes too, so that Python's objects are on"
            " HAKMEM (--python-malloc keep leaves it, --quiet hides this line)",
            file=sys.stderr,
        )
    _become(program, command, Launch(library, settings, python_malloc).environment(environment))


def _parser() -> Parser:
    parser = Parser(
        prog="hakmem run",
        usage="hakmem run [OPTION]... [--] PROGRAM [ARGUMENT]...",
        description="Runs PROGRAM on HAKMEM. Its exit code and signals are its own; 127 means that it was not"
        " found,\n126 that the library cannot be preloaded into it, 2 that an option was wrong.",
    )
    add_flavour(parser)
    add_settings(parser)
    add_python_malloc(parser)
    parser.add_argument(
        "--stats",
        nargs="?",
        const=True,
        metavar="FILE",
        help="statistics when the program ends: a summary on stderr, or with --stats=FILE as JSON;"
        " %%p in FILE is the process id",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing about PYTHONMALLOC")
    return parser


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """The options, and the command: it starts at the first word that is neither option nor value."""
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "--":
        at += 2 if words[at] in _WITH_VALUE else 1
    behind = at + 1 if words[at : at + 1] == ["--"] else at
    return words[:at], words[behind:]


def _stats(wanted: str | bool | None) -> dict[str, str]:
    if wanted is None:
        return {}
    if wanted is True:
        return settings_of(["stats=1"])
    if wanted == "":
        raise UsageError("--stats=FILE: a path is missing; --stats alone writes a summary to stderr")
    directory = Path(str(wanted)).parent
    if "%" not in str(directory) and not directory.is_dir():
        raise UsageError(f"--stats={wanted}: there is no directory {str(directory)!r}")
    return settings_of([f"stats_file={wanted}"])


def _original_environment() -> dict[str, str]:
    """The environment that this process was given, without what Python itself put into it."""
    environment = dict(os.environ)
    if environment.get("LC_CTYPE") in _COERCED:
        try:
            given = Path("/proc/self/environ").read_bytes()
        except OSError:
            return environment
        if not any(entry.startswith(b"LC_CTYPE=") for entry in given.split(b"\0")):
            del environment["LC_CTYPE"]
    return environment


def _become(program: Program, command: list[str], environment: dict[str, str]) -> NoReturn:
    path, argv = program.argv(command)
    sys.stderr.flush()
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    try:
        os.execve(path, argv, environment)  # noqa: S606  (no shell is what is wanted)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CannotPreloadError(f"cannot run {path!r}: {reason}") from None
