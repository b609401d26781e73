"""How the locks of the central store hold on many processors: a simulation of events, in nanoseconds.

Each core runs one thread, which works, and every so many operations visits a lock: a shard of the transfer
cache (one for each core, up to 64), the lock of a size class, the lock of the pool of spans. How often, is
counted (a `Demand`); what a visit costs, is a `Costs`. Locks are those of core/lock.h: who finds one held
spins for a while, then sleeps, and is woken by who gives it up; who comes at the right moment goes first.

What it leaves out, so that its figures are bounds for comparing designs and no forecast: memory bandwidth,
caches that grow cold, threads that lose their processor, several threads on a core, and any order in which
the visits of one thread follow each other (they come at random, at the rate that was counted). A line moves
between any two cores at one price.
"""

import heapq
import random
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

SHARDS: Final = 64
"""HAK_SHARDS of core/shard.h; a test compares the two."""
NEIGHBOURS: Final = 8
"""OTHERS_MAX of core/transfer.c: the shards that a refill or a flush looks at besides its own."""


class Kind(StrEnum):
    """The kinds of locks, and of lines that all threads write to, which are locks of the hardware."""

    SHARD = "shard"
    CLASS = "class"
    STOCK = "stock"
    POOL = "pool"
    LINE = "line"  # of the empty cache, on which the calls of all trapped threads meet


class Visit(StrEnum):
    """What a thread does beyond its own cache, in the words of the count flavour."""

    TAKE = "shard_take"
    STEAL = "shard_steal"
    PUT = "shard_put"
    SPILL = "shard_spill"  # a batch to another's shard, as the own one seemed to have no room
    FULL = "transfer_full"  # after a PUT: the batch goes to its slabs, without a lock of its own
    REFILL = "class_refill"
    PUSH = "class_push"
    SLAB = "stock_slab"  # under the lock of a class, of which it is part
    LARGE = "stock_large"
    TRADE = "pool_stock"  # under the lock of a stock, of which it is part: of a SLAB or a LARGE
    LONG = "pool_large"
    TRAPPED = "trapped"


LOOKS: Final[Mapping[Visit, float]] = {
    Visit.TAKE: 1 / 16,
    Visit.STEAL: 1 / 16,
    Visit.PUT: 1 / 16,
    Visit.SPILL: 1 / 16,
    Visit.REFILL: 1.0,
    Visit.FULL: 1.0,
}
"""How often a thread reads the pool's figures afterwards: hak_upkeep_after, SKIP_TRIPS_MAX."""


@dataclass(frozen=True, slots=True)
class Section:
    """What one visit costs. Instructions, and cache lines that come from another core.

    inside: instructions with the lock held. inside_lines: lines that move if another core held it last.
    outside: instructions before and after. outside_lines: lines that always come from another core.
    """

    inside: int
    inside_lines: int
    outside: int = 0
    outside_lines: int = 0


SECTIONS: Final[Mapping[Visit, Section]] = {
    Visit.TAKE: Section(60, 5, 230),
    Visit.STEAL: Section(60, 5, 230, 2),
    Visit.PUT: Section(60, 5, 230),
    Visit.SPILL: Section(60, 5, 230, 2),
    Visit.REFILL: Section(400, 12, 230, 2),
    Visit.FULL: Section(0, 0, 800, 5),
    Visit.PUSH: Section(40, 4),
    Visit.SLAB: Section(230, 2),
    Visit.LARGE: Section(230, 2, 60, 1),
    Visit.TRADE: Section(2300, 24),
    Visit.LONG: Section(330, 8, 60, 1),
    Visit.TRAPPED: Section(2, 1, 60),
}
"""Today's core. Instructions by callgrind; lines by reading the code; docs/design/scaling.md shows both."""


PARTS: Final = (Visit.SLAB, Visit.TRADE)
"""Visits that others make on their way."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What one operation asks for, on average.

    work_ns: nanoseconds of an operation and of the program's own work around it, without visits.
    visits: how many of each an operation makes; SLAB of which are part of a REFILL or PUSH, TRADE of a SLAB
        or LARGE.
    classes: the shares of the size classes in the visits of class locks; they add up to 1. trapped_classes:
        those in trapped calls.
    """

    work_ns: float
    visits: Mapping[Visit, float]
    classes: tuple[float, ...] = (1.0,)
    trapped_classes: tuple[float, ...] = (1.0,)


@dataclass(frozen=True, slots=True)
class Costs:
    """Nanoseconds.

    instruction: of one, at two a cycle. line: a cache line that another core wrote to.
    spin: how long a waiting thread spins before it sleeps (64 pauses of some 40 cycles).
    wake: from the call that wakes a thread until it runs. call: the system call that wakes it.
    """

    instruction: float = 0.135
    line: float = 50.0
    spin: float = 750.0
    wake: float = 2600.0
    call: float = 165.0
    sections: Mapping[Visit, Section] = field(default_factory=lambda: SECTIONS)


@dataclass(frozen=True, slots=True)
class Load:
    """What a simulation found.

    rate: operations of one core in a second.
    busy: of each kind of lock, the part of the time that the busiest one was held.
    waiting: of each kind, the part of the cores' time that went into waiting for it, sleep included.
    sleeps: times that a thread went to sleep, for each operation.
    """

    cores: int
    rate: float
    busy: Mapping[Kind, float]
    waiting: Mapping[Kind, float]
    sleeps: float

    @property
    def bends(self) -> Kind | None:
        """The kind that threads wait for most; None where that is less than a hundredth of their time."""
        most = max(self.waiting, key=lambda kind: self.waiting[kind])
        return most if self.waiting[most] >= 0.01 else None


@dataclass(slots=True, eq=False)
class _Lock:
    kind: Kind
    held: bool = False
    last: int = -1
    since_ns: float = 0.0
    busy_ns: float = 0.0
    spinners: deque["_Core"] = field(default_factory=deque)
    sleepers: deque["_Core"] = field(default_factory=deque)


@dataclass(slots=True, eq=False)
class _Core:
    number: int
    steps: Iterator["_Step"]
    pool_seen: int = 0
    waits_for: _Lock | None = None
    waits_since_ns: float = 0.0
    patience: int = 0  # which wait this is, so that the end of an earlier one's spinning is not taken for it


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of a core: `ns` go by; or it takes, or gives up, a lock."""

    ns: float = 0.0
    take: _Lock | None = None
    give: _Lock | None = None


class _Machine:
    """Cores, locks, and the events to come."""

    def __init__(self, cores: int, demand: Demand, costs: Costs, seed: int) -> None:
        self.demand, self.costs = demand, costs
        self.random = random.Random(seed)
        self.now_ns = 0.0
        self.operations = 0.0
        self.sleeps = 0
        self.pool_version = 0
        self.waited_ns: dict[Kind, float] = dict.fromkeys(Kind, 0.0)
        self.shards = [_Lock(Kind.SHARD) for _ in range(min(cores, SHARDS))]
        self.stocks = [_Lock(Kind.STOCK) for _ in self.shards]
        self.classes = [_Lock(Kind.CLASS) for _ in demand.classes]
        self.pool = _Lock(Kind.POOL)
        self.lines = [_Lock(Kind.LINE) for _ in demand.trapped_classes]
        self.locks = [*self.shards, *self.stocks, *self.classes, self.pool, *self.lines]
        self.order = 0
        self.events: list[tuple[float, int, _Core, int | None]] = []
        free = {visit: each for visit, each in demand.visits.items() if visit not in PARTS and each > 0}
        self.kinds, self.weights = tuple(free), tuple(free.values())
        self.gap = 1 / sum(self.weights)
        guarded = demand.visits.get(Visit.REFILL, 0.0) + demand.visits.get(Visit.PUSH, 0.0)
        self.slab_part = demand.visits.get(Visit.SLAB, 0.0) / guarded if guarded else 0.0
        stocked = demand.visits.get(Visit.SLAB, 0.0) + demand.visits.get(Visit.LARGE, 0.0)
        self.trade_part = demand.visits.get(Visit.TRADE, 0.0) / stocked if stocked else 0.0
        self.cores = [_Core(number, iter(())) for number in range(cores)]
        for core in self.cores:
            core.steps = self._life(core)
            self._at(self.random.random() * demand.work_ns, core)

    def run(self, events: int) -> None:
        for _ in range(events):
            self.now_ns, _, core, patience = heapq.heappop(self.events)
            if patience is None:
                self._go_on(core)
            elif core.waits_for is not None and core.patience == patience:
                self._sleep(core, core.waits_for)

    def busy_ns(self) -> list[float]:
        """How long each lock has been held so far."""
        return [lock.busy_ns + (self.now_ns - lock.since_ns if lock.held else 0) for lock in self.locks]

    def waiting_ns(self) -> dict[Kind, float]:
        """How long cores have waited so far, those that still do included."""
        waited_ns = dict(self.waited_ns)
        for core in self.cores:
            if core.waits_for is not None:
                waited_ns[core.waits_for.kind] += self.now_ns - core.waits_since_ns
        return waited_ns

    def _at(self, ns: float, core: _Core, patience: int | None = None) -> None:
        self.order += 1
        heapq.heappush(self.events, (ns, self.order, core, patience))

    def _go_on(self, core: _Core) -> None:
        """Runs a core up to where time goes by for it."""
        if core.waits_for is not None:  # woken: it tries again, and sleeps on when somebody was faster
            lock = core.waits_for
            if lock.held:
                self._sleep(core, lock)
                return
            self._got(core, lock)
        for step in core.steps:
            if step.give is not None:
                self._give(step.give)
            elif step.take is None:
                self._at(self.now_ns + step.ns, core)
                return
            elif step.take.held:
                core.waits_for, core.waits_since_ns = step.take, self.now_ns
                core.patience += 1
                step.take.spinners.append(core)
                if step.take.kind is not Kind.LINE:
                    self._at(self.now_ns + self.costs.spin, core, core.patience)
                return
            else:
                self._hold(step.take)

    def _hold(self, lock: _Lock) -> None:
        lock.held, lock.since_ns = True, self.now_ns

    def _got(self, core: _Core, lock: _Lock) -> None:
        core.waits_for = None
        self.waited_ns[lock.kind] += self.now_ns - core.waits_since_ns
        self._hold(lock)

    def _sleep(self, core: _Core, lock: _Lock) -> None:
        if core in lock.spinners:
            lock.spinners.remove(core)
        core.patience += 1
        lock.sleepers.append(core)
        self.sleeps += 1

    def _give(self, lock: _Lock) -> None:
        lock.held = False
        lock.busy_ns += self.now_ns - lock.since_ns
        if lock.sleepers:
            self._at(self.now_ns + self.costs.wake, lock.sleepers.popleft())
        if lock.spinners:
            core = lock.spinners.popleft()
            self._got(core, lock)
            core.patience += 1
            self._at(self.now_ns, core)

    def _life(self, core: _Core) -> Iterator[_Step]:
        while True:
            operations = self.random.expovariate(1.0) * self.gap
            yield _Step(ns=operations * self.demand.work_ns)
            self.operations += operations
            visit = self.random.choices(self.kinds, self.weights)[0]
            yield from self._visit(core, visit)

    def _visit(self, core: _Core, visit: Visit) -> Iterator[_Step]:
        section, costs = self.costs.sections[visit], self.costs
        lines = section.outside_lines
        looks = self.random.random() < LOOKS.get(visit, 0.0)
        if looks and core.pool_seen != self.pool_version:
            core.pool_seen = self.pool_version
            lines += 1
        yield _Step(ns=section.outside * costs.instruction + lines * costs.line)
        if visit is Visit.FULL:
            return
        lock = self._lock(core, visit)
        yield _Step(take=lock)
        yield self._inside(core, lock, section)
        if visit in (Visit.REFILL, Visit.PUSH) and self.random.random() < self.slab_part:
            stock = self._lock(core, Visit.SLAB)
            yield _Step(take=stock)
            yield self._inside(core, stock, costs.sections[Visit.SLAB])
            yield from self._maybe_trade(core)
            yield from self._leave(stock)
        if visit is Visit.LARGE:
            yield from self._maybe_trade(core)
        yield from self._leave(lock)

    def _maybe_trade(self, core: _Core) -> Iterator[_Step]:
        """A stock that cannot serve, or has too much, goes to the pool with its lock held."""
        if self.random.random() < self.trade_part:
            yield _Step(take=self.pool)
            yield self._inside(core, self.pool, self.costs.sections[Visit.TRADE])
            yield from self._leave(self.pool)

    def _inside(self, core: _Core, lock: _Lock, section: Section) -> _Step:
        moved = section.inside_lines if lock.last not in (-1, core.number) else 0
        lock.last = core.number
        if lock is self.pool:
            self.pool_version += 1
            core.pool_seen = self.pool_version
        return _Step(ns=section.inside * self.costs.instruction + moved * self.costs.line)

    def _leave(self, lock: _Lock) -> Iterator[_Step]:
        wakes = bool(lock.sleepers)
        yield _Step(give=lock)
        if wakes:
            yield _Step(ns=self.costs.call)

    def _lock(self, core: _Core, visit: Visit) -> _Lock:
        own = core.number % len(self.shards)
        if visit in (Visit.STEAL, Visit.SPILL):
            ahead = self.random.randint(1, NEIGHBOURS) if len(self.shards) > 1 else 0
            return self.shards[(own + ahead) % len(self.shards)]
        if visit in (Visit.TAKE, Visit.PUT):
            return self.shards[own]
        if visit in (Visit.SLAB, Visit.LARGE):
            return self.stocks[own]
        if visit is Visit.LONG:
            return self.pool
        if visit is Visit.TRAPPED:
            return self.random.choices(self.lines, self.demand.trapped_classes)[0]
        return self.random.choices(self.classes, self.demand.classes)[0]


def simulate(cores: int, demand: Demand, costs: Costs | None = None, *, seed: int = 1) -> Load:
    """Runs `cores` of them long enough for some hundred visits each, after a while to warm up.

    ValueError: an operation that makes no visit has nothing to be simulated.
    """
    if not any(demand.visits.values()):
        raise ValueError("a demand without visits")
    machine = _Machine(cores, demand, costs or Costs(), seed)
    machine.run(20_000)
    begin_ns, operations, sleeps = machine.now_ns, machine.operations, machine.sleeps
    busy_ns, waiting_ns = machine.busy_ns(), machine.waiting_ns()
    machine.run(100_000)
    ns, done = machine.now_ns - begin_ns, machine.operations - operations
    busiest = dict.fromkeys(Kind, 0.0)
    for lock, before_ns, after_ns in zip(machine.locks, busy_ns, machine.busy_ns(), strict=True):
        busiest[lock.kind] = max(busiest[lock.kind], (after_ns - before_ns) / ns)
    waited_ns = machine.waiting_ns()
    return Load(
        cores=cores,
        rate=done / ns * 1e9 / cores,
        busy=busiest,
        waiting={kind: (waited_ns[kind] - waiting_ns[kind]) / (ns * cores) for kind in Kind},
        sleeps=(machine.sleeps - sleeps) / done,
    )
