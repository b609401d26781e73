"""What is said of a long run: synthetic series that keep limits, break each of them, stay and creep."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from hakmem.errors import HakmemError
from hakmem.lab.result import AllocatorRecord, Host
from hakmem.lab.soak import result, samples
from hakmem.lab.soak.creep import CONFIDENCE, growth, theil_sen
from hakmem.lab.soak.limits import TICK_S, Limit, check, limits, moments
from hakmem.lab.soak.result import Plan, Soak
from hakmem.lab.soak.samples import HeapFigures, Sample
from hakmem.report import soak_plot, soak_text

MIB = 1 << 20
CYCLE_S = 5.0
KEPT = HeapFigures(
    live_b=40 * MIB,
    caches_b=4 * MIB,
    transfer_b=2 * MIB,
    purged_b=20 * MIB,
    unpurged_b=10 * MIB,
    overdue_b=3 * MIB,
    mapped_b=100 * MIB,
    metadata_b=MIB // 2,
)


def series(
    seconds: float, above_b: Callable[[float], float] = lambda _: 30 * MIB, *, seed: int = 1
) -> tuple[Sample, ...]:
    """A run whose live bytes swing in cycles, and resident ones are `above_b` higher, with some noise."""
    rng = np.random.default_rng(seed)
    found = []
    for at in range(1, round(seconds / TICK_S) + 1):
        now = at * TICK_S
        live = round((45 + 25 * math.sin(2 * math.pi * now / CYCLE_S)) * MIB)
        resident = live + above_b(now) + rng.normal(0, MIB)
        found.append(Sample(now, live, round(resident), 1000 * at, KEPT))
    return tuple(found)


def changed(
    run: Sequence[Sample], at: Sequence[int], change: Callable[[HeapFigures], HeapFigures]
) -> list[Sample]:
    return [
        replace(sample, heap=change(sample.heap)) if number in at and sample.heap else sample
        for number, sample in enumerate(run)
    ]


LIMITS = limits(Plan(seconds=1).callers)


def limit(name: str) -> Limit:
    return next(each for each in LIMITS if each.id == name)


def broken_at(name: str, run: Sequence[Sample]) -> list[float]:
    return [moment.seconds for moment in check(limit(name), run).breaches]


# ---- limits ----


def test_a_run_within_its_limits_holds_them_all() -> None:
    for each in LIMITS:
        finding = check(each, series(20))
        assert finding.held, each.id
        assert finding.tightest is not None
        assert finding.judged >= 78


@pytest.mark.parametrize(
    ("live_b", "allowed_b"), [(0, 3 * MIB), (16 * MIB, 3 * MIB), (80 * MIB, 15 * MIB), (1 << 30, 48 * MIB)]
)
def test_thread_caches_may_hold_an_eighth_and_half_as_much_again_within_bounds(
    live_b: int, allowed_b: int
) -> None:
    for caches_b, broken in ((allowed_b, False), (allowed_b + 1, True)):
        heap = replace(KEPT, live_b=live_b, caches_b=caches_b)
        assert bool(broken_at("thread caches", [Sample(1.0, live_b, live_b, 1, heap)])) is broken


def test_one_sample_with_too_much_in_caches_is_told() -> None:
    run = changed(series(20), [40], lambda heap: replace(heap, caches_b=8 * MIB))
    finding = check(limit("thread caches"), run)
    assert [moment.seconds for moment in finding.breaches] == [41 * TICK_S]
    assert finding.tightest == finding.breaches[0]
    assert (finding.breaches[0].amount_b, finding.breaches[0].allowed_b) == (8 * MIB, 7.5 * MIB)
    assert not finding.held


def test_caches_have_two_ticks_to_follow_a_heap_that_shrinks() -> None:
    run = changed(series(20), range(40, 80), lambda heap: replace(heap, live_b=16 * MIB))
    assert broken_at("thread caches", run)[0] == 41 * TICK_S + 2 * TICK_S


def test_what_should_have_gone_and_stays_for_two_ticks_is_told() -> None:
    overdue = lambda heap: replace(heap, overdue_b=9 * MIB)  # noqa: E731
    assert not broken_at("unpurged spans", changed(series(20), [40, 41], overdue))
    assert broken_at("unpurged spans", changed(series(20), [40, 41, 42], overdue)) == [43 * TICK_S]


def test_a_large_heap_may_keep_an_eighth_unpurged() -> None:
    large = lambda heap: replace(heap, overdue_b=20 * MIB, live_b=160 * MIB)  # noqa: E731
    assert not broken_at("unpurged spans", changed(series(20), range(80), large))


def test_time_in_which_nobody_calls_the_allocator_does_not_count() -> None:
    run = changed(series(20), range(40, 60), lambda heap: replace(heap, overdue_b=9 * MIB))
    silent = [replace(s, operations=run[39].operations) if 40 <= n < 60 else s for n, s in enumerate(run)]
    assert not broken_at("unpurged spans", silent)
    two_calls = [replace(s, operations=run[39].operations + (n > 50) + (n > 51)) if 40 <= n < 60 else s
                 for n, s in enumerate(run)]  # fmt: skip
    assert broken_at("unpurged spans", two_calls) == [run[52].seconds, *(s.seconds for s in run[53:60])]


def test_metadata_beyond_what_the_heap_needs_is_told() -> None:
    run = changed(series(20), [40], lambda heap: replace(heap, metadata_b=MIB))
    assert broken_at("metadata", run) == [41 * TICK_S]


def test_an_allocator_without_figures_is_not_judged() -> None:
    finding = check(LIMITS[0], [replace(sample, heap=None) for sample in series(5)])
    assert (finding.judged, finding.tightest, finding.held) == (0, None, False)


def test_what_is_shown_at_a_sample_is_what_is_judged() -> None:
    run = series(20)
    assert len(moments(limit("thread caches"), run)) == len(run)
    assert {moment.allowed_b for moment in moments(limit("thread caches"), run)} == {7.5 * MIB}


# ---- creep ----


@pytest.mark.parametrize("n", [6, 16, 100])
@pytest.mark.parametrize("digits", [0, 6])
def test_scipy_finds_the_same_slope_and_interval(n: int, digits: int) -> None:
    """With few digits values are equal, for which the variance is corrected."""
    rng = np.random.default_rng(n)
    times = np.arange(n) * 5.0
    values = np.round(rng.normal(10, 2, n) + 0.01 * times, digits)
    ours = theil_sen(times.tolist(), values.tolist())
    theirs = stats.theilslopes(values, times, alpha=CONFIDENCE)
    assert (ours.middle, ours.low, ours.high) == pytest.approx(
        (theirs.slope, theirs.low_slope, theirs.high_slope)
    )


def test_the_interval_covers_what_it_promises() -> None:
    """2,000 runs of 16 cycles without creep: 99 % to be covered, and four standard errors are 0.9 %."""
    rng = np.random.default_rng(1)
    times = [5.0 * at for at in range(16)]
    intervals = [theil_sen(times, rng.normal(0, 1, 16).tolist()) for _ in range(2000)]
    covered = sum(each.low <= 0 <= each.high for each in intervals) / len(intervals)
    assert covered >= CONFIDENCE - 0.009


@pytest.mark.parametrize("seconds", [120, 1800])
@pytest.mark.parametrize("seed", range(5))
def test_memory_that_stays_does_not_creep(seconds: int, seed: int) -> None:
    found = growth(series(seconds, seed=seed), CYCLE_S)
    assert found is not None
    assert not found.creeps
    assert found.low_b < 0 < found.high_b
    assert found.from_s == pytest.approx(seconds / 3, abs=CYCLE_S)
    assert found.to_s == seconds


@pytest.mark.parametrize(("seconds", "an_hour"), [(120, 60 * MIB), (1800, 2 * MIB), (1800, 20 * MIB)])
def test_memory_that_grows_creeps(seconds: int, an_hour: int) -> None:
    found = growth(series(seconds, lambda now: 30 * MIB + an_hour * now / 3600), CYCLE_S)
    assert found is not None
    assert found.creeps
    assert found.an_hour_b == pytest.approx(an_hour, rel=0.4)
    assert found.low_b <= an_hour <= found.high_b


def test_memory_that_settles_at_first_does_not_creep() -> None:
    found = growth(series(120, lambda now: 30 * MIB + 50 * MIB * min(now / 30, 1)), CYCLE_S)
    assert found is not None
    assert not found.creeps


def test_a_run_of_few_cycles_says_nothing_about_creep() -> None:
    assert growth(series(40), CYCLE_S) is None
    assert growth(series(45), CYCLE_S) is not None


# ---- files and words ----

HOST = Host("6.1", "x86_64", "cpu", 2, 1 << 34, "", 0.1, "madvise", "heuristic", "glibc 2.36", "CPython 3.11")


def made_up(run: tuple[Sample, ...]) -> Soak:
    return Soak(
        command="hakmem soak",
        created="2026-11-21T12:00:00+00:00",
        host=HOST,
        allocator=AllocatorRecord("hakmem", "0.1.0", "libhakmem.so", "GNU"),
        plan=Plan(seconds=run[-1].seconds),
        operations=run[-1].operations,
        findings=tuple(check(each, run) for each in LIMITS) if run[0].heap else (),
        growth=growth(run, CYCLE_S),
        samples=run,
    )


@pytest.mark.parametrize("heap", [True, False])
def test_a_stored_run_comes_back_as_it_was(tmp_path: Path, heap: bool) -> None:
    run = series(60) if heap else tuple(replace(sample, heap=None) for sample in series(60))
    soak = made_up(run)
    path = tmp_path / "soak.json"
    path.write_text(result.dumps(soak))
    assert result.load(path) == soak


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": "hakmem-soak/9"}', '{"schema": "hakmem-soak/1", "samples": {}}']
)
def test_what_is_no_run_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "soak.json"
    path.write_text(text)
    with pytest.raises(HakmemError, match=r"soak\.json"):
        result.load(path)


@pytest.mark.parametrize("text", ["", "a b\n1 2\n", "milliseconds live resident operations\n", "{}"])
def test_samples_that_are_cut_off_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "samples"
    path.write_text(text)
    with pytest.raises(samples.SamplesError):
        samples.read(path)


def test_words_name_what_is_broken_and_by_how_much() -> None:
    run = tuple(changed(series(120), [40], lambda heap: replace(heap, caches_b=8 * MIB)))
    told = soak_text.render(made_up(run))
    assert "BROKEN at 1 of 480 samples; worst: 8.0 of 7.5 MiB (107%) at 10.2 s" in told
    assert "no creep seen" in told
    assert not made_up(run).passed
    assert made_up(series(120)).passed


def test_words_name_creep() -> None:
    soak = made_up(series(120, lambda now: (30 + now / 20) * MIB))
    assert "CREEPS" in soak_text.render(soak)
    assert not soak.passed


@pytest.mark.parametrize("heap", [True, False])
def test_the_picture_is_the_same_each_time_and_names_its_lines(heap: bool) -> None:
    run = series(60) if heap else tuple(replace(sample, heap=None) for sample in series(60))
    drawn = soak_plot.svg(made_up(run))
    assert drawn == soak_plot.svg(made_up(run))
    for words in ("resident", "live", *((each.id for each in LIMITS) if heap else ())):
        assert f">{words}</text>" in drawn
    assert ("Limits" in drawn) is heap
