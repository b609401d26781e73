"""Bars held against suites whose figures are known: who the rival is, and which way round a share is."""

import subprocess
import sys
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import pytest

from hakmem.lab import catalogue, store
from hakmem.lab.plan import THROUGHPUT, TIME_PER_OPERATION
from hakmem.lab.result import Cell, Suite
from hakmem.report.bar_list import BARS, PEERS, Bar
from hakmem.report.bars import Judged, document, judged, judged_means
from hakmem.report.matrix import MEMORY, TIME, Matrix

from . import suites

_TOOL = Path(__file__).parents[2] / "tools" / "bars"


def _set(suite: Suite, workload: str, figures: dict[str, list[float | None]], **changes: object) -> Suite:
    """The suite with these samples of time in one workload."""

    def changed(cell: Cell) -> Cell:
        if cell.workload != workload or cell.metric not in (TIME_PER_OPERATION.name, THROUGHPUT.name):
            return cell
        return replace(cell, samples=tuple(figures[cell.allocator]), **changes)  # type: ignore[arg-type]

    return replace(suite, cells=tuple(map(changed, suite.cells)))


def _one(suite: Suite, bar: Bar) -> Judged:
    (found,) = judged(Matrix(suite), [bar])
    return found


@pytest.fixture(scope="module")
def plain() -> Suite:
    return suites.suite(failures=False)


def _times(ours: float, best: float) -> dict[str, list[float | None]]:
    others: dict[str, list[float | None]] = {name: [9 * best] * 5 for name in suites.ALLOCATORS}
    return {**others, "hakmem": [ours] * 5, "jemalloc": [best] * 5}


def test_the_rival_is_the_best_peer_and_below_one_is_better(plain: Suite) -> None:
    found = _one(_set(plain, "random_mixed/256", _times(8, 10)), Bar("random_mixed/256", TIME, PEERS, 0.8))
    assert (found.rival, found.verdict) == ("jemalloc", "met")
    assert found.ratio is not None
    assert found.ratio.median == pytest.approx(0.8)
    assert _one(_set(plain, "random_mixed/256", _times(8.1, 10)), found.bar).verdict == "**missed**"


def test_more_is_better_where_a_rate_is_measured(plain: Suite) -> None:
    rates: dict[str, list[float | None]] = {name: [10.0] * 5 for name in suites.ALLOCATORS}
    rates |= {"hakmem": [200.0] * 5, "jemalloc": [100.0] * 5}
    found = _one(_set(plain, "larson/mixed", rates), Bar("larson/mixed", TIME, PEERS, 1.0))
    assert found.rival == "jemalloc"
    assert found.ratio is not None
    assert found.ratio.median == pytest.approx(0.5)


def test_the_floor_is_taken_off_both_sides(plain: Suite) -> None:
    bar = Bar("random_mixed/256", TIME, PEERS, 0.7, above_floor=True)
    found = _one(_set(plain, "random_mixed/256", _times(9, 10), floor=8.0), bar)
    assert found.ratio is not None
    assert found.ratio.median == pytest.approx(0.5)


def test_an_interval_on_both_sides_of_the_bar_is_said(plain: Suite) -> None:
    times = _times(8, 10)
    times["hakmem"] = [7.0, 7.9, 8.0, 9.9, 12.0]
    bar = Bar("random_mixed/256", TIME, PEERS, 0.85)
    assert _one(_set(plain, "random_mixed/256", times), bar).verdict == "met, within noise"


def test_a_fixed_amount_and_another_workload_may_stand_for_a_rival(plain: Suite) -> None:
    peaks = {
        cell.workload: cell for cell in plain.cells if cell.metric == MEMORY and cell.allocator == "hakmem"
    }
    half = (peaks["redis"].median or 0) * 2
    found = _one(plain, Bar("redis", MEMORY, "twice", 1.0, amount=half))
    assert found.ratio is not None
    assert found.ratio.median == pytest.approx(0.5, rel=0.02)
    beside = _one(plain, Bar("gcc", MEMORY, "system", 1.0, beside="redis"))
    assert beside.ratio is not None
    assert beside.ratio.median > 2


def test_what_a_suite_does_not_have_is_not_measured(plain: Suite) -> None:
    assert _one(plain, Bar("redis", TIME, "nobody", 1.0)).verdict == "not measured"
    assert _one(plain, Bar("redis", "no such figure", PEERS, 1.0)).verdict == "not measured"
    without = replace(plain, cells=tuple(cell for cell in plain.cells if cell.allocator != "hakmem"))
    assert "not measured" in {
        each.verdict for each in judged(Matrix(without), [Bar("redis", TIME, PEERS, 1.0)])
    }


def test_each_bar_is_for_a_workload_of_the_standard_suite() -> None:
    names = [workload.name for workload in catalogue.all()]
    for bar in BARS:
        assert any(fnmatch(name, bar.workloads) for name in names), bar
        assert not bar.beside or bar.beside in names, bar


def test_the_document_has_every_row_and_who_dominates(plain: Suite) -> None:
    written = document(plain)
    assert all(f"| `{name}` |" in written for name, *_ in suites.WORKLOADS)
    heavy = _set(plain, "random_mixed/256", _times(20, 10))
    line = next(
        line
        for line in document(heavy).splitlines()
        if line.startswith("| `random_mixed/256` | jemalloc | **2.00")
    )
    leaner = {
        cell.allocator: cell.median or 0.0
        for cell in plain.cells
        if cell.workload == "random_mixed/256" and cell.metric == MEMORY
    }
    columns = [column.strip() for column in line.split("|")]
    assert (columns[6] == "jemalloc") == (leaner["jemalloc"] < leaner["hakmem"])


def test_allocators_that_the_distribution_does_not_have_stand_apart(plain: Suite) -> None:
    times: dict[str, list[float | None]] = {**_times(20, 10), "snmalloc": [5.0] * 5}
    others = _set(plain, "random_mixed/256", times)
    assert _one(others, Bar("random_mixed/256", TIME, PEERS, 0.8)).rival == "jemalloc"
    head, line = (
        next(line for line in document(others).splitlines() if line.startswith(start)).split(" | ")
        for start in ("| workload | best peer", "| `random_mixed/256` | jemalloc | **2.00")
    )
    assert line[head.index("time, of snmalloc's")] == "4.00 [4.00, 4.00]"


def _missed_lines(suite: Suite, workload: str) -> list[str]:
    return [line for line in document(suite).splitlines() if line.startswith(f"- `{workload}`, time")]


def test_what_is_missed_is_said_with_how_much_and_why(plain: Suite) -> None:
    (line,) = _missed_lines(_set(plain, "random_mixed/8192", _times(18.6, 10)), "random_mixed/8192")
    assert "by 100.0% of the bar: " in line
    assert line.endswith("(0019, 0021).")
    assert not _missed_lines(_set(plain, "random_mixed/8192", _times(9, 10)), "random_mixed/8192")


def test_a_row_without_a_bar_of_its_own_has_the_one_for_any_row(plain: Suite) -> None:
    (line,) = _missed_lines(_set(plain, "random_mixed/128", _times(21, 10)), "random_mixed/128")
    assert line == "- `random_mixed/128`, time, by 100.0% of the bar."
    assert not _missed_lines(_set(plain, "random_mixed/128", _times(10.4, 10)), "random_mixed/128")


def test_the_mean_over_all_workloads_is_held_against_the_peer_whose_mean_is_best(plain: Suite) -> None:
    suite = plain
    rates: dict[str, list[float | None]] = {name: [1.0] * 5 for name in suites.ALLOCATORS}
    rates |= {"hakmem": [10.0] * 5, "jemalloc": [8.0] * 5}
    rated = {cell.workload for cell in plain.cells if cell.metric == THROUGHPUT.name}
    for row in Matrix(plain).rows:
        suite = _set(suite, row.workload, rates if row.workload in rated else _times(8, 10))
    time, memory = judged_means(Matrix(suite))
    assert (time.rival, memory.bar.quantity) == ("jemalloc", MEMORY)
    assert time.ratio is not None
    assert time.ratio.median == pytest.approx(0.8)
    assert any(
        "`geometric mean of all` | time | jemalloc (best)" in line for line in document(suite).splitlines()
    )


def test_the_tool_says_what_it_cannot_read(plain: Suite, tmp_path: Path) -> None:
    stored = tmp_path / "suite.json"
    stored.write_text(store.dumps(plain), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, _TOOL, stored, "--out", tmp_path / "bars.md"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert document(plain) in (tmp_path / "bars.md").read_text(encoding="utf-8")
    missing = subprocess.run(
        [sys.executable, _TOOL, tmp_path / "none.json"], capture_output=True, text=True, check=False
    )
    assert missing.returncode == 1
    assert missing.stderr.startswith("tools/bars: ")
    assert "none.json" in missing.stderr
