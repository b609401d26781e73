"""Intervals against known distributions, ratios against known differences, and an independent computation."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from hakmem.lab import statistics
from hakmem.lab.statistics import Interval

TRIALS = 400
DISTRIBUTIONS: dict[str, tuple[Callable[[np.random.Generator, int], NDArray[np.float64]], float]] = {
    "normal": (lambda rng, n: rng.normal(100, 3, n), 100.0),
    "log-normal": (lambda rng, n: rng.lognormal(0, 0.5, n), 1.0),
    "exponential": (lambda rng, n: rng.exponential(1, n), math.log(2)),
}
# The ends are order statistics, and the k-th smallest to k-th largest of n covers the median with probability
# 1 - 2 P(Binomial(n, 1/2) < k), whatever the distribution. The k are those of the bootstrap's own quantiles.
ENDS = {5: 1, 11: 3, 31: 11}


@pytest.mark.parametrize("n", ENDS)
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_interval_covers_the_true_median_as_often_as_theory_says(name: str, n: int) -> None:
    draw, true = DISTRIBUTIONS[name]
    rng = np.random.default_rng([n, len(name)])
    covered = 0
    for trial in range(TRIALS):
        found = statistics.interval(list(draw(rng, n)), seed=trial)
        assert found is not None
        covered += found.low <= true <= found.high
    expected = 1 - 2 * float(stats.binom.cdf(ENDS[n] - 1, n, 0.5))
    assert 0.92 < expected < 0.98
    # A count of covered trials is binomial; four standard deviations are missed once in 16,000 tests.
    allowed = 4 * math.sqrt(expected * (1 - expected) / TRIALS)
    assert covered / TRIALS == pytest.approx(expected, abs=allowed)


@pytest.mark.parametrize("n", [3, 4])
def test_few_samples_get_an_interval_that_still_covers(n: int) -> None:
    rng = np.random.default_rng(n)
    covered = 0
    for trial in range(TRIALS):
        found = statistics.interval(list(rng.lognormal(0, 0.1, n)), seed=trial)
        assert found is not None
        covered += found.low <= 1 <= found.high
    assert covered / TRIALS > 0.95 - 4 * math.sqrt(0.95 * 0.05 / TRIALS)


@pytest.mark.parametrize("n", [5, 11, 31])
def test_scipy_finds_the_same_interval(n: int) -> None:
    samples = np.random.default_rng(n).normal(10, 1, n)
    ours = statistics.interval(list(samples))
    theirs = stats.bootstrap(
        (samples,),
        np.median,
        n_resamples=20_000,
        confidence_level=0.95,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    gap = float(np.diff(np.sort(samples)).max())  # the ends may differ by a neighbouring sample
    assert ours is not None
    assert ours.low == pytest.approx(theirs.low, abs=gap)
    assert ours.high == pytest.approx(theirs.high, abs=gap)
    assert ours.median == np.median(samples)


def test_an_interval_of_five_reaches_from_the_smallest_to_the_largest() -> None:
    assert statistics.interval([3.0, 1.0, 5.0, 2.0, 4.0]) == Interval(3.0, 1.0, 5.0)


def test_the_same_samples_give_the_same_interval() -> None:
    samples = list(np.random.default_rng(0).normal(10, 1, 15))
    assert statistics.interval(samples) == statistics.interval(samples)


@pytest.mark.parametrize("samples", [[], [1.0], [1.0, 2.0]])
def test_too_few_samples_have_no_interval_and_no_ratio(samples: list[float]) -> None:
    assert statistics.interval(samples) is None
    assert statistics.ratio(samples, samples) is None
    assert statistics.unpaired_ratio(samples, [1.0, 1.0, 1.0]) is None
    assert statistics.geometric_mean([samples]) is None


def test_equal_samples_have_an_interval_of_no_width() -> None:
    found = statistics.interval([7.0] * 3)
    assert found is not None
    assert found.median == 7.0
    assert found.spread < 1e-12
    assert statistics.interval([0.0] * 3) == Interval(0.0, 0.0, 0.0)


def test_the_ratio_finds_the_true_difference_although_the_machine_drifts() -> None:
    rng = np.random.default_rng(5)
    drift = np.exp(np.cumsum(rng.normal(0, 0.1, 15)))  # far larger than the difference
    ours, theirs = 0.9 * drift * rng.normal(1, 0.01, 15), drift * rng.normal(1, 0.01, 15)
    paired = statistics.ratio(list(ours), list(theirs))
    unpaired = statistics.unpaired_ratio(list(ours), list(theirs))
    assert paired is not None
    assert unpaired is not None
    assert paired.low < 0.9 < paired.high
    assert statistics.verdict(paired) == statistics.FASTER
    assert unpaired.low < 0.9 < unpaired.high
    assert unpaired.spread > 3 * paired.spread


def test_a_failed_round_is_left_out_of_the_ratio_on_both_sides() -> None:
    ours = [2.0, None, 2.0, 2.0, 50.0]
    theirs = [1.0, 7.0, 1.0, 1.0, None]
    assert statistics.pairs(ours, theirs) == (2.0, 2.0, 2.0)
    found = statistics.ratio(ours, theirs)
    assert found is not None
    assert found.median == 2.0
    assert found.low == pytest.approx(2.0)
    assert statistics.ratio(ours[:3], theirs[:3]) is None


@pytest.mark.parametrize(("n", "expected"), [(3, 0.05), (5, 0.0625), (15, 0.0352)])
def test_where_there_is_no_difference_one_is_seldom_claimed(n: int, expected: float) -> None:
    # expected: Student's level for 3; the chance that all five, or but three of 15, lie on one side of 1.
    rng = np.random.default_rng(n)
    claims = 0
    for trial in range(TRIALS):
        ours, theirs = rng.lognormal(0, 0.02, n), rng.lognormal(0, 0.02, n)
        found = statistics.ratio(list(ours), list(theirs), seed=trial)
        assert found is not None
        claims += statistics.verdict(found) in (statistics.FASTER, statistics.SLOWER)
    assert claims / TRIALS < expected + 3 * math.sqrt(expected * (1 - expected) / TRIALS)


def test_two_runs_that_are_alike_seldom_differ_without_pairing() -> None:
    rng = np.random.default_rng(9)
    claims = 0
    for trial in range(TRIALS):
        found = statistics.unpaired_ratio(
            list(rng.lognormal(0, 0.02, 5)), list(rng.lognormal(0, 0.02, 5)), seed=trial
        )
        assert found is not None
        claims += not found.low <= 1 <= found.high
    assert claims / TRIALS < 0.0625 + 3 * math.sqrt(0.0625 * 0.9375 / TRIALS)


@pytest.mark.parametrize(
    ("ratio", "time", "memory"),
    [
        (Interval(0.90, 0.85, 0.99), "faster", "leaner"),
        (Interval(1.10, 1.01, 1.30), "slower", "heavier"),
        (Interval(1.00, 0.95, 1.05), "no difference seen", "no difference seen"),
        (Interval(0.95, 0.92, 1.00), "no difference seen", "no difference seen"),
        (Interval(1.00, 0.80, 1.05), "too noisy to tell", "too noisy to tell"),
        (Interval(1.05, 0.99, 1.40), "too noisy to tell", "too noisy to tell"),
    ],
)
def test_a_verdict_respects_the_interval(ratio: Interval, time: str, memory: str) -> None:
    assert statistics.verdict(ratio) == time
    assert statistics.verdict(ratio, memory=True) == memory


def test_outliers_are_told_by_their_index() -> None:
    assert statistics.outliers([10.0, 10.1, None, 9.9, 30.0, 10.05, 9.95]) == (4,)
    assert statistics.outliers([10.0, 10.0, 10.0, 10.0, 10.0, 12.0]) == (5,)
    assert statistics.outliers([10.0] * 6) == ()
    assert statistics.outliers([1.0, 1.001, 900.0]) == ()


def test_normal_samples_have_few_outliers() -> None:
    # Beyond 3.5 standard deviations lies one of 2,149 normal figures; a median deviation taken from 31
    # scatters by about a sixth, which makes them some three times as many.
    rng = np.random.default_rng(3)
    found = sum(len(statistics.outliers(list(rng.normal(0, 1, 31)))) for _ in range(200))
    assert found / (200 * 31) < 0.005


def test_the_geometric_mean_is_that_of_the_medians() -> None:
    found = statistics.geometric_mean([[0.5] * 5, [2.0] * 5, [1.0, 1.0, 8.0, 8.0, 8.0]])
    assert found is not None
    assert found.median == pytest.approx(2.0)
    assert found.low == pytest.approx(1.0)  # the third workload's median may be 1 in a resample
    assert found.high == pytest.approx(2.0)


def test_the_geometric_mean_does_not_depend_on_the_baseline() -> None:
    rng = np.random.default_rng(8)
    ratios = [list(rng.lognormal(0.1, 0.2, 5)) for _ in range(10)]
    there = statistics.geometric_mean(ratios)
    back = statistics.geometric_mean([[1 / ratio for ratio in each] for each in ratios])
    assert there is not None
    assert back is not None
    assert there.median == pytest.approx(1 / back.median)
    assert there.low == pytest.approx(1 / back.high)


@pytest.mark.parametrize(("workloads", "rounds"), [(1, 3), (8, 3), (8, 5)])
def test_the_geometric_mean_of_a_suite_covers_the_true_one(workloads: int, rounds: int) -> None:
    rng = np.random.default_rng(4)
    true = np.linspace(-0.3, 0.2, workloads)
    covered = 0
    trials = 200
    for trial in range(trials):
        found = statistics.geometric_mean(
            [list(np.exp(rng.normal(each, 0.05, rounds))) for each in true], seed=trial
        )
        assert found is not None
        covered += found.low <= math.exp(true.mean()) <= found.high
    assert covered / trials > 0.95 - 4 * math.sqrt(0.95 * 0.05 / trials)


def test_few_samples_are_widened_to_the_interval_that_scipy_finds() -> None:
    samples = [10.0, 10.4, 10.1]
    ours = statistics.interval(samples)
    logs = np.log(samples)
    theirs = stats.t.interval(0.95, 2, logs.mean(), stats.sem(logs))
    assert ours is not None
    assert (ours.low, ours.high) == pytest.approx(np.exp(theirs), rel=1e-6)


def test_two_short_runs_are_compared_as_scipy_does() -> None:
    ours, theirs = [10.0, 10.4, 10.1], [9.0, 9.1, 9.3]
    found = statistics.unpaired_ratio(ours, theirs)
    test = stats.ttest_ind(np.log(ours), np.log(theirs), equal_var=False)
    expected = test.confidence_interval(0.95)
    assert found is not None
    # The table's degrees of freedom are rounded down, which widens by a little.
    assert found.low == pytest.approx(math.exp(expected.low), rel=0.01)
    assert found.low <= math.exp(expected.low)
    assert found.high >= math.exp(expected.high)


def test_a_mean_over_nothing_is_none() -> None:
    assert statistics.geometric_mean([]) is None
