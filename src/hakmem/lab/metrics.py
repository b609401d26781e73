"""What one run is worth: a metric's figure, and figures of its memory."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from statistics import median_high
from typing import Final

from hakmem.lab.measurement import Measurement, Point, Status
from hakmem.lab.plan import (
    END_MEMORY,
    MEAN_MEMORY,
    PEAK_MEMORY,
    PROCESSOR_TIME,
    THROUGHPUT,
    TIME_PER_OPERATION,
    WALL_TIME,
    Metric,
)

END_SHARE: Final = 0.05
"""The share of a run's time, its last, whose memory is called the memory at its end."""
_END_SAMPLES: Final = 3


def value(metric: Metric, run: Measurement | None) -> float | None:
    """The figure of a run that went well, in the metric's unit; None when it has none, or is no number.

    A metric that is not named here is one that the workload itself tells in its result line.
    """
    if run is None or run.status is not Status.OK:
        return None
    figure = _figure(metric, run)
    return figure if figure is not None and math.isfinite(figure) else None


def cost(figure: float | None, better: str) -> float | None:
    """The figure as something of which less is better; None where it is not above 0."""
    if figure is None or figure <= 0:
        return None
    return figure if better == "lower" else 1 / figure


def mean_resident_b(memory: Sequence[Point]) -> float | None:
    """Resident bytes on average over time, by the trapezoidal rule; None without two points."""
    if len(memory) < 2 or memory[-1].seconds <= memory[0].seconds:
        return None
    area = sum(
        (after.resident_b + before.resident_b) / 2 * (after.seconds - before.seconds)
        for before, after in pairwise(memory)
    )
    return area / (memory[-1].seconds - memory[0].seconds)


def end_resident_b(memory: Sequence[Point]) -> float | None:
    """Resident bytes shortly before the process ended: the median of the samples in END_SHARE of its time.

    Of three samples at least, because the very last may have met a process that was being taken down.
    """
    if not memory:
        return None
    from_s = memory[-1].seconds - END_SHARE * (memory[-1].seconds - memory[0].seconds)
    late = sum(point.seconds >= from_s for point in memory)
    return float(median_high(point.resident_b for point in memory[-max(late, _END_SAMPLES) :]))


def decimated(memory: Sequence[Point], most: int) -> tuple[Point, ...]:
    """At most `most` points that keep the course, the peaks, the ends, and where live bytes were told."""
    if len(memory) <= most:
        return tuple(memory)
    inner = memory[1:-1]
    bounds = [round(at * len(inner) / (most - 2)) for at in range(most - 1)]
    kept = (
        max(inner[low:high], key=lambda point: (point.live_b is not None, point.resident_b))
        for low, high in pairwise(bounds)
    )
    return (memory[0], *kept, memory[-1])


def _figure(metric: Metric, run: Measurement) -> float | None:
    known = _FIGURES.get(metric)
    return known(run) if known else run.figures.get(metric.name)


def _time_per_operation(run: Measurement) -> float | None:
    return run.seconds / run.operations * 1e9 if run.seconds is not None and run.operations else None


def _throughput(run: Measurement) -> float | None:
    return run.operations / run.seconds if run.seconds and run.operations is not None else None


_FIGURES: Final[Mapping[Metric, Callable[[Measurement], float | None]]] = {
    TIME_PER_OPERATION: _time_per_operation,
    THROUGHPUT: _throughput,
    WALL_TIME: lambda run: run.wall_s if run.seconds is None else run.seconds,
    PROCESSOR_TIME: lambda run: run.usage.user_s + run.usage.system_s if run.usage else None,
    PEAK_MEMORY: lambda run: float(run.usage.peak_rss_b) if run.usage else None,
    MEAN_MEMORY: lambda run: mean_resident_b(run.memory),
    END_MEMORY: lambda run: end_resident_b(run.memory),
}
