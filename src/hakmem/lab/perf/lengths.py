"""How long the runs of a workload are: long enough to be timed, short enough under a tool that slows them.

All allocators do the same work, so the slowest decides.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hakmem.lab.perf.simulated import SLOWDOWN
from hakmem.lab.perf.start import RunFailedError, Starter
from hakmem.lab.plan import Allocator, Job

PLAIN_S: Final = 0.25
"""Seconds of the long plain run under the slowest allocator."""
SIMULATED_S: Final = 3.0
"""Seconds of the long run under callgrind, about."""
RATIO: Final = 3
"""The long run's operations over the short run's, as in docs/design/limits.md."""
MEMORY_B: Final = 512 << 20
"""Bytes beyond which a run that grows is not made longer."""

_FIRST: Final = 10
"""Operations of the first probe, whose time is taken for that of the start of a process."""
_STEP: Final = 8
_PROBE_S: Final = 0.04
"""Seconds of work that can be timed."""
_MOST: Final = 1 << 28
_LEAST: Final = 30


@dataclass(frozen=True, slots=True)
class Lengths:
    """Operations to ask for in long runs; short ones do a third. plain: as it is; slow: under a tool."""

    plain: int
    slow: int


@dataclass(frozen=True, slots=True)
class Probe:
    """The slowest run of one length.

    cpu_s: processor seconds, peak_b: bytes of resident memory, each the most of any allocator.
    """

    operations: int
    wall_s: float
    cpu_s: float
    peak_b: int


def choose(starter: Starter, scaled: Callable[[Path, int], Job], allocators: Sequence[Allocator]) -> Lengths:
    """Lengths for a workload, from runs that grow until the slowest can be timed. Errors: RunFailedError."""
    start = probe = _probe(starter, scaled, allocators, _FIRST)
    while probe.wall_s - start.wall_s < _PROBE_S and probe.operations * _STEP <= _MOST:
        probe = _probe(starter, scaled, allocators, probe.operations * _STEP)
    return lengths(start, probe)


def lengths(start: Probe, probe: Probe) -> Lengths:
    """Lengths from a probe of next to no work and one that can be timed."""
    operations = probe.operations - start.operations
    plain = operations * PLAIN_S / max(probe.wall_s - start.wall_s, 1e-6)
    grown = probe.peak_b - start.peak_b
    if grown > 0:
        plain = min(plain, MEMORY_B * operations / grown)
    slow = SIMULATED_S * operations / (SLOWDOWN * max(probe.cpu_s - start.cpu_s, 1e-6))
    plain = min(max(plain, _LEAST), _MOST)
    return Lengths(round(plain), round(min(plain, max(slow, _LEAST))))


def _probe(
    starter: Starter, scaled: Callable[[Path, int], Job], allocators: Sequence[Allocator], operations: int
) -> Probe:
    """The slowest of one run each; those that fail do not count, unless all do."""
    job = scaled(starter.scratch, operations)
    runs = []
    failure = None
    for allocator in allocators:
        try:
            runs.append(starter.plain(job, allocator))
        except RunFailedError as error:
            failure = error
    if not runs:
        raise failure or RunFailedError("no allocator to run under")
    used = [run.usage for run in runs if run.usage]
    return Probe(
        operations,
        max(run.wall_s for run in runs),
        max((usage.user_s + usage.system_s for usage in used), default=0.0),
        max((usage.peak_rss_b for usage in used), default=0),
    )
