"""NumPy's core tests pass wherever they pass on the system's malloc."""

import importlib.util
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from . import needs
from .child import Launcher
from .junit import passed_tests
from .library import SYSTEM, Library

# Two processes at once, each with about half of the work.
HALVES = (
    ("multiarray", "records"),
    ("regression", "indexing", "shape_base", "dtype", "mem_overlap", "array_coercion", "ufunc"),
)
# Thousands of parametrised sorts of one array, and arrays of many GiB, tell more of time than of memory.
DESELECTED = (
    "not huge and not large and not fuzz and not count_nonzero_all and not npymath"
    " and not test_sort_ and not test_argsort_ and not test_partition_"
)
FEWEST_TESTS = 3000


def run_core_tests(
    launcher: Launcher, library: Library, directory: Path, halves: Sequence[Sequence[str]] = HALVES
) -> frozenset[str]:
    """The names of the tests that passed."""
    if importlib.util.find_spec("numpy") is None or importlib.util.find_spec("hypothesis") is None:
        needs.missing("NumPy (with hypothesis, which its tests use)", "pip install numpy hypothesis")
    passed: set[str] = set()
    with ExitStack() as stack:
        started = []
        for number, files in enumerate(halves):
            report = directory / f"report{number}.xml"
            command = [
                sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore",
                f"--junit-xml={report}", "-k", DESELECTED,
                "--pyargs", *(f"numpy._core.tests.test_{name}" for name in files),
            ]  # fmt: skip
            run = launcher.start(
                library,
                # pytest ends with 1 when a test failed; which ones is told by the report.
                ["/bin/sh", "-c", '"$@" || test $? -eq 1', "pytest", *command],
                cwd=directory,
                environment={"PYTHONMALLOC": "malloc", "NPY_AVAILABLE_MEM": "1 GB"},
            )
            started.append((stack.enter_context(run), report))
        for running, report in started:
            running.finish(time_limit_s=180)
            passed |= passed_tests(report)
    return frozenset(passed)


@pytest.fixture(scope="session")
def expected(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    passed = run_core_tests(launcher, SYSTEM, tmp_path_factory.mktemp("numpy"))
    assert len(passed) > FEWEST_TESTS, "NumPy's tests did not run as a whole on the system's malloc"
    return passed


def test_numpy_passes_its_core_tests(
    library: Library, launcher: Launcher, expected: frozenset[str], tmp_path: Path
) -> None:
    passed = run_core_tests(launcher, library, tmp_path)
    assert sorted(expected - passed) == []
