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
    asked, asked_before: classes of which a block was missed, since the last tick and before.
    """

    def __init__(self, cache: "ThreadCache") -> None:
        self.cache = cache
        self.policy = cache.policy
        self.classes = [c for c in CLASSES if is_long(c)]
        self.bytes_b = self.most_b = 0
        self.has_more = False
        self.asked: set[int] = set()
        self.asked_before: set[int] = set()

    def serving(self, c: int) -> int:
        """The class whose bin serves a long class: its own, or the first above it with a block that may."""
        bins = self.cache.bins
        return next((longer for longer in self.classes if serves(longer, c) and bins[longer].blocks), c)

    def refill(self, c: int) -> "tuple[int | None, Trip]":
        """A block from beyond the cache."""
        if not self.has_more:
            self.has_more = self.held_b > self._most_now_b // self.policy.full_part
        self.asked.add(c)
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
        trip = self.cache.no_trip
        piles_up = not self._is_asked(c) and self._bin_b(c) > self.policy.unasked_b
        if piles_up or len(entry.blocks) > self.policy.long_bin_blocks:
            trip = self.cache.give_half(c)
        trip = max(trip, self._settle())
        self.cache.calls[c]["free_flush" if trip else "free_spare"] += 1
        return trip

    def note(self, bytes_b: int) -> None:
        """They were counted and hold so many bytes."""
        budget = self.cache.budget
        budget.holders += (bytes_b != 0) - (self.bytes_b != 0)
        budget.long_b += bytes_b - self.bytes_b
        self.bytes_b = bytes_b

    def forget(self) -> None:
        """They are empty, and what was asked for is nothing to the thread that will have the cache."""
        self.note(0)
        self.has_more = False
        self.asked, self.asked_before = set(), set()

    def tick(self) -> None:
        """Counts what the bins hold and shares out anew what they may."""
        self.has_more = False
        self.asked, self.asked_before = set(), self.asked
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
        room_b = max(self.held_b, self.most_b // self.policy.long_given_part) if self.held_b else 0
        self._share_out(min(self.most_b - self.held_b, room_b))
        return trip

    def _share_out(self, left_b: int) -> None:
        """Room for so many blocks of each class that is asked for, and of the shortest for one more."""
        for c in self.classes:
            if not self._is_asked(c):
                room = self._room_unasked(c, left_b)
                left_b -= room * SIZE_CLASSES[c].block_b
                self._set_room(c, room)
        asked = [c for c in self.classes if self._is_asked(c)]
        each, left_b = divmod(left_b, sum(SIZE_CLASSES[c].block_b for c in asked)) if asked else (0, 0)
        for c in asked:
            one = left_b >= SIZE_CLASSES[c].block_b
            left_b -= one * SIZE_CLASSES[c].block_b
            self._set_room(c, min(each + one, self._room_most(c)))

    def _is_asked(self, c: int) -> bool:
        return c in self.asked or c in self.asked_before

    def _room_most(self, c: int) -> int:
        return max(self.policy.room_least, len(self.cache.bins[c].blocks))

    def _room_unasked(self, c: int, left_b: int) -> int:
        may_b = max(self.policy.unasked_b - self._bin_b(c), 0) if self.cache.bins[c].events else 0
        return min(min(may_b, left_b) // SIZE_CLASSES[c].block_b, self._room_most(c))

    def _set_room(self, c: int, room: int) -> None:
        self.cache.bins[c].limit = min(len(self.cache.bins[c].blocks) + room, LIMIT_MAX)

    def check(self) -> None:
        """Raises InvariantError if bins hold, or have room for, more than when they were counted."""
        limits_b = sum(self.cache.bins[c].limit * SIZE_CLASSES[c].block_b for c in self.classes)
        require(limits_b <= self.most_b, "bins of long blocks have room for more than they may hold")
        for c in self.classes:
            entry = self.cache.bins[c]
            require(len(entry.blocks) <= entry.limit, f"class {c}: its bin holds more than its limit")
