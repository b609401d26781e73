"""Real programs under the full checks of ``hakmem check``: no error is told, and they do as they do without.

Each has less to do than in its own test, and each is checked in another way. ``make check-real`` runs the
tests of this directory under full checks, which takes many minutes, and writes docs/results/check-real.md.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from hakmem.spec.settings import SETTINGS

from . import (
    needs,
    test_compilers,
    test_cpython,
    test_git,
    test_numpy,
    test_python_network,
    test_sqlite,
    test_threads_and_forks,
)
from .child import Launcher
from .library import CHECKED, SYSTEM, Library, load_under_test, settings_of_checks
from .native import SOURCES

Work = Callable[[Launcher, Library, Path], object]


def run_script(program: str, *words: str) -> Work:
    """What a runtime prints for a script of ``programs/``."""

    def work(launcher: Launcher, library: Library, directory: Path) -> bytes:
        command = [needs.program(program), *words]
        # One that is checked has several times the work, on a machine that may be busy.
        return launcher.run(
            library, command, cwd=directory, environment={"PERL_HASH_SEED": "0"}, time_limit_s=120
        ).stdout

    return work


LEAKS: Final = next(setting for setting in SETTINGS if setting.id == "check_leaks").show(1)

WORKS: Final[dict[str, tuple[Work, str]]] = {
    "sqlite": (partial(test_sqlite.run_script, orders=20_000), "sweep=50"),
    "git": (partial(test_git.work_with_a_repository, commits=40), ""),
    "gcc": (partial(test_compilers.compile_both, functions=40, types=1), ""),
    "perl": (run_script("perl", f"{SOURCES}/records.pl", "4000"), "quarantine=64K"),
    "perl, guarded": (run_script("perl", f"{SOURCES}/records.pl", "400"), "guard=end"),
    "node": (run_script("node", f"{SOURCES}/records.js"), f"leaks={LEAKS}"),
    "a Python server": (test_python_network.serve, f"sweep=50 leaks={LEAKS}"),
    "fork beside streams": (test_threads_and_forks.fork_beside_streams, ""),
    "CPython's tests": (partial(test_cpython.run_test_suite, files=["test_dict", "test_list"]), ""),
    "NumPy's tests": (partial(test_numpy.run_core_tests, halves=[["records"]]), "quarantine=0"),
}
"""What is done, and with which settings of the checks."""

TOOL: Final = Path(__file__).parents[2] / "tools" / "check-real"
LEFT_OUT: Final = {"test_limits.py", "test_purge.py", "test_check_real.py"}


@pytest.fixture(scope="session")
def checked(public_directory: Path) -> Library:
    return load_under_test(CHECKED, public_directory)


@pytest.mark.parametrize("name", WORKS)
def test_a_real_program_is_found_without_error(
    name: str, checked: Library, launcher: Launcher, tmp_path: Path
) -> None:
    work, words = WORKS[name]
    (tmp_path / "plain").mkdir()
    (tmp_path / "checked").mkdir()
    plain = work(launcher, SYSTEM, tmp_path / "plain")
    assert plain
    under_check = work(launcher, replace(checked, checks=settings_of_checks(words)), tmp_path / "checked")
    assert under_check == plain


def test_the_table_has_every_file_of_tests_and_tells_what_was_found(tmp_path: Path) -> None:
    files = sorted({path.name for path in Path(__file__).parent.glob("test_*.py")} - LEFT_OUT)
    row = {"settings": "guard=end", "passed": 2, "failed": 0, "skipped": 1, "processes": 41, "errors": 0}
    rows = [{**row, "file": file} for file in files]
    rows[0]["errors"] = 3
    log = tmp_path / "log"
    log.write_text("".join(json.dumps(each) + "\n" for each in rows))
    command = [sys.executable, str(TOOL), "--log", str(log), "--settings", "guard=end"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    told = [line for line in done.stdout.splitlines() if "| guard=end | 2 passed, 1 skipped | 41 |" in line]
    assert [line.rsplit("|", 2)[1].strip() for line in told] == ["3", *["0"] * (len(files) - 1)]
    assert all(f"`{file}`" in line for file, line in zip(files, told, strict=True))
