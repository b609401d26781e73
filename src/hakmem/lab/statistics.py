"""What samples say: intervals, ratios, verdicts, outliers and means over a suite. Pure functions.

The interval is the 95 % percentile bootstrap of the median (Efron & Tibshirani, An Introduction to the
Bootstrap, 1993, chapter 13). What it can promise depends on the number of samples n, because its ends are
order statistics: smallest to largest covers the true median with probability 1 - 2^(1 - n), which is 93.75 %
for 5 samples and 75 % for 3. (9, 11, 15 and 17 samples give 93 to 97 %, 7 and 13 less, 88 and 91 %.) With
fewer than BOOTSTRAP_FROM samples it is therefore widened to Student's interval of the mean of the logarithms
where that is wider (exact for log-normal figures), so that three rounds do not pretend to know what three
rounds cannot tell.

Ratios are taken within a round and then summed up, so that drift of the machine, which hits all allocators
of a round alike, cancels. `docs/guides/measure.md` explains the verdicts to users.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Final

import numpy as np
from numpy.typing import NDArray

MINIMUM: Final = 3
"""Fewer samples have no interval and no ratio: two figures say nothing of their own spread."""
BOOTSTRAP_FROM: Final = 5
"""From here on the bootstrap stands alone; below, smallest to largest covers less than 90 %."""
RESAMPLES: Final = 4000
"""Efron & Tibshirani ask for at least 1,000 for percentile intervals; more costs milliseconds."""
TAIL_PERCENT: Final = 2.0
"""2.5 less two standard errors of the resampling (0.25 for 4,000), so that chance in the resampling cannot
move an end inwards: of 15 samples the fourth smallest stands at 2.55 %, and the fifth would cover 88 %."""
EQUIVALENCE: Final = 1.10
""""No difference seen" promises that a difference beyond 10 % would have been seen."""

_STUDENT: Final = (
    *((2, 4.302653), (3, 3.182446), (4, 2.776445), (5, 2.570582), (6, 2.446912), (7, 2.364624)),
    *((8, 2.306004), (10, 2.228139), (12, 2.178813), (15, 2.131450), (20, 2.085963), (30, 2.042272)),
)
"""Degrees of freedom and Student's t at 0.975 for them."""
_OUTLYING: Final = 3.5
"""Modified z-score of an outlier: Iglewicz & Hoaglin, How to Detect and Handle Outliers, 1993."""
_MAD_TO_SIGMA: Final = 1.482602
_MEAN_DEVIATION_TO_SIGMA: Final = 1.253314
"""Median and mean absolute deviation of a normal distribution times these are its standard deviation."""

_Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A middle and its 95 % interval, in the unit of the samples; low <= median <= high.

    median: of the samples; from `geometric_mean` the mean.
    """

    median: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """The interval's width as a share of its middle: 0.1 is 10 %."""
        return (self.high - self.low) / self.median if self.median else math.inf


def median(samples: Sequence[float]) -> float:
    """The median; of an even number the mean of the middle two. There must be a sample."""
    return float(np.median(np.asarray(samples, dtype=np.float64)))


def interval(samples: Sequence[float], *, seed: int = 0) -> Interval | None:
    """The median of finite `samples` with its interval; None with fewer than MINIMUM.

    seed: of the resampling; the same samples and seed give the same interval.
    """
    values = np.asarray(samples, dtype=np.float64)
    if values.size < MINIMUM:
        return None
    low, high = _percentiles(_medians(values, np.random.default_rng(seed)))
    if values.size < BOOTSTRAP_FROM:
        below, above = _student(values)
        low, high = min(low, below), max(high, above)
    return _around(float(np.median(values)), low, high)


def pairs(costs: Sequence[float | None], baseline: Sequence[float | None]) -> tuple[float, ...]:
    """Cost over the baseline's cost, of each round in which both were measured; costs are positive."""
    both = zip(costs, baseline, strict=False)
    return tuple(ours / theirs for ours, theirs in both if ours is not None and theirs)


def ratio(
    costs: Sequence[float | None], baseline: Sequence[float | None], *, seed: int = 0
) -> Interval | None:
    """The median ratio of costs paired by round, with its interval; below 1 is better than the baseline.

    costs, baseline: one a round, in the order of the rounds, None where that round gave no figure.
    None with fewer than MINIMUM rounds in which both have a figure.
    """
    return interval(pairs(costs, baseline), seed=seed)


def unpaired_ratio(costs: Sequence[float], baseline: Sequence[float], *, seed: int = 0) -> Interval | None:
    """The ratio of the medians of two runs that shared no rounds, with its interval.

    Wider than `ratio` for the same samples, since drift does not cancel. None when either side has fewer
    than MINIMUM. Below BOOTSTRAP_FROM it is widened as `interval` is.
    """
    ours, theirs = np.asarray(costs, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    fewest = min(ours.size, theirs.size)
    if fewest < MINIMUM:
        return None
    rng = np.random.default_rng(seed)
    low, high = _percentiles(_medians(ours, rng) / _medians(theirs, rng))
    if fewest < BOOTSTRAP_FROM:
        below, above = _welch([np.log(ours), -np.log(theirs)])
        low, high = min(low, math.exp(below)), max(high, math.exp(above))
    return _around(float(np.median(ours) / np.median(theirs)), low, high)


FASTER: Final = "faster"
SLOWER: Final = "slower"
LEANER: Final = "leaner"
HEAVIER: Final = "heavier"
NO_DIFFERENCE: Final = "no difference seen"
TOO_NOISY: Final = "too noisy to tell"


def verdict(ratio: Interval, *, memory: bool = False) -> str:
    """What a ratio of costs allows to be said.

    A difference is claimed only when the whole interval lies on one side of 1. An interval that holds 1 is
    "no difference seen" when it lies within EQUIVALENCE either way, so that a difference worth knowing is
    excluded (the test of equivalence of Schuirmann 1987), and otherwise "too noisy to tell". Each pair is
    judged by its own noise; running the baseline a second time would say less about it, at the price of one
    more allocator.
    """
    if ratio.high < 1:
        return LEANER if memory else FASTER
    if ratio.low > 1:
        return HEAVIER if memory else SLOWER
    if ratio.low >= 1 / EQUIVALENCE and ratio.high <= EQUIVALENCE:
        return NO_DIFFERENCE
    return TOO_NOISY


def outliers(samples: Sequence[float | None]) -> tuple[int, ...]:
    """The indices of samples whose modified z-score is beyond 3.5 (Iglewicz & Hoaglin 1993).

    None is passed over. With fewer than BOOTSTRAP_FROM figures there are none: the median deviation of
    three is a single distance. Where more than half of the figures are equal the mean deviation takes its
    place.
    """
    indices = [at for at, sample in enumerate(samples) if sample is not None]
    values = np.asarray([sample for sample in samples if sample is not None], dtype=np.float64)
    if values.size < BOOTSTRAP_FROM:
        return ()
    distances = np.abs(values - np.median(values))
    sigma = _MAD_TO_SIGMA * np.median(distances) or _MEAN_DEVIATION_TO_SIGMA * distances.mean()
    return tuple(compress(indices, distances > _OUTLYING * sigma))


def geometric_mean(ratios: Sequence[Sequence[float]], *, seed: int = 0) -> Interval | None:
    """The geometric mean over workloads of the median ratio of each, with its interval.

    ratios: of each workload its rounds' ratios, as `pairs` gives them. The workloads are taken as they are,
    not as a sample of all programs there could be: only rounds are resampled, each workload's for itself.
    The geometric mean is the one that does not depend on the baseline (Fleming & Wallace 1986).
    None without workloads, or when one of them has fewer than MINIMUM rounds; with fewer than
    BOOTSTRAP_FROM it is widened as `interval` is.
    """
    if not ratios or min(len(each) for each in ratios) < MINIMUM:
        return None
    rng = np.random.default_rng(seed)
    logarithms = [np.log(np.asarray(each, dtype=np.float64)) for each in ratios]
    low, high = _percentiles(np.mean([_medians(each, rng) for each in logarithms], axis=0))
    if min(len(each) for each in ratios) < BOOTSTRAP_FROM:
        below, above = _welch([each / len(logarithms) for each in logarithms])
        low, high = min(low, below), max(high, above)
    middle = float(np.mean([np.median(each) for each in logarithms]))
    return _around(math.exp(middle), math.exp(low), math.exp(high))


def _medians(values: _Samples, rng: np.random.Generator) -> _Samples:
    """The medians of RESAMPLES samples drawn from `values` with replacement."""
    drawn = values[rng.integers(0, values.size, (RESAMPLES, values.size))]
    return np.asarray(np.median(drawn, axis=1), dtype=np.float64)


def _percentiles(statistic: _Samples) -> tuple[float, float]:
    low, high = np.percentile(statistic, [TAIL_PERCENT, 100 - TAIL_PERCENT])
    return float(low), float(high)


def _student(values: _Samples) -> tuple[float, float]:
    """Student's interval of the mean, of the logarithms where there are such."""
    if not (values > 0).all():
        return _welch([values])
    low, high = _welch([np.log(values)])
    return math.exp(low), math.exp(high)


def _welch(groups: Sequence[_Samples]) -> tuple[float, float]:
    """The interval of the sum of the groups' means; of one group it is Student's.

    The degrees of freedom are those of Satterthwaite 1946 and Welch 1947, rounded down to the table's.
    """
    variances = np.array([float(each.var(ddof=1)) / each.size for each in groups])
    total = float(variances.sum())
    middle = sum(float(each.mean()) for each in groups)
    if total == 0:
        return middle, middle
    freedom = total**2 / sum(v**2 / (each.size - 1) for v, each in zip(variances, groups, strict=True))
    t = max((entry for entry in _STUDENT if entry[0] <= freedom + 1e-9), default=_STUDENT[0])[1]
    reach = t * math.sqrt(total)
    return middle - reach, middle + reach


def _around(middle: float, low: float, high: float) -> Interval:
    """Keeps low <= middle <= high where rounding, or an even number's mean, would break it."""
    return Interval(middle, min(low, middle), max(high, middle))
