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
    settings_of,
)
from hakmem.cli.python_malloc import add_python_malloc
from hakmem.cli.starting import Ready, prepare, split
from hakmem.cpython import Choice
from hakmem.errors import CannotPreloadError, UsageError
from hakmem.launch import PYTHON_MALLOC

_WITH_VALUE: Final = ("--flavour", "--set", "--python-malloc")
"""Options whose value may be the next word; the others stand alone, so that a program's name is none."""


def execute(words: list[str]) -> int:
    """Replaces this process by the program; comes back only with an error."""
    options, command = split(words, _WITH_VALUE)
    arguments = _parser().parse_args(options)
    if not command:
        raise UsageError("which program? hakmem run -- python3 app.py")
    settings = settings_of(arguments.settings) | _stats(arguments.stats)
    ready = prepare(command, arguments.flavour, settings, Choice(arguments.python_malloc))
    if ready.launch.python_malloc and not arguments.quiet:
        print(
            f"hakmem: {PYTHON_MALLOC}=malloc is set, for child processes too, so that Python's objects are on"
            " HAKMEM (--python-malloc keep leaves it, --quiet hides this line)",
            file=sys.stderr,
        )
    _become(ready)


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


def _become(ready: Ready) -> NoReturn:
    path, argv = ready.program.argv(list(ready.command))
    sys.stderr.flush()
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    try:
        os.execve(path, argv, ready.environment)  # noqa: S606  (no shell is what is wanted)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CannotPreloadError(f"cannot run {path!r}: {reason}") from None
