"""The heap serves where the system is stingy.

Address space, the number of mappings, overcommit, locked memory, madvise, huge pages.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from . import interpreters, needs
from .child import Launcher
from .library import SYSTEM, Library
from .native import SOURCES, Compiler

OVERCOMMIT = Path("/proc/sys/vm/overcommit_memory")
TRANSPARENT_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
MAX_MAPPINGS = Path("/proc/sys/vm/max_map_count")


@contextmanager
def system_setting(file: Path, value: str) -> Iterator[None]:
    """A setting of the whole machine, restored whatever happens; where it cannot be written the test ends."""
    try:
        before = file.read_text()
        # Files that offer a choice show it as "always [madvise] never".
        before = before[before.find("[") + 1 : before.find("]")] if "[" in before else before
        file.write_text(value)
    except OSError as error:
        needs.refused(f"cannot write {file}: {error.strerror}")
    try:
        yield
    finally:
        file.write_text(before)


def limited(*command: str | Path) -> list[str | Path]:
    """The command with as little address space as ``ulimit -v 2000000`` leaves."""
    return ["/bin/bash", "-c", 'ulimit -v 2000000 && exec "$@"', "bash", *command]


def test_all_functions_work_in_two_gigabytes_of_address_space(
    library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    command = limited(compiler.program("blocks.c"), "1")
    assert launcher.run(library, command, cwd=tmp_path, time_limit_s=60).stdout == b"ok\n"


@pytest.mark.parametrize("when", ["before the start", "after the start"])
def test_python_uses_up_its_address_space_and_lives_on(
    when: str, library: Library, launcher: Launcher, tmp_path: Path
) -> None:
    python = interpreters.with_test_suite()
    program = SOURCES / "address_space.py"
    command: list[str | Path] = [python, program, "1200"]
    if when == "before the start":
        command = limited(python, program, "0")
    finished = launcher.run(
        library, command, cwd=tmp_path, environment={"PYTHONMALLOC": "malloc"}, time_limit_s=60
    )
    word, got_mib = finished.stdout.split()
    # At least a third of the limit is the program's to use.
    assert word == b"ok"
    assert int(got_mib) > (650 if when == "before the start" else 400)


def test_the_heap_survives_the_limit_on_mappings(
    library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    limit = int(MAX_MAPPINGS.read_text())
    if limit > 1_000_000:
        needs.refused(f"{MAX_MAPPINGS} is {limit}: using it up would take gigabytes of the kernel's memory")
    command: list[str | Path] = [compiler.program("many_mappings.c"), str(limit)]
    words = launcher.run(library, command, cwd=tmp_path, time_limit_s=60).stdout.split()
    assert words[0::2] == [b"near", b"full", b"few"]
    near, _full, few = map(int, words[1::2])
    assert near == 0
    assert few == 0


@pytest.mark.parametrize("flags", ["current", "future", "onfault"])
def test_locked_memory_is_no_obstacle(
    flags: str, library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    command: list[str | Path] = [compiler.program("mlockall.c"), flags]
    output = launcher.run(library, command, cwd=tmp_path, time_limit_s=60).stdout
    if output.startswith(b"refused"):
        needs.refused(f"mlockall: {output.decode()}")
    resident_mib, ok = output.split()
    assert ok == b"ok"
    assert int(resident_mib) < 64


@pytest.mark.parametrize("when", ["early", "late"])
def test_calloc_is_zero_where_madvise_is_denied(
    when: str, library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    command: list[str | Path] = [compiler.program("no_madvise.c"), when]
    output = launcher.run(library, command, cwd=tmp_path, time_limit_s=60).stdout
    if output.startswith(b"refused"):
        needs.refused(f"seccomp: {output.decode()}")
    assert output == b"ok\n"


@pytest.mark.alone
def test_strict_overcommit_leaves_programs_working(
    library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    _refuse_unless_committed_memory_is_low()
    blocks = compiler.program("blocks.c")
    fork = compiler.program("fork_anytime.c")
    python: list[str | Path] = [interpreters.with_test_suite(), SOURCES / "fork_threaded.py"]
    commands: list[list[str | Path]] = [[blocks, "1"], [fork, "10"], python]
    with system_setting(OVERCOMMIT, "2"):
        for command in commands:
            assert launcher.run(library, command, cwd=tmp_path, time_limit_s=60).stdout == b"ok\n"


def _refuse_unless_committed_memory_is_low() -> None:
    """Under the strict mode a machine that has promised too much already refuses everyone, not only us."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    figures = {words[0]: int(words[1]) for words in lines}
    if figures["Committed_AS:"] + 2_000_000 > figures["CommitLimit:"]:
        needs.refused("less than 2 GB would be left to commit under overcommit mode 2")


@pytest.mark.alone
@pytest.mark.parametrize("mode", ["always", "madvise", "never"])
def test_a_small_program_stays_small_with_any_huge_page_setting(
    mode: str, library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    program = compiler.program("footprint.c")
    witness_file = tmp_path / "witness"
    witness_file.touch()
    with system_setting(TRANSPARENT_HUGE_PAGES, mode):
        # The witness has its price too, so it goes into both runs.
        on_system = int(
            launcher.run(
                SYSTEM,
                [program],
                cwd=tmp_path,
                preload_before=compiler.shared_library("witness.c"),
                environment={"WITNESS_FILE": str(witness_file)},
                time_limit_s=30,
            ).stdout
        )
        peak = int(launcher.run(library, [program], cwd=tmp_path, time_limit_s=30).stdout)
        blocks = launcher.run(library, [compiler.program("blocks.c"), "1"], cwd=tmp_path, time_limit_s=60)
    assert blocks.stdout == b"ok\n"
    # The debug flavour keeps books; the others may cost half a MiB.
    if library.name != "debug":
        assert peak - on_system <= 512


def test_realloc_makes_a_block_smaller_when_no_memory_is_left(
    library: Library, launcher: Launcher, compiler: Compiler, tmp_path: Path
) -> None:
    program = compiler.program("shrink_when_full.c")
    assert launcher.run(library, [program], cwd=tmp_path, time_limit_s=60).stdout == b"ok\n"
