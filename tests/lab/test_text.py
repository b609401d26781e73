"""The report for terminals and pipes: what it says, and that it fits."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hakmem.lab.measurement import Status
from hakmem.lab.plan import THROUGHPUT, WALL_TIME, Kind
from hakmem.lab.result import Suite
from hakmem.report import listing
from hakmem.report.figures import duration, figure
from hakmem.report.tables import ratio_text
from hakmem.report.text import render
from tests.lab.made_up import MIB, MadeUpMeter, measurement, runs, suite_of, workload

COSTS = {
    "system": 0.01,
    "hakmem": 0.008,
    "mimalloc": 0.0085,
    "jemalloc": 0.012,
    "tcmalloc": 0.009,
    "tbbmalloc": 0.0101,
    "floor": 0.007,
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    crash = {("larson/churn", "tbbmalloc"): lambda _: measurement(status=Status.CRASHED, detail="signal 11")}
    workloads = [
        workload("random_mixed/256", has_floor=True),
        workload("larson/churn", metric=THROUGHPUT),
        workload("python/numpy_temporaries/pymalloc", kind=Kind.PYTHON, metric=WALL_TIME),
        workload("real/git", kind=Kind.REAL, needs={"git": "apt-get install git"}),
    ]
    done = runs(tmp_path_factory.mktemp("suite"), MadeUpMeter(COSTS, 0.001, crash), workloads, tuple(COSTS))
    return suite_of(done, notes=("xyzmalloc is not installed: apt-get install libxyz1",))


@pytest.mark.parametrize("width", [60, 80, 100, 132, 200])
def test_no_line_is_longer_than_the_terminal(suite: Suite, width: int) -> None:
    assert max(len(line) for line in render(suite, width).splitlines()) <= width


def test_six_allocators_stand_side_by_side_in_80_columns(suite: Suite) -> None:
    heads = [line.split() for line in render(suite, 80).splitlines() if line.split()[:1] == ["system"]]
    assert heads.count(list(COSTS)[:-1]) == 2  # native and Python


def test_a_narrow_terminal_gets_every_allocator_below_each_other(suite: Suite) -> None:
    native = render(suite, 60).partition("Native programs")[2]
    heads = [line.split() for line in native.splitlines() if line.split()[:1] == ["system"]]
    assert heads[:2] == [["system", "hakmem", "mimalloc", "jemalloc"], ["system", "tcmalloc", "tbbmalloc"]]


def test_a_row_has_ratios_with_intervals_memory_the_floor_and_the_best(suite: Suite) -> None:
    lines = render(suite, 80).splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith("random_mixed/"))
    row = "\n".join(lines[at : at + 3])
    assert re.search(r"\*0\.80 ±\d%", row)
    assert re.search(r" 1\.20 ±\d%", row)
    assert row.count("*") == 2  # the fastest and the leanest
    assert "10.0 ns" in row
    assert "floor 7.0" in row
    assert "8.00 MiB" in row
    assert "10.0 MiB" in row


def test_a_wide_terminal_shows_whole_intervals(suite: Suite) -> None:
    assert re.search(r"\*0\.80 \[0\.\d\d, 0\.8\d\]", render(suite, 160))


def test_what_went_wrong_is_a_cell_and_a_line(suite: Suite) -> None:
    told = render(suite, 80)
    assert "crashed" in told.partition("larson/churn")[2].splitlines()[0]
    assert "- larson/churn on tbbmalloc: crashed, 2 of 2 runs: signal 11" in told


def test_notes_name_what_is_absent(suite: Suite) -> None:
    told = render(suite, 100)
    assert "- xyzmalloc is not installed: apt-get install libxyz1" in told
    assert "- real/git is left out: git is not here: apt-get install git" in told


def test_means_are_over_what_every_allocator_finished(suite: Suite) -> None:
    line = next(line for line in render(suite, 100).splitlines() if line.startswith("native, time"))
    assert "1 of 2" in line
    assert re.search(r"\*0\.80 ±\d%", line)


def test_noise_is_marked(suite: Suite) -> None:
    cells = tuple(
        replace(cell, ratio=replace(cell.ratio, verdict="too noisy to tell"))
        if cell.ratio and cell.allocator == "mimalloc"
        else cell
        for cell in suite.cells
    )
    told = render(replace(suite, cells=cells), 80)
    assert "?0.85 ±" in told
    assert re.search(r"\*0\.80 ±", told)
    assert "?: too noisy to tell." in told
    assert "?" not in render(suite, 80)


def test_what_is_too_noisy_to_tell_is_not_called_the_best(suite: Suite) -> None:
    cells = tuple(
        replace(cell, ratio=replace(cell.ratio, median=0.5, ci95=(0.2, 1.2), verdict="too noisy to tell"))
        if cell.ratio and (cell.workload, cell.allocator) == ("random_mixed/256", "jemalloc")
        else cell
        for cell in suite.cells
    )
    told = render(replace(suite, cells=cells), 100)
    row = next(line for line in told.splitlines() if line.startswith("random_mixed/256"))
    assert "?0.50±>99%" in row
    assert "*" not in row


def test_only_a_terminal_gets_colours(suite: Suite) -> None:
    assert "\x1b[" not in render(suite, 80)
    coloured = render(suite, 80, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).split() == render(suite, 80).split()


def test_a_suite_without_ratios_shows_figures(tmp_path: Path) -> None:
    done = runs(tmp_path, MadeUpMeter(COSTS), [workload()], rounds=2)
    told = render(suite_of(done), 80)
    assert told.count("10.0 ns") == 2
    assert "All together" not in told


def test_outliers_are_named(suite: Suite) -> None:
    first, *others = suite.cells
    few = replace(suite, cells=(replace(first, outliers=(1,)), *(replace(c, outliers=()) for c in others)))
    assert f"{first.workload} on system, round 2." in " ".join(render(few, 80).split())
    many = replace(suite, cells=(replace(first, outliers=tuple(range(5))), replace(first, outliers=(0, 1))))
    assert "; and 2 more." in render(many, 200)


def test_an_empty_suite_is_shown(tmp_path: Path) -> None:
    assert "quick effort, 0 rounds" in render(suite_of(runs(tmp_path, MadeUpMeter(), [])), 80)


def test_words_are_not_taken_for_markup(suite: Suite) -> None:
    assert "- [bold]:smile: [/x]" in render(replace(suite, notes=("[bold]:smile: [/x]",)), 80)


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (8.012, "ns/operation", "8.01 ns"),
        (1234.0, "ns/operation", "1.23 us"),
        (0.5, "ns/operation", "0.50 ns"),
        (999.7, "ns/operation", "1.00 us"),
        (0.0123, "s", "12.3 ms"),
        (95.0, "s", "95.0 s"),
        (48.1e6, "operations/s", "48.1 M/s"),
        (12.0, "operations/s", "12.0 /s"),
        (8 * MIB, "B", "8.00 MiB"),
        (17, "B", "17 B"),
        (3 << 30, "B", "3.00 GiB"),
        (0, "B", "0 B"),
        (3.14159, "points", "3.14 points"),
    ],
)
def test_figures_have_three_digits_and_a_unit_that_fits(value: float, unit: str, shown: str) -> None:
    assert figure(value, unit) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (4800, "1 h 20 min")],
)
def test_durations_read_well(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_the_wider_half_of_an_interval_is_told() -> None:
    assert ratio_text(0.8, (0.79, 0.84)) == "0.80 ±5%"
    assert ratio_text(0.8, (0.1, 9.0)) == "0.80 ±>99%"
    assert ratio_text(25.0, (24.0, 25.5)) == "25.0 ±4%"
    assert ratio_text(0.8, (0.79, 0.84), 20) == "0.80 [0.79, 0.84]"


def test_the_list_tells_what_each_workload_is() -> None:
    shown = listing.render(
        [
            workload("larson/churn"),
            workload("real/git", kind=Kind.REAL, needs={"git": "apt-get install git"}),
        ],
        ["larson/churn"],
    )
    assert "Native programs\n  larson/churn  (quick)\n    what     what larson/churn does\n" in shown
    assert "from     made up\n    stresses nothing\n" in shown
    assert "absent   git: apt-get install git\n" in shown
