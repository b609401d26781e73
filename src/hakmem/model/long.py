"""A thread's free blocks of long classes: longer than half a unit. Mirrors core/long.c.

All bins of long blocks of a thread share what it may hold of free spans. They are counted when one of them
has no room, and what is left is shared out as room; where the own bin is empty, a longer block serves.
"""

from typing import TYPE_CHECKING

from hakmem.model.failures import require
from hakmem.model.size_class import CLASSES, is_long, serves
from hakmem.spec.size_classes import SIZE_CLASSES, UNIT_B

LIMIT_MAX = 2**16 - 1
"""The largest limit a bin can have."""

if TYPE_CHECKING:
    from hakmem.model.thread_cache import ThreadCache, Trip


class LongBins:
    """The bins of long blocks of one cache.

    bytes_b: what they held when they were last counted.
    most_b: what they could hold then.
    has_more: until the next tick they may hold more.
    """

    def __init__(self, cache: "ThreadCache") -> None:
        self.cache = cache
        self.policy = cache.policy
        self.classes = [c for c in CLASSES if is_long(c)]
        self.bytes_b = self.most_b = 0
        self.has_more = False

    def serving(self, c: int) -> int:
        """The class whose bin serves a long class: its own, or the first above it with a block that may."""
        bins = self.cache.bins
        return next((longer for longer in self.classes if serves(longer, c) and bins[longer].blocks), c)

    def refill(self, c: int) -> "tuple[int | None, Trip]":
        """A block from beyond the cache."""
        if not self.has_more:
            self.has_more = self.held_b > self._most_now_b // self.policy.full_part
        block, trip = self.cache.refill(c)
        entry = self.cache.bins[c]
        if len(entry.blocks) > entry.limit and block is not None:
            trip = max(trip, self._settle())
        return block, trip

    def overflow(self, c: int, address: int) -> "Trip":
        """Takes a block of a class whose bin has no room."""
        entry = self.cache.bins[c]
        self.cache.note_event(entry)
        entry.blocks.insert(0, address)
        trip = self._settle()
        self.cache.calls[c]["free_flush" if trip else "free_spare"] += 1
        return trip

    def note(self, bytes_b: int) -> None:
        """They were counted and hold so many bytes."""
        budget = self.cache.budget
        budget.holders += (bytes_b != 0) - (self.bytes_b != 0)
        budget.long_b += bytes_b - self.bytes_b
        self.bytes_b = bytes_b

    def tick(self) -> None:
        """Counts what the bins hold and shares out anew what they may."""
        self.has_more = False
        self._settle()

    @property
    def held_b(self) -> int:
        """Bytes that the bins hold."""
        return sum(self._bin_b(c) for c in self.classes)

    def _bin_b(self, c: int) -> int:
        return len(self.cache.bins[c].blocks) * SIZE_CLASSES[c].block_b

    @property
    def _most_now_b(self) -> int:
        budget = self.cache.budget
        most_b = budget.stock.unpurged_units * UNIT_B * (self.policy.more_times if self.has_more else 1)
        return budget.long_part_b(min(most_b, self.cache.settings.cache_limit), self.bytes_b)

    def _settle(self) -> "Trip":
        """Counts, gives up what is too much, and shares out what is left."""
        trip = self.cache.no_trip
        self.note(self.held_b)
        self.most_b = self._most_now_b
        if self.held_b > self.most_b:
            while self.held_b > self.most_b - self.most_b // self.policy.ease_part:
                richest = max(self.classes, key=lambda c: (self._bin_b(c), c))
                trip = max(trip, self.cache.give_half(richest))
        self.note(self.held_b)
        self._share_out(self.most_b - self.held_b if self.held_b else 0)
        return trip

    def _share_out(self, left_b: int) -> None:
        """Room for as many blocks of each class in use as are left, and of the shortest for one more."""
        bins = self.cache.bins
        in_use = [c for c in self.classes if bins[c].blocks or bins[c].events]
        one_of_each_b = sum(SIZE_CLASSES[c].block_b for c in in_use)
        each, left_b = divmod(left_b, one_of_each_b) if in_use else (0, 0)
        for c in self.classes:
            more = 0
            if c in in_use:
                one = left_b >= SIZE_CLASSES[c].block_b
                left_b -= one * SIZE_CLASSES[c].block_b
                more = each + one
            bins[c].limit = min(len(bins[c].blocks) + more, LIMIT_MAX)

    def check(self) -> None:
        """Raises InvariantError if bins hold, or have room for, more than when they were counted."""
        limits_b = sum(self.cache.bins[c].limit * SIZE_CLASSES[c].block_b for c in self.classes)
        require(limits_b <= self.most_b, "bins of long blocks have room for more than they may hold")
        for c in self.classes:
            entry = self.cache.bins[c]
            require(len(entry.blocks) <= entry.limit, f"class {c}: its bin holds more than its limit")
