"""A thread's free blocks of wide classes, which are whole spans. Mirrors core/wide.c.

All wide bins of a thread share what it may hold of free spans. They are counted when one of them has no room,
and what is left is shared out as room; where the own bin is empty, a larger block serves.
"""

from typing import TYPE_CHECKING

from hakmem.model.failures import require
from hakmem.model.size_class import CLASSES, is_wide
from hakmem.spec.size_classes import SIZE_CLASSES, UNIT_B

LIMIT_MAX = 2**16 - 1
"""The largest limit a bin can have."""

if TYPE_CHECKING:
    from hakmem.model.thread_cache import ThreadCache, Trip


class WideBins:
    """The wide bins of one cache.

    bytes_b: what they held when they were last counted.
    most_b: what they could hold then.
    """

    def __init__(self, cache: "ThreadCache") -> None:
        self.cache = cache
        self.policy = cache.policy
        self.classes = [c for c in CLASSES if is_wide(c)]
        self.bytes_b = self.most_b = 0

    def serving(self, c: int) -> int:
        """The class whose bin serves a wide class: its own, or the first with a block above an empty one."""
        bins = self.cache.bins
        if not bins[c].blocks:
            last = min(c + SIZE_CLASSES[c].units // self.policy.larger_part, self.classes[-1])
            return next((larger for larger in range(c + 1, last + 1) if bins[larger].blocks), c)
        return c

    def refill(self, c: int) -> "tuple[int | None, Trip]":
        """A block from beyond the cache."""
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

    def tick(self) -> None:
        """Counts what the bins hold and shares out anew what they may."""
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
        return budget.share_of_b(min(budget.stock.unpurged_units * UNIT_B, self.cache.settings.cache_limit))

    def _settle(self) -> "Trip":
        """Counts, gives up what is too much, and shares out what is left."""
        trip = self.cache.no_trip
        self.most_b = self._most_now_b // UNIT_B * UNIT_B
        if self.held_b > self.most_b:
            most_units = self.most_b // UNIT_B
            while self.held_b > (most_units - most_units // self.policy.ease_part) * UNIT_B:
                richest = max(self.classes, key=lambda c: (self._bin_b(c), c))
                trip = max(trip, self.cache.give_half(richest))
        self.bytes_b = self.held_b
        self._share_out(self.most_b - self.held_b if self.held_b else 0)
        return trip

    def _share_out(self, left_b: int) -> None:
        """Room for as many blocks of each class as there is left for, and of the shortest for one more."""
        each, left_b = divmod(left_b, sum(SIZE_CLASSES[c].block_b for c in self.classes))
        for c in self.classes:
            one = left_b >= SIZE_CLASSES[c].block_b
            left_b -= one * SIZE_CLASSES[c].block_b
            entry = self.cache.bins[c]
            entry.limit = min(len(entry.blocks) + each + one, LIMIT_MAX)

    def check(self) -> None:
        """Raises InvariantError if bins hold, or have room for, more than when they were counted."""
        limits_b = sum(self.cache.bins[c].limit * SIZE_CLASSES[c].block_b for c in self.classes)
        require(limits_b <= self.most_b, "wide bins have room for more than they may hold")
        for c in self.classes:
            entry = self.cache.bins[c]
            require(len(entry.blocks) <= entry.limit, f"class {c}: a wide bin holds more than its limit")
