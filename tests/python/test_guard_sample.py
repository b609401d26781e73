"""How often HAKMEM_GUARD_SAMPLE=N samples a block, by counts: one in N where trips bring the blocks.

The library opens a guarded slot for each block that it samples; ``opened.c`` counts how often.
"""

import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from hakmem.lab.programs import program

from .command import Compile, plain_environment

OPENED: Final = Path(__file__).with_name("opened.c")
BIN_BLOCKS: Final = 256
"""What a bin holds at most: so many more blocks may pass until a thread makes a trip."""

Sampled = Callable[..., int]


@pytest.fixture
def sampled(library: Path, tmp_path: Path) -> Sampled:
    """sampled(rate, command, *preloads): how many blocks of a program's run were sampled."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed")
    counter, file = tmp_path / "opened.so", tmp_path / "opened"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", str(OPENED), "-o", str(counter)], check=True)

    def run(rate: int, command: list[str | Path], *preloads: Path) -> int:
        environment = plain_environment(
            LD_PRELOAD=" ".join(map(str, (*preloads, counter, library))),
            HAKMEM_GUARD_SAMPLE=str(rate),
            OPENED_FILE=str(file),
        )
        subprocess.run(
            list(map(str, command)), env=environment, check=True, timeout=60, stdout=subprocess.DEVNULL
        )
        return int(file.read_text())

    return run


def test_one_block_in_n_is_sampled_where_trips_bring_all_of_them(sampled: Sampled, clock: Path) -> None:
    """The clock stands still, so that nothing is counted by time."""
    blocks, rate = 3_000_000, 1000
    command: list[str | Path] = [program("producer_consumer"), "1", "1", str(blocks), "64", "64"]
    found = sampled(rate, command, clock)
    # Distances are uniform between 1 and 2 N - 1: their sum deviates by N times the root of a third of
    # their number.
    five_deviations = 5 * math.sqrt(blocks / rate / 3)
    assert blocks / (rate + BIN_BLOCKS) - five_deviations < found < blocks / rate + five_deviations


WAITS = """
#include <stdlib.h>
#include <unistd.h>
int main(void) {
    for (int i = 0; i < 40; i++) {
        usleep(25000);
        void *volatile block = malloc(64);
        free(block);
    }
    return 0;
}
"""


def test_a_thread_that_waits_is_not_taken_to_have_allocated(sampled: Sampled, compile_c: Compile) -> None:
    # A second's wait; by its length it would be ten million blocks, a hundred samples. Of processor time it
    # takes some milliseconds, each of which stands for 10,000 blocks.
    assert sampled(100_000, [compile_c(WAITS)]) <= 5


def test_a_thread_that_lives_on_its_own_cache_is_sampled_by_its_time(sampled: Sampled) -> None:
    # It is sent past its cache every 20 ms, half of the times for a free: once at least in hundreds of them.
    assert sampled(10_000, [program("hot_pair"), "75000000", "64"]) > 0
