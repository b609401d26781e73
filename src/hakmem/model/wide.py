"""A thread's free blocks of wide classes, which are whole spans. Mirrors core/wide.c.

All wide bins of a thread share what it may hold of free spans. They have no limits of their own, so each free
comes by here; where the own bin is empty, a larger block serves.
"""

from typing import TYPE_CHECKING

from hakmem.model.failures import require
from hakmem.model.size_class import CLASSES, is_wide
from hakmem.spec.size_classes import SIZE_CLASSES, UNIT_B

if TYPE_CHECKING:
    from hakmem.model.thread_cache import ThreadCache, Trip


class WideBins:
    """The wide bins of one cache.

    bytes_b: what they hold, at least.
    most_b: what they may hold, when one last looked.
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
        if block is None:
            return None, trip
        return block, self._add(self._bin_b(c), trip)

    def keep(self, c: int, address: int) -> "Trip":
        """Takes a block that is freed."""
        entry = self.cache.bins[c]
        self.cache.note_event(entry)
        entry.blocks.insert(0, address)
        trip = self._add(SIZE_CLASSES[c].block_b, self.cache.no_trip)
        self.cache.calls[c]["free_flush" if trip else "free_spare"] += 1
        return trip

    def count(self) -> None:
        """Counts what the bins hold, for others to see."""
        self.bytes_b = self.held_b

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

    def _add(self, more_b: int, trip: "Trip") -> "Trip":
        self.bytes_b += more_b
        return trip if self.bytes_b <= self.most_b else max(trip, self._settle())

    def _settle(self) -> "Trip":
        """Counts what may be too much; of what is, the cold halves of the richest bins go."""
        trip = self.cache.no_trip
        self.most_b = self._most_now_b
        if self.held_b > self.most_b:
            while self.held_b > self.most_b - self.most_b // self.policy.ease_part:
                richest = max(self.classes, key=lambda c: (self._bin_b(c), c))
                trip = max(trip, self.cache.give_half(richest))
        self.count()
        return trip

    def check(self) -> None:
        """Raises InvariantError if the bins hold more than was counted."""
        require(self.held_b <= self.bytes_b, "wide bins hold more than was counted")
