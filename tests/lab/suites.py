"""Suites of plausible figures, for tests of what reads them. The same arguments make the same suite."""

import math
import random
from dataclasses import replace
from itertools import pairwise

from hakmem.lab import statistics
from hakmem.lab.measurement import Point
from hakmem.lab.plan import (
    END_MEMORY,
    PEAK_MEMORY,
    THROUGHPUT,
    TIME_PER_OPERATION,
    WALL_TIME,
    Kind,
    Metric,
)
from hakmem.lab.result import AllocatorRecord, Cell, ClassRate, Ratio, Suite
from hakmem.lab.statistics import Interval

from . import made_up

ALLOCATORS = ("system", "hakmem", "mimalloc", "jemalloc", "tcmalloc", "tbbmalloc", "snmalloc")
BASELINE = "system"
SPEED = {
    "system": 1.0,
    "hakmem": 0.74,
    "mimalloc": 0.79,
    "jemalloc": 0.93,
    "tcmalloc": 0.77,
    "tbbmalloc": 0.98,
    "snmalloc": 0.86,
}
"""Allocator -> its usual time against the system's."""
MEMORY = {
    "system": 1.0,
    "hakmem": 0.88,
    "mimalloc": 1.31,
    "jemalloc": 0.97,
    "tcmalloc": 1.22,
    "tbbmalloc": 1.64,
    "snmalloc": 1.17,
}
MIB = 1 << 20

WORKLOADS: tuple[tuple[str, Kind, str, Metric, float, int], ...] = (
    ("random_mixed/128", Kind.NATIVE, "Uniform sizes, 128 slots", TIME_PER_OPERATION, 9.6, 3),
    ("random_mixed/256", Kind.NATIVE, "Uniform sizes, 256 slots", TIME_PER_OPERATION, 10.0, 3),
    ("random_mixed/8192", Kind.NATIVE, "Uniform sizes, 8,192 slots", TIME_PER_OPERATION, 15.8, 11),
    ("random_mixed/mid", Kind.NATIVE, "8 to 32 KiB, 256 slots", TIME_PER_OPERATION, 64.0, 12),
    ("random_mixed/large", Kind.NATIVE, "64 KiB to 4 MiB, 64 slots", TIME_PER_OPERATION, 327.0, 124),
    ("random_mixed/short", Kind.NATIVE, "100,000 operations from the start", TIME_PER_OPERATION, 21.0, 3),
    ("larson/mixed", Kind.NATIVE, "A server's threads hand blocks on", THROUGHPUT, 48e6, 20),
    ("larson/many_threads", Kind.NATIVE, "The same with 16 threads", THROUGHPUT, 31e6, 61),
    ("producer_consumer/2+2", Kind.NATIVE, "One side allocates, one frees", TIME_PER_OPERATION, 88.0, 30),
    ("thread_churn", Kind.NATIVE, "Threads live shortly", TIME_PER_OPERATION, 140.0, 9),
    ("server_mix", Kind.NATIVE, "Objects move between threads; some live long", TIME_PER_OPERATION, 61.0, 77),
    ("fragmentation", Kind.NATIVE, "Grow, free at random, change sizes", TIME_PER_OPERATION, 41.0, 180),
    ("burst", Kind.NATIVE, "Burst and silence: what is given back", TIME_PER_OPERATION, 33.0, 256),
    ("realloc_growth", Kind.NATIVE, "Buffers that grow step by step", TIME_PER_OPERATION, 120.0, 66),
    ("python/churn/pymalloc", Kind.PYTHON, "Objects come and go", WALL_TIME, 0.82, 44),
    ("python/churn/malloc", Kind.PYTHON, "Objects come and go, all by malloc", WALL_TIME, 1.04, 48),
    ("python/json/pymalloc", Kind.PYTHON, "JSON is parsed and written", WALL_TIME, 1.31, 71),
    ("python/json/malloc", Kind.PYTHON, "JSON, all by malloc", WALL_TIME, 1.55, 75),
    ("python/numpy/malloc", Kind.PYTHON, "NumPy temporaries, 256 KiB to 64 MiB", WALL_TIME, 2.1, 310),
    ("python/asyncio/malloc", Kind.PYTHON, "An asyncio server under load", WALL_TIME, 1.9, 39),
    ("redis", Kind.REAL, "redis-server under redis-benchmark", WALL_TIME, 3.4, 58),
    ("sqlite", Kind.REAL, "The SQLite shell fills and sorts tables", WALL_TIME, 2.6, 24),
    ("gcc", Kind.REAL, "gcc -O2 of a large file", WALL_TIME, 4.2, 260),
    ("git/gc", Kind.REAL, "Git repacks a repository", WALL_TIME, 3.1, 190),
)
"""Name, kind, title, metric, the system's figure in the metric's unit, its peak in MiB."""

FAILURES = {
    ("python/asyncio/malloc", "tbbmalloc"): ("crashed", "signal 11 (SIGSEGV): Segmentation fault"),
    ("thread_churn", "snmalloc"): ("timeout", "ended after 60 s"),
    ("git/gc", "tbbmalloc"): ("not loaded", "libtbbmalloc_proxy.so.2 was not in the process"),
}

HOST = replace(
    made_up.HOST,
    kernel="6.1.0-28-amd64",
    cpu="AMD EPYC 7B13 (Example)",
    cores=8,
    memory_b=32 << 30,
    load_at_start=0.31,
    virtualised="kvm",
)


def suite(
    *,
    workloads: int = len(WORKLOADS),
    allocators: tuple[str, ...] = ALLOCATORS,
    rounds: int = 5,
    seed: int = 7,
    points: int = 120,
    failures: bool = True,
) -> Suite:
    """A suite of the first `workloads` under `allocators`, with `points` of memory over time a cell."""
    cells = []
    for name, kind, _, metric, figure, peak in WORKLOADS[:workloads]:
        drift = [random.Random(f"{seed} {name} {at}").gauss(1, 0.01) for at in range(rounds)]
        baseline: dict[str, list[float]] = {}
        for allocator in allocators:
            rng = random.Random(f"{seed} {name} {allocator}")
            favour = 1.0 if allocator == BASELINE else math.exp(rng.gauss(0, 0.12))
            cost = SPEED[allocator] * favour
            if name == "producer_consumer/2+2" and allocator == "tcmalloc":
                cost = 8.7
            memory = MEMORY[allocator] * (1.0 if allocator == BASELINE else math.exp(rng.gauss(0, 0.2)))
            status, detail = FAILURES.get((name, allocator), ("ok", "")) if failures else ("ok", "")
            times = [cost * each * rng.gauss(1, 0.012) for each in drift]
            if rng.random() < 0.2:
                times[rng.randrange(rounds)] *= 1.4
            speeds = [figure / t if metric is THROUGHPUT else figure * t for t in times]
            peaks = [float(int(peak * MIB * memory * rng.gauss(1, 0.004))) for _ in times]
            ends = [float(int(each * 0.4)) for each in peaks]
            for each, samples in ((metric, speeds), (PEAK_MEMORY, peaks), (END_MEMORY, ends)):
                cells.append(
                    _cell(
                        workload=name,
                        kind=kind,
                        allocator=allocator,
                        metric=each,
                        samples=[] if status != "ok" else samples,
                        baseline=baseline.setdefault(each.name, samples),
                        status=status,
                        detail=detail,
                        floor=figure * 0.72 if each is TIME_PER_OPERATION else None,
                        memory=_memory(rng, peaks[0], points, kind) if each is metric else (),
                    )
                )
    return Suite(
        command="hakmem bench --html report.html",
        created="2025-02-11T09:30:00Z",
        effort="default",
        seed=seed,
        baseline=BASELINE,
        rounds=rounds,
        interrupted=False,
        host=HOST,
        allocators=tuple(
            AllocatorRecord(name, "" if name == "system" else "2.1", "", "Debian 2.1-1")
            for name in allocators
        ),
        cells=tuple(cells),
        notes=(
            "The load average was 0.31 before the first run.",
            "tcmalloc-full is not here: apt-get install libgoogle-perftools4.",
        ),
        rates={name: _rates(name) for name, kind, *_ in WORKLOADS[:workloads] if kind is not Kind.REAL},
        workloads={name: title for name, _, title, *_ in WORKLOADS[:workloads]},
    )


def interrupted() -> Suite:
    """A suite that Ctrl-C ended in its second round: no interval, no ratio."""
    whole = suite(rounds=1, workloads=9)
    return replace(whole, interrupted=True, cells=whole.cells[:-11])


def renamed(whole: Suite, old: str, new: str) -> Suite:
    """`whole` with the allocator and the workloads that are called `old` called `new`."""
    return replace(
        whole,
        allocators=tuple(replace(a, name=new if a.name == old else a.name) for a in whole.allocators),
        cells=tuple(
            replace(
                cell,
                allocator=new if cell.allocator == old else cell.allocator,
                workload=new if cell.workload == old else cell.workload,
            )
            for cell in whole.cells
        ),
        workloads={new if name == old else name: title for name, title in whole.workloads.items()},
        rates={new if name == old else name: rates for name, rates in whole.rates.items()},
    )


def _cell(
    *,
    workload: str,
    kind: Kind,
    allocator: str,
    metric: Metric,
    samples: list[float],
    baseline: list[float],
    status: str,
    detail: str,
    floor: float | None,
    memory: tuple[Point, ...],
) -> Cell:
    costs = samples if metric.better == "lower" else [1 / sample for sample in samples]
    others = baseline if metric.better == "lower" else [1 / sample for sample in baseline]
    interval = statistics.interval(samples)
    return Cell(
        workload=workload,
        kind=kind,
        params={"slots": 256} if kind is Kind.NATIVE else {},
        allocator=allocator,
        metric=metric.name,
        unit=metric.unit,
        better=metric.better,
        status=status,
        detail=detail,
        samples=tuple(samples) if samples else (None,) * len(baseline),
        outliers=statistics.outliers(samples),
        median=statistics.median(samples) if samples else None,
        ci95=(interval.low, interval.high) if interval else None,
        floor=floor,
        ratio=_ratio(statistics.ratio(costs, others), allocator, metric),
        peak_rss_bytes=int(samples[0]) if metric is PEAK_MEMORY and samples else None,
        operations=2_000_000 if kind is Kind.NATIVE else None,
        usage={"user_s": 0.61, "system_s": 0.04, "minor_faults": 1841.0, "involuntary_switches": 12.0},
        memory=memory if samples else (),
    )


def _ratio(interval: Interval | None, allocator: str, metric: Metric) -> Ratio | None:
    if interval is None:
        return None
    if allocator == BASELINE:
        return Ratio(BASELINE, 1.0, (1.0, 1.0), "baseline")
    said = statistics.verdict(interval, memory=metric.unit == "B")
    return Ratio(BASELINE, interval.median, (interval.low, interval.high), said)


def _memory(rng: random.Random, peak: float, points: int, kind: Kind) -> tuple[Point, ...]:
    """Resident bytes that climb to `peak`, fall, and climb again; live bytes below them in native ones."""
    series = []
    for at in range(points):
        phase = at / max(points - 1, 1)
        height = min(1.0, 0.15 + 2.2 * phase) if phase < 0.7 else 0.45 + 0.4 * (phase - 0.7)
        resident = int(peak * height * (1 + rng.gauss(0, 0.006)))
        live = int(peak * 0.6 * height) if kind is Kind.NATIVE and at % 6 == 0 else None
        series.append(Point(round(phase * 1.9, 3), min(resident, int(peak)), live))
    return tuple(series)


def _rates(workload: str) -> tuple[ClassRate, ...]:
    """Rates of every size from 16 bytes to 1 KiB, and of some above; larger ones hit less."""
    rng = random.Random(workload)
    sizes = [*range(16, 1025, 16), *(1 << 11, 3 << 10, 1 << 12, 6 << 10, 1 << 13, 1 << 14, 1 << 15)]
    edges = [(low, high) for low, high in pairwise([0, *sizes])]
    rates = []
    for low, high in edges:
        allocations = int((high - low) * 1400 / (1 + (high / 900) ** 2) * rng.uniform(0.8, 1.2))
        share = min(0.9996, 0.995 - 0.02 * (high > 512) - 0.3 * (high > 4096) * rng.random())
        rates.append(ClassRate(high, allocations, int(allocations * share)))
    return tuple(rates)
