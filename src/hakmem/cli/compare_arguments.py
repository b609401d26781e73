"""The command line of `hakmem compare`."""

from argparse import REMAINDER, SUPPRESS, Namespace
from typing import Final

from hakmem.cli.arguments import Parser
from hakmem.cli.lab_arguments import (
    add_allocator_options,
    add_effort_options,
    add_output_options,
    add_round_options,
    natural,
    seconds,
)
from hakmem.cpython import Choice
from hakmem.errors import UsageError
from hakmem.lab.plan import Effort
from hakmem.report.figures import duration

BUDGET_S: Final = {Effort.QUICK: 20.0, Effort.DEFAULT: 60.0, Effort.FULL: 300.0}
"""Seconds that the rounds shall take in all."""
FEWEST_ROUNDS: Final = {Effort.QUICK: 3, Effort.DEFAULT: 5, Effort.FULL: 9}
"""What a command that is too slow for the budget gets all the same; see statistics for what they can say."""
TIMEOUT_FACTOR: Final = 10
"""Slower than by this factor is taken for hanging, where no --timeout is given."""

_DESCRIPTION: Final = """\
Runs a command of your own under every allocator that is installed, in rounds of random order, and says which
one it is faster and leaner on. The command must end by itself and do the same work each time; its output is
not shown. A pipe needs a shell: hakmem compare -- sh -c 'gzip -dc log.gz | sort'

A program that never ends, such as a server: --for 30 ends it (SIGTERM) after 30 seconds, and memory and
processor time are compared; --load 'CMD' drives it with a client, and the client's time is compared, too.

Exit codes: 0 when the command worked alike under every allocator, 1 when it did not, 2 when an option was
wrong, 126 and 127 as `hakmem run`."""


def parse(words: list[str]) -> tuple[Namespace, list[str], list[str]]:
    """The options, the words that they were given by, and the command."""
    at = words.index("--") if "--" in words else len(words)
    arguments = _parser().parse_args(words[:at])
    inline = len(arguments.command)  # a command without -- before it; one behind it is the command's own then
    command = [*arguments.command, *words[at:]] if inline else words[at + 1 :]
    if not command:
        raise UsageError("which command? hakmem compare -- sort big.txt")
    return arguments, words[: at - inline], command


def _parser() -> Parser:
    parser = Parser(
        prog="hakmem compare",
        usage="hakmem compare [OPTION]... -- COMMAND [ARGUMENT]...",
        description=_DESCRIPTION,
    )
    add_allocator_options(parser)
    much = parser.add_argument_group("how much")
    add_effort_options(
        much,
        lambda choice: (
            f"as many rounds as take about {duration(BUDGET_S[choice])}, and at least"
            f" {FEWEST_ROUNDS[choice]} (default: {duration(BUDGET_S[Effort.DEFAULT])},"
            f" {FEWEST_ROUNDS[Effort.DEFAULT]})"
        ),
    )
    add_round_options(much)
    much.add_argument(
        "--warmup",
        type=natural,
        default=1,
        metavar="N",
        help="so many rounds before the first that counts (default: 1)",
    )
    much.add_argument(
        "--timeout",
        type=seconds,
        metavar="S",
        help=f"end a run that takes longer (default: {TIMEOUT_FACTOR} times what the first run took)",
    )
    how = parser.add_argument_group("how the command is run")
    how.add_argument("--name", default="", help="what the results call it (default: the command itself)")
    how.add_argument("--input", metavar="FILE", help="what it reads on standard input (default: nothing)")
    how.add_argument("--prepare", metavar="CMD", help="run CMD by sh before each run, untimed")
    how.add_argument(
        "--same-output",
        action="store_true",
        help="it must write the same to standard output under every allocator",
    )
    how.add_argument(
        "-i",
        "--ignore-failure",
        action="store_true",
        help="it may end with an exit code other than 0, the same one under every allocator",
    )
    how.add_argument(
        "--own-time",
        action="store_true",
        help="compare the time that it tells itself, by a line on standard output such as"
        " 'lab: result operations=1000 seconds=1.25'",
    )
    how.add_argument(
        "--python-malloc",
        choices=[choice.value for choice in Choice],
        default=Choice.AUTO.value,
        help="where a CPython keeps its objects: malloc (on every allocator, the system's too), keep (as it"
        " is), auto (on each preloaded one, where the interpreter takes it and PYTHONMALLOC is not set)",
    )
    server = how.add_mutually_exclusive_group()
    server.add_argument(
        "--for",
        type=seconds,
        dest="for_s",
        metavar="SECONDS",
        help="end it by SIGTERM after so long; memory and processor time are compared",
    )
    server.add_argument(
        "--load",
        metavar="CMD",
        help="run CMD by sh beside it, never on the allocator, and end it by SIGTERM when CMD has ended;"
        " CMD's time is compared. CMD must itself wait until it is answered",
    )
    add_output_options(parser)
    parser.add_argument("command", nargs=REMAINDER, help=SUPPRESS)
    return parser
