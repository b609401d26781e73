"""How long runs will take: before any has run from what they are made for, then from how long they took."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean
from typing import Final

from hakmem.lab.plan import Effort, Kind, Workload

TYPICAL_S: Final = {
    Kind.NATIVE: {Effort.QUICK: 0.1, Effort.DEFAULT: 0.3, Effort.FULL: 0.6},
    Kind.PYTHON: {Effort.QUICK: 0.3, Effort.DEFAULT: 1.0, Effort.FULL: 2.0},
    Kind.REAL: {Effort.QUICK: 1.0, Effort.DEFAULT: 3.0, Effort.FULL: 5.0},
}
"""Seconds that one run of a catalogue's workload is made to take, by kind and effort."""
AROUND_S: Final = 0.05
"""Seconds of a run before and after what it times: a new process, its warm-up, its files."""


def typical_s(workloads: Sequence[Workload], allocators: int, rounds: int, effort: Effort) -> float:
    """Seconds that a suite of the catalogue's workloads takes, with the warm-up, on a machine of today.

    allocators: how many take part; the floor comes on top where it does.
    """
    each = (
        (TYPICAL_S[workload.kind][effort] + AROUND_S) * (allocators + workload.has_floor)
        for workload in workloads
    )
    return sum(each) * (rounds + 1)


@dataclass(slots=True)
class Forecast:
    """Seconds of runs to come. clock: in seconds, such as time.monotonic.

    A pair (workload, allocator) that ran is expected to take what it took last; one that did not, the mean of
    its workload under other allocators, and before that the mean of all.
    """

    clock: Callable[[], float]
    took: dict[tuple[str, str], float] = field(default_factory=dict)

    @contextmanager
    def taking(self, pair: tuple[str, str]) -> Iterator[None]:
        """Notes how long the body took, with everything around the run itself."""
        started = self.clock()
        yield
        self.took[pair] = self.clock() - started

    def of(self, pairs: Sequence[tuple[str, str]]) -> float:
        """Seconds that one run each of `pairs` will take; a pair may occur several times. 0: no idea yet."""
        if not self.took:
            return 0.0
        overall = fmean(self.took.values())
        of_workload: dict[str, list[float]] = {}
        for (workload, _), seconds in self.took.items():
            of_workload.setdefault(workload, []).append(seconds)
        means = {workload: fmean(each) for workload, each in of_workload.items()}
        return sum(self.took.get(pair, means.get(pair[0], overall)) for pair in pairs)
