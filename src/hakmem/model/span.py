"""The pool of spans: runs of whole units, by which every size class and every large block is served.

Mirrors core/span.c. Free spans that touch are one. A free span is in the bin of its length, newest first,
and, if any of its units is dirty, in the list of ages.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hakmem.model.arena import SUPERSLAB_UNITS, Arena, superslabs_within
from hakmem.model.failures import require
from hakmem.model.policy import World
from hakmem.model.size_class import round_up
from hakmem.spec.size_classes import UNIT_B

LONG_AGO: Final = 0
"""The stamp of what has been unused for long: it is due for a purge at once."""


@dataclass(frozen=True, slots=True)
class FreeSpan:
    """A run of free units.

    dirty: how many of its units are dirty.
    stamp_ms: since when it has been unused; of parts that merged, that of the part with most dirty units.
    """

    unit: int
    units: int
    dirty: int
    stamp_ms: int

    @property
    def end(self) -> int:
        """The unit behind its last."""
        return self.unit + self.units


@dataclass(frozen=True, slots=True)
class Want:
    """What a stock wants of the pool: a run, and with it further spans as long or longer, if they are there.

    most: units in all. most_dirty: dirty ones among them, about.
    """

    units: int
    alignment: int
    most: int
    most_dirty: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What a caller got: the first unit, and whether every byte of it is zero."""

    unit: int
    is_zero: bool


class Pool:
    """The free spans, and the lengths of those in use.

    used: first unit -> units, of every span in use.
    stocked: first unit -> units, of every free span that a stock has; used_units counts them.
    ages: free spans with dirty units, longest unused first.
    """

    def __init__(self, world: World, arena: Arena) -> None:
        self.policy = world.policy
        self.clock = world.clock
        self.counters = world.counters
        self.arena = arena
        self.used: dict[int, int] = {}
        self.stocked: dict[int, int] = {}
        self.bins: defaultdict[int, list[FreeSpan]] = defaultdict(list)
        self.ages: list[FreeSpan] = []
        self._by_unit: dict[int, FreeSpan] = {}
        self._by_end: dict[int, FreeSpan] = {}
        self.used_units = self.free_units = self.dirty_units = 0

    # What callers do.

    def take(self, units: int, alignment: int = 1, *, may_grow: bool = True) -> Taken | None:
        """A span of `units` units whose first is a multiple of `alignment`. None: no room is left."""
        if units > self.arena.most or alignment > self.arena.most:
            return None
        span = self._find_or_grow(units, alignment) if may_grow else self._find(units, alignment)
        if span is None:
            return None
        unit = round_up(span.unit, alignment)
        is_zero = self._cut(span, unit, units)
        self.used[unit] = units
        return Taken(unit, is_zero)

    def give(self, unit: int, dirty: int, stamp_ms: int) -> None:
        """Takes a whole span back, whose first `dirty` units may have been written to."""
        self._release(unit, self.used.pop(unit), dirty, stamp_ms)

    def trade(self, back: Sequence[FreeSpan], want: Want | None) -> list[FreeSpan]:
        """Takes a stock's spans back; gives what it wants, the wanted run first, nothing without memory."""
        for span in back:
            del self.stocked[span.unit]
            self._release(span.unit, span.units, 0, span.stamp_ms)
        return self._take_runs(want) if want else []

    def extend(self, unit: int, units: int) -> bool:
        """Makes a span `units` long by taking what is free behind it; False, and no change, if that is short.

        At the end of the arena, the arena grows for it.
        """
        after = unit + self.used[unit]
        more = units - self.used[unit]
        behind = self._by_unit.get(after)
        free = behind.units if behind else 0
        if free < more and after + free == self.arena.committed:
            self._grow(more - free)
            behind = self._by_unit.get(after)
        if behind is None or behind.units < more:
            return False
        self._cut(behind, after, more)
        self.used[unit] = units
        return True

    def shorten(self, unit: int, units: int, stamp_ms: int) -> None:
        """Gives back all but the first `units` units of a span."""
        left = self.used[unit] - units
        self.used[unit] = units
        self._release(unit + units, left, left, stamp_ms)

    def purge(self, keep: int, before_ms: int | None) -> bool:
        """Gives pages of free spans back to the system, longest unused first, in pieces.

        Until at most `keep` dirty units are left, and only of spans unused since `before_ms` (None: any).
        True if anything went. The core also stops after a millisecond; here no time passes in a call.
        """
        purged = False
        while self.ages and self.dirty_units > keep:
            span = self.ages[0]
            if before_ms is not None and span.stamp_ms > before_ms:
                break
            self._purge_piece(span)
            purged = True
        return purged

    # How it is done.

    def _find_or_grow(self, units: int, alignment: int) -> FreeSpan | None:
        span = self._find(units, alignment)
        if span is None and self._grow(units + alignment - 1):
            span = self._find(units, alignment)
        return span

    def _take_runs(self, want: Want) -> list[FreeSpan]:
        runs: list[FreeSpan] = []
        units = dirty = 0
        span = self._find_or_grow(want.units, want.alignment)
        while span is not None and len(runs) < self.policy.stock_runs:
            first = span.unit if runs else round_up(span.unit, want.alignment)
            room = want.most - units
            if span.dirty:
                room = min(room, max(want.most_dirty - dirty, 0))
            length = min(span.end - first, room if runs else max(room, want.units))
            if length < want.units:
                break
            self._cut(span, first, length)
            run = FreeSpan(first, length, self._dirty(first, length), span.stamp_ms)
            self.stocked[first] = length
            runs.append(run)
            units, dirty = units + length, dirty + run.dirty
            span = self._find(want.units, 1) if units < want.most else None
        return runs

    def _bin_of(self, units: int) -> int:
        """One bin a length up to `exact_units`, then 2 ** log_steps for each doubling."""
        exact, log_steps = self.policy.exact_units, self.policy.log_steps
        if units <= exact:
            return units
        doubling = units.bit_length() - 1
        step = (units >> (doubling - log_steps)) - (1 << log_steps)
        return exact + 1 + ((doubling - exact.bit_length() + 1) << log_steps) + step

    def _find(self, units: int, alignment: int) -> FreeSpan | None:
        """The shortest free span that fits, of the first few in the first bin that has one."""

        def fits(span: FreeSpan) -> bool:
            return round_up(span.unit, alignment) + units <= span.end

        first = self._bin_of(units)
        for number in sorted(number for number in self.bins if number >= first and self.bins[number]):
            candidates = filter(fits, self.bins[number][: self.policy.search_spans])
            if best := min(candidates, key=lambda span: span.units, default=None):
                return best
        return None

    def _grow(self, units: int) -> bool:
        got = self.arena.grow(units)
        if got is None:
            return False
        unit, count = got
        self.counters["superslabs_made"] += -(-count // SUPERSLAB_UNITS)
        self._insert_merged(FreeSpan(unit, count, 0, 0))
        return True

    def _cut(self, span: FreeSpan, unit: int, units: int) -> bool:
        """Takes a run out of a free span; what is left over stays free. True if the run is zero."""
        place = self._remove(span)
        self._insert_left_over(span, place, unit, unit + units)
        self.used_units += units
        is_zero = self._dirty(unit, units) == 0
        if not is_zero:
            self.counters["superslabs_reused"] += superslabs_within(unit, units)
        return is_zero

    def _release(self, unit: int, units: int, dirty: int, stamp_ms: int) -> None:
        self.arena.set_dirty(unit, dirty)
        self.used_units -= units
        self._insert_merged(FreeSpan(unit, units, self._dirty(unit, units), stamp_ms))
        if self.policy.is_limited and units >= self.policy.shrink_trigger_units:
            self._shrink()

    def _shrink(self) -> None:
        """Where address space is limited, a long free span at the arena's end goes back at once."""
        last = self._by_end.get(self.arena.committed)
        if last is None or last.units < self.policy.shrink_least_units:
            return
        place = self._remove(last)
        self.arena.shrink(last.unit)
        left = self.arena.committed - last.unit
        if left:
            self._insert(FreeSpan(last.unit, left, self._dirty(last.unit, left), last.stamp_ms), place)
        self.counters["superslabs_returned"] += (last.units - left) // SUPERSLAB_UNITS

    def _dirty(self, unit: int, units: int) -> int:
        return self.arena.dirty_units(unit, units)

    def _insert_merged(self, span: FreeSpan) -> None:
        """Inserts a free run, made one with its free neighbours.

        The part with the most dirty units gives the stamp and the place in the list of ages: a new span joins
        at the newest end, or at the oldest if it has been unused for long. What comes out of a stock has been
        free for a while already; it counts as free since the newest of the others was.
        """
        if span.stamp_ms != LONG_AGO and self.ages:
            span = replace(span, stamp_ms=max(span.stamp_ms, self.ages[-1].stamp_ms))
        neighbours = [self._by_end.get(span.unit), self._by_unit.get(span.end)]
        parts = [span, *(neighbour for neighbour in neighbours if neighbour is not None)]
        eldest = max(parts, key=lambda part: part.dirty)
        for part in parts[1:]:
            if part is not eldest:
                self._remove(part)
        place = self._remove(eldest) if eldest is not span else self._place_of_new(span)
        self._insert(
            FreeSpan(
                min(part.unit for part in parts),
                sum(part.units for part in parts),
                sum(part.dirty for part in parts),
                eldest.stamp_ms,
            ),
            place,
        )

    def _insert_left_over(self, span: FreeSpan, place: int, first: int, end: int) -> None:
        """Inserts what a span, once at `place` in the list of ages, has before `first` and from `end` on."""
        for begin, stop in (span.unit, first), (end, span.end):
            if begin != stop:
                left = FreeSpan(begin, stop - begin, self._dirty(begin, stop - begin), span.stamp_ms)
                self._insert(left, place)

    def _place_of_new(self, span: FreeSpan) -> int:
        return 0 if span.stamp_ms == LONG_AGO else len(self.ages)

    def _insert(self, span: FreeSpan, place: int) -> None:
        """Inserts a span; `place` is its index in the list of ages, if it has dirty units."""
        self._by_unit[span.unit] = self._by_end[span.end] = span
        self.bins[self._bin_of(span.units)].insert(0, span)
        self.free_units += span.units
        self.dirty_units += span.dirty
        if span.dirty:
            self.ages.insert(place, span)

    def _remove(self, span: FreeSpan) -> int:
        """Removes a span; gives the place that it had in the list of ages, or that a new one would get."""
        del self._by_unit[span.unit], self._by_end[span.end]
        self.bins[self._bin_of(span.units)].remove(span)
        self.free_units -= span.units
        self.dirty_units -= span.dirty
        if not span.dirty:
            return len(self.ages)
        place = self.ages.index(span)
        del self.ages[place]
        return place

    def _purge_piece(self, span: FreeSpan) -> None:
        """Purges a piece of a span with dirty units: from the first of them on, of bounded length."""
        place = self._remove(span)
        unit = self.arena.dirty_runs(span.unit, span.units)[0][0]
        end = min(unit + self.policy.purge_units, span.end)
        self._insert_left_over(span, place, unit, end)
        self.counters["purges"] += 1
        for first, count in self.arena.dirty_runs(unit, end - unit):
            self.arena.purge(first, count)
            self.counters["purged_bytes"] += count * UNIT_B
            self.counters["superslabs_returned"] += superslabs_within(first, count)
        self._insert_merged(FreeSpan(unit, end - unit, 0, self.clock.now_ms))

    # What must be true.

    def free_spans(self) -> Iterator[FreeSpan]:
        """Every free span, by address."""
        return iter(sorted(self._by_unit.values(), key=lambda span: span.unit))

    def check(self) -> None:
        """Raises InvariantError unless used and free spans tile the arena and every list agrees."""
        tiles = sorted(
            [(unit, units, False) for unit, units in (self.used | self.stocked).items()]
            + [(span.unit, span.units, True) for span in self._by_unit.values()]
        )
        at, was_free = 1, False
        for unit, units, is_free in tiles:
            require(unit == at, f"a span starts at unit {unit}, the one before it ends at {at}")
            require(not (is_free and was_free), f"two free spans touch at unit {unit}")
            at, was_free = unit + units, is_free
        require(at == self.arena.committed, f"spans end at unit {at} of {self.arena.committed}")
        spans = list(self.free_spans())
        for span in spans:
            require(span.dirty == self._dirty(span.unit, span.units), f"{span} has other dirty units")
        binned = sorted((span for spans in self.bins.values() for span in spans), key=lambda span: span.unit)
        require(binned == spans, "the bins hold other spans than the pool")
        aged = sorted(self.ages, key=lambda span: span.unit)
        require(aged == [span for span in spans if span.dirty], "the ages are not those of the dirty spans")
        stamps = [span.stamp_ms for span in self.ages]
        require(stamps == sorted(stamps), "the list of ages is not in order")
        require(self.free_units == sum(span.units for span in spans), "free_units is wrong")
        require(self.dirty_units == sum(span.dirty for span in spans), "dirty_units is wrong")
        used_units = sum(self.used.values()) + sum(self.stocked.values())
        require(self.used_units == used_units, "used_units is wrong")
