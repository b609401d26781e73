"""The command line of `hakmem check`."""

from argparse import Namespace
from pathlib import Path
from typing import Final

from hakmem.check.symbols import AUTO, CHOICES
from hakmem.cli.arguments import Parser, add_settings, settings_of
from hakmem.cli.lab_arguments import STANDARD_OUTPUT, check_writable
from hakmem.cli.python_malloc import add_python_malloc
from hakmem.cli.starting import split
from hakmem.errors import UsageError
from hakmem.spec.settings import SETTINGS, Setting

CONTINUE: Final = "continue"
LOST: Final = "lost"
ALL: Final = "all"

_WITH_VALUE: Final = (
    "--on-error",
    "--json",
    "--html",
    "--suppressions",
    "--quarantine",
    "--sweep",
    "--depth",
    "--symbolizer",
    "--set",
    "--python-malloc",
)
"""Options whose value may be the next word; --guard and --leaks take theirs behind = alone."""

_SETTINGS: Final = {
    "on_error": "check_on_error",
    "guard": "check_guard",
    "quarantine": "check_quarantine",
    "sweep": "check_sweep",
    "depth": "check_stacks",
}
"""Option -> the setting that it makes."""

_DESCRIPTION: Final = """\
Runs PROGRAM on HAKMEM's debug flavour and tells every memory error that it makes: what happened, to which
block, and where that was allocated, freed and found, as lines of source, in C, C++ and Python. PROGRAM need
not be recompiled; compiled with -g its lines are known.

Exit codes: 99 when errors were found (or, with --fail-on-leak, lost blocks), otherwise PROGRAM's own, 128 and
the signal's number when a signal ended it; 127, 126 and 2 as `hakmem run`."""

_EPILOG: Final = """\
First steps: hakmem check -- python3 app.py
             hakmem check --guard -- ./program          stops at the very instruction
             hakmem check --leaks -- ./program"""


def parse(words: list[str]) -> tuple[Namespace, list[str]]:
    """The checked options, and the command. Errors: UsageError."""
    options, command = split(words, _WITH_VALUE)
    arguments = _parser().parse_args(options)
    if not command:
        raise UsageError("which program? hakmem check -- python3 app.py")
    for option, path in (("--json", arguments.json), ("--html", arguments.html)):
        if path == STANDARD_OUTPUT:
            raise UsageError(f"{option} -: standard output is the program's; name a file")
        if path is not None:
            check_writable(option, Path(path))
    return arguments, command


def settings(arguments: Namespace, record: Path) -> dict[str, str]:
    """The environment names and values of all settings; `record`: where the core writes."""
    made = settings_of([*arguments.settings, f"check_file={record}"])
    if arguments.leaks is not None or arguments.fail_on_leak:
        made |= settings_of([f"check_leaks={arguments.leaks or LOST}"])
    for name in _SETTINGS:
        value = getattr(arguments, name)
        if value is None:
            continue
        setting = _setting(name)
        try:
            made[setting.env] = setting.show(setting.parse(value))
        except ValueError as error:
            raise UsageError(f"--{name.replace('_', '-')}: {error}") from None
    return made


def _setting(option: str) -> Setting:
    return next(each for each in SETTINGS if each.id == _SETTINGS[option])


def _parser() -> Parser:
    parser = Parser(
        prog="hakmem check",
        usage="hakmem check [OPTION]... [--] PROGRAM [ARGUMENT]...",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    _add_what_is_looked_for(parser)
    told = parser.add_argument_group("what is told")
    told.add_argument(
        "--on-error",
        choices=(CONTINUE, "abort"),
        default=CONTINUE,
        help="what follows an error: continue (the default: all errors of a run are told), or abort (the"
        " program ends by SIGABRT, for a debugger or a core file)",
    )
    told.add_argument(
        "--suppressions",
        action="append",
        default=[],
        metavar="FILE",
        help="leave out the errors that the rules in FILE describe; may be given several times",
    )
    told.add_argument(
        "--gen-suppressions", action="store_true", help="print with each error the rule that leaves it out"
    )
    told.add_argument(
        "--all",
        action="store_true",
        help="print all frames, the interpreter's too, and all of the thread's last calls",
    )
    told.add_argument(
        "--symbolizer",
        choices=CHOICES,
        default=AUTO,
        help="who turns addresses into lines: auto takes the first of the others that is installed; builtin"
        " tells no inlined functions",
    )
    where = parser.add_argument_group("where results go, beside standard error")
    where.add_argument("--json", metavar="FILE", help="write everything for programs to read")
    where.add_argument("--html", metavar="FILE", help="write a page that works offline")
    add_python_malloc(parser)
    add_settings(parser)
    return parser


def _add_what_is_looked_for(parser: Parser) -> None:
    looked = parser.add_argument_group("what is looked for")
    looked.add_argument(
        "--guard",
        nargs="?",
        const="end",
        choices=tuple(word for word in _setting("guard").choices if word != "off"),
        help="put each block at the end (or, --guard=start, at the start) of pages of its own: a wrong"
        " access, reads too, is found at its very instruction; needs more memory. Blocks keep an alignment of"
        " 16 bytes, with --guard=exact none, so that the very first byte behind is guarded",
    )
    looked.add_argument(
        "--leaks",
        nargs="?",
        const=LOST,
        choices=(LOST, ALL),
        help="tell at the end which blocks nothing points to any more; with --leaks=all also those that"
        " something does",
    )
    looked.add_argument("--fail-on-leak", action="store_true", help="as --leaks, and lost blocks are errors")
    for name, metavar, words in (
        ("quarantine", "SIZE", "keep so many bytes of freed blocks from being used again"),
        (
            "sweep",
            "MS",
            "look at all blocks every MS milliseconds, not only when they are freed; 0: never",
        ),
        ("depth", "N", "keep N frames of each stack; fewer cost less time"),
    ):
        setting = _setting(name)
        looked.add_argument(
            f"--{name}", metavar=metavar, help=f"{words} (default: {setting.show(setting.default)})"
        )
