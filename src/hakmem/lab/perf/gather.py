"""Runs each tool over all allocators and keeps what each gave; one that fails costs its own figures alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from hakmem.lab.perf import calls, hardware, simulated
from hakmem.lab.perf.caches import Cache
from hakmem.lab.perf.counts import Figure, FunctionCost, Source, SystemCall
from hakmem.lab.perf.simulated import SLOWDOWN
from hakmem.lab.perf.start import RunFailedError, Starter
from hakmem.lab.plan import Allocator, Job

_Run = TypeVar("_Run")

TRACED_CALL_S: Final = 50e-6
"""About what strace adds to a call."""
TRACED_S: Final = 3.0
"""Seconds that a trace of a long plain run may add; if it would add more, the trace keeps to short runs."""

Told = Callable[[str, str], None]
"""Told which part begins under which allocator."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """What is run: long and short jobs, the latter None where the length cannot be chosen.

    slow: under tools that slow it down. least: a job of as little work as can be asked for.
    """

    plain: tuple[Job, Job | None]
    slow: tuple[Job, Job | None]
    least: Job | None = None


@dataclass(slots=True)
class Gathered:
    """What tools found out about one allocator; fields as in counts.Profile."""

    figures: dict[str, Figure] = field(default_factory=dict)
    start: dict[str, float] = field(default_factory=dict)
    functions: tuple[FunctionCost, ...] = ()
    calls: dict[str, SystemCall] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Tools:
    """Which tools this machine has, and what is told where one is missing.

    caches: those that callgrind is to simulate.
    """

    hardware: bool
    simulation: bool
    trace: bool
    caches: Mapping[str, Cache]
    notes: list[str]

    @classmethod
    def here(cls, caches: Mapping[str, Cache]) -> "Tools":
        """Looks for each."""
        counters, simulation, trace = hardware.unavailable(), simulated.unavailable(), calls.unavailable()
        return cls(
            hardware=counters is None,
            simulation=simulation is None,
            trace=trace is None,
            caches=caches,
            notes=[reason for reason in (counters, simulation, trace) if reason],
        )


def count(starter: Starter, jobs: Jobs, allocator: Allocator, into: Gathered) -> None:
    """Hardware counters of plain runs."""
    pair = _pair(into, jobs.plain, lambda job: hardware.run(starter, job, allocator))
    if pair is None:
        return
    figures, each = hardware.figures(*pair)
    into.figures.update(figures)
    for name, amount in each.start.items():
        into.start.setdefault(name, amount)
    cycles = each.unit.get("cycles", 0.0)
    if cycles > 0 and "instructions" in each.unit:
        into.figures["ipc"] = Figure(each.unit["instructions"] / cycles, Source.HARDWARE)


def simulate(
    starter: Starter, jobs: Jobs, allocator: Allocator, caches: Mapping[str, Cache], into: Gathered
) -> tuple[float, dict[str, int]]:
    """Simulated counts and functions; tells the units of work and the caches of the simulation.

    Hardware counters that are there already stay.
    """
    pair = _pair(into, jobs.slow, lambda job: simulated.run(starter, job, allocator, caches))
    if pair is None:
        return 0.0, {}
    figures, each = simulated.figures(*pair)
    into.figures = {**figures, **into.figures}
    into.start.update(each.start)
    into.functions = simulated.functions(*pair)
    return pair[0].operations, pair[0].counted.caches


def trace(starter: Starter, jobs: Jobs, allocator: Allocator, into: Gathered, ratio: float) -> None:
    """System calls, from short runs, and from plain ones too if the calls are few.

    Calls that come by the clock, such as a purge, show in the longer runs alone.
    ratio: the length of plain runs over that of slow ones.
    """
    pair = _pair(into, jobs.slow, lambda job: calls.run(starter, job, allocator))
    if pair is None:
        return
    if ratio > 1 and sum(pair[0].calls.values()) * ratio * TRACED_CALL_S < TRACED_S:
        pair = _pair(into, jobs.plain, lambda job: calls.run(starter, job, allocator)) or pair
    into.calls = calls.by_kind(*pair)
    into.figures["system_calls"] = Figure(sum(call.calls for call in into.calls.values()), Source.TRACE)
    started = calls.started(*pair)
    if started is not None:
        into.start["system_calls"] = started


def too_slow(cpu_s: float, timeout_s: float) -> str | None:
    """Why a program of so much processor time is not simulated; None when it can be."""
    needed = cpu_s * SLOWDOWN
    if needed <= timeout_s:
        return None
    return (
        f"no simulated counts: a run of {cpu_s:.1f} s would take some {needed:.0f} s under callgrind;"
        f" --timeout {needed * 1.5:.0f} permits that"
    )


def _pair(
    into: Gathered, jobs: Sequence[Job | None], run: Callable[[Job], _Run]
) -> tuple[_Run, _Run | None] | None:
    """The results of the long and of the short job; None, and a problem noted, where one failed."""
    long, short = jobs
    assert long is not None, "there is always a long job"
    try:
        return run(long), run(short) if short is not None else None
    except RunFailedError as error:
        into.problems.append(str(error))
        return None
