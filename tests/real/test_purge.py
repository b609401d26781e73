"""Memory of a burst goes back to the system when it is free: soon, at once, or in a silent program too."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from .child import Launcher
from .library import Library
from .native import Compiler

MOST_RESIDENT_MIB = 40
BURST_MIB = 400


@dataclass(frozen=True, slots=True)
class Burst:
    """Runs programs/purge.c, which builds and drops a burst of small blocks."""

    launcher: Launcher
    program: Path
    directory: Path

    def resident_mib_after(
        self, library: Library, what: str, environment: dict[str, str] | None = None
    ) -> int:
        """What is resident after ``what``; that there was a burst is checked."""
        finished = self.launcher.run(
            library, [self.program, what], cwd=self.directory, environment=environment, time_limit_s=60
        )
        resident, peak = map(int, finished.stdout.split())
        assert peak > BURST_MIB
        return resident


@pytest.fixture
def burst(launcher: Launcher, compiler: Compiler, tmp_path: Path) -> Burst:
    return Burst(launcher, compiler.program("purge.c"), tmp_path)


@pytest.mark.parametrize("what", ["loop", "trickle", "threads", "work"])
def test_a_loop_on_one_size_lets_a_burst_go_within_a_second(
    what: str, library: Library, burst: Burst
) -> None:
    assert burst.resident_mib_after(library, what) <= MOST_RESIDENT_MIB


def test_malloc_trim_gives_a_burst_back_at_once(library: Library, burst: Burst) -> None:
    assert burst.resident_mib_after(library, "trim") <= MOST_RESIDENT_MIB


def test_background_purge_works_in_a_silent_program(hakmem: Library, burst: Burst) -> None:
    resident = burst.resident_mib_after(hakmem, "silence", {"HAKMEM_BACKGROUND_PURGE": "1"})
    assert resident <= MOST_RESIDENT_MIB
