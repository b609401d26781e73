"""A thread's own lists of free blocks: a bin for each class, and one spare batch behind it.

Mirrors core/thread_cache.c. A bin that is full moves whole to the spare; only a second crossing goes to the
central store. Where the budget has no room for a spare, half of the bin goes there instead. A bin's limit
starts at nothing, doubles when the bin has proved warm while the budget of all caches allows, and halves when
it is idle.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from hakmem.model.central import Central, Source
from hakmem.model.failures import require
from hakmem.model.long import LongBins
from hakmem.model.policy import World
from hakmem.model.size_class import CLASSES, is_long, round_up
from hakmem.model.slab import Chain
from hakmem.model.stock import Stock
from hakmem.spec.size_classes import SIZE_CLASSES, TINY_MAX_B, UNIT_B

Centrals = dict[int, Central]
"""Class -> its central store."""


class Trip(IntEnum):
    """How far past its bin a call went."""

    SPARE = 0
    TRANSFER = 1
    SLABS = 2


class Budget:
    """What all thread caches may hold together, leased to them in pieces.

    leased_b: bytes given out.
    idle_b: bytes of spans in use that were no live blocks at the last tick.
    sharers: caches of living threads.
    holders, long_b: those that hold long blocks, and how many bytes of them.
    """

    def __init__(self, world: World, stock: Stock) -> None:
        self.policy = world.policy
        self.settings = world.settings
        self.stock = stock
        self.leased_b = 0
        self.idle_b = 0
        self.sharers = 0
        self.holders = self.long_b = 0

    @property
    def total_b(self) -> int:
        """docs/design/limits.md: min(cache_limit, max(live / 8, 2 MiB, 256 KiB a thread))."""
        live_b = max(self.stock.seen_used_units * UNIT_B - self.idle_b, 0)
        least_b = max(self.policy.budget_least_b, self.sharers * self.policy.budget_thread_b)
        return min(self.settings.cache_limit, max(live_b // self.policy.budget_part, least_b))

    @property
    def is_scarce(self) -> bool:
        """Whether another lease would exceed the total."""
        return self.leased_b + self.policy.lease_b > self.total_b

    @property
    def share_b(self) -> int:
        """An even share. Leases are first come, first served, and may exceed it while there is enough."""
        return self.total_b // max(self.sharers, 1)

    def long_part_b(self, total_b: int, held_b: int) -> int:
        """What a cache that has `held_b` of long blocks may hold if all may hold `total_b`."""
        return max(total_b // max(self.holders, 1), total_b - min(total_b, self.long_b - held_b))

    def limit_b(self, lease_b: int) -> int:
        """What all leases together may be for one to be given out that makes a cache's `lease_b`."""
        return self.total_b + (self.total_b // 2 if lease_b <= self.share_b else 0)


@dataclass(slots=True)
class Bin:
    """The free blocks of one class.

    blocks: the list; may exceed the limit after a batch that was larger.
    spare: the batch behind it.
    limit: blocks that the bin takes.
    events: trips to spare or central store since the last tick, or since the limit was raised for them.
    """

    blocks: Chain = field(default_factory=list)
    spare: Chain = field(default_factory=list)
    limit: int = 0
    events: int = 0

    def take_blocks(self) -> Chain:
        """Empties the list."""
        chain, self.blocks = self.blocks, []
        return chain

    def take_cold_half(self) -> Chain:
        """Keeps the blocks that were freed last; with the next one the bin is half full."""
        kept = max(len(self.blocks) - 1, 0) // 2
        chain, self.blocks = self.blocks[kept:], self.blocks[:kept]
        return chain

    def take_spare(self) -> Chain:
        """Empties the spare."""
        chain, self.spare = self.spare, []
        return chain


@dataclass(slots=True)
class Pace:
    """How often something looks at the clock.

    between: how many to skip between two looks.
    left: those that are still to be skipped.
    look_ms: the last look.
    """

    between: int = 0
    left: int = 0
    look_ms: int = 0

    def set(self, most: int, now_ms: int) -> None:
        """After a look: the longer the clock stands still, the more may be skipped, up to `most`."""
        self.between = min(2 * self.between + 1, most) if now_ms == self.look_ms else 0
        self.left = self.between
        self.look_ms = now_ms

    def skips(self) -> bool:
        """Whether this one is skipped."""
        if self.left == 0:
            return False
        self.left -= 1
        return True


@dataclass(slots=True)
class Watch:
    """What upkeep remembers of one thread; see upkeep.

    call_pace, trip_pace: how often a trapped thread's calls, and trips to the transfer cache, look.
    trap_trips: trips since the trap was set.
    debt_units, debt_flow_b: the most dirty units since the tick that was due at debt_tick_ms; the most flow.
    growth_ms: when one of them last grew.
    settled_flow_b: the flow that has been settled.
    ticks_seen: the last tick after which the thread looked at its own bins; 0 for none.
    """

    call_pace: Pace = field(default_factory=Pace)
    trip_pace: Pace = field(default_factory=Pace)
    trap_trips: int = 0
    debt_units: int = 0
    debt_flow_b: int = 0
    debt_tick_ms: int = 0
    growth_ms: int = 0
    settled_flow_b: int = 0
    ticks_seen: int = 0


class ThreadCache:
    """One thread's cache. When its thread ends it waits, empty, for the next thread.

    lease_b: its part of the budget, bytes.
    flow_b: bytes that its calls gave to slabs, less those that they took from slabs.
    published_flow_b: of them, those that the sum of all threads has.
    spare_b: bytes in the spares as the owner knows it: what others took is noticed at the next tick.
    events, events_seen: trips past the bins, and how many of them an upkeep tick has seen.
    trapped: every call takes the slow path.
    watch: what upkeep remembers of the thread.
    calls: class -> the count flavour's counters.
    """

    def __init__(self, world: World, budget: Budget, centrals: Centrals) -> None:
        self.policy = world.policy
        self.settings = world.settings
        self.budget = budget
        self.centrals = centrals
        self.bins = {c: Bin() for c in CLASSES}
        self.lease_b = self.spare_b = 0
        self.events = self.events_seen = 0
        self.flow_b = 0
        self.published_flow_b = 0
        self.trapped = False
        self.watch = Watch()
        self.calls: dict[int, Counter[str]] = {c: Counter() for c in CLASSES}
        self.long = LongBins(self)

    # What calls do.

    def refill(self, c: int) -> tuple[int | None, Trip]:
        """A block of a class whose bin is empty; None: no memory."""
        entry = self.bins[c]
        self.note_event(entry)
        trip = Trip.SPARE
        if not entry.spare:
            self._raise_if_warm(c)
            chain, source = self.centrals[c].get(1 if is_long(c) else max(entry.limit, 1))
            trip = Trip.TRANSFER if source is Source.TRANSFER else Trip.SLABS
            if not chain:
                return None, trip
            if trip is Trip.SLABS:
                self.flow_b -= len(chain) * SIZE_CLASSES[c].block_b
            self.calls[c][source] += 1
        else:
            chain = self._take_own_spare(c)
            self.calls[c]["refill_spare"] += 1
        entry.blocks = chain[1:]
        return chain[0], trip

    @property
    def no_trip(self) -> Trip:
        """The trip of a call that went no further than the cache."""
        return Trip.SPARE

    def give_half(self, c: int) -> Trip:
        """Gives the half of a bin that was freed longer ago to the central store."""
        return self._put(c, self.bins[c].take_cold_half())

    def overflow(self, c: int, address: int) -> Trip:
        """Takes a block of a class whose bin has no room."""
        entry = self.bins[c]
        self.note_event(entry)
        self._raise_if_warm(c)
        trip = self._make_room(c) if len(entry.blocks) >= entry.limit else Trip.SPARE
        if entry.limit:
            entry.blocks.insert(0, address)
        else:
            trip = self._put(c, [address])
        self.calls[c]["free_spare" if trip is Trip.SPARE else "free_flush"] += 1
        return trip

    # What upkeep does.

    def flush(self) -> None:
        """Gives everything to the central store, and the lease back."""
        for c, entry in self.bins.items():
            self.centrals[c].put(entry.take_blocks())
            self.centrals[c].put(entry.take_spare())
            entry.limit = 0
        self.spare_b = 0
        self.long.forget()
        self._return_lease()

    def tick(self, stamp_ms: int) -> None:
        """Empties bins without a trip since the last tick, long ones by half, and halves their limits.

        If others need the budget, all but the long ones.
        """
        shrink = self.budget.is_scarce and self.lease_b > self.budget.share_b
        for c, entry in self.bins.items():
            is_idle = not entry.events and (entry.limit or entry.blocks)
            if is_idle or (entry.limit and shrink and not is_long(c)):
                idle = entry.take_cold_half() if is_long(c) else entry.take_blocks()
                self.centrals[c].settle(idle, stamp_ms)
                self.centrals[c].settle(entry.take_spare(), stamp_ms)
                half = entry.limit // 2
                entry.limit = half if half >= self.policy.least_blocks else 0
            entry.events = 0
        self.spare_b = sum(len(entry.spare) * SIZE_CLASSES[c].block_b for c, entry in self.bins.items())
        self._return_lease()

    def give_spares(self, stamp_ms: int) -> None:
        """Gives the spares' blocks to their slabs; anybody may do so to any cache."""
        for c, entry in self.bins.items():
            self.centrals[c].settle(entry.take_spare(), stamp_ms)

    def prewarm(self) -> None:
        """Fills the bins of the tiny classes."""
        for c, entry in self.bins.items():
            if SIZE_CLASSES[c].block_b <= TINY_MAX_B:
                self._raise_limit(c)
                entry.blocks, _ = self.centrals[c].get(entry.limit)

    # How spares are kept.

    def _take_own_spare(self, c: int) -> Chain:
        chain = self.bins[c].take_spare()
        self.spare_b = max(self.spare_b - len(chain) * SIZE_CLASSES[c].block_b, 0)
        return chain

    def _set_aside(self, c: int) -> bool:
        """Makes the whole list the spare, if the budget has room for one."""
        entry = self.bins[c]
        bytes_b = len(entry.blocks) * SIZE_CLASSES[c].block_b
        if not self._lease(bytes_b):
            return False
        self.spare_b += bytes_b
        entry.spare = entry.take_blocks()
        return True

    def _make_room(self, c: int) -> Trip:
        """Makes room in a full bin."""
        old = self._take_own_spare(c)
        trip = Trip.SPARE
        scarce = not self._set_aside(c)
        if scarce:
            trip = self.give_half(c)
        if old:
            trip = max(trip, self._put(c, old))
            if not scarce:
                self._raise_limit(c)
        return trip

    def _put(self, c: int, chain: Chain) -> Trip:
        if self.centrals[c].put(chain):
            return Trip.TRANSFER
        self.flow_b += len(chain) * SIZE_CLASSES[c].block_b
        return Trip.SLABS

    # How limits grow.

    @property
    def capacity_b(self) -> int:
        """Bytes that the bins may hold by their limits."""
        return sum(entry.limit * SIZE_CLASSES[c].block_b for c, entry in self.bins.items() if not is_long(c))

    def limit_most(self, c: int) -> int:
        """The largest limit: `cache_blocks`, less where that exceeds `bin_b`."""
        return min(self.policy.bin_b // SIZE_CLASSES[c].block_b, self.settings.cache_blocks)

    def limit_cold(self, c: int) -> int:
        """The first limit of a class."""
        cold_b = min(self.policy.cold_b, self.budget.share_b // self.policy.first_part)
        by_bytes = cold_b // SIZE_CLASSES[c].block_b
        return min(max(by_bytes, self.policy.least_blocks), self.policy.cold_blocks)

    def _raise_if_warm(self, c: int) -> None:
        """At the bin's first trip and after some more; were it earlier, memory would be carved too early."""
        entry = self.bins[c]
        if not is_long(c) and (entry.limit == 0 or entry.events >= self.policy.warm_trips):
            self._raise_limit(c)
            entry.events = 1

    def _raise_limit(self, c: int) -> None:
        """The bin may hold twice as much from now on, if the budget allows; but a few blocks in any case."""
        entry = self.bins[c]
        most = self.limit_most(c)
        limit = min(2 * entry.limit or self.limit_cold(c), most)
        if limit <= entry.limit:
            return
        more_b = (limit - entry.limit) * SIZE_CLASSES[c].block_b
        if self._lease(more_b):
            entry.limit = limit
        elif entry.limit < self.policy.least_blocks:
            entry.limit = min(self.policy.least_blocks, most)

    def _lease(self, more_b: int) -> bool:
        needed_b = self.capacity_b + self.spare_b + more_b
        if needed_b <= self.lease_b:
            return True
        want_b = round_up(needed_b - self.lease_b, self.policy.lease_b)
        if self.budget.leased_b + want_b > self.budget.limit_b(self.lease_b + want_b):
            return False
        self.budget.leased_b += want_b
        self.lease_b += want_b
        return True

    def _return_lease(self) -> None:
        needed_b = round_up(self.capacity_b + self.spare_b, self.policy.lease_b)
        if needed_b < self.lease_b:
            self.budget.leased_b -= self.lease_b - needed_b
            self.lease_b = needed_b

    def note_event(self, entry: Bin) -> None:
        """The bin is in use."""
        entry.events += 1
        self.events += 1

    # What must be true.

    def chains(self, c: int) -> Iterator[Chain]:
        """The bin's list and its spare."""
        yield self.bins[c].blocks
        yield self.bins[c].spare

    def blocks(self, c: int) -> int:
        """Blocks of a class in the cache."""
        return sum(map(len, self.chains(c)))

    def check(self) -> None:
        """Raises InvariantError unless every limit is in its range."""
        for c, entry in self.bins.items():
            is_high = entry.limit > self.limit_most(c) and not is_long(c)
            require(not is_high, f"class {c}: limit {entry.limit} is too large")
            require(entry.limit > 0 or not entry.blocks, f"class {c}: a bin without a limit")
        self.long.check()
