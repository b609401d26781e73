"""Threads come and go, a threaded program forks at any moment, or ends while its heap is in use."""

from pathlib import Path

import pytest

from . import interpreters
from .child import Launcher
from .library import Library
from .native import SOURCES, Compiler


def test_threads_free_each_others_blocks(
    library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    program = compiler.program("blocks.c")  # which asks for sizes that no block can have, too
    finished = launcher.run(library, [program], cwd=tmp_path, time_limit_s=60, errors_on_purpose=["bad_size"])
    assert finished.stdout == b"ok\n"


def test_a_threaded_c_program_forks_at_any_moment(
    library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    # Under a sweep, 150 forks take two minutes where others use the processors.
    finished = launcher.run(library, [compiler.program("fork_anytime.c")], cwd=tmp_path, time_limit_s=240)
    assert finished.stdout == b"ok\n"


def test_a_threaded_python_program_forks_at_any_moment(
    library: Library, launcher: Launcher, tmp_path: Path
) -> None:
    finished = launcher.run(
        library,
        [interpreters.with_test_suite(), SOURCES / "fork_threaded.py"],
        cwd=tmp_path,
        environment={"PYTHONMALLOC": "malloc"},
        time_limit_s=60,
    )
    assert finished.stdout == b"ok\n"


def test_destructors_of_thread_keys_use_the_heap(
    library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    program = compiler.program("thread_destructors.c")
    assert launcher.run(library, [program], cwd=tmp_path, time_limit_s=60).stdout == b"ok\n"


def test_thread_local_objects_are_destroyed(
    library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    program = compiler.program("thread_local.cpp")
    assert launcher.run(library, [program], cwd=tmp_path, time_limit_s=60).stdout == b"ok\n"


@pytest.mark.parametrize("way", ["return", "exit", "thread", "quick"])
def test_handlers_at_exit_use_the_heap_while_threads_allocate(
    way: str, library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    program = compiler.program("exit_paths.c")
    expected = b"at_quick_exit\n" if way == "quick" else b"atexit\ndestructor\n"
    for _ in range(5):
        assert launcher.run(library, [program, way], cwd=tmp_path, time_limit_s=30).stdout == expected


@pytest.mark.parametrize(
    "settings", [{}, {"HAKMEM_BACKGROUND_PURGE": "1"}], ids=["by_calls", "in_background"]
)
def test_threads_that_are_past_their_end_free_what_earlier_ones_left(
    library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path, settings: dict[str, str]
) -> None:
    program = compiler.program("detached.c")
    finished = launcher.run(library, [program], cwd=tmp_path, environment=settings, time_limit_s=60)
    assert finished.stdout == b"ok\n"


def fork_beside_streams(launcher: Launcher, library: Library, directory: Path) -> bytes:
    """What a program says that forks for three seconds beside threads that read and flush streams."""
    program = launcher.compiler.program("fork_and_streams.c")
    return launcher.run(library, [program, directory / "lines"], cwd=directory, time_limit_s=60).stdout


def test_fork_beside_threads_that_read_and_flush_streams(
    library: Library, launcher: Launcher, tmp_path: Path
) -> None:
    assert fork_beside_streams(launcher, library, tmp_path) == b"ok\n"
