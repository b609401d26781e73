"""A whole suite as it is stored: schema `hakmem-bench/1`. Data alone; `store` reads and writes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from hakmem.lab.measurement import Point

SCHEMA: Final = "hakmem-bench/1"


@dataclass(frozen=True, slots=True)
class Host:
    """The machine, as far as it bears on figures; what cannot be told is "".

    load_at_start: the 1-minute load average before the first run.
    memory_b: bytes of physical memory.
    """

    kernel: str
    machine: str
    cpu: str
    cores: int
    memory_b: int
    governor: str
    load_at_start: float
    thp: str
    overcommit: str
    libc: str
    python: str
    virtualised: str = ""


@dataclass(frozen=True, slots=True)
class AllocatorRecord:
    """Who took part. path: as found, or "" for the system's and where it is not to be told."""

    name: str
    version: str
    path: str
    build: str


@dataclass(frozen=True, slots=True)
class Ratio:
    """Cost against the baseline, by paired rounds; below 1 is better than the baseline, whatever the metric.

    For a metric of which more is better the cost is its inverse.
    ci95: bootstrap interval of the median of the rounds' ratios.
    verdict: "faster", "slower", "no difference seen", "too noisy to tell", "baseline" (for memory
        "leaner", "heavier", ...).
    """

    baseline: str
    median: float
    ci95: tuple[float, float]
    verdict: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one workload under one allocator.

    status: "ok", or how the runs went wrong (measurement.Status) and `detail` says more.
    samples: one a round, in the order of the rounds, in `unit`; None where that round's run failed.
    outliers: indices into samples (reported, never dropped).
    median, ci95: of the samples; None without any.
    floor: the median of the same metric under the floor allocator; None without one.
    ratio: against the baseline; None when either side has too few samples.
    peak_rss_bytes: the median of the runs' peaks.
    usage: medians of user_s, system_s, minor_faults, major_faults, voluntary_switches,
        involuntary_switches and of the workload's own further figures.
    memory: of the run whose metric is the median one.
    """

    workload: str
    kind: str
    params: Mapping[str, int | float | str]
    allocator: str
    metric: str
    unit: str
    better: str
    status: str
    detail: str
    samples: tuple[float | None, ...]
    outliers: tuple[int, ...]
    median: float | None
    ci95: tuple[float, float] | None
    floor: float | None
    ratio: Ratio | None
    peak_rss_bytes: int | None
    operations: int | None = None
    checksum: str = ""
    usage: Mapping[str, float] = field(default_factory=dict)
    memory: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassRate:
    """One size class in a run on the count flavour: how many of its allocations its bins served."""

    size: int
    allocations: int
    hits: int


@dataclass(frozen=True, slots=True)
class Suite:
    """Everything that one command measured.

    command: the words that made it, without paths of this machine.
    created: UTC, ISO 8601.
    baseline: name of the allocator that ratios refer to.
    rounds: paired rounds that were completed.
    interrupted: ended before all rounds were done; what is there is valid.
    notes: about the machine's noise, absent peers and workloads, in sentences for people.
    rates: workload -> per-class hit rates of the count flavour.
    """

    command: str
    created: str
    effort: str
    seed: int
    baseline: str
    rounds: int
    interrupted: bool
    host: Host
    allocators: tuple[AllocatorRecord, ...]
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()
    rates: Mapping[str, tuple[ClassRate, ...]] = field(default_factory=dict)
    workloads: Mapping[str, str] = field(default_factory=dict)
    """Workload -> its title, so that a report can be read without the package that made it."""
