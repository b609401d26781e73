"""A run under callgrind, which simulates caches and branch prediction: repeatable, some 50 times slower.

What it is not: it knows two levels of cache, no prefetcher and no TLB, runs one thread at a time and sees
no line travel between processors. Where the kernel gives hardware counters, they come first.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hakmem.lab.perf import callgrind
from hakmem.lab.perf.caches import Cache
from hakmem.lab.perf.callgrind import Counted, DamagedOutputError
from hakmem.lab.perf.counts import Figure, FunctionCost, Source
from hakmem.lab.perf.slope import Slope, Total, slope
from hakmem.lab.perf.start import RunFailedError, Starter, operations
from hakmem.lab.plan import Allocator, Job

SLOWDOWN: Final = 50
"""About how many times longer a program takes under callgrind with simulation (random_mixed: 45)."""

EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "instructions": ("Ir",),
    "loads": ("Dr",),
    "stores": ("Dw",),
    "l1_misses": ("I1mr", "D1mr", "D1mw"),
    "last_level_misses": ("ILmr", "DLmr", "DLmw"),
    "branches": ("Bc", "Bi"),
    "branch_misses": ("Bcm", "Bim"),
}
"""Resource -> callgrind's events, of which it is the sum."""

_CYCLES: Final[Mapping[str, int]] = {
    "instructions": 1,
    "branch_misses": 10,
    "l1_misses": 10,
    "last_level_misses": 100,
}
"""KCachegrind's cycle estimation: CEst = Ir + 10 Bm + 10 L1m + 100 LLm."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """One process under callgrind. operations: units of work that it did."""

    counted: Counted
    operations: float

    @property
    def total(self) -> Total:
        """Its resources."""
        return Total(self.operations, amounts(self.counted.total))


def unavailable() -> str | None:
    """Why no program can be run under callgrind here; None when one can."""
    if shutil.which("valgrind") is None:
        return "no simulated counts: valgrind is not installed (apt-get install valgrind)"
    return None


def run(starter: Starter, job: Job, allocator: Allocator, caches: Mapping[str, Cache]) -> Simulated:
    """Counts one run, the program's children included. Errors: RunFailedError."""
    for stale in starter.scratch.glob("callgrind.out.*"):
        stale.unlink()
    tool = (
        shutil.which("valgrind") or "valgrind",
        "--tool=callgrind",
        "--cache-sim=yes",
        "--branch-sim=yes",
        "--trace-children=yes",
        "--dump-line=no",
        f"--callgrind-out-file={starter.scratch}/callgrind.out.%p",
        *(f"--{name}={cache.option}" for name, cache in caches.items()),
    )
    measured = starter.under(tool, job, allocator, starter.variables(allocator))
    files = [path for path in starter.scratch.glob("callgrind.out.*") if path.stat().st_size]
    try:
        counted = callgrind.read(files)
    except (DamagedOutputError, OSError) as error:
        raise RunFailedError(f"{allocator.name}: {error}") from None
    if not counted.total:
        raise RunFailedError(f"{allocator.name}: callgrind left no counts; can valgrind run here?")
    _check_loaded(counted, allocator)
    return Simulated(counted, operations(measured) or 1)


def figures(long: Simulated, short: Simulated | None) -> tuple[dict[str, Figure], Slope]:
    """The figures of each unit of work, and the slope that they are from."""
    each = slope(long.total, short.total if short else None)
    found = {
        name: Figure(amount, Source.ESTIMATE if name == "cycles" else Source.SIMULATION)
        for name, amount in each.unit.items()
    }
    return found, each


def functions(long: Simulated, short: Simulated | None) -> tuple[FunctionCost, ...]:
    """What each function costs for each unit of work, most instructions first."""
    before = (short.counted, short.operations) if short else None
    return callgrind.function_costs((long.counted, long.operations), before)


def amounts(events: Mapping[str, float]) -> dict[str, float]:
    """Resources from callgrind's events, estimated cycles among them."""
    found = {name: sum(events.get(event, 0) for event in parts) for name, parts in EVENTS.items()}
    return {**found, "cycles": sum(found[name] * weight for name, weight in _CYCLES.items())}


def _check_loaded(counted: Counted, allocator: Allocator) -> None:
    if allocator.library is None:
        return
    names = {allocator.library.name, Path(allocator.library).resolve().name}
    if names.isdisjoint(object_file for _, object_file in counted.functions):
        raise RunFailedError(f"{allocator.name}: under valgrind its library was not in the process")
