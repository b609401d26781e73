"""Suites in files: what is written is what is read, and what cannot be read says why."""

import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hakmem.lab.measurement import Point
from hakmem.lab.result import AllocatorRecord, Cell, ClassRate, Host, Ratio, Suite
from hakmem.lab.store import ResultFileError, dumps, load, loads
from tests.lab.made_up import MadeUpMeter, runs, suite_of, workload

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
COUNT = st.integers(0, 1 << 40)
INTERVALS = st.tuples(FINITE, FINITE)
RATIOS = st.builds(Ratio, TEXT, FINITE, INTERVALS, TEXT)
POINTS = st.builds(Point, FINITE, COUNT, st.none() | COUNT)


def tuples(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=4).map(tuple)


CELLS = st.builds(
    Cell,
    params=st.dictionaries(TEXT, st.integers() | FINITE | TEXT, max_size=3),
    samples=tuples(st.none() | FINITE),
    median=st.none() | FINITE,
    ci95=st.none() | INTERVALS,
    floor=st.none() | FINITE,
    ratio=st.none() | RATIOS,
    usage=st.dictionaries(TEXT, FINITE, max_size=3),
    memory=tuples(POINTS),
)
SUITES = st.builds(
    Suite,
    host=st.builds(Host, load_at_start=FINITE),
    allocators=tuples(st.builds(AllocatorRecord)),
    cells=tuples(CELLS),
    notes=tuples(TEXT),
    rates=st.dictionaries(TEXT, tuples(st.builds(ClassRate, COUNT, COUNT, COUNT)), max_size=2),
    workloads=st.dictionaries(TEXT, TEXT, max_size=2),
)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    meter = MadeUpMeter({"system": 0.01, "hakmem": 0.008, "floor": 0.006}, 0.01)
    done = runs(
        tmp_path_factory.mktemp("suite"),
        meter,
        [workload("random_mixed/256", has_floor=True)],
        ("system", "hakmem", "floor"),
    )
    return suite_of(done, notes=("a note",))


def test_the_file_has_the_fields_of_the_schema(suite: Suite) -> None:
    fields = json.loads(dumps(suite))
    assert fields["schema"] == "hakmem-bench/1"
    assert list(fields)[:2] == ["schema", "command"]
    assert {"kernel", "cpu", "cores", "governor", "load_at_start", "thp", "libc", "python"} <= set(
        fields["host"]
    )
    assert set(fields["allocators"][0]) == {"name", "version", "path", "build"}
    cell = fields["cells"][1]
    assert (cell["workload"], cell["allocator"], cell["metric"]) == ("random_mixed/256", "hakmem", "time")
    assert (cell["unit"], cell["better"], cell["params"]) == ("ns/operation", "lower", {"slots": 16})
    assert len(cell["samples"]) == 5
    assert cell["ci95"][0] <= cell["median"] <= cell["ci95"][1]
    assert cell["floor"] == pytest.approx(6, rel=0.1)
    assert cell["peak_rss_bytes"] == 8 << 20
    assert cell["memory"] == {
        "seconds": [0.0, 1.0],
        "resident_bytes": [1 << 20, 3 << 20],
        "live_bytes": [None, None],
    }


def test_a_suite_survives_the_file(suite: Suite, tmp_path: Path) -> None:
    path = tmp_path / "suite.json"
    path.write_text(dumps(suite), encoding="utf-8")
    assert load(path) == suite


@settings(max_examples=60, deadline=None)
@given(SUITES)
def test_any_suite_survives(suite: Suite) -> None:
    assert loads(dumps(suite)) == suite


def test_the_text_is_stable_and_one_cell_a_line(suite: Suite) -> None:
    text = dumps(suite)
    assert text == dumps(loads(text))
    assert sum(line.startswith('{"workload"') for line in text.splitlines()) == len(suite.cells)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_figure_is_never_written(suite: Suite, value: float) -> None:
    cell = replace(suite.cells[0], median=value)
    with pytest.raises(ValueError, match="not a figure"):
        dumps(replace(suite, cells=(cell,)))


def test_fields_of_a_newer_version_are_passed_over(suite: Suite) -> None:
    fields = json.loads(dumps(suite))
    fields["moon_phase"] = "full"
    fields["host"]["colour"] = ["beige"]
    fields["cells"][0]["mood"] = None
    assert loads(json.dumps(fields)) == suite


def test_fields_with_a_default_may_be_missing(suite: Suite) -> None:
    fields = json.loads(dumps(suite))
    del fields["notes"], fields["rates"], fields["workloads"], fields["host"]["virtualised"]
    for cell in fields["cells"]:
        del cell["usage"], cell["memory"], cell["operations"], cell["checksum"]
    read = loads(json.dumps(fields))
    assert read.notes == ()
    assert read.cells[0].memory == ()
    assert read.cells[0].median == suite.cells[0].median


def changed(suite: Suite, change: Callable[[dict[str, Any]], object]) -> str:
    fields = json.loads(dumps(suite))
    change(fields)
    return json.dumps(fields)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: "", "not JSON, or cut off"),
        (lambda suite: dumps(suite)[:-100], "not JSON, or cut off"),
        (lambda _: "[1, 2]", "it has no schema"),
        (lambda _: "{}", "it has no schema"),
        (lambda _: '{"schema": 7}', "its schema is 7"),
        (lambda _: '{"schema": "hakmem-perf/1"}', "its schema is 'hakmem-perf/1'"),
        (lambda _: '{"schema": "hakmem-bench/9"}', "update hakmem"),
        (lambda suite: dumps(suite).replace('"median": 1', '"median": NaN, "x": 1', 1), "it holds NaN"),
        (lambda suite: changed(suite, lambda f: f.pop("baseline")), "baseline is missing"),
        (lambda suite: changed(suite, lambda f: f["host"].update(cores="two")), "host.cores is 'two', not"),
        (lambda suite: changed(suite, lambda f: f.update(cells={})), "cells is {}, not a list"),
        (
            lambda suite: changed(suite, lambda f: f["cells"][2].update(median="fast")),
            r"cells\[2\]\.median is 'fast', not a float",
        ),
        (
            lambda suite: changed(suite, lambda f: f["cells"][1].update(ci95=[1.0])),
            r"cells\[1\]\.ci95 is \[1\.0\], not a list of 2",
        ),
        (
            lambda suite: changed(suite, lambda f: f["cells"][0].update(params={"slots": []})),
            r"cells\[0\]\.params\.slots is \[\], not int or float or str",
        ),
        (lambda suite: changed(suite, lambda f: f["cells"][0].update(memory=[])), "memory is not an object"),
        (lambda suite: changed(suite, lambda f: f["cells"].append(None)), "not a whole hakmem-bench/1 file"),
        (lambda _: "[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_none_says_what_is_wrong_and_what_to_do(
    suite: Suite, tmp_path: Path, make: Callable[[Suite], str], said: str
) -> None:
    path = tmp_path / "suite.json"
    path.write_text(make(suite), encoding="utf-8")
    with pytest.raises(ResultFileError, match=said) as raised:
        load(path)
    assert str(path) in str(raised.value)


def test_an_absent_file_and_a_binary_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(ResultFileError, match=r"no\.json': No such file"):
        load(tmp_path / "no.json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ResultFileError, match="is not text"):
        load(tmp_path / "binary")
    with pytest.raises(ResultFileError, match="Is a directory"):
        load(tmp_path)


def test_a_cell_without_figures_survives(suite: Suite) -> None:
    cell: Cell = replace(
        suite.cells[0], samples=(None, None), median=None, ci95=None, ratio=None, floor=None, memory=()
    )
    assert loads(dumps(replace(suite, cells=(cell,)))).cells == (cell,)


@pytest.mark.parametrize("record", [Suite, Host, AllocatorRecord, Cell, Ratio, ClassRate])
def test_the_reference_names_every_member(record: type) -> None:
    page = (Path(__file__).parents[2] / "docs/reference/results.md").read_text(encoding="utf-8")
    assert [entry.name for entry in fields(record) if f"`{entry.name}`" not in page] == []
