"""Blocks above the largest class: a span each; what the arena cannot hold is a mapping of its own.

Mirrors core/large.c. A block is as long as its span or its mapping. Mappings lie wherever the system likes;
the model numbers them upwards from OUTSIDE.
"""

from dataclasses import dataclass
from typing import Final

from hakmem.model.central import PageMap
from hakmem.model.policy import World
from hakmem.model.size_class import round_up, units_of
from hakmem.model.span import LONG_AGO
from hakmem.model.stock import Stock
from hakmem.spec.size_classes import UNIT_B

OUTSIDE: Final = 1 << 60
"""Addresses from here on are outside the arena."""


@dataclass(frozen=True, slots=True)
class LargeBlock:
    """A new block, and whether every byte of it is zero."""

    address: int
    is_zero: bool


@dataclass(frozen=True, slots=True)
class Mapping:
    """A block outside the arena: bytes that may be used, and bytes mapped for it."""

    usable_b: int
    mapped_b: int


class Large:
    """Every large block.

    outside: address -> the mapping there.
    """

    def __init__(self, world: World, stock: Stock, page_map: PageMap) -> None:
        self.policy = world.policy
        self.settings = world.settings
        self.clock = world.clock
        self.counters = world.counters
        self.stock = stock
        self.pool = stock.pool
        self.page_map = page_map
        self.outside: dict[int, Mapping] = {}
        self._next_outside = OUTSIDE
        self._moves = 0
        self._very_large_ms = 0

    def take(self, size_b: int, alignment_b: int) -> LargeBlock | None:
        """A block of at least `size_b` bytes; None without memory."""
        span = self.stock.take(units_of(size_b), max(alignment_b // UNIT_B, 1))
        if span is None:
            return self._map(size_b, alignment_b)
        self.page_map[span.unit] = None
        if size_b >= self.settings.large_threshold:
            self._very_large_ms = self.clock.now_ms
        self.counters["large_allocs"] += 1
        self.counters["large_reuses"] += not span.is_zero
        return LargeBlock(span.unit * UNIT_B, span.is_zero)

    def give(self, address: int) -> None:
        """Frees a block."""
        if address in self.outside:
            del self.outside[address]
            return
        size_b = self.usable_b(address)
        self._give_span(address, size_b // UNIT_B, self._stamp_ms(size_b))

    def usable_b(self, address: int) -> int:
        """Bytes of a block."""
        if address in self.outside:
            return self.outside[address].usable_b
        return self.pool.used[address // UNIT_B] * UNIT_B

    def resize(self, address: int, size_b: int) -> bool:
        """Makes a block of the arena longer or shorter where it is; False if that is not possible."""
        unit, want = address // UNIT_B, units_of(size_b)
        have = self.pool.used[unit]
        if want < have:
            self.pool.shorten(unit, want, self._stamp_ms((have - want) * UNIT_B))
            return True
        return want == have or self.stock.extend(unit, want)

    def move(self, address: int, size_b: int) -> int | None:
        """Moves a block's pages to a new, longer block without copying; None if copying is better, or needed.

        A move leaves mappings behind, of which the system has a limit, so moves have one too. The pages that
        it leaves are zero, but dirty bits of earlier use remain: nobody looks.
        """
        bytes_b = self.usable_b(address)
        if bytes_b < self.policy.move_b or self._moves >= self.policy.moves_most:
            return None
        target = self.take(size_b, 1)
        if target is None:
            return None
        if target.address in self.outside:
            self.give(target.address)
            return None
        self._moves += 1
        self.counters["system_remap"] += 1
        self._give_span(address, 0, LONG_AGO)
        return target.address

    @property
    def outside_b(self) -> int:
        """Bytes mapped outside the arena."""
        return sum(mapping.mapped_b for mapping in self.outside.values())

    def _map(self, size_b: int, alignment_b: int) -> LargeBlock | None:
        """A mapping with a page of its own before the block for what must be known about it."""
        page_b = self.policy.page_b
        alignment_b = max(alignment_b, page_b)
        usable_b = round_up(size_b, page_b)
        mapped_b = usable_b + page_b + alignment_b
        if mapped_b > self.policy.outside_max_b:
            return None
        address = round_up(self._next_outside, alignment_b)
        self._next_outside = address + mapped_b
        self.outside[address] = Mapping(usable_b, mapped_b)
        self.counters["direct_allocs"] += 1
        return LargeBlock(address, is_zero=True)

    def _give_span(self, address: int, dirty: int, stamp_ms: int) -> None:
        unit = address // UNIT_B
        del self.page_map[unit]
        self.counters["large_frees"] += 1
        self.stock.give(unit, dirty, stamp_ms)

    def _stamp_ms(self, bytes_b: int) -> int:
        """Since when freed memory has been unused: very large blocks, but temporaries, are due at once."""
        now_ms = self.clock.now_ms
        if bytes_b < self.settings.large_threshold:
            return now_ms
        return now_ms if now_ms - self._very_large_ms < self.settings.purge_delay_ms else LONG_AGO
