"""What one malloc and free cost through ctypes, beside the same pair called natively (decision 0001).

    .venv/bin/python -m bench.ctypes_call

Prints nanoseconds a pair: the median of interleaved rounds.
"""

import ctypes
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.bars import compile_programs, field, library_of, run

PAIRS = 200_000
ROUNDS = 9


def through_ctypes(library: str) -> float:
    """Nanoseconds of one hak_malloc and one hak_free called from Python, less those of the empty loop."""
    loaded = ctypes.CDLL(library)
    allocate, release = loaded.hak_malloc, loaded.hak_free
    allocate.argtypes, allocate.restype = [ctypes.c_size_t], ctypes.c_void_p
    release.argtypes, release.restype = [ctypes.c_void_p], None
    begin = time.perf_counter_ns()
    for _ in range(PAIRS):
        release(allocate(100))
    middle = time.perf_counter_ns()
    for _ in range(PAIRS):
        pass
    return float(2 * middle - begin - time.perf_counter_ns()) / PAIRS


def native(program: str, library: str) -> float:
    """Nanoseconds of one malloc and one free in a C loop, with the loop."""
    return field(run([program, "10000000"], library), "ns")


def main() -> int:
    library = library_of("release")
    with tempfile.TemporaryDirectory() as folder:
        programs = compile_programs(Path(folder))
        rounds = [(through_ctypes(library), native(programs["pairs"], library)) for _ in range(ROUNDS)]
    python_ns, native_ns = (statistics.median(column) for column in zip(*rounds, strict=True))
    times = python_ns / native_ns
    print(f"ctypes {python_ns:.0f} ns a pair, native {native_ns:.1f} ns a pair, {times:.0f} times")
    return 0


if __name__ == "__main__":
    sys.exit(main())
