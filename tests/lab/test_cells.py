"""From measurements to cells and a suite: what is divided by what, who is wrong, what is missing."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hakmem.lab.agreement import disagreements
from hakmem.lab.cells import MOST_POINTS, build
from hakmem.lab.measurement import Measurement, Point, Status
from hakmem.lab.metrics import cost, decimated, end_resident_b, mean_resident_b, value
from hakmem.lab.plan import PEAK_MEMORY, PROCESSOR_TIME, THROUGHPUT, TIME_PER_OPERATION, WALL_TIME, Metric
from hakmem.lab.result import Cell
from hakmem.lab.runner import Runs
from tests.lab.made_up import MIB, MadeUpMeter, allocator, measurement, runs, suite_of, workload

Special = dict[tuple[str, str], Callable[[int], Measurement]]


def made(
    tmp_path: Path, special: Special, *, names: tuple[str, ...] = ("system", "one"), **of: object
) -> Runs:
    meter = MadeUpMeter({"system": 0.01, "one": 0.005, "floor": 0.004}, special=special)
    return runs(tmp_path, meter, [workload("a", **of)], names)  # type: ignore[arg-type]


def cell(done: Runs, allocator: str, metric: str = "time") -> Cell:
    return next(
        each for each in build(done, "system") if (each.allocator, each.metric) == (allocator, metric)
    )


# ---- metrics ----


def test_time_an_operation_divides_by_the_operations_that_the_program_reported() -> None:
    run = measurement(2.0, operations=4_000_000)
    assert value(TIME_PER_OPERATION, run) == pytest.approx(500)
    assert value(THROUGHPUT, run) == pytest.approx(2_000_000)
    assert value(TIME_PER_OPERATION, measurement(operations=None)) is None
    assert value(TIME_PER_OPERATION, measurement(operations=0)) is None


def test_time_is_the_programs_own_or_else_that_of_the_process() -> None:
    run = measurement(2.0)
    assert value(WALL_TIME, run) == 2.0
    assert value(WALL_TIME, replace(run, seconds=None)) == run.wall_s == 2.002
    assert value(PROCESSOR_TIME, run) == pytest.approx(2.001)


def test_a_run_that_went_wrong_has_no_figure() -> None:
    assert value(WALL_TIME, measurement(status=Status.CRASHED)) is None
    assert value(PEAK_MEMORY, measurement(status=Status.TIMEOUT)) is None
    assert value(PEAK_MEMORY, None) is None
    assert value(Metric("p99", "ms", "lower"), measurement(figures={"p99": math.inf})) is None
    assert value(Metric("p99", "ms", "lower"), measurement(figures={"p99": 3.0})) == 3.0


def test_the_cost_of_a_throughput_is_its_inverse() -> None:
    assert cost(4.0, "lower") == 4.0
    assert cost(4.0, "higher") == 0.25
    assert cost(0.0, "higher") is None
    assert cost(None, "lower") is None


def test_memory_on_average_is_weighted_by_time() -> None:
    points = [Point(0.0, 0), Point(1.0, 100), Point(11.0, 100)]
    assert mean_resident_b(points) == pytest.approx((50 + 1000) / 11)
    assert end_resident_b(points) == 100
    assert mean_resident_b(points[:1]) is None
    assert end_resident_b([]) is None


def test_memory_at_the_end_is_not_that_of_a_process_that_is_being_taken_down() -> None:
    held = [Point(at / 10, 100 if at > 50 else 900) for at in range(100)]
    assert end_resident_b([*held, Point(10.0, 3)]) == 100


def test_a_thinned_series_keeps_ends_and_peak() -> None:
    points = [Point(at / 10, 1000 + at % 7) for at in range(5000)]
    points[2345] = Point(234.5, 9999)
    thin = decimated(points, MOST_POINTS)
    assert len(thin) == MOST_POINTS
    assert (thin[0], thin[-1]) == (points[0], points[-1])
    assert max(point.resident_b for point in thin) == 9999
    assert list(thin) == sorted(thin, key=lambda point: point.seconds)
    assert decimated(points[:150], MOST_POINTS) == tuple(points[:150])


# ---- cells ----


def test_a_pair_has_a_cell_for_its_metric_and_one_for_its_peak(tmp_path: Path) -> None:
    done = made(tmp_path, {})
    assert [(each.metric, each.allocator) for each in build(done, "system")] == [
        ("time", "system"),
        ("time", "one"),
        ("peak_rss", "system"),
        ("peak_rss", "one"),
    ]
    time, peak = cell(done, "one"), cell(done, "one", "peak_rss")
    assert list(time.samples) == pytest.approx([5.0] * 5)
    assert time.ratio is not None
    assert time.ratio.median == pytest.approx(0.5)
    assert time.ratio.verdict == "faster"
    assert peak.samples == (5 * MIB,) * 5
    assert peak.ratio is not None
    assert peak.ratio.median == pytest.approx(0.5)
    assert peak.ratio.verdict == "leaner"
    assert (peak.unit, peak.better) == ("B", "lower")
    assert (time.peak_rss_bytes, time.operations, time.checksum) == (5 * MIB, 1_000_000, "c0ffee")


def test_the_baselines_ratio_is_one(tmp_path: Path) -> None:
    ratio = cell(made(tmp_path, {}), "system").ratio
    assert ratio is not None
    assert (ratio.median, ratio.ci95, ratio.verdict) == (1.0, (1.0, 1.0), "baseline")


def test_a_ratio_of_throughputs_is_one_of_costs(tmp_path: Path) -> None:
    found = cell(made(tmp_path, {}, metric=THROUGHPUT), "one", "throughput")
    assert found.median == pytest.approx(2e8)
    assert found.ratio is not None
    assert found.ratio.median == pytest.approx(0.5)
    assert found.ratio.verdict == "faster"


def test_the_floor_is_a_field_and_not_a_cell(tmp_path: Path) -> None:
    done = made(tmp_path, {}, names=("system", "one", "floor"), has_floor=True)
    assert {each.allocator for each in build(done, "system")} == {"system", "one"}
    assert cell(done, "one").floor == pytest.approx(4.0)
    assert cell(done, "one", "peak_rss").floor == 4 * MIB


def test_a_floor_that_fails_is_a_note_and_no_figure(tmp_path: Path) -> None:
    special: Special = {("a", "floor"): lambda _: measurement(status=Status.CRASHED, detail="signal 11")}
    done = made(tmp_path, special, names=("system", "one", "floor"), has_floor=True)
    assert cell(done, "one").floor is None
    assert any("floor of a is missing" in note and "signal 11" in note for note in suite_of(done).notes)


def test_usage_has_the_medians_of_everything_else(tmp_path: Path) -> None:
    special: Special = {
        ("a", "one"): lambda before: measurement(
            figures={"p99_us": float(before)}, memory=(Point(0.0, MIB), Point(1.0, 3 * MIB))
        )
    }
    usage = cell(made(tmp_path, special), "one").usage
    assert usage["p99_us"] == 3.0  # of 1 to 5; 0 was the warm-up
    assert usage["mean_rss_bytes"] == 2 * MIB
    assert usage["end_rss_bytes"] == 3 * MIB
    assert {"user_s", "system_s", "minor_faults", "major_faults", "voluntary_switches"} < set(usage)


def test_the_memory_series_is_that_of_the_median_run(tmp_path: Path) -> None:
    times = [0.0, 5.0, 1.0, 4.0, 2.0, 3.0]  # the warm-up, then five rounds
    special: Special = {("a", "one"): lambda before: measurement(times[before], memory=(Point(0.0, before),))}
    assert cell(made(tmp_path, special), "one").memory == (Point(0.0, 5),)


def test_an_outlier_is_told_and_stays_in(tmp_path: Path) -> None:
    special: Special = {("a", "one"): lambda before: measurement(9.0 if before == 3 else 1 + before / 1e3)}
    found = cell(made(tmp_path, special), "one")
    assert found.outliers == (2,)
    assert found.samples[2] == pytest.approx(9000)


# ---- mishaps ----


def test_a_workload_that_always_crashes_is_a_cell_that_says_so(tmp_path: Path) -> None:
    special: Special = {("a", "one"): lambda _: measurement(status=Status.CRASHED, detail="signal 11")}
    found = cell(made(tmp_path, special), "one")
    assert (found.status, found.detail) == ("crashed", "2 of 2 runs: signal 11")
    assert set(found.samples) == {None}
    assert (found.median, found.ci95, found.ratio, found.peak_rss_bytes) == (None, None, None, None)


def test_a_crash_under_one_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    special: Special = {("a", "one"): lambda _: measurement(status=Status.CRASHED)}
    done = made(tmp_path, special, names=("system", "one", "two"))
    assert cell(done, "system").status == cell(done, "two").status == "ok"
    assert cell(done, "two").ratio is not None


def test_one_crash_of_many_keeps_the_samples_and_takes_the_ratio(tmp_path: Path) -> None:
    special: Special = {
        ("a", "one"): lambda before: (
            measurement(status=Status.CRASHED, detail="signal 11") if before == 3 else measurement(0.005)
        )
    }
    found = cell(made(tmp_path, special), "one")
    assert (found.status, found.detail) == ("crashed", "1 of 6 runs: signal 11")
    assert [sample is None for sample in found.samples] == [False, False, True, False, False]
    assert found.median == pytest.approx(5.0)
    assert found.ratio is None


def test_a_program_that_tells_no_operations_is_told(tmp_path: Path) -> None:
    found = cell(made(tmp_path, {("a", "one"): lambda _: measurement(operations=None)}), "one")
    assert found.status == "failed"
    assert "result line" in found.detail


def test_a_baseline_that_crashes_leaves_the_others_without_ratio(tmp_path: Path) -> None:
    special: Special = {("a", "system"): lambda _: measurement(status=Status.TIMEOUT, detail="5 s")}
    done = made(tmp_path, special)
    assert cell(done, "system").status == "timeout"
    assert cell(done, "one").ratio is None
    assert cell(done, "one").median == pytest.approx(5.0)


def test_two_rounds_have_medians_but_no_intervals_and_no_ratio(tmp_path: Path) -> None:
    done = runs(tmp_path, MadeUpMeter(), [workload("a")], rounds=2)
    found = cell(done, "other")
    assert found.median is not None
    assert found.ci95 is None
    assert found.ratio is None


# ---- agreement ----


def checksums(tmp_path: Path, told: dict[str, str], *, checks: bool = True) -> dict[str, str]:
    special: Special = {
        ("a", name): lambda _, each=each: measurement(checksum=each)  # type: ignore[misc]
        for name, each in told.items()
    }
    done = runs(tmp_path, MadeUpMeter(special=special), [workload("a", checks=checks)], tuple(told))
    return disagreements(done, done.workloads[0], "system")


def test_the_one_who_computes_something_else_is_wrong(tmp_path: Path) -> None:
    assert checksums(tmp_path, {"system": "1", "one": "1", "two": "2"}) == {
        "two": "checksum 2 in 5 of 5 runs, where 1 is right"
    }


def test_the_majority_is_right_even_against_the_baseline(tmp_path: Path) -> None:
    assert set(checksums(tmp_path, {"system": "1", "one": "2", "two": "2"})) == {"system"}


def test_the_baseline_is_right_in_a_tie(tmp_path: Path) -> None:
    assert set(checksums(tmp_path, {"one": "2", "system": "1"})) == {"one"}


def test_the_floor_has_no_vote(tmp_path: Path) -> None:
    special: Special = {("a", "floor"): lambda _: measurement(checksum="2")}
    done = made(tmp_path, special, names=("floor", "one", "system"), has_floor=True)
    assert set(disagreements(done, done.workloads[0], "system")) == {"floor"}
    assert cell(done, "one").floor is None


def test_checksums_that_may_differ_are_not_compared(tmp_path: Path) -> None:
    assert checksums(tmp_path, {"system": "1", "one": "2"}, checks=False) == {}


def test_no_checksum_is_no_disagreement(tmp_path: Path) -> None:
    assert checksums(tmp_path, {"system": "1", "one": ""}) == {}


def test_a_single_wrong_run_makes_the_cell_wrong(tmp_path: Path) -> None:
    special: Special = {("a", "one"): lambda before: measurement(checksum="bad" if before == 2 else "c0ffee")}
    found = cell(made(tmp_path, special), "one")
    assert found.status == "wrong result"
    assert found.detail == "checksum bad in 1 of 5 runs, where c0ffee is right"
    assert found.ratio is None


# ---- suite ----


def test_a_suite_tells_no_home_directory(tmp_path: Path) -> None:
    home = tmp_path / "jane"
    home.mkdir()
    special: Special = {
        ("a", "one"): lambda _: measurement(status=Status.FAILED, detail=f"{home}/x/prog: cannot open {home}")
    }
    done = made(tmp_path, special)
    suite = suite_of(done, notes=(f"{home}/lib.so is odd",), private=(home,))
    assert suite.cells[1].detail == "2 of 2 runs: x/prog: cannot open ~"
    assert suite.notes[0] == "lib.so is odd"


def test_libraries_outside_the_system_are_told_by_their_file_name(tmp_path: Path) -> None:
    done = made(tmp_path, {})
    own = replace(allocator("mine"), library=Path("/home/jane/libmine.so"))
    ours = replace(
        allocator("hakmem"), library=Path("/usr/lib/python3/dist-packages/hakmem/lib/libhakmem.so")
    )
    suite = suite_of(replace(done, allocators=(*done.allocators, own, ours)))
    assert [record.path for record in suite.allocators] == [
        "",
        "/usr/lib/libone.so",
        "libmine.so",
        "libhakmem.so",
    ]


def test_an_interrupted_suite_says_after_how_many_rounds(tmp_path: Path) -> None:
    done = replace(made(tmp_path, {}), rounds=3)
    interrupted, late = replace(done, interrupted=True), replace(done, out_of_time=True)
    assert suite_of(interrupted).notes == ("Interrupted after 3 of 5 rounds; what was measured is valid.",)
    assert suite_of(late).notes == ("Time was up after 3 of 5 rounds.",)
