"""Plain runs in rounds: wall and processor time, faults, switches and memory, without any tool in the way.

What else the machine does can only add to times, so a time is the least of its rounds; `spread` tells how far
the middle one lies above it. Counts and memory are medians.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from hakmem.lab.measurement import Measurement, Usage
from hakmem.lab.perf.counts import Figure, Source
from hakmem.lab.perf.slope import Total, slope
from hakmem.lab.perf.start import RunFailedError, Starter, operations
from hakmem.lab.plan import Allocator, Job

_NS = 1e9


@dataclass(slots=True)
class Rounds:
    """The runs of one allocator, in the order of the rounds.

    least: of as little work as can be asked for. failure: why there are no more.
    """

    long: list[Measurement] = field(default_factory=list)
    short: list[Measurement] = field(default_factory=list)
    least: list[Measurement] = field(default_factory=list)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Times:
    """What plain runs tell of one allocator.

    figures: resource -> figure for each unit of work; "peak_rss" is the process's, "whole_wall" the time of
        the long run less that of a run of least work: steadier than the slope where runs are short.
    start: resource -> what the process costs besides; its time is that of a run of least work.
    spread: resource -> how far its rounds lie apart: their median less their least.
    """

    figures: Mapping[str, Figure]
    start: Mapping[str, float]
    spread: Mapping[str, float]


def run(
    starter: Starter,
    jobs: Sequence[Job | None],
    allocators: Sequence[Allocator],
    *,
    rounds: int,
    seed: int,
    on_run: Callable[[str], None],
) -> dict[str, Rounds]:
    """Runs the long job, and the short one and that of least work if there are such, under all allocators.

    jobs: in this order; None for those that there are not.

    Within a round the order is random, so that drift of the machine meets all alike. An allocator whose run
    fails takes no further part. on_run: told the allocator's name before each run.
    """
    order = random.Random(seed)
    found = {allocator.name: Rounds() for allocator in allocators}
    for _ in range(rounds):
        for allocator in order.sample(list(allocators), len(allocators)):
            mine = found[allocator.name]
            if mine.failure:
                continue
            on_run(allocator.name)
            try:
                for job, runs in zip(jobs, (mine.long, mine.short, mine.least), strict=True):
                    if job is not None:
                        runs.append(starter.plain(job, allocator))
            except RunFailedError as error:
                mine.failure = str(error)
    return found


def parallelism(rounds: Mapping[str, Rounds]) -> float:
    """How many processors the workload can keep busy: the most that any allocator's run kept, at least 1.

    Whoever uses fewer waits, for the kernel or for locks.
    """
    busy = [cpu_s(run) / run.wall_s for mine in rounds.values() for run in mine.long if run.wall_s > 0]
    return max([1.0, *busy])


def summarise(rounds: Rounds, processors: float) -> Times:
    """The figures of one allocator. processors: the workload's `parallelism`."""
    long = _total(rounds.long, processors)
    short = _total(rounds.short, processors) if rounds.short else None
    each = slope(long, short)
    figures = {
        name: Figure(amount, Source.CLOCK if name in ("wall", "waiting") else Source.KERNEL)
        for name, amount in each.unit.items()
        if name != "peak_rss"
    }
    figures["peak_rss"] = Figure(long.amounts["peak_rss"], Source.KERNEL)
    started_ns = min((run.wall_s for run in rounds.least), default=0.0) * _NS
    whole_ns = max(long.amounts["wall"] - started_ns, 0.0)
    figures["whole_wall"] = Figure(whole_ns / long.operations, Source.CLOCK)
    if short is not None and each.start:
        figures["growth"] = Figure(each.unit["peak_rss"], Source.KERNEL)
    start = dict(each.start)
    start.pop("wall", None)
    if rounds.least:
        start["wall"] = started_ns
    wide = {
        "wall": median(run.wall_s for run in rounds.long) * _NS - long.amounts["wall"],
        "user": (median(map(cpu_s, rounds.long)) - min(map(cpu_s, rounds.long))) * _NS,
    }
    wide["system"] = wide["user"]
    return Times(figures, start, {name: ns / long.operations for name, ns in wide.items()})


def _total(runs: Sequence[Measurement], processors: float) -> Total:
    """The amounts of one length of run, over its rounds."""
    cpu = min(map(cpu_s, runs))
    in_kernel = sum(_usage(run).system_s for run in runs) / max(sum(map(cpu_s, runs)), 1e-9)
    amounts = {
        "wall": min(run.wall_s for run in runs) * _NS,
        "user": cpu * (1 - in_kernel) * _NS,
        "system": cpu * in_kernel * _NS,
        "waiting": min(_waiting(run, processors) for run in runs) * _NS,
        "peak_rss": median(_usage(run).peak_rss_b for run in runs),
    }
    for name in ("minor_faults", "major_faults", "voluntary_switches", "involuntary_switches"):
        amounts[name] = median(getattr(_usage(run), name) for run in runs)
    return Total(median(operations(run) or 1 for run in runs), amounts)


def _waiting(run: Measurement, processors: float) -> float:
    """Seconds that a run was off the processors by its own will.

    A process that others pushed aside waits too; the share of voluntary switches tells the two apart.
    """
    off = max(0.0, run.wall_s - cpu_s(run) / processors)
    usage = _usage(run)
    switches = usage.voluntary_switches + usage.involuntary_switches
    return off * usage.voluntary_switches / switches if switches else 0.0


def cpu_s(run: Measurement) -> float:
    """Seconds of processor time, in the program and in the kernel for it."""
    usage = _usage(run)
    return usage.user_s + usage.system_s


def _usage(run: Measurement) -> Usage:
    return run.usage or Usage(0.0, 0.0, 0, 0, 0, 0, 0)
