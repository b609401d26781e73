"""`hakmem perf`: why a program takes the time and memory that it takes, under HAKMEM and beside others."""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hakmem.cli.arguments import Parser
from hakmem.cli.interrupts import take_sigterm_as_ctrl_c
from hakmem.cli.lab_arguments import (
    Outputs,
    add_allocator_options,
    add_output_options,
    own_allocators,
    positive,
    recorded,
    seconds,
    write,
)
from hakmem.errors import UsageError
from hakmem.lab.plan import Job, Workload

if TYPE_CHECKING:
    from hakmem.lab.perf.gather import Told
    from hakmem.lab.perf.outcome import Outcome

TIMEOUT_S: Final = 300.0
TOP: Final = 10

_WITH_VALUE: Final = frozenset(
    {"--allocators", "--allocator", "--subject", "--operations", "--timeout", "--top", "--json"}
)
"""Options whose value may be the next word."""


def execute(words: list[str]) -> int:
    """Profiles one workload and prints what was found."""
    options, command = _split(words)
    arguments = _parser().parse_args(options)
    outputs = Outputs(arguments.json)
    take_sigterm_as_ctrl_c()
    outputs.check()
    from hakmem.lab import allocators, catalogue, host, meter  # noqa: PLC0415  (what only this needs)
    from hakmem.lab.perf import caches  # noqa: PLC0415
    from hakmem.lab.perf.gather import Tools  # noqa: PLC0415
    from hakmem.lab.perf.profile import profile  # noqa: PLC0415
    from hakmem.lab.perf.session import Plan  # noqa: PLC0415
    from hakmem.lab.perf.start import Starter  # noqa: PLC0415

    workload = _workload(arguments.workload, command, catalogue.all())
    extra = own_allocators(arguments)
    if arguments.allocators:
        names = tuple(dict.fromkeys((*arguments.allocators, arguments.subject)))
        present, absent = allocators.choose(names, extra), list[str]()
    else:
        present, absent = allocators.available(extra)
    subject = next((each for each in present if each.name == arguments.subject), None)
    if subject is None:
        subject = allocators.choose([arguments.subject], extra)[0]
        present.append(subject)
    plan = Plan(
        workload,
        tuple(present),
        subject,
        allocators.floor() if workload.has_floor else None,
        arguments.operations,
    )
    with tempfile.TemporaryDirectory(prefix="hakmem-perf-") as scratch, _progress() as on_step:
        starter = Starter(meter.measure, workload.kind, arguments.timeout, Path(scratch))
        outcome = profile(
            plan,
            starter,
            Tools.here(caches.describe()),
            notes=absent,
            host=host.describe(),
            command=recorded("perf", words),
            on_step=on_step,
        )
    _show(outcome, outputs, arguments.top)
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="hakmem perf",
        usage="hakmem perf [OPTION]... WORKLOAD | hakmem perf [OPTION]... -- PROGRAM [ARGUMENT]...",
        description="Tells where the time and the memory of a program go, for each operation and beside other"
        " allocators,\nand ranks what the subject uses more of than the best of them. WORKLOAD is one of"
        " `hakmem bench --list`.",
        epilog="example: hakmem perf --allocators system,mimalloc random_mixed/256",
    )
    parser.add_argument("workload", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument(
        "--subject",
        default="hakmem",
        metavar="NAME",
        help="the allocator whose bottlenecks are ranked (default: hakmem)",
    )
    add_allocator_options(parser, baseline=False)
    much = parser.add_argument_group("how much")
    much.add_argument(
        "--operations", type=positive, metavar="N", help="length of a run (default: what takes 0.25 s)"
    )
    much.add_argument(
        "--timeout",
        type=seconds,
        default=TIMEOUT_S,
        metavar="S",
        help=f"end a run that takes longer, in seconds (default: {TIMEOUT_S:.0f});"
        " simulation takes some 50 times as long as the program",
    )
    much.add_argument(
        "--top", type=positive, default=TOP, metavar="N", help=f"list so many functions (default: {TOP})"
    )
    add_output_options(parser, html=False)
    return parser


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options with the workload's name, and the command behind "--"."""
    skip = False
    for at, word in enumerate(words):
        if word == "--" and not skip:
            return list(words[:at]), list(words[at + 1 :])
        skip = word in _WITH_VALUE and not skip
    return list(words), []


def _workload(name: str | None, command: Sequence[str], known: Sequence[Workload]) -> Workload:
    """The workload of that name, or the one that `command` is. Errors: UsageError, ProgramNotFoundError."""
    from hakmem.lab import command as own  # noqa: PLC0415
    from hakmem.program import find  # noqa: PLC0415

    if (name is None) == (not command):
        raise UsageError("name one workload or, behind --, one command: hakmem perf random_mixed/256")
    if name is None:
        path = str(Path(find(command[0], os.environ.get("PATH", os.defpath))).absolute())
        shown = " ".join([Path(command[0]).name, *command[1:]])
        return own.as_workload(shown, Job((path, *command[1:])))
    for workload in known:
        if workload.name == name:
            absent = [f"{what}: {remedy}" for what, remedy in workload.needs.items()]
            if absent:
                raise UsageError(f"{name} cannot run here; it needs {'; '.join(absent)}")
            return workload
    raise UsageError(_unknown(name, known))


def _unknown(name: str, known: Sequence[Workload]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415

    names = [workload.name for workload in known]
    near = [each for each in names if each.startswith(f"{name}/")] or get_close_matches(name, names, n=4)
    hint = f"did you mean {', '.join(near)}?" if near else "`hakmem bench --list` shows all"
    return f"no workload is called {name!r}; {hint} For a program of yours: hakmem perf -- {name}"


@contextmanager
def _progress() -> Iterator["Told"]:
    """Shows what runs now, on a terminal alone; what is shown is wiped in the end."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _part, _allocator: None
        return
    with console.status("starting") as status:
        yield lambda part, allocator: status.update(f"{part}: {allocator}" if allocator else part)


def _show(outcome: "Outcome", outputs: Outputs, top: int) -> None:
    import json  # noqa: PLC0415

    from hakmem.lab.codec import encode  # noqa: PLC0415
    from hakmem.report import perf_text  # noqa: PLC0415  (with rich)

    if outputs.json:
        write(outputs.json, json.dumps(encode(outcome), indent=1, ensure_ascii=False) + "\n")
    if not outputs.data_on_stdout:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print(perf_text.render(outcome, shutil.get_terminal_size().columns, colour=colour, top=top), end="")
