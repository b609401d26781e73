"""Programs on the library run under the tools that watch them."""

import subprocess
from pathlib import Path

import pytest

from . import needs
from .child import Launcher
from .library import Library
from .native import Compiler


@pytest.mark.parametrize(
    "tool",
    [
        pytest.param(("--tool=memcheck",), id="memcheck with its own malloc"),
        pytest.param(
            ("--tool=memcheck", "--soname-synonyms=somalloc=nouserintercepts"), id="memcheck over ours"
        ),
        pytest.param(("--tool=none",), id="no tool"),
    ],
)
def test_a_program_runs_under_valgrind(
    tool: tuple[str, ...], library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    command = [needs.program("valgrind"), "--quiet", *tool, "--error-exitcode=9"]
    finished = launcher.run(
        library, [*command, compiler.program("thread_destructors.c"), "3"], cwd=tmp_path, time_limit_s=120
    )
    assert finished.stdout == b"ok\n"


def test_a_threaded_program_that_forks_runs_under_strace(
    library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    strace = needs.program("strace")
    if subprocess.run([strace, "true"], capture_output=True, check=False).returncode != 0:
        needs.refused("strace cannot trace here")
    command: list[str | Path] = [strace, "-f", "-o", tmp_path / "trace"]
    finished = launcher.run(
        library, [*command, compiler.program("fork_anytime.c"), "5"], cwd=tmp_path, time_limit_s=120
    )
    assert finished.stdout == b"ok\n"
    assert "exited with 0" in (tmp_path / "trace").read_text()
