"""A Python server with threads, sockets and child processes answers as on the system's malloc."""

from pathlib import Path

import pytest

from . import interpreters
from .child import Launcher
from .library import SYSTEM, Library
from .native import SOURCES


def serve(launcher: Launcher, library: Library, directory: Path) -> bytes:
    finished = launcher.run(
        library,
        [interpreters.with_test_suite(), SOURCES / "network.py"],
        cwd=directory,
        environment={"PYTHONMALLOC": "malloc"},
        time_limit_s=60,
    )
    return finished.stdout


@pytest.fixture(scope="session")
def expected(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return serve(launcher, SYSTEM, tmp_path_factory.mktemp("network"))


def test_a_threaded_python_server_gives_the_same_answers(
    library: Library, launcher: Launcher, expected: bytes, tmp_path: Path
) -> None:
    answers = serve(launcher, library, tmp_path)
    assert answers.endswith(b"done\n")
    assert answers == expected
