"""All runs of a suite: a fresh process each, in paired rounds of random order.

A round runs every workload once under every allocator. Drift of the machine (frequency, temperature,
neighbours) then hits all allocators of a round alike, and `statistics` compares within rounds. Workloads are
shuffled each round and allocators are shuffled within each workload, so that nobody always runs first or
behind the same neighbour. One round that does not count comes before: it brings programs, libraries and
input files into the system's page cache, and it finds what cannot run.

What goes wrong under one allocator stays there: after PATIENCE failures the pair is not run again, and its
cell says why. Ctrl-C ends the runs and keeps what was measured.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from hakmem.errors import HakmemError
from hakmem.lab.events import Event, GaveUp, LeftOut, Preparing, RunEnded, RunStarted
from hakmem.lab.forecast import Forecast
from hakmem.lab.measurement import Measurement, Status
from hakmem.lab.plan import FLOOR, Allocator, Effort, Job, Kind, Workload

PATIENCE: Final = 2
"""Failures of a workload under an allocator after which it is not tried again there; one may be chance."""
WARM_UP: Final = 0
"""The number of the round that does not count; of several, of the last."""

_HOPELESS: Final = (Status.NOT_LOADED, Status.ABSENT)

Pair = tuple[str, str]
"""Names of a workload and of an allocator."""


class Meter(Protocol):
    """What runs a job once, as meter.measure does; it ends the job's processes if it is interrupted."""

    def __call__(
        self, job: Job, allocator: Allocator, /, *, kind: Kind, timeout_s: float, scratch: Path
    ) -> Measurement:
        """One run. Whatever the job does is told by the measurement's status, not by an exception."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What was measured.

    workloads: those that could be prepared; allocators: as given, the floor among them.
    measurements: of each pair, one a round in the order of the rounds; None where it was not run.
    failures: of each pair that went wrong once, those runs, the warm-up's among them.
    tried: how often each pair was started, warm-up included.
    left_out: workloads that could not be prepared, and why.
    rounds: whole rounds that were completed, of the `planned` ones.
    interrupted: ended early by Ctrl-C; out_of_time: by the budget.
    """

    workloads: tuple[Workload, ...]
    allocators: tuple[Allocator, ...]
    measurements: Mapping[Pair, tuple[Measurement | None, ...]]
    failures: Mapping[Pair, tuple[Measurement, ...]]
    tried: Mapping[Pair, int]
    left_out: Mapping[str, str]
    rounds: int
    planned: int
    interrupted: bool
    out_of_time: bool


def run(
    workloads: Sequence[Workload],
    allocators: Sequence[Allocator],
    *,
    meter: Meter,
    scratch: Path,
    effort: Effort,
    rounds: int,
    seed: int,
    timeout_s: float,
    budget_s: float | None = None,
    warm_up: int = 1,
    on_event: Callable[[Event], None] = lambda _event: None,
    clock: Callable[[], float] = time.monotonic,
) -> Runs:
    """Runs every workload under every allocator, `rounds` times after the warm-up.

    allocators: with the floor among them, where it takes part; it meets only workloads that can run on it.
    scratch: an empty directory for input files; the caller removes it.
    timeout_s: seconds after which the meter ends a run.
    warm_up: rounds that come first and do not count.
    budget_s: no round is begun that would probably end after so many seconds; None: no limit.
    on_event: is told what happens, for a display of progress.
    """
    session = _Session(meter, scratch, timeout_s, rounds, on_event, Forecast(clock))
    interrupted = out_of_time = False
    try:
        session.prepare(workloads, allocators, effort)
        started = clock()
        for number in range(WARM_UP + 1 - warm_up, rounds + 1):
            hopeful = session.hopeful()
            left_s = session.forecast.of(hopeful)
            out_of_time = budget_s is not None and number > 1 and clock() - started + left_s > budget_s
            if out_of_time or not hopeful:
                break
            session.round(number, random.Random(f"{seed}/{number}"))
    except KeyboardInterrupt:
        interrupted = True
    return session.result(allocators, interrupted=interrupted, out_of_time=out_of_time)


@dataclass(slots=True)
class _Session:
    """The state of `run`. jobs: of every pair that takes part; rows: of each pair, round -> measurement."""

    meter: Meter
    scratch: Path
    timeout_s: float
    rounds: int
    on_event: Callable[[Event], None]
    forecast: Forecast
    workloads: dict[str, Workload] = field(default_factory=dict)
    allocators: dict[str, Allocator] = field(default_factory=dict)
    jobs: dict[Pair, Job] = field(default_factory=dict)
    rows: dict[Pair, dict[int, Measurement]] = field(default_factory=dict)
    failures: dict[Pair, list[Measurement]] = field(default_factory=dict)
    tried: dict[Pair, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    completed: int = 0

    def prepare(self, workloads: Sequence[Workload], allocators: Sequence[Allocator], effort: Effort) -> None:
        """Makes every workload's job. What it needs may be absent, or making it fail: it is left out."""
        self.allocators = {allocator.name: allocator for allocator in allocators}
        (self.scratch / "meter").mkdir()
        for at, workload in enumerate(workloads):
            self.on_event(Preparing(workload.name))
            directory = self.scratch / f"workload-{at}"
            directory.mkdir()
            try:
                job = _prepared(workload, directory, effort)
            except (HakmemError, OSError) as error:
                self.left_out[workload.name] = str(error)
                self.on_event(LeftOut(workload.name, str(error)))
                continue
            self.workloads[workload.name] = workload
            for name in self.allocators:
                if name != FLOOR or workload.has_floor:
                    self.jobs[workload.name, name] = job

    def is_hopeful(self, pair: Pair) -> bool:
        """Whether it makes sense to run the pair (again)."""
        failures = self.failures.get(pair, [])
        return len(failures) < PATIENCE and not any(each.status in _HOPELESS for each in failures)

    def hopeful(self) -> list[Pair]:
        """The pairs that are worth running."""
        return [pair for pair in self.jobs if self.is_hopeful(pair)]

    def round(self, number: int, order: random.Random) -> None:
        """Runs every hopeful pair once."""
        left = self._shuffled(order)
        while left:
            pair = left.pop(0)
            if self.is_hopeful(pair):
                self._run(pair, number, left)
        if number > WARM_UP:
            self.completed = number

    def result(self, allocators: Sequence[Allocator], *, interrupted: bool, out_of_time: bool) -> Runs:
        """What there is, in rounds of equal number for all pairs; a round that was cut short is the last."""
        last = max((number for row in self.rows.values() for number in row), default=0)
        numbers = range(1, last + 1)
        return Runs(
            workloads=tuple(self.workloads.values()),
            allocators=tuple(allocators),
            measurements={
                pair: tuple(self.rows.get(pair, {}).get(number) for number in numbers) for pair in self.jobs
            },
            failures={pair: tuple(each) for pair, each in self.failures.items()},
            tried=dict(self.tried),
            left_out=dict(self.left_out),
            rounds=self.completed,
            planned=self.rounds,
            interrupted=interrupted,
            out_of_time=out_of_time,
        )

    def _shuffled(self, order: random.Random) -> list[Pair]:
        pairs = []
        for workload in order.sample(list(self.workloads), len(self.workloads)):
            names = [name for name in self.allocators if (workload, name) in self.jobs]
            pairs += [(workload, name) for name in order.sample(names, len(names))]
        return pairs

    def _run(self, pair: Pair, number: int, left: Sequence[Pair]) -> None:
        later = self.hopeful() * (self.rounds - number)
        coming = [pair, *(each for each in left if self.is_hopeful(each)), *later]
        self.on_event(RunStarted(*pair, number, self.rounds, len(coming), self.forecast.of(coming)))
        workload = self.workloads[pair[0]]
        self.tried[pair] = self.tried.get(pair, 0) + 1
        with self.forecast.taking(pair):
            measurement = self.meter(
                self.jobs[pair],
                self.allocators[pair[1]],
                kind=workload.kind,
                timeout_s=self.timeout_s,
                scratch=self.scratch / "meter",
            )
        if number > WARM_UP:
            self.rows.setdefault(pair, {})[number] = measurement
        if measurement.status is not Status.OK:
            self.failures.setdefault(pair, []).append(measurement)
        self.on_event(RunEnded(*pair, number, self.rounds, measurement))
        if not self.is_hopeful(pair):
            self.on_event(GaveUp(*pair, f"{measurement.status}: {measurement.detail}"))


def _prepared(workload: Workload, directory: Path, effort: Effort) -> Job:
    if workload.needs:
        absent = "; ".join(f"{what} is not here: {how}" for what, how in workload.needs.items())
        raise HakmemError(absent)
    return workload.prepare(directory, effort)
