"""Who leads: geometric means over workloads against the baseline, and who cannot be told from the best.

Only workloads that every contender finished count, so that none gains by failing where it is slow. An
allocator that finished fewer than half of what the baseline did is no contender, so that one that cannot run
at all does not empty the comparison.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from hakmem.lab import statistics
from hakmem.lab.statistics import Interval
from hakmem.report.matrix import MEMORY, TIME, Matrix, Row, paired

_SHARE_OF_CONTENDERS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Mean:
    """An allocator's cost against the baseline, as the geometric mean over the standing's workloads."""

    allocator: str
    interval: Interval


@dataclass(frozen=True, slots=True)
class Standing:
    """How allocators stand in one quantity on workloads of one kind.

    means: best first; the baseline is among them with 1 (1 to 1). Empty when nothing can be compared.
    leaders: the best, and those whose direct comparison with it shows no difference; best first.
    workloads: over how many workloads the means are, of `among` that the baseline finished.
    left_out: workloads that count for nobody -> the contenders that did not finish them.
    outsiders: allocators that took part and are no contenders.
    """

    means: tuple[Mean, ...]
    leaders: tuple[str, ...]
    workloads: int
    among: int
    left_out: dict[str, tuple[str, ...]]
    outsiders: tuple[str, ...]

    def mean(self, allocator: str) -> Interval | None:
        """The mean of `allocator`; None if it is no contender."""
        return next((mean.interval for mean in self.means if mean.allocator == allocator), None)


Standings: TypeAlias = Mapping[str, Mapping[str, Standing]]
"""Kind of workload ("": all) -> quantity -> its standing."""


def standings(matrix: Matrix) -> Standings:
    """The standings in time and in peak memory, over all workloads and over those of each kind."""
    return {
        kind: {quantity: standing(matrix, kind, quantity) for quantity in (TIME, MEMORY)}
        for kind in ("", *matrix.kinds)
    }


def standing(matrix: Matrix, kind: str, quantity: str) -> Standing:
    """The standing on workloads of `kind` ("": all) in a quantity (matrix.TIME, matrix.MEMORY, ...)."""
    baseline = matrix.suite.baseline
    if baseline not in matrix.allocators:
        return Standing((), (), 0, 0, {}, matrix.allocators)
    base = [row for row in matrix.of_kind(kind) if _ratios(row, baseline, baseline, quantity)]
    finished = {
        name: {row.workload for row in base if _ratios(row, name, baseline, quantity)}
        for name in matrix.allocators
    }
    contenders = [
        name for name in matrix.allocators if base and len(finished[name]) >= len(base) * _SHARE_OF_CONTENDERS
    ]
    left_out = {
        row.workload: missing
        for row in base
        if (missing := tuple(name for name in contenders if row.workload not in finished[name]))
    }
    rows = [row for row in base if row.workload not in left_out]
    means = []
    for name in contenders:
        over = _mean(rows, name, baseline, quantity, matrix.suite.seed)
        if over is not None:
            means.append(Mean(name, over))
    means.sort(key=lambda mean: mean.interval.median)
    outsiders = tuple(name for name in matrix.allocators if name not in contenders)
    leaders = _leaders(rows, [mean.allocator for mean in means], quantity, matrix.suite.seed)
    return Standing(tuple(means), leaders, len(rows) if means else 0, len(base), left_out, outsiders)


def against(matrix: Matrix, name: str, rival: str, quantity: str) -> Interval | None:
    """The geometric mean of an allocator's costs against another's, over all that both finished."""
    rows = [row for row in matrix.of_kind("") if _ratios(row, name, rival, quantity)]
    return _mean(rows, name, rival, quantity, matrix.suite.seed)


def _leaders(rows: Sequence[Row], ranked: Sequence[str], quantity: str, seed: int) -> tuple[str, ...]:
    """The best and who cannot be told from it, by means of their costs against the best's own."""
    if not ranked:
        return ()
    best = ranked[0]
    against = {name: _mean(rows, name, best, quantity, seed) for name in ranked[1:]}
    return (best, *(name for name, mean in against.items() if mean is not None and mean.low <= 1))


def _mean(rows: Sequence[Row], name: str, baseline: str, quantity: str, seed: int) -> Interval | None:
    return statistics.geometric_mean([_ratios(row, name, baseline, quantity) for row in rows], seed=seed)


def _ratios(row: Row, name: str, baseline: str, quantity: str) -> tuple[float, ...]:
    return paired(row.entry(name).cells.get(quantity), row.entry(baseline).cells.get(quantity))
