"""What an operation costs: instructions by callgrind, system calls by strace, page faults by the kernel.

The bar is that of docs/design/limits.md. Exact counts are in tests/golden/instructions.json, by compiler and
version; a compiler that is not there is held to the bar alone. UPDATE_GOLDEN=1 writes there what is measured.
"""

import ctypes
import json
import os
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pytest

from hakmem.lab.programs import program

from .command import plain_environment

GOLDEN: Final = Path(__file__).resolve().parents[1] / "golden" / "instructions.json"

BAR: Final = 14.0
"""Instructions an operation over the floor; mimalloc 3 needs 19, rpmalloc 2 18, the system 62."""
TOLERANCE: Final = 0.4
"""By how much an operation may differ from its golden count: addresses decide some branches. Here the clock
stands still; in other runs a tick of some 9,000 instructions comes each 250 ms."""
CALLS: Final = 100_000
SHORT, LONG = 500_000, 1_500_000
OPERATIONS: Final = 1.1 * (LONG - SHORT)
"""A tenth more than asked: random_mixed warms up."""
SYSTEM_CALLS_BAR: Final = 60
FAULTS_BAR: Final = 1.5
"""Of the system's. The goal was 1.1: docs/design/decisions/0003 tells why 1.38 is what there is."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Instructions.

    random_mixed: an operation of random_mixed with 256 slots, over the floor.
    malloc, free: one call that the thread cache serves, without the caller's part.
    """

    random_mixed: float
    malloc: int
    free: int


def need(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed")
    return path


def instructions(
    directory: Path, preload: str, command: list[str | Path], *options: str, **settings: str
) -> int:
    """Instructions that callgrind counts in `command` with these libraries, from its start to its end."""
    output = directory / "callgrind.out"
    result = subprocess.run(
        [
            need("valgrind"),
            "--tool=callgrind",
            f"--callgrind-out-file={output}",
            *options,
            *map(str, command),
        ],
        env=plain_environment(LD_PRELOAD=preload, **settings),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found = re.search(r"^totals: (\d+)|^summary: (\d+)", output.read_text(), re.MULTILINE)
    assert found is not None, f"callgrind wrote no total: {result.stderr}"
    return int(found[1] or found[2])


def an_operation(directory: Path, preload: str, random_mixed: Path) -> float:
    short, long = (
        instructions(directory, preload, [random_mixed, str(operations), "256"])
        for operations in (SHORT, LONG)
    )
    return (long - short) / OPERATIONS


def a_call(directory: Path, preload: str, hot_pair: Path, function: str) -> int:
    """Instructions of one call of `function` in a hot loop, callees included."""
    only = ("--collect-atstart=no", f"--toggle-collect={function}")
    short, long = (
        instructions(directory, preload, [hot_pair, str(times)], *only) for times in (2000, 2000 + CALLS)
    )
    one = round((long - short) / CALLS)
    assert abs(long - short - CALLS * one) < 0.4 * CALLS, "the calls of a hot loop differ from each other"
    return one


def compiler_of(library: Path) -> str:
    """Compiler, version and processor that a library was built with, as "GNU 12.2.0 x86_64"."""
    build_info = ctypes.CDLL(str(library)).hak_build_info
    build_info.restype = ctypes.c_char_p
    return str(build_info().decode()).split(":", 1)[0]


@pytest.fixture
def counts(library: Path, clock: Path, tmp_path: Path) -> Counts:
    """The counts of the release library, measured while its clock stands still."""
    need("valgrind")
    held = f"{clock}:{library}"
    random_mixed, hot_pair, floor = (program(name) for name in ("random_mixed", "hot_pair", "floor.so"))
    above = an_operation(tmp_path, held, random_mixed) - an_operation(tmp_path, str(floor), random_mixed)
    return Counts(
        round(above, 2),
        a_call(tmp_path, held, hot_pair, "malloc"),
        a_call(tmp_path, held, hot_pair, "free"),
    )


def test_an_operation_stays_below_the_bar_and_at_its_golden_count(counts: Counts, library: Path) -> None:
    compiler = compiler_of(library)
    golden: dict[str, dict[str, float]] = json.loads(GOLDEN.read_text())
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden[compiler] = asdict(counts)
        GOLDEN.write_text(json.dumps(golden, indent=2, sort_keys=True) + "\n")
    assert counts.random_mixed <= BAR, counts
    if compiler not in golden:
        pytest.skip(f"no golden counts for {compiler}; the bar holds: {counts}")
    expected = golden[compiler]
    remedy = f"{counts} against {expected}; if that is meant, run this with UPDATE_GOLDEN=1"
    assert abs(counts.random_mixed - expected["random_mixed"]) <= TOLERANCE, remedy
    assert (counts.malloc, counts.free) == (expected["malloc"], expected["free"]), remedy


def test_random_mixed_makes_few_memory_system_calls(library: Path, tmp_path: Path) -> None:
    log = tmp_path / "strace"
    calls = "mmap,munmap,mremap,mprotect,madvise,brk"
    command = [need("strace"), "-f", "-o", str(log), "-e", f"trace={calls}", "-E", f"LD_PRELOAD={library}"]
    result = subprocess.run(
        [*command, str(program("random_mixed")), "200000", "4096"],
        env=plain_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if result.returncode:
        pytest.skip(f"strace cannot trace here: {result.stderr.strip()}")
    made = [line for line in log.read_text().splitlines() if re.search(r"\b(?:m\w+|brk)\(", line)]
    assert len(made) < SYSTEM_CALLS_BAR, "\n".join(made)


def faults(**environment: str) -> int:
    """Minor faults of one run of random_mixed, 200,000 operations on 4,096 slots: the fewest of five runs."""
    fewest = []
    for _ in range(5):
        with subprocess.Popen(
            [str(program("random_mixed")), "200000", "4096"],
            env=plain_environment(**environment),
            stdout=subprocess.DEVNULL,
        ) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        fewest.append(usage.ru_minflt)
    return min(fewest)


def test_random_mixed_faults_no_more_often_than_its_size_classes_explain(library: Path) -> None:
    assert faults(LD_PRELOAD=str(library)) <= FAULTS_BAR * faults()


def test_sampled_guard_blocks_take_less_than_a_hundredth_of_the_instructions(
    library: Path, clock: Path, tmp_path: Path
) -> None:
    """With the core's clock standing still: ticks come by time, and would fall into one run alone."""
    command: list[str | Path] = [program("random_mixed"), str(SHORT), "8192"]
    off = instructions(tmp_path, f"{clock}:{library}", command)
    on = instructions(tmp_path, f"{clock}:{library}", command, HAKMEM_GUARD_SAMPLE="100000")
    assert off < on < 1.01 * off
