"""Measurements -> cells: one for what the workload is about, one for its peak memory."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from hakmem.lab import statistics
from hakmem.lab.agreement import checksum, disagreements
from hakmem.lab.measurement import Measurement, Point, Status
from hakmem.lab.metrics import cost, decimated, end_resident_b, mean_resident_b, value
from hakmem.lab.plan import FLOOR, PEAK_MEMORY, Metric, Workload
from hakmem.lab.result import Cell, Ratio
from hakmem.lab.runner import Pair, Runs

MOST_POINTS: Final = 200
"""Points of a memory series that a cell keeps: one each few pixels of a chart."""
BASELINE: Final = "baseline"
"""The verdict of the baseline itself."""

_USAGE: Final = (
    "user_s",
    "system_s",
    "minor_faults",
    "major_faults",
    "voluntary_switches",
    "involuntary_switches",
)


def build(
    runs: Runs, baseline: str, *, metrics: Callable[[Workload], Sequence[Metric]] | None = None
) -> tuple[Cell, ...]:
    """The cells of all pairs of which something is known, in the order of workloads, metrics and allocators.

    baseline: name of the allocator that ratios refer to. metrics: of a workload, by default its own and its
    peak memory. The floor has no cells; it is a field of the others'.
    """
    of = metrics or _both
    cells = []
    for workload in runs.workloads:
        wrong = disagreements(runs, workload, baseline)
        for metric in of(workload):
            cells += _of_metric(runs, workload, metric, baseline, wrong)
    return tuple(cells)


def is_memory(metric: str) -> bool:
    """Whether a metric of this name is about memory: leaner or heavier, not faster or slower."""
    return metric.endswith("_rss")


def _both(workload: Workload) -> tuple[Metric, ...]:
    return (workload.metric,) if workload.metric == PEAK_MEMORY else (workload.metric, PEAK_MEMORY)


def _of_metric(
    runs: Runs, workload: Workload, metric: Metric, baseline: str, wrong: Mapping[str, str]
) -> list[Cell]:
    samples = {
        allocator.name: tuple(
            value(metric, run) for run in runs.measurements.get((workload.name, allocator.name), ())
        )
        for allocator in runs.allocators
        if _is_known(runs, (workload.name, allocator.name))
    }
    floor = _median(samples.pop(FLOOR, ()))
    if FLOOR in wrong or (workload.name, FLOOR) in runs.failures:
        floor = None
    states = {name: _state(runs, workload.name, name, samples[name], wrong) for name in samples}
    costs = {
        name: tuple(cost(sample, metric.better) for sample in row) if states[name][0] is Status.OK else ()
        for name, row in samples.items()
    }
    return [
        _cell(
            workload,
            metric,
            name,
            state=states[name],
            samples=samples[name],
            floor=floor,
            ratio=_ratio(metric, name, baseline, costs),
            measurements=runs.measurements.get((workload.name, name), ()),
        )
        for name in samples
    ]


def _cell(
    workload: Workload,
    metric: Metric,
    allocator: str,
    *,
    state: tuple[Status, str],
    samples: tuple[float | None, ...],
    floor: float | None,
    ratio: Ratio | None,
    measurements: Sequence[Measurement | None],
) -> Cell:
    figures = [sample for sample in samples if sample is not None]
    interval = statistics.interval(figures)
    good = [run for run in measurements if run is not None and run.status is Status.OK]
    peak = _median([run.usage.peak_rss_b for run in good if run.usage])
    operations = _median([run.operations for run in good])
    return Cell(
        workload=workload.name,
        kind=workload.kind.value,
        params=workload.params,
        allocator=allocator,
        metric=metric.name,
        unit=metric.unit,
        better=metric.better,
        status=state[0].value,
        detail=state[1],
        samples=samples,
        outliers=statistics.outliers(samples),
        median=_median(samples),
        ci95=(interval.low, interval.high) if interval else None,
        floor=floor,
        ratio=ratio,
        peak_rss_bytes=round(peak) if peak is not None else None,
        operations=round(operations) if operations is not None else None,
        checksum=next((checksum(workload, run) for run in good), ""),
        usage=_usage(good),
        memory=_memory_of_median(samples, measurements),
    )


def _state(
    runs: Runs, workload: str, allocator: str, samples: Sequence[float | None], wrong: Mapping[str, str]
) -> tuple[Status, str]:
    """How the runs of a pair went, the worst first, and a line about it."""
    failures = runs.failures.get((workload, allocator), ())
    if failures:
        tried = runs.tried[workload, allocator]
        times = f"{len(failures)} of {tried} runs" if tried > 1 else "the only run"
        return failures[0].status, f"{times}: {failures[0].detail}"
    if allocator in wrong:
        return Status.WRONG, wrong[allocator]
    good = [run for run in runs.measurements.get((workload, allocator), ()) if run is not None]
    if good and all(sample is None for sample in samples):
        return Status.FAILED, "the program did not tell this figure in its result line"
    return Status.OK, ""


def _is_known(runs: Runs, pair: Pair) -> bool:
    """Whether there is anything to say: a run that counts, or one that failed."""
    return pair in runs.failures or any(run is not None for run in runs.measurements.get(pair, ()))


def _ratio(
    metric: Metric, name: str, baseline: str, costs: Mapping[str, tuple[float | None, ...]]
) -> Ratio | None:
    interval = statistics.ratio(costs[name], costs.get(baseline, ()))
    if interval is None:
        return None
    if name == baseline:
        return Ratio(baseline, 1.0, (1.0, 1.0), BASELINE)
    said = statistics.verdict(interval, memory=is_memory(metric.name))
    return Ratio(baseline, interval.median, (interval.low, interval.high), said)


def _usage(good: Sequence[Measurement]) -> dict[str, float]:
    """Medians over runs of all that is known of them beside the metrics."""
    rows: dict[str, list[float]] = {}
    for run in good:
        told: dict[str, float | None] = {"wall_s": run.wall_s}
        if run.usage:
            told |= {name: getattr(run.usage, name) for name in _USAGE}
        told["mean_rss_bytes"] = mean_resident_b(run.memory)
        told["end_rss_bytes"] = end_resident_b(run.memory)
        for name, figure in (told | dict(run.figures)).items():
            if figure is not None:
                rows.setdefault(name, []).append(figure)
    return {name: statistics.median(row) for name, row in rows.items()}


def _memory_of_median(
    samples: Sequence[float | None], measurements: Sequence[Measurement | None]
) -> tuple[Point, ...]:
    """The memory series of the run whose sample is the median, the lower one of an even number."""
    order = sorted((sample, at) for at, sample in enumerate(samples) if sample is not None)
    if not order:
        return ()
    run = measurements[order[(len(order) - 1) // 2][1]]
    return decimated(run.memory, MOST_POINTS) if run is not None else ()


def _median(figures: Sequence[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return statistics.median(known) if known else None
