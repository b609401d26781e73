"""What is known of one program under one allocator: figures with their sources. Data alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Source(StrEnum):
    """Where a figure comes from; people trust a counter more than a simulation."""

    CLOCK = "clock"  # CLOCK_MONOTONIC around plain runs
    KERNEL = "kernel"  # what the kernel charged to plain runs (wait4)
    HARDWARE = "hardware"  # counters of the processor (perf stat)
    SIMULATION = "simulation"  # callgrind with caches and branch prediction
    ESTIMATE = "estimate"  # a formula over simulated events
    TRACE = "trace"  # strace


@dataclass(frozen=True, slots=True)
class Figure:
    """An amount and where it is from.

    amount: for each unit of work (Report.unit), or of the whole process where the resource says so;
        nanoseconds, bytes or a count.
    """

    amount: float
    source: Source


@dataclass(frozen=True, slots=True)
class FunctionCost:
    """What one function itself costs, its callees not counted.

    object_file: file name of the program or library that it is in.
    events: callgrind's event -> how many of them for each unit of work.
    """

    name: str
    object_file: str
    events: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SystemCall:
    """System calls of one kind.

    calls: how many for each unit of work.
    time_ns: nanoseconds from entry to return for each unit of work, the tracer's stops included.
    """

    name: str
    calls: float
    time_ns: float


@dataclass(frozen=True, slots=True)
class ClassRates:
    """One size class in a run on the count flavour; whole run, start included.

    size: bytes of a block.
    counters: the class's counters by the names of docs/reference/statistics.md.
    """

    size: int
    counters: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something was done. refused: how often it did not go well at once.

    Of a lock: taken, and of these not free at once. Of a swap: done, and besides these tried in vain.
    """

    done: int
    refused: int


@dataclass(frozen=True, slots=True)
class Rates:
    """The count flavour's statistics of one run.

    process: the process-wide counters; bytes: amounts at the program's end.
    locks, swaps: by the names of docs/reference/statistics.md; empty in results of older versions.
    """

    process: Mapping[str, int]
    bytes: Mapping[str, int]
    classes: tuple[ClassRates, ...]
    locks: Mapping[str, Tally] = field(default_factory=dict)
    swaps: Mapping[str, Tally] = field(default_factory=dict)

    def total(self, counter: str) -> int:
        """The sum of a class counter over all classes."""
        return sum(entry.counters.get(counter, 0) for entry in self.classes)


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that was found out about one allocator under one workload.

    library: file name of the allocator's library; "" for the system's.
    figures: resource -> figure.
    start: resource -> what the process costs before and after its work; empty where that cannot be told.
    spread: resource -> how far the rounds of a measured time lie apart (times.Times).
    functions: heaviest first; empty when there was no simulation.
    problems: what could not be measured, in sentences.
    """

    allocator: str
    library: str
    figures: Mapping[str, Figure]
    start: Mapping[str, float] = field(default_factory=dict)
    spread: Mapping[str, float] = field(default_factory=dict)
    functions: tuple[FunctionCost, ...] = ()
    calls: Mapping[str, SystemCall] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def amount(self, resource: str) -> float | None:
        """The figure of a resource, None where it could not be had."""
        figure = self.figures.get(resource)
        return None if figure is None else figure.amount
