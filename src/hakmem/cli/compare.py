"""`hakmem compare`: the user's own command under each allocator, and which one suits it."""

import os
import shlex
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hakmem.cli import terminal
from hakmem.cli.compare_arguments import BUDGET_S, FEWEST_ROUNDS, TIMEOUT_FACTOR, parse
from hakmem.cli.interrupts import take_sigterm_as_ctrl_c
from hakmem.cli.lab_arguments import LabOptions, lab_options, recorded, write
from hakmem.cli.python_malloc import wants_python_malloc
from hakmem.cpython import Choice
from hakmem.errors import UsageError
from hakmem.lab import allocators as known
from hakmem.lab import cells, host, meter, noise, runner, store
from hakmem.lab import suite as suites
from hakmem.lab.command import CommandMeter, as_workload, load, rehearse, rounds_within, silence
from hakmem.lab.measurement import Status
from hakmem.lab.metrics import value
from hakmem.lab.plan import END_MEMORY, MEAN_MEMORY, PEAK_MEMORY, Allocator, Job, Metric, Workload
from hakmem.lab.result import Suite
from hakmem.lab.runner import Runs
from hakmem.launch import PYTHON_MALLOC
from hakmem.program import Program, check_preloadable, find, follow
from hakmem.report import command_text
from hakmem.report.figures import duration, figure
from hakmem.report.progress import Display

MOST_ROUNDS: Final = 50
"""Beyond it the interval shrinks by the root of the rounds, and nobody waits for that."""
OVERRUN: Final = 1.5
"""No round is begun that would probably end after so many times the time that was announced."""
REHEARSAL_TIMEOUT_S: Final = 600.0
"""For the first run, of which nothing is known yet; all others get TIMEOUT_FACTOR times what it took."""
SHORTEST_TIMEOUT_S: Final = 10.0
INTERRUPTED: Final = 130
"""The exit code after Ctrl-C, as shells have it: 128 and SIGINT."""


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be compared.

    line: the command line as results may keep it. notes: what was found before anything was measured.
    """

    workload: Workload
    job: Job
    allocators: tuple[Allocator, ...]
    baseline: Allocator
    line: str
    notes: tuple[str, ...]


def execute(words: list[str]) -> int:
    """Compares, and shows what came out."""
    arguments, own_words, command = parse(words)
    take_sigterm_as_ctrl_c()
    options = lab_options(arguments)
    task = _task(arguments, options, command, recorded("compare", own_words))
    for note in task.notes:
        _say(note)
    with tempfile.TemporaryDirectory(prefix="hakmem-compare-") as scratch:
        suite = _measure(task, arguments, options, Path(scratch))
    outputs = options.outputs
    if outputs.json:
        write(outputs.json, store.dumps(suite))
    if outputs.html:
        from hakmem.report import html  # noqa: PLC0415  (with the charts, which only a page needs)

        write(outputs.html, html.page(suite))
    stream = sys.stderr if outputs.data_on_stdout else sys.stdout
    shown = command_text.render(suite, terminal.width(stream), colour=terminal.colour(stream))
    print(shown, end="", file=stream, flush=True)
    for what, path in (("figures", outputs.json), ("page", outputs.html)):
        if path is not None and not outputs.data_on_stdout:
            _say(f"the {what}: {path}")
    if suite.interrupted:
        return INTERRUPTED
    return int(any(cell.status != Status.OK for cell in suite.cells))


def _task(arguments: Namespace, options: LabOptions, command: list[str], line: str) -> _Task:
    """Checks all that can be checked before anything is run."""
    notes: list[str] = []
    if options.allocators:
        names = dict.fromkeys([*options.allocators, *options.extra])
        allocators = known.choose(list(names), options.extra)
    else:
        allocators, notes = known.available(options.extra)
    baseline = options.baseline_among([allocator.name for allocator in allocators])
    environment = dict(os.environ)
    notes += known.environment(environment)[1]
    search_path = environment.get("PATH", os.defpath)
    program = follow(find(command[0], search_path), search_path)
    library = next((each.library for each in allocators if each.library is not None), None)
    if library is not None:
        check_preloadable(program, library)
    malloc = _python_malloc(Choice(arguments.python_malloc), program, allocators, environment)
    notes += malloc.notes
    job = _job(arguments, program, command, malloc.variables)
    shown = _without_home(shlex.join(command))
    given = {"input": Path(arguments.input).name} if arguments.input else {}
    return _Task(
        workload=as_workload(shown, job, name=arguments.name, given=given),
        job=job,
        allocators=malloc.allocators,
        baseline=next(each for each in malloc.allocators if each.name == baseline),
        line=_without_home(f"{line} -- {shown}"),
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class _PythonMalloc:
    """The allocators, with what puts Python's objects on them; variables for every run; what to say of it."""

    allocators: tuple[Allocator, ...]
    variables: dict[str, str]
    notes: list[str]


def _python_malloc(
    choice: Choice, program: Program, allocators: Sequence[Allocator], environment: dict[str, str]
) -> _PythonMalloc:
    if not wants_python_malloc(choice, program, environment):
        return _PythonMalloc(tuple(allocators), {}, [])
    malloc = {PYTHON_MALLOC: "malloc"}
    if choice is Choice.MALLOC:
        return _PythonMalloc(
            tuple(allocators), malloc, [f"{PYTHON_MALLOC}=malloc is set under every allocator."]
        )
    on_them = tuple(
        replace(each, environment={**each.environment, **malloc}) if each.library is not None else each
        for each in allocators
    )
    note = (
        f"{PYTHON_MALLOC}=malloc puts Python's objects on each preloaded allocator, as `hakmem run` does;"
        " on the system's malloc Python keeps its own pymalloc. --python-malloc keep (or malloc) treats all"
        " alike."
    )
    return _PythonMalloc(on_them, {}, [note])


def _job(arguments: Namespace, program: Program, command: list[str], variables: dict[str, str]) -> Job:
    file, argv = program.argv(command)
    stdin = Path(arguments.input).absolute() if arguments.input else None
    if stdin is not None and not os.access(stdin, os.R_OK):
        raise UsageError(f"--input {arguments.input}: there is no such file that can be read")
    client = silence(arguments.for_s) if arguments.for_s is not None else None
    if arguments.load is not None:
        client = load(arguments.load)
    if client is not None and arguments.ignore_failure:
        raise UsageError("--ignore-failure: a program that is ended by SIGTERM has no exit code of its own")
    return Job((str(Path(file).absolute()), *argv[1:]), environment=variables, client=client, stdin=stdin)


def _measure(task: _Task, arguments: Namespace, options: LabOptions, scratch: Path) -> Suite:
    """Rehearses, says what it will do, and does it."""
    machine = host.describe()
    notes = [*task.notes, *host.noise_now()]
    rehearsal = CommandMeter(meter.measure, arguments.prepare, own_time=arguments.own_time)
    for name in ("rehearsal", "runs"):
        (scratch / name).mkdir()
    started = time.monotonic()
    expected, run_s = rehearse(
        rehearsal,
        task.job,
        task.baseline,
        timeout_s=arguments.timeout or REHEARSAL_TIMEOUT_S,
        scratch=scratch / "rehearsal",
        same_output=arguments.same_output,
        ignore_failure=arguments.ignore_failure,
    )
    each_s = (time.monotonic() - started) / (2 if arguments.same_output else 1)
    rounds = arguments.rounds or rounds_within(
        BUDGET_S[options.effort],
        each_s,
        len(task.allocators),
        fewest=FEWEST_ROUNDS[options.effort],
        most=MOST_ROUNDS,
        warm_up=arguments.warmup,
    )
    total_s = (rounds + arguments.warmup) * len(task.allocators) * each_s
    _say(_announcement(task, rounds, arguments.warmup, run_s, total_s))
    before = noise.read()
    with Display(sys.stderr, live=sys.stderr.isatty(), colour=terminal.colour(sys.stderr)) as display:
        runs = runner.run(
            [task.workload],
            task.allocators,
            meter=replace(rehearsal, expected=expected),
            scratch=scratch / "runs",
            effort=options.effort,
            rounds=rounds,
            seed=options.seed,
            timeout_s=arguments.timeout or max(SHORTEST_TIMEOUT_S, TIMEOUT_FACTOR * each_s),
            budget_s=None if arguments.rounds else max(total_s, BUDGET_S[options.effort]) * OVERRUN,
            warm_up=arguments.warmup,
            on_event=display.show,
        )
    notes += noise.between(before, noise.read(), machine.cores)
    over_time = [metric for metric in (MEAN_MEMORY, END_MEMORY) if _is_known(metric, runs)]
    figures = (task.workload.metric, PEAK_MEMORY, *over_time)
    return suites.assemble(
        runs,
        cells.build(runs, task.baseline.name, metrics=lambda _workload: figures),
        command=task.line,
        effort=options.effort,
        seed=options.seed,
        baseline=task.baseline.name,
        host=machine,
        notes=notes,
        private=(Path.home(), scratch),
    )


def _is_known(metric: Metric, runs: Runs) -> bool:
    """Whether the metric can be told of every allocator, as memory over time cannot of a run of 1 ms."""
    good = (
        [run for run in row if run is not None and run.status is Status.OK]
        for row in runs.measurements.values()
    )
    return all(any(value(metric, run) is not None for run in row) for row in good if row)


def _announcement(task: _Task, rounds: int, warm_up: int, run_s: float, total_s: float) -> str:
    """What will be done, in a sentence."""
    names = ", ".join(each.name for each in task.allocators)
    before = f", after {warm_up} that {'does' if warm_up == 1 else 'do'} not count" if warm_up else ""
    return (
        f"{task.workload.name} takes {figure(run_s, 's')} on {task.baseline.name}: {rounds}"
        f" round{'' if rounds == 1 else 's'} of {names}{before}; about {duration(total_s)}."
    )


def _say(line: str) -> None:
    print(f"hakmem: {line}", file=sys.stderr, flush=True)


def _without_home(text: str) -> str:
    """`text` as a result may keep it, without the name of the user's home."""
    home = str(Path.home())
    return text.replace(home, "~") if home != "/" else text
