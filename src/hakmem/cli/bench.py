"""`hakmem bench`: measures workloads under every allocator and says which is better, and by how much."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from hakmem.cli import terminal
from hakmem.cli.arguments import Parser
from hakmem.cli.interrupts import take_sigterm_as_ctrl_c
from hakmem.cli.lab_arguments import LabOptions, add_lab_options, lab_options, recorded, seconds, write
from hakmem.errors import HakmemError
from hakmem.lab import allocators, cells, host, meter, noise, rates, store
from hakmem.lab.catalogue import QUICK, select
from hakmem.lab.forecast import typical_s
from hakmem.lab.plan import Allocator, Effort, Workload
from hakmem.lab.result import ClassRate, Suite
from hakmem.lab.runner import Runs, run
from hakmem.lab.suite import assemble
from hakmem.report import listing, text
from hakmem.report.figures import duration
from hakmem.report.progress import Display

INTERRUPTED: Final = 130
"""The exit code of a command that Ctrl-C ended, as shells have it: 128 and SIGINT."""
NOTHING_MEASURED: Final = 1


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be measured.

    allocators: those that are compared, the baseline first. absent: sentences about those that are not here.
    """

    workloads: tuple[Workload, ...]
    allocators: tuple[Allocator, ...]
    absent: tuple[str, ...]
    baseline: str


def execute(words: list[str]) -> int:
    """Measures, shows and writes, after Ctrl-C what was measured until then; returns the exit code."""
    arguments = _parser().parse_args(words)
    if arguments.list:
        shown = listing.render(
            _workloads(arguments), QUICK, terminal.width(sys.stdout), colour=terminal.colour(sys.stdout)
        )
        print(shown, end="")
        return 0
    take_sigterm_as_ctrl_c()
    options = lab_options(arguments)
    plan = _plan(_workloads(arguments), options)
    _announce(plan, options)
    suite = _measure(plan, options, recorded("bench", words), arguments.budget)
    _publish(suite, options)
    if suite.interrupted:
        return INTERRUPTED
    return 0 if any(cell.median is not None for cell in suite.cells) else NOTHING_MEASURED


def _parser() -> Parser:
    parser = Parser(
        prog="hakmem bench",
        description="Measures workloads under every allocator that is installed, each run in a fresh process,"
        " in paired\nrounds of random order, and says which is better, by how much and how sure that is.",
        epilog="With six allocators on two cores, --quick takes about 2 minutes, the default half an hour\n"
        "and --full two hours. Ctrl-C ends it early and keeps what was measured. Exit codes: 0; 1 when\n"
        "nothing could be measured; 2 for wrong options; 130 after Ctrl-C.\n\n"
        "First steps: hakmem bench --quick",
    )
    what = parser.add_argument_group("what runs")
    what.add_argument("--list", action="store_true", help="tell what the workloads are, and measure nothing")
    what.add_argument(
        "--workloads",
        action="append",
        default=[],
        metavar="GLOB",
        help="those whose name matches, such as 'larson' or '*/256'; may be given several times (default:"
        " all; with --quick some that stand for the others)",
    )
    what.add_argument(
        "--budget", type=seconds, metavar="S", help="begin no round that would end after S seconds"
    )
    add_lab_options(parser)
    return parser


def _workloads(arguments: argparse.Namespace) -> tuple[Workload, ...]:
    if arguments.workloads or arguments.effort is not Effort.QUICK:
        return select(arguments.workloads)
    return select(QUICK)


def _plan(workloads: tuple[Workload, ...], options: LabOptions) -> _Plan:
    if options.allocators:
        names = dict.fromkeys((*options.allocators, *options.extra))
        present, absent = allocators.choose(list(names), options.extra), list[str]()
    else:
        present, absent = allocators.available(options.extra)
    baseline = options.baseline_among([each.name for each in present])
    first = [each for each in present if each.name == baseline]
    others = [each for each in present if each.name != baseline]
    return _Plan(workloads, (*first, *others), tuple(absent), baseline)


def _announce(plan: _Plan, options: LabOptions) -> None:
    """Says what will run and how long that takes."""
    runnable = [workload for workload in plan.workloads if not workload.needs]
    expected = typical_s(runnable, len(plan.allocators), options.rounds, options.effort)
    many = "s" if len(runnable) != 1 else ""
    _say(
        f"{len(runnable)} workload{many} on {', '.join(each.name for each in plan.allocators)}:"
        f" a warm-up and {options.rounds} rounds, about {duration(expected)}; Ctrl-C ends it and keeps what"
        " was measured"
    )
    for line in (*plan.absent, *allocators.environment(os.environ)[1]):
        _say(line)


def _measure(plan: _Plan, options: LabOptions, command: str, budget_s: float | None) -> Suite:
    machine = host.describe()
    notes = [*plan.absent, *host.noise_now()]
    before = noise.read()
    live = sys.stderr.isatty()
    with (
        tempfile.TemporaryDirectory(prefix="hakmem-bench-") as directory,
        Display(sys.stderr, live=live, colour=terminal.colour(sys.stderr)) as display,
    ):
        scratch = Path(directory)
        (scratch / "rounds").mkdir()
        runs = run(
            plan.workloads,
            _with_floor(plan),
            meter=meter.measure,
            scratch=scratch / "rounds",
            effort=options.effort,
            rounds=options.rounds,
            seed=options.seed,
            timeout_s=options.timeout_s,
            budget_s=budget_s,
            on_event=display.show,
        )
        notes += noise.between(before, noise.read(), machine.cores)
        found = {} if runs.interrupted else _rates(plan, runs, options, scratch, display)
        private = (scratch, Path.home())
    return assemble(
        runs,
        cells.build(runs, plan.baseline),
        command=command,
        effort=options.effort,
        seed=options.seed,
        baseline=plan.baseline,
        host=machine,
        notes=notes,
        rates=found,
        private=private,
    )


def _with_floor(plan: _Plan) -> Sequence[Allocator]:
    if any(workload.has_floor for workload in plan.workloads):
        return (*plan.allocators, allocators.floor())
    return plan.allocators


def _rates(
    plan: _Plan, runs: Runs, options: LabOptions, scratch: Path, display: Display
) -> dict[str, tuple[ClassRate, ...]]:
    """Hit rates of the count flavour, when HAKMEM takes part; Ctrl-C gives up on the rest of them."""
    found: dict[str, tuple[ClassRate, ...]] = {}
    if not any(each.name.startswith(allocators.HAKMEM) for each in plan.allocators):
        return found
    try:
        count = allocators.choose([rates.COUNT])[0]
        for at, workload in enumerate(each for each in runs.workloads if each.kind in rates.KINDS):
            display.doing(f"hit rates of {workload.name}")
            directory = scratch / f"rates-{at}"
            directory.mkdir()
            try:
                found[workload.name] = rates.collect(
                    workload,
                    count,
                    meter=meter.measure,
                    scratch=directory,
                    effort=options.effort,
                    timeout_s=options.timeout_s,
                )
            except HakmemError as error:
                display.say(f"no hit rates of {workload.name}: {error}")
    except HakmemError as error:
        display.say(f"no hit rates: {error}")
    except KeyboardInterrupt:
        display.say("no further hit rates: interrupted")
    return found


def _publish(suite: Suite, options: LabOptions) -> None:
    """Writes the files, the figures first, and shows the tables where no data goes."""
    outputs = options.outputs
    if outputs.json is not None:
        write(outputs.json, store.dumps(suite))
    if outputs.html is not None:
        from hakmem.report import html  # noqa: PLC0415  (only here)

        write(outputs.html, html.page(suite))
    stream: TextIO = sys.stderr if outputs.data_on_stdout else sys.stdout
    stream.write(text.render(suite, terminal.width(stream), colour=terminal.colour(stream)))
    stream.flush()
    for what, path in (("figures", outputs.json), ("page", outputs.html)):
        if path is not None and not outputs.data_on_stdout:
            _say(f"the {what}: {path}")


def _say(line: str) -> None:
    print(f"hakmem: {line}", file=sys.stderr, flush=True)
