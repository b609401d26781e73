"""Free spans by processor, in front of the pool. Mirrors core/stock.c on a single processor.

A stock serves spans of up to `stock_units` units: the shortest that suffices, cut. Its spans are not merged.
One that cannot serve trades all that it has for up to a superslab; one that has too much gives all back.
"""

from collections import defaultdict
from dataclasses import replace

from hakmem.model.arena import SUPERSLAB_UNITS
from hakmem.model.failures import require
from hakmem.model.policy import World
from hakmem.model.size_class import round_up
from hakmem.model.span import FreeSpan, Pool, Taken, Want
from hakmem.spec.size_classes import UNIT_B


class Stock:
    """The stock of the only processor, and what the process knows of it.

    lists: length -> free spans, newest first; those beyond `stock_units` share a list.
    limit: dirty units that it keeps; 0 until it is looked for.
    shown_units, shown_dirty: its figures as others see them, which are a little behind.
    """

    def __init__(self, world: World, pool: Pool) -> None:
        self.policy = world.policy
        self.settings = world.settings
        self.pool = pool
        self.lists: defaultdict[int, list[FreeSpan]] = defaultdict(list)
        self.limit = 0
        self.shown_units = self.shown_dirty = 0

    def take(self, units: int, alignment: int = 1) -> Taken | None:
        """A span of `units` units whose first is a multiple of `alignment`. None: no room is left."""
        if max(units, alignment) > self.policy.stock_units:
            return self._take_long(units, alignment)
        taken = self._serve(units, alignment) or self._restock(units, alignment)
        self._show()
        return taken or self._take_long(units, alignment)

    def give(self, unit: int, dirty: int, stamp_ms: int) -> None:
        """Takes a whole span back, whose first `dirty` units may have been written to."""
        units = self.pool.used[unit]
        if units > self.policy.stock_units:
            self.pool.give(unit, dirty, stamp_ms)
            return
        del self.pool.used[unit]
        self.pool.arena.set_dirty(unit, dirty)
        self._insert(FreeSpan(unit, units, self._dirty(unit, units), stamp_ms))
        if self.dirty > self.limit:
            self.limit = self._limit_now()
            if self.dirty > self.limit:
                self.pool.trade(self._take_all(), None)
        self._show()

    def extend(self, unit: int, units: int) -> bool:
        """Makes a span longer by what is free behind it, in the stock too; False if that is short."""
        if self.pool.extend(unit, units):
            return True
        self.empty()
        return self.pool.extend(unit, units)

    def empty(self) -> None:
        """Gives everything back to the pool."""
        if self.units:
            self.limit = 0
            self.pool.trade(self._take_all(), None)
            self._show()

    @property
    def units(self) -> int:
        """Units of its spans."""
        return sum(span.units for spans in self.lists.values() for span in spans)

    @property
    def dirty(self) -> int:
        """Dirty units of its spans."""
        return sum(span.dirty for spans in self.lists.values() for span in spans)

    @property
    def seen_used_units(self) -> int:
        """Units of spans in use, as decisions see them."""
        return max(self.pool.used_units - self.shown_units, 0)

    @property
    def unpurged_units(self) -> int:
        """Units that may stay unpurged, wherever they wait: what is retained, or a part of the heap."""
        return max(self.settings.retain // UNIT_B, self.seen_used_units // self.policy.unpurged_part)

    def _take_long(self, units: int, alignment: int) -> Taken | None:
        """What the stock has may be what is missing: it goes back before the arena grows."""
        taken = self.pool.take(units, alignment, may_grow=False)
        if taken is None:
            self.empty()
            taken = self.pool.take(units, alignment)
        return taken

    def _serve(self, units: int, alignment: int) -> Taken | None:
        for number in sorted(number for number in self.lists if number >= self._list_of(units)):
            for span in self.lists[number][: self.policy.stock_search_spans]:
                first = round_up(span.unit, alignment)
                if first + units <= span.end:
                    self.lists[number].remove(span)
                    del self.pool.stocked[span.unit]
                    return self._cut(span, first, units)
        return None

    def _restock(self, units: int, alignment: int) -> Taken | None:
        self.limit = self._limit_now()
        most = max(min(2 * self.limit, SUPERSLAB_UNITS), self.policy.stock_trade_least_units)
        most = units if self.policy.is_limited else max(units, most)
        runs = self.pool.trade(self._take_all(), Want(units, alignment, most, self.limit // 2))
        if not runs:
            return None
        for span in runs[1:]:
            self._insert(span)
        del self.pool.stocked[runs[0].unit]
        return self._cut(runs[0], runs[0].unit, units)

    def _limit_now(self) -> int:
        if self.settings.retain < UNIT_B or self.policy.is_limited:
            return 0
        return min(self.unpurged_units // self.policy.stock_limit_part, self.policy.stock_limit_units)

    def _show(self) -> None:
        most = self.limit // self.policy.stock_show_part
        if abs(self.units - self.shown_units) > most or abs(self.dirty - self.shown_dirty) > most:
            self.shown_units, self.shown_dirty = self.units, self.dirty

    def _list_of(self, units: int) -> int:
        return min(units, self.policy.stock_units + 1)

    def _dirty(self, unit: int, units: int) -> int:
        return self.pool.arena.dirty_units(unit, units)

    def _insert(self, span: FreeSpan) -> None:
        self.lists[self._list_of(span.units)].insert(0, span)
        self.pool.stocked[span.unit] = span.units

    def _cut(self, span: FreeSpan, first: int, units: int) -> Taken:
        """Takes a run out of a span that has left its list; what is over joins the stock."""
        end = first + units
        for begin, stop in (span.unit, first), (end, span.end):
            if begin != stop:
                length = stop - begin
                self._insert(replace(span, unit=begin, units=length, dirty=self._dirty(begin, length)))
        self.pool.used[first] = units
        return Taken(first, self._dirty(first, units) == 0)

    def _take_all(self) -> list[FreeSpan]:
        """Everything, by length, the newest first."""
        spans = [span for number in sorted(self.lists) for span in self.lists[number]]
        self.lists.clear()
        return spans

    def check(self) -> None:
        """Raises InvariantError unless lists and figures agree with what the pool gave."""
        spans = {span.unit: span.units for spans in self.lists.values() for span in spans}
        require(spans == self.pool.stocked, "the stock's spans are not those that the pool gave it")
        for number, listed in self.lists.items():
            for span in listed:
                require(number == self._list_of(span.units), f"{span} is in the wrong list")
                require(span.dirty == self._dirty(span.unit, span.units), f"{span} has other dirty units")
        require(self.dirty <= self.limit, "the stock keeps more dirty units than its limit")
