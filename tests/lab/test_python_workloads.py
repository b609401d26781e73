"""The Python workloads: every run does the same work, and tells what the laboratory is to know."""

import subprocess
import sys
from pathlib import Path

import pytest

from hakmem.lab.catalogue import python
from hakmem.lab.plan import Effort, Job, Kind, Workload
from tests.real import needs

from .on_both import run, run_on_both

OPERATIONS = {
    "objects": 20_000,
    "json": 200,
    "strings": 15_000,
    "threads": 12_345,
    "asyncio": 501,
    "sqlite": 5_000,
    "numpy": 40,
    "pandas": 2,
    "multiprocessing": 150,
    "burst": 50_000,
}
"""Enough for every part of a script to run, by workload."""

FAMILIES = sorted({workload.name.rpartition("/")[0] for workload in python.WORKLOADS})


def workload(name: str) -> Workload:
    return next(workload for workload in python.WORKLOADS if workload.name == name)


def job(name: str, scratch: Path, operations: int | None = None) -> Job:
    """A short run of a workload; without a module that it needs the test ends here."""
    found = workload(name)
    for what, remedy in found.needs.items():
        needs.missing(what, remedy)
    assert found.scaled is not None
    return found.scaled(scratch, operations or OPERATIONS[name.split("/")[1]])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_variant_and_allocator_computes_the_same(family: str, tmp_path: Path) -> None:
    runs = [
        measurement
        for variant in ("pymalloc", "malloc")
        for measurement in run_on_both(job(f"{family}/{variant}", tmp_path), Kind.PYTHON, tmp_path)
    ]
    assert len({measurement.checksum for measurement in runs}) == 1
    assert runs[0].checksum not in {"", "00000000"}
    for measurement in runs:
        assert measurement.operations == OPERATIONS[family.split("/")[1]]
        assert measurement.seconds is not None
        assert 0 < measurement.seconds <= measurement.wall_s


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "python/burst"])
def test_the_checksum_tells_one_amount_of_work_from_another(family: str, tmp_path: Path) -> None:
    half = OPERATIONS[family.split("/")[1]] // 2
    shorter = run(job(f"{family}/pymalloc", tmp_path, half), Kind.PYTHON, tmp_path)
    longer = run(job(f"{family}/pymalloc", tmp_path), Kind.PYTHON, tmp_path)
    assert shorter.operations == half
    assert shorter.checksum != longer.checksum


@pytest.mark.parametrize("name", ["objects", "json", "strings", "asyncio", "sqlite", "numpy", "pandas"])
def test_live_bytes_are_told_and_fit_into_what_was_resident(name: str, tmp_path: Path) -> None:
    command = job(f"python/{name}/malloc", tmp_path)
    answer = subprocess.run(command.argv, capture_output=True, text=True, check=True).stdout.splitlines()
    points = [line for line in answer if line.startswith("lab: point")]
    live = [int(point.rpartition("live=")[2]) for point in points]
    measured = run(command, Kind.PYTHON, tmp_path)
    assert measured.usage is not None
    assert live
    assert 100_000 < max(live) < measured.usage.peak_rss_b


def test_the_burst_tells_what_is_resident_when_it_is_over(tmp_path: Path) -> None:
    measured = run(job("python/burst/pymalloc", tmp_path, 200_000), Kind.PYTHON, tmp_path)
    after = measured.figures["resident_after_burst"]
    assert measured.usage is not None
    assert measured.usage.peak_rss_b > 40 << 20
    assert 4 << 20 < after < measured.usage.peak_rss_b / 2, "pymalloc gives empty arenas back"
    assert measured.seconds is not None
    assert measured.seconds < measured.wall_s - 1.2, "the silence is not part of the burst's time"


def test_worker_processes_belong_to_the_run(tmp_path: Path) -> None:
    measured = run(job("python/multiprocessing/pymalloc", tmp_path, 1000), Kind.PYTHON, tmp_path)
    assert measured.usage is not None
    together = max(point.resident_b for point in measured.memory)
    # Three processes; a sample meets them at any moment of their start and end.
    assert together > 1.4 * measured.usage.peak_rss_b, "the peak is that of one process alone"


def test_a_higher_effort_is_more_work(tmp_path: Path) -> None:
    for each in python.WORKLOADS:
        amounts = [int(each.prepare(tmp_path, effort).argv[-1]) for effort in Effort]
        assert amounts == sorted(amounts)
        assert len(set(amounts)) == (1 if "burst" in each.name else 3)


@pytest.mark.parametrize("words", [[], ["0"], ["-1"], ["1.5"], ["x"], ["1", "2"]])
def test_a_wrong_argument_ends_a_script_with_one_line(words: list[str], tmp_path: Path) -> None:
    command = job("python/objects/pymalloc", tmp_path)
    done = subprocess.run([*command.argv[:2], *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("object_churn.py: expected one whole number of operations")


def test_a_module_that_is_absent_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "find_spec", lambda _name: None)
    found = {each.name: each.needs for each in python.workloads()}
    assert found["python/pandas/malloc"] == {
        "python module numpy": "pip install numpy",
        "python module pandas": "pip install 'hakmem[bench]'",
    }
    assert "python module numpy" in found["python/numpy/pymalloc"]
    assert not found["python/json/malloc"]


def test_a_python_without_pymalloc_runs_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "abiflags", "t")
    assert all("CPython with pymalloc" in each.needs for each in python.workloads())


def test_listing_them_imports_neither_numpy_nor_pandas() -> None:
    question = (
        "import sys, hakmem.lab.catalogue.python; print(*{'numpy', 'pandas', 'sqlite3'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_interpreter_keeps_its_virtual_environment() -> None:
    question = "import sys; print(sys.prefix, sys._base_executable)"
    asked = [str(python.interpreter(sys.executable)), "-c", question]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == sys.prefix


def test_a_wrapper_in_shell_is_not_the_interpreter(tmp_path: Path) -> None:
    wrapper = tmp_path / "python"
    wrapper.write_text('#!/bin/sh\nexec python3 "$@"\n')
    wrapper.chmod(0o755)
    real = Path(sys.executable).resolve()
    assert python.interpreter(str(wrapper)) == real
    assert python.interpreter(str(tmp_path / "nothing")) == real
