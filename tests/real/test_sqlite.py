"""The SQLite shell: a script of inserts, joins, aggregates, windows, full-text search and a rollback."""

from pathlib import Path

import pytest

from . import needs
from .child import Launcher
from .library import SYSTEM, Library

SCRIPT = Path(__file__).parent / "programs" / "shop.sql"
ORDERS = 250_000


def run_script(launcher: Launcher, library: Library, directory: Path, orders: int = ORDERS) -> bytes:
    script = SCRIPT.read_text().replace(f"n < {ORDERS}", f"n < {orders}")
    command: list[str | Path] = [needs.program("sqlite3"), "-batch", "-bail", directory / "shop.db"]
    finished = launcher.run(library, command, cwd=directory, stdin=script.encode(), time_limit_s=60)
    assert finished.stderr == b""
    return finished.stdout


@pytest.fixture(scope="session")
def expected(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return run_script(launcher, SYSTEM, tmp_path_factory.mktemp("sqlite"))


def test_the_sqlite_shell_gives_the_same_answers(
    library: Library, launcher: Launcher, expected: bytes, tmp_path: Path
) -> None:
    answers = run_script(launcher, library, tmp_path)
    assert answers.endswith(b"integrity|ok\n")
    assert answers == expected
