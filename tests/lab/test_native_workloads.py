"""Native workloads do the same under every allocator, notice wrong blocks, refuse what they cannot take."""

import json
import platform
import re
import resource
import subprocess
from pathlib import Path

import pytest

from hakmem.lab import allocators
from hakmem.lab.catalogue.native import WORKLOADS
from hakmem.lab.plan import Effort, Workload
from hakmem.lab.programs import program
from tests.compiler import compile_to
from tests.real import needs

from .native_programs import SHORT, Result, command_of, result, run

FAULTY = Path(__file__).parent / "fakes" / "faulty.c"


@pytest.fixture(scope="session")
def libraries() -> dict[str, Path]:
    """Every allocator that is here but the system's, with the floor."""
    found, absent = allocators.available()
    print(*absent, sep="\n")
    everyone = [*found, allocators.floor()]
    return {allocator.name: allocator.library for allocator in everyone if allocator.library is not None}


def reference_random_mixed(operations: int, slots: int) -> tuple[int, int]:
    """Allocations and frees of random_mixed with its warm-up: its request stream, written again."""
    state, filled, allocations, frees = 1234567, set[int](), 0, 0
    for _ in range(operations + operations // 10):
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        slot = state * slots >> 32
        if slot in filled:
            filled.remove(slot)
            frees += 1
        else:
            filled.add(slot)
            allocations += 1
    return allocations, frees


@pytest.mark.parametrize("command", SHORT)
def test_every_allocator_gets_the_same_requests(command: str, libraries: dict[str, Path]) -> None:
    expected = result(run(command))
    assert {"hakmem", "floor"} <= set(libraries)
    for name, library in libraries.items():
        got = result(run(command, library))
        assert (got.operations, got.checksum) == (expected.operations, expected.checksum), name


def test_another_seed_is_another_checksum() -> None:
    seeds = [result(run(f"random_mixed 20000 256 {seed}")).checksum for seed in (1, 2, 3)]
    assert len(set(seeds)) == 3


def allocated(tmp_path: Path, command: str) -> tuple[Result, int]:
    """What a run says, and how many blocks it took, by the count flavour's figures."""
    file = tmp_path / "stats.json"
    count = allocators.choose(["hakmem-count"])[0].library
    said = result(run(command, count, HAKMEM_STATS_FILE=str(file)))
    stats = json.loads(file.read_text(encoding="utf-8"))
    large = stats["counters"]["large_allocs"] + stats["counters"]["direct_allocs"]
    return said, large + sum(entry["allocations"] for entry in stats["classes"])


THREAD = 2
"""Blocks that the C library takes for itself when it starts a thread, at most."""


def test_random_mixed_makes_the_reference_stream_of_requests(tmp_path: Path) -> None:
    said, blocks = allocated(tmp_path, "random_mixed 20000 256")
    allocations, frees = reference_random_mixed(20000, 256)
    assert said.operations + said.figures["warmup"] == allocations + frees == 22000
    assert blocks == allocations


@pytest.mark.parametrize(
    ("command", "threads"),
    [
        ("hot_pair 5000 64", 0),
        ("producer_consumer 2 2 20000 16 1024", 4),
        ("thread_churn 40 4 500", 40),
        ("burst 4194304 64 1024 0 0", 0),
    ],
)
def test_no_pair_of_malloc_and_free_is_optimised_away(command: str, threads: int, tmp_path: Path) -> None:
    said, blocks = allocated(tmp_path, command)
    assert said.operations % 2 == 0
    assert said.operations // 2 <= blocks <= said.operations // 2 + THREAD * threads


def test_larson_counts_what_it_does(tmp_path: Path) -> None:
    said, blocks = allocated(tmp_path, "larson 0.1 8 1000 100 10 1 4")
    filled = 4 * 100
    replaced = said.operations // 2
    assert said.figures["threads"] >= 4
    assert replaced + filled <= blocks <= replaced + filled + THREAD * said.figures["threads"]
    assert 0.1 <= (said.seconds or 0) < 5


@pytest.mark.parametrize("name", ["system", "hakmem", "floor"])
def test_larson_runs_with_threads_that_follow_each_other(name: str, libraries: dict[str, Path]) -> None:
    library = libraries.get(name)
    said = result(run("larson 0.2 8 128 64 1 1 4", library))
    assert said.figures["threads"] > 50
    assert said.operations >= 2 * 64 * (said.figures["threads"] - 4)


def test_fragmentation_tells_resident_beside_live_bytes() -> None:
    done = run("fragmentation 8388608 4 0")
    figures = result(done).figures
    live = [int(value) for value in re.findall(r"live=(\d+)$", done.stdout, re.MULTILINE)]
    assert len(live) == 8
    assert live[-1] == figures["live_end"] < 8388608 / 4
    assert figures["live_peak"] in live
    assert 8388608 <= figures["live_peak"] <= figures["resident_peak"] < 64 << 20


def test_burst_tells_what_is_left_and_when_half_was_gone() -> None:
    figures = result(run("burst 16777216 256 1024 0.2 16")).figures
    assert 16 << 20 <= figures["resident_peak"] < 32 << 20
    assert figures["resident_end"] < 8 << 20  # the C library trims the top of its heap at once (mallopt(3))
    assert figures["half_seconds"] < 0.2
    keeps = result(run("burst 16777216 256 1024 0.2 0", MALLOC_TRIM_THRESHOLD_=str(1 << 30))).figures
    assert keeps["resident_end"] >= keeps["resident_peak"] / 2
    assert keeps["half_seconds"] == 0.2


def test_a_cold_run_leaves_its_time_to_the_meter() -> None:
    cold, warm = (result(run(f"random_mixed {option} 20000 256")) for option in ("--cold", ""))
    assert (cold.seconds, cold.figures["warmup"]) == (None, 0)
    assert (warm.seconds or 0) > 0


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_the_catalogue_gives_its_programs_what_they_take(workload: Workload, tmp_path: Path) -> None:
    scaled = workload.scaled
    if scaled is None:
        result(run(command_of(workload.prepare(tmp_path, Effort.QUICK))))
    else:
        least, some, more = (
            result(run(command_of(scaled(tmp_path, n)))).operations for n in (1, 30_000, 90_000)
        )
        assert least < some
        assert 0.8 * 60_000 <= more - some <= 1.2 * 60_000


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("random_mixed", "takes [--cold] OPERATIONS SLOTS [SEED [MIN MAX]]"),
        ("random_mixed 1000 256 1 16 1024 9", "takes [--cold] OPERATIONS"),
        ("random_mixed many 256", "OPERATIONS must be a whole number from 1 to"),
        ("random_mixed -5 256", "not '-5'"),
        ("random_mixed 1e6 256", "not '1e6'"),
        ("random_mixed 1000 0", "SLOTS must be a whole number from 1 to 268435456, not '0'"),
        ("random_mixed 1000 256 0", "SEED must be a whole number from 1"),
        ("random_mixed 1000 256 1 64 63", "MAX must be a whole number from 64 to"),
        ("random_mixed 99999999999999999999 256", "OPERATIONS must be"),
        ("larson now 8 1000 100 1 1 1", "SECONDS must be a number of seconds from 0 to 3600, not 'now'"),
        ("larson 1 8 1000 100 1 1 0", "THREADS must be a whole number from 1"),
        ("producer_consumer 4 1 3 64 64", "OBJECTS must be a whole number from 4"),
        ("aligned 1000 64 48 64", "LEAST must be a power of two, not 48"),
        ("burst 1000 64 1024 1", "takes BYTES MIN MAX SECONDS LOAD [SEED]"),
        ("soak 1 2", "takes SECONDS THREADS FILE [CYCLE_MS [INTERVAL_MS [SEED]]]"),
        ("soak 1 2 /no/such/file", "cannot write '/no/such/file'"),
    ],
)
def test_a_bad_argument_is_named_in_one_line(command: str, complaint: str) -> None:
    done = run(command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(command.split(maxsplit=1)[0] + ": ")
    assert done.stderr.count("\n") == 1
    assert complaint in done.stderr


def no_room_for_stacks() -> None:
    """A thread's stack is as large as RLIMIT_STACK (pthread_create(3)), and the address space too small."""
    resource.setrlimit(resource.RLIMIT_STACK, (256 << 20, 256 << 20))
    resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))


@pytest.mark.parametrize(
    "command",
    [
        "larson 0.5 8 1000 100 10 1 4",
        "producer_consumer 2 2 20000 64 64",
        "thread_churn 40 4 500",
        "server_mix 4 2000",
    ],
)
def test_a_thread_that_cannot_start_ends_the_run_in_one_line(command: str) -> None:
    done = run(command, limit=no_room_for_stacks)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"\w+: cannot start a thread: [^;]+; look at the limits .*ulimit -u.*\n", done.stderr)


def test_running_out_of_memory_is_told() -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))

    done = run("random_mixed 10000 200 1 1048576 2097152", limit=limit)
    assert done.returncode == 1
    assert re.fullmatch(r"random_mixed: out of memory: no block of \d+ bytes\n", done.stderr)


@pytest.mark.parametrize(
    ("fault", "command", "complaint"),
    [
        ("DIRTY_CALLOC", "calloc_blocks 2000 64", "is not zero"),
        ("ODD_ALIGNMENT", "aligned 2000 64 32 128", "is not aligned"),
        ("SHORT_REALLOC", "realloc_growth 2000 4 4096 64", "realloc lost the bytes"),
        ("SHORT_REALLOC", "soak 1 1 /dev/null", "realloc lost the bytes"),
        ("SAME_BLOCK", "soak 1 1 /dev/null", "was overwritten while it was in use"),
    ],
)
def test_an_allocator_that_gives_wrong_blocks_is_found_out(
    fault: str, command: str, complaint: str, tmp_path: Path
) -> None:
    faulty = tmp_path / "faulty.so"
    compile_to(faulty, "-shared", "-fPIC", "-fno-builtin", "-O1", f"-D{fault}", FAULTY, "-ldl")
    done = run(command, faulty)
    assert done.returncode == 1
    assert complaint in done.stderr


def instructions(function: str, times: int, directory: Path) -> int:
    """Instructions that callgrind counts in `function` of the floor allocator while hot_pair runs."""
    output = directory / f"{function}.{times}"
    command = [
        *(needs.program("valgrind"), "--tool=callgrind", f"--callgrind-out-file={output}"),
        *("--collect-atstart=no", f"--toggle-collect={function}"),
        *(str(program("hot_pair")), str(times)),
    ]
    environment = {"LD_PRELOAD": str(program("floor.so"))}
    subprocess.run(command, env=environment, capture_output=True, check=True)
    found = re.search(r"^(?:totals|summary): (\d+)", output.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def test_the_floor_costs_what_the_reference_floor_costs(tmp_path: Path) -> None:
    """docs/design/limits.md counts instructions over a floor whose malloc takes 5 and whose free takes 1."""
    if platform.machine() != "x86_64":
        needs.refused("the reference counts are those of x86-64")
    counts = {
        name: (instructions(name, 9000, tmp_path) - instructions(name, 5000, tmp_path)) / 4000
        for name in ("malloc", "free")
    }
    assert counts == {"malloc": 5, "free": 1}


def test_the_floor_has_room_for_the_largest_blocks() -> None:
    said = result(run("random_mixed 2000 64 1 1000000000 1073741824", program("floor.so")))
    assert said.operations == 2000
