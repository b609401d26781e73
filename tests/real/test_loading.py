"""The library is there before any constructor, beside plugins with a scope of their own, or opened late."""

import os
import stat
from pathlib import Path

import pytest

from . import interpreters, needs
from .child import Launcher
from .library import SYSTEM, Library
from .native import SOURCES, Compiler


@pytest.mark.parametrize("place", ["linked", "preloaded before", "preloaded after"])
def test_constructors_of_other_libraries_may_allocate(
    place: str, library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    early = compiler.shared_library("early.c")
    flags = ("-Wl,--no-as-needed", str(early)) if place == "linked" else ()
    finished = launcher.run(
        library,
        [compiler.program("footprint.c", *flags)],
        cwd=tmp_path,
        preload_before=early if place == "preloaded before" else None,
        preload_after=early if place == "preloaded after" else None,
        time_limit_s=30,
    )
    assert finished.stdout.startswith(b"early ok\n")


@pytest.mark.parametrize("crossing", ["inside", "strdup", "host", "realloc"])
def test_blocks_cross_the_border_of_a_deepbound_plugin(
    crossing: str, library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    plugin = compiler.shared_library("plugin.c")
    finished = launcher.run(
        library, [compiler.program("deepbind.c"), plugin, crossing], cwd=tmp_path, time_limit_s=30
    )
    assert finished.stdout == b"ok\n"


def test_a_library_opened_late_serves_beside_the_systems_malloc(
    hakmem: Library, launcher: Launcher, tmp_path: Path
) -> None:
    command: list[str | Path] = [interpreters.with_test_suite(), SOURCES / "late.py", str(hakmem.path)]
    finished = launcher.run(SYSTEM, command, cwd=tmp_path, time_limit_s=60)
    assert finished.stdout == b"ok\n"


def test_a_library_opened_late_may_be_closed_while_its_threads_live(
    hakmem: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    command: list[str | Path] = [compiler.program("late_close.c"), str(hakmem.path)]
    assert launcher.run(SYSTEM, command, cwd=tmp_path, time_limit_s=60).stdout == b"ok\n"


def test_a_setuid_program_ignores_the_environment(
    hakmem: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path, public_directory: Path
) -> None:
    if os.geteuid() != 0:
        needs.refused("only root can make a program that runs as another user")
    if os.statvfs(public_directory).f_flag & os.ST_NOSUID:
        needs.refused(f"the file system of {public_directory} is mounted nosuid")
    assert hakmem.path is not None
    program = compiler.program(
        "footprint.c", "-Wl,--no-as-needed", str(hakmem.path), f"-Wl,-rpath,{hakmem.path.parent}"
    )
    report = tmp_path / "report.json"
    environment = {"HAKMEM_STATS_FILE": str(report)}

    # An ordinary program linked with the library obeys: so the silence below means something.
    program.chmod(0o755)
    launcher.run(SYSTEM, [program], cwd=tmp_path, environment=environment, time_limit_s=30)
    assert report.exists()
    report.unlink()

    nobody = 65534  # the kernel's overflow user id
    os.chown(program, nobody, -1)
    program.chmod(0o755 | stat.S_ISUID)
    tmp_path.chmod(0o777)
    environment["HAKMEM_NO_SUCH_SETTING"] = "1"
    finished = launcher.run(SYSTEM, [program], cwd=tmp_path, environment=environment, time_limit_s=30)
    assert finished.stderr == b""
    assert not report.exists()
