"""Verdicts as sentences: "HAKMEM: 4 % faster, 31 % less peak memory; mimalloc: no difference seen in time".

"4 % faster" is 4 % less time. Beyond a factor of two the factor is said instead: "2.3 times as fast". What
the interval does not allow to be said is not said: see statistics.verdict.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from hakmem.lab.measurement import Status
from hakmem.lab.plan import (
    END_MEMORY,
    MEAN_MEMORY,
    PEAK_MEMORY,
    PROCESSOR_TIME,
    THROUGHPUT,
    WALL_TIME,
)
from hakmem.lab.result import Cell
from hakmem.lab.statistics import NO_DIFFERENCE, TOO_NOISY

_SPEED: Final = (WALL_TIME.name, THROUGHPUT.name)
_QUANTITIES: Final = {
    **dict.fromkeys(_SPEED, "time"),
    PROCESSOR_TIME.name: "processor time",
    PEAK_MEMORY.name: "peak memory",
    MEAN_MEMORY.name: "memory on average",
    END_MEMORY.name: "memory at the end",
}
_SPOKEN: Final = (*_SPEED, PROCESSOR_TIME.name, PEAK_MEMORY.name, END_MEMORY.name)
"""What a verdict speaks of, in this order; the rest is left to the table."""

_SAME: Final = 0.01
"""A difference whose whole interval is within 1 % is called none: nobody chooses an allocator for it."""


def shown(allocator: str) -> str:
    """An allocator's name as sentences write it."""
    return f"HAKMEM{allocator.removeprefix('hakmem')}" if allocator.startswith("hakmem") else allocator


def quantity(metric: str) -> str:
    """What a metric is called in a sentence; its own name where it has no other."""
    return _QUANTITIES.get(metric, metric)


def phrase(metric: str, median: float, ci95: tuple[float, float], verdict: str) -> str:
    """A ratio of costs in words, such as "4 % faster" or "3.1 times the peak memory".

    median, ci95: cost over the baseline's cost; below 1 is better.
    verdict: one of statistics.verdict.
    """
    what = quantity(metric)
    if verdict == NO_DIFFERENCE:
        return f"{NO_DIFFERENCE} in {what}"
    if verdict == TOO_NOISY:
        return f"{what} {TOO_NOISY}"
    if ci95[0] > 1 - _SAME and ci95[1] < 1 + _SAME:
        return f"the same {what} within 1 %"
    if metric in _SPEED:
        return _speed(median)
    if median > 2:
        return f"{median:.1f} times the {what}"
    return f"{percent(median - 1)} {'less' if median < 1 else 'more'} {what}"


def percent(share: float) -> str:
    """A share's size as "4 %"; with a decimal where it is below 2 %."""
    size = abs(share) * 100
    return f"{size:.0f} %" if size >= 1.95 else f"{size:.1f} %"


def verdicts(cells: Sequence[Cell], baseline: str) -> str:
    """One workload's verdict on every allocator but the baseline, in one sentence; "" with nobody else."""
    others = dict.fromkeys(cell.allocator for cell in cells if cell.allocator != baseline)
    parts = [f"{shown(name)}: {_verdict(c for c in cells if c.allocator == name)}" for name in others]
    return f"Against {shown(baseline)}: {'; '.join(parts)}." if parts else ""


def _verdict(cells: Iterable[Cell]) -> str:
    by_metric = {cell.metric: cell for cell in cells}
    bad = next((cell for cell in by_metric.values() if cell.status != Status.OK), None)
    if bad is not None:
        return f"{bad.status} ({bad.detail})" if bad.detail else bad.status
    spoken = [by_metric[metric] for metric in _SPOKEN if metric in by_metric]
    phrases = [
        phrase(cell.metric, cell.ratio.median, cell.ratio.ci95, cell.ratio.verdict)
        for cell in spoken
        if cell.ratio is not None
    ]
    return ", ".join(phrases) or "too few rounds to tell"


def _speed(ratio: float) -> str:
    if ratio < 0.5:
        return f"{1 / ratio:.1f} times as fast"
    if ratio > 2:
        return f"takes {ratio:.1f} times as long"
    return f"{percent(ratio - 1)} {'faster' if ratio < 1 else 'slower'}"
