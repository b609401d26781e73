"""The command `hakmem`: one module a command, imported when it is asked for.

`hakmem run` stands before every program that it starts, so nothing that it does not need is imported.
"""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final, cast

from hakmem.errors import HakmemError, UsageError

COMMANDS: Final = {
    "run": "run a program on HAKMEM",
    "env": "print the lines that put HAKMEM under a program for good",
    "lib": "print the path of the library, or copy it",
    "settings": "list the settings",
    "check": "run a program and tell its memory errors, by lines of source",
    "bench": "measure workloads under every allocator and say which is better",
    "compare": "run a command of your own on every allocator and say which suits it",
    "perf": "say where a program's time and memory go, and what costs more than on the best allocator",
    "soak": "run a server for long and say whether its memory stays within its limits",
    "report": "show a stored result, or what changed between two",
}
"""Each command's module in this package, and what it does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that `arguments` (those of the process, when None) ask for; returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _dispatch(words)
        sys.stdout.flush()
    except HakmemError as error:
        print(f"hakmem: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # a reader that went away knows why
            print(f"hakmem: {error}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left unwritten goes nowhere
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _dispatch(words: list[str]) -> int:
    if words and words[0] in COMMANDS:
        module = import_module(f"{__name__}.{words[0]}")
        return cast("Callable[[list[str]], int]", module.execute)(words[1:])
    return _without_command(words)


def _without_command(words: list[str]) -> int:
    """Handles --version and --help, and says what is wrong with anything else."""
    from hakmem.cli.arguments import Parser  # noqa: PLC0415

    listed = "\n".join(f"  {name:<10}{does}" for name, does in COMMANDS.items())
    parser = Parser(
        prog="hakmem",
        usage="hakmem COMMAND ... | hakmem --version [-v]",
        description="A malloc for Linux that any program can run on.",
        epilog=f"commands:\n{listed}\n\n`hakmem COMMAND --help` tells more."
        " First steps: hakmem run -- python3 app.py",
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="with --version: how each library was built"
    )
    parser.add_argument("command", nargs="?", help="one of the commands below")
    if words and not words[0].startswith("-"):
        raise UsageError(_unknown(words[0]))
    options = parser.parse_args(words)
    if options.command:
        raise UsageError(_unknown(options.command))
    if options.version:
        from hakmem.cli import version  # noqa: PLC0415

        return version.execute(verbose=options.verbose)
    parser.print_help(sys.stderr)
    return UsageError.exit_code


def _unknown(command: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415

    if command in COMMANDS:
        return f"options of `hakmem {command}` go behind it"
    near = get_close_matches(command, COMMANDS, n=1)
    hint = f"did you mean `hakmem {near[0]}`?" if near else f"it knows {', '.join(COMMANDS)}."
    return f"no such command: {command}; {hint} To run a program: hakmem run -- {command} ..."
