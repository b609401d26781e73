"""What makes free memory go back: ticks, purges, traps, trimming. Mirrors core/upkeep.c.

Calls that went past the thread cache come by here. Twice per purge delay one of them runs a tick: what nobody
used since the last tick goes to its slabs, wholly free slabs to the pool, and the pool's longest unused pages
to the system. Growth of what is in use collects, without a purge, before its time. While more dirty memory is
free than may be retained there is a debt; while that is so, or much went to slabs that ticks have not
settled, threads are trapped: each of their calls comes by, so that one that loops on a bin notices the clock.
"""

from hakmem.model.central import Shard
from hakmem.model.flow import Flow
from hakmem.model.policy import World
from hakmem.model.span import LONG_AGO
from hakmem.model.stock import Stock
from hakmem.model.thread import Threads
from hakmem.model.thread_cache import Centrals, ThreadCache, Trip
from hakmem.spec.size_classes import SIZE_CLASSES, UNIT_B


class Upkeep:
    """When the next tick is due, and what it does.

    mark_units: in use at the last tick of either kind.
    long_units: that threads had in bins of long blocks then, at most.
    ticks, timed_ticks: of either kind; those that the clock made due.
    """

    def __init__(
        self, world: World, stock: Stock, centrals: Centrals, shard: Shard, threads: Threads
    ) -> None:
        self.policy = world.policy
        self.settings = world.settings
        self.clock = world.clock
        self.stock = stock
        self.pool = stock.pool
        self.centrals = centrals
        self.shard = shard
        self.threads = threads
        self.mark_units = self.long_units = 0
        self.next_ms = 0
        self.ticks = 0
        self.timed_ticks = 0
        self.flow = Flow(world.policy)

    def after_trip(self, cache: ThreadCache, trip: Trip) -> None:
        """After a trip past a bin. One to the transfer cache makes no debt: without one, few look about."""
        if trip is Trip.SPARE or (trip is Trip.TRANSFER and cache.watch.trip_pace.skips()):
            return
        self.look(cache)

    def look(self, cache: ThreadCache | None) -> None:
        """After a call that changed what slabs and pool have; without a cache, for a thread that has none."""
        self._tick(cache)
        self._tick_for_growth(cache)
        if cache is not None:
            self._tick_own(cache, LONG_AGO)
            self.flow.publish(cache)
            self._watch_debt(cache)

    def trapped_call(self, cache: ThreadCache) -> None:
        """For each call on the slow path that the thread's own bins served."""
        pace = cache.watch.call_pace
        if pace.skips():
            return
        pace.set(self.policy.skip_calls, self.clock.now_ms)
        self._tick(cache)
        self._tick_own(cache, LONG_AGO)
        if not self._in_debt and not self._is_unsettled(cache):
            cache.trapped = False

    def trim(self, cache: ThreadCache, pad_b: int) -> bool:
        """Gives back all that is free but `pad_b` bytes; True if anything went."""
        cache.flush()
        for other in self.threads:
            other.give_spares(LONG_AGO)
        for central in self.centrals.values():
            central.age(LONG_AGO, everything=True)
        self.stock.empty()
        return self.pool.purge(pad_b // UNIT_B, None)

    @property
    def _tick_ms(self) -> int:
        return min(self.settings.purge_delay_ms // 2, self.policy.tick_max_ms)

    @property
    def _retained_units(self) -> int:
        return self.settings.retain // UNIT_B

    @property
    def _dirty_units(self) -> int:
        """Of the stock's at most half of what may be retained, and what it has beyond its part."""
        stocked = self.stock.shown_dirty
        over = max(stocked - self.stock.unpurged_units // 2, 0)
        return self.pool.dirty_units + min(stocked, self._retained_units // 2) + over

    @property
    def _in_debt(self) -> bool:
        return self._dirty_units > self._retained_units

    def _tick_own(self, cache: ThreadCache, stamp_ms: int) -> None:
        """Each thread looks at its own bins once after a tick; its first tick only begins the count."""
        if cache.watch.ticks_seen == self.ticks:
            return
        if cache.watch.ticks_seen:
            cache.tick(stamp_ms)
            cache.long.tick()
        cache.watch.ticks_seen = self.ticks

    def _tick(self, cache: ThreadCache | None) -> None:
        now_ms = self.clock.now_ms
        if now_ms < self.next_ms:
            return
        begins = self.next_ms == 0
        self.next_ms = now_ms + self._tick_ms
        if self.timed_ticks % self.policy.window_ticks == 0:
            self.flow.end_window()
        self.ticks += 1
        self.timed_ticks += 1
        if begins:
            return
        self._collect_idle(cache, LONG_AGO)
        before_ms = max(now_ms - self.settings.purge_delay_ms, 0)
        self.pool.purge(max(self._retained_units - self.long_units, 0), before_ms)
        if self._in_debt:
            if self.pool.ages[0].stamp_ms <= before_ms:
                self.next_ms = now_ms + 1
            for other in self.threads:
                other.trapped = True

    def _tick_for_growth(self, cache: ThreadCache | None) -> None:
        """A heap that grows while blocks of other sizes lie idle needs their slabs before a tick is due."""
        used = self.stock.seen_used_units
        step = max(self.policy.growth_least_units, self.mark_units // self.policy.growth_part)
        if used < self.mark_units + step:
            return
        self.ticks += 1
        self._collect_idle(cache, self.clock.now_ms)

    def _collect_idle(self, cache: ThreadCache | None, stamp_ms: int) -> None:
        """Blocks that nobody used for a tick go to their slabs; they were last used at `stamp_ms`."""
        if cache is not None:
            self._tick_own(cache, stamp_ms)
        for other in self.threads:
            if other.events == other.events_seen:
                other.give_spares(stamp_ms)
            other.events_seen = other.events
        self.long_units = sum(other.long.bytes_b for other in self.threads) // UNIT_B
        for central in self.centrals.values():
            central.age(stamp_ms, everything=False)
        idle_b = sum(c.idle_blocks * SIZE_CLASSES[c.number].block_b for c in self.centrals.values())
        self.threads.budget.idle_b = idle_b
        self.stock.empty()
        used = self.stock.seen_used_units
        limit_b = max(used * UNIT_B - idle_b, 0) // self.policy.transfer_part // self.policy.shards
        self.shard.limit_b = max(self.policy.shard_least_b, limit_b)
        self.mark_units = used

    def _watch_debt(self, cache: ThreadCache) -> None:
        """Traps the thread if there is more to collect or the clock moved; springs it after some trips."""
        watch, grows = cache.watch, self._debt_grows(cache)
        if not self._in_debt and not self._is_unsettled(cache):
            cache.trapped = False
            watch.trip_pace.set(self.policy.skip_trips, self.clock.now_ms)
        elif grows:
            watch.trap_trips = 0
            cache.trapped = True
        else:
            watch.trap_trips += 1
            most_units = self.policy.busy_debt * self.stock.unpurged_units
            if watch.trap_trips >= self.policy.busy_trips and self._dirty_units <= most_units:
                cache.trapped = False

    def _debt_grows(self, cache: ThreadCache) -> bool:
        """Whether there is more to collect than the thread saw since the last tick, or was a moment ago."""
        watch = cache.watch
        if watch.debt_tick_ms != self.next_ms:
            watch.debt_tick_ms = self.next_ms
            watch.debt_units = 0
            watch.debt_flow_b = cache.flow_b
        step_b = self.settings.retain // self.policy.step_part
        more_units, more_b = self._dirty_units - watch.debt_units, cache.flow_b - watch.debt_flow_b
        if more_units > step_b // UNIT_B or more_b > step_b:
            watch.growth_ms = self.clock.now_ms
            watch.debt_units += max(more_units, 0)
            watch.debt_flow_b += max(more_b, 0)
        return self.clock.now_ms - watch.growth_ms <= self.policy.growth_ms

    def _is_unsettled(self, cache: ThreadCache) -> bool:
        """Whether slabs got much lately, on the whole too, that blocks in idle caches may pin.

        Ticks collect those; after some ticks, or when slabs gave more than they got, it is settled.
        """
        watch = cache.watch
        flow_b = cache.flow_b - watch.settled_flow_b
        if 0 <= flow_b <= self.settings.retain:
            return False
        settle_ms = self.policy.settle_ticks * self._tick_ms
        risen = self.flow.risen_b > self.settings.retain
        if flow_b >= 0 and risen and self.clock.now_ms - watch.growth_ms <= settle_ms:
            return True
        watch.settled_flow_b = watch.debt_flow_b = cache.flow_b
        return False
