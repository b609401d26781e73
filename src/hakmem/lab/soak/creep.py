"""Whether resident memory grows while the program holds, over its cycles, always the same. Pure functions.

What is judged is resident bytes less the program's live bytes, as the mean of each cycle: samples within a
cycle depend on each other and on its phases, means of whole cycles hardly. The line through them is that of
Theil (1950) and Sen (1968): the median of the slopes of all pairs, whose interval needs no assumption about
how the means are spread and which a third of wild cycles cannot move far.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hakmem.lab.soak.samples import Sample

CONFIDENCE: Final = 0.99
"""Of the interval. One run in 200 without creep has an interval above 0 by chance."""
WARM_UP: Final = 1 / 3
"""The part of the run that is not judged: the objects that live for some cycles are still settling."""
CYCLES_LEAST: Final = 6
"""With fewer cycles the interval at this confidence is all that was seen, and proves nothing."""
AN_HOUR_S: Final = 3600.0
"""The time to which growth is extrapolated."""
BOUND_AN_HOUR: Final = 0.01
"""Growth in an hour, as a part of the mean resident memory, from which on it is creep."""
BOUND_SEEN: Final = 0.003
"""The same for growth in the judged part itself: what is less cannot be told from memory that still settles.
It decides where that part is shorter than 18 minutes."""


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope and its interval, in the unit of the values by that of the times."""

    middle: float
    low: float
    high: float


def theil_sen(times: Sequence[float], values: Sequence[float], confidence: float = CONFIDENCE) -> Slope:
    """The slope through points with different times, two at least, and its interval.

    The interval is that of Sen, "Estimates of the regression coefficient based on Kendall's tau", Journal of
    the American Statistical Association 63 (1968), by the normal approximation of Kendall's statistic with
    its correction for values that are equal.
    """
    x, y = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    first, second = np.triu_indices(x.size, k=1)
    slopes = np.sort((y[second] - y[first]) / (x[second] - x[first]))
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(_kendall_variance(y))
    low = max(round((slopes.size - reach) / 2) - 1, 0)
    high = min(round((slopes.size + reach) / 2), slopes.size - 1)
    return Slope(float(np.median(slopes)), float(slopes[low]), float(slopes[high]))


def _kendall_variance(values: NDArray[np.float64]) -> float:
    _, ties = np.unique(values, return_counts=True)
    n = values.size
    return float(n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18


@dataclass(frozen=True, slots=True)
class Growth:
    """What resident bytes above the live ones did in the judged part of the run.

    from_s, to_s: that part; cycles: how many it has.
    resident_b: mean resident bytes in it; above_b: of them, the mean above the live ones.
    an_hour_b, low_b, high_b: growth, extrapolated to an hour, and its interval at CONFIDENCE, in bytes.
    bound_b: from what growth an hour on it is creep.
    """

    from_s: float
    to_s: float
    cycles: int
    resident_b: int
    above_b: int
    an_hour_b: int
    low_b: int
    high_b: int
    bound_b: int

    @property
    def creeps(self) -> bool:
        """Whether the whole interval is above the bound."""
        return self.low_b > self.bound_b


def growth(samples: Sequence[Sample], cycle_s: float) -> Growth | None:
    """How memory grows; None where the run has too few whole cycles to say."""
    end = samples[-1].seconds
    first = math.ceil(end * WARM_UP / cycle_s)
    cycles = [_between(samples, at * cycle_s, (at + 1) * cycle_s) for at in range(first, int(end / cycle_s))]
    if len(cycles) < CYCLES_LEAST or not all(cycles):
        return None
    above = [_mean([sample.resident_b - sample.live_b for sample in cycle]) for cycle in cycles]
    resident = _mean([sample.resident_b for cycle in cycles for sample in cycle])
    judged_s = len(cycles) * cycle_s
    slope = theil_sen([at * cycle_s for at in range(len(cycles))], above)
    return Growth(
        from_s=first * cycle_s,
        to_s=(first + len(cycles)) * cycle_s,
        cycles=len(cycles),
        resident_b=round(resident),
        above_b=round(_mean(above)),
        an_hour_b=round(slope.middle * AN_HOUR_S),
        low_b=round(slope.low * AN_HOUR_S),
        high_b=round(slope.high * AN_HOUR_S),
        bound_b=round(max(BOUND_AN_HOUR, BOUND_SEEN * AN_HOUR_S / judged_s) * resident),
    )


def _between(samples: Sequence[Sample], low: float, high: float) -> list[Sample]:
    return [sample for sample in samples if low < sample.seconds <= high]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
