"""CPython's own test suite passes wherever it does on the system's malloc, every object on the library."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from . import interpreters
from .child import Launcher
from .junit import passed_tests
from .library import SYSTEM, Library

FILES = (
    "test_json", "test_dict", "test_list", "test_set", "test_bytes", "test_re", "test_pickle",
    "test_threading", "test_subprocess", "test_gc", "test_ctypes", "test_sqlite3",
)  # fmt: skip
FEWEST_TESTS = 3000


def run_test_suite(
    launcher: Launcher, library: Library, directory: Path, files: Sequence[str] = FILES
) -> frozenset[str]:
    """The names of the tests that passed: some fail on some machines, as for root, without any preload."""
    report = directory / "report.xml"
    # The runner ends with 2 when a test failed; which ones is told by the report.
    suite = f'"$0" -m test -j2 --timeout 120 --junit-xml {report} "$@" || test $? -eq 2'
    launcher.run(
        library,
        ["/bin/sh", "-c", suite, interpreters.with_test_suite(), *files],
        cwd=directory,
        environment={"PYTHONMALLOC": "malloc"},
        time_limit_s=300,
    )
    return passed_tests(report)


@pytest.fixture(scope="session")
def expected(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    passed = run_test_suite(launcher, SYSTEM, tmp_path_factory.mktemp("cpython"))
    assert len(passed) > FEWEST_TESTS, "the suite did not run as a whole on the system's malloc"
    return passed


def test_cpython_passes_its_own_tests(
    library: Library, launcher: Launcher, expected: frozenset[str], tmp_path: Path
) -> None:
    passed = run_test_suite(launcher, library, tmp_path)
    assert sorted(expected - passed) == []
