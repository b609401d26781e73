"""`hakmem soak`: runs a server for long and says whether its memory stays within its limits."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from hakmem.cli.arguments import Parser
from hakmem.cli.interrupts import take_sigterm_as_ctrl_c
from hakmem.cli.lab_arguments import (
    STANDARD_OUTPUT,
    add_allocator_options,
    check_writable,
    natural,
    own_allocators,
    positive,
    recorded,
    seconds,
    write,
)
from hakmem.errors import UsageError
from hakmem.lab import allocators
from hakmem.lab.soak import result
from hakmem.lab.soak.result import Plan
from hakmem.lab.soak.run import soak
from hakmem.report import soak_plot, soak_text

BROKEN: Final = 1
"""The exit code when a limit was broken or memory creeps."""
_SECONDS: Final = 120.0
_MOST_S: Final = 3600.0
"""What workloads/soak.c takes."""


def execute(words: list[str]) -> int:
    """Runs, shows and writes; returns the exit code."""
    arguments = _parser().parse_args(words)
    if arguments.seconds > _MOST_S:
        raise UsageError(f"--seconds {arguments.seconds:g}: {_MOST_S:.0f} at most")
    for option, path in (("--json", arguments.json), ("--svg", arguments.svg)):
        if path is not None and path != STANDARD_OUTPUT:
            check_writable(option, Path(path))
    if arguments.svg is not None:
        soak_plot.check_installed()
    extra = own_allocators(arguments)
    names = list(dict.fromkeys((*arguments.allocators, *extra))) or [allocators.HAKMEM]
    if len(names) > 1:
        raise UsageError(f"one allocator a run, and not {', '.join(names)}")
    allocator = allocators.choose(names, extra)[0]
    take_sigterm_as_ctrl_c()
    for line in allocators.environment(os.environ)[1]:
        _say(line)
    plan = Plan(seconds=arguments.seconds, threads=arguments.threads, seed=arguments.seed)
    _say(f"{allocator.name} for {plan.seconds:g} seconds; Ctrl-C ends it without a result")
    with tempfile.TemporaryDirectory(prefix="hakmem-soak-") as scratch:
        found = soak(allocator, plan, command=recorded("soak", words), scratch=Path(scratch))
    if arguments.json is not None:
        write(arguments.json, result.dumps(found))
    if arguments.svg is not None:
        write(arguments.svg, soak_plot.svg(found))
    stream = sys.stderr if STANDARD_OUTPUT in (arguments.json, arguments.svg) else sys.stdout
    stream.write(soak_text.render(found))
    return 0 if found.passed else BROKEN


def _parser() -> Parser:
    parser = Parser(
        prog="hakmem soak",
        description="Runs a server, whose memory rises and falls in cycles, on one allocator and says whether"
        "\nresident memory creeps and, under HAKMEM, whether the limits of its design hold at every sample.",
        epilog="Exit codes: 0; 1 when a limit was broken or memory creeps, or the program failed; 2 for\n"
        "wrong options; 130 after Ctrl-C.\n\nFirst steps: hakmem soak --seconds 120 --svg soak.svg",
    )
    much = parser.add_argument_group("how much")
    much.add_argument(
        "--seconds",
        type=seconds,
        default=_SECONDS,
        metavar="S",
        help=f"how long it runs (default: {_SECONDS:.0f}); fewer than 45 say nothing about creep",
    )
    much.add_argument(
        "--threads",
        type=positive,
        default=4,
        metavar="N",
        help="so many serve (default: 4), and two come and go",
    )
    much.add_argument("--seed", type=natural, default=1, metavar="N", help="of the requests (default: 1)")
    add_allocator_options(parser, baseline=False, standard="hakmem; one a run")
    where = parser.add_argument_group("where results go")
    where.add_argument("--json", metavar="FILE", help="write figures and samples; - is standard output")
    where.add_argument(
        "--svg", metavar="FILE", help="write a picture; needs matplotlib; - is standard output"
    )
    return parser


def _say(line: str) -> None:
    print(f"hakmem: {line}", file=sys.stderr, flush=True)
