"""Per size class: slabs with free blocks, and whole batches on their way between threads.

Mirrors core/central.c, and core/transfer.c on a single processor. A batch goes to the transfer cache first,
from which the next refill takes it whole; only what does not fit there, or stays unused, goes to its slabs.
The current slab, the one being carved, is on no list and is never retired; it is looked at again when it is
replaced.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from hakmem.model.failures import InvariantError, require
from hakmem.model.policy import World
from hakmem.model.slab import Chain, Slab
from hakmem.model.span import LONG_AGO
from hakmem.model.stock import Stock
from hakmem.spec.size_classes import SIZE_CLASSES, UNIT_B

PageMap = dict[int, Slab | None]
"""Unit -> the slab that it belongs to, or None for the first unit of a large block."""


class Source(StrEnum):
    """Where a refill came from; the values are those of the count flavour's counters."""

    TRANSFER = "refill_transfer"
    SLAB = "refill_slab"
    SPAN = "refill_span"


@dataclass(slots=True)
class Shard:
    """What the transfer caches of all classes hold together, and may hold; bytes."""

    limit_b: int
    held_b: int = 0


class Central:
    """The central store of one class.

    current: the slab being carved.
    slabs: the others that have free blocks, newest first.
    batches: the transfer cache; the last is taken first.
    unused_batches: the fewest batches since the last ageing: so many were not needed.
    counters: the class counters of the spec.
    """

    def __init__(self, number: int, world: World, stock: Stock, page_map: PageMap, shard: Shard) -> None:
        self.number = number
        self.shard = shard
        self.policy = world.policy
        self.clock = world.clock
        self.stock = stock
        self.page_map = page_map
        self.current: Slab | None = None
        self.slabs: list[Slab] = []
        self.batches: list[Chain] = []
        self.unused_batches = 0
        self.counters: Counter[str] = Counter()

    def get(self, most: int) -> tuple[Chain, Source]:
        """A whole batch, else up to `most` blocks from slabs with free blocks, else from a slab's fresh part.

        An empty chain: there is no memory.
        """
        self.counters["refills"] += 1
        if self.batches:
            chain, source = self.batches.pop(), Source.TRANSFER
            self.shard.held_b -= self._bytes(chain)
            self.unused_batches = min(self.unused_batches, len(self.batches))
            self.counters["transfer_hits"] += 1
        else:
            chain, source = self._gather(most), Source.SLAB
            if not chain:
                chain, source = self._carve(most)
        self.counters["refilled_blocks"] += len(chain)
        return chain, source

    def settle(self, chain: Chain, stamp_ms: int) -> None:
        """Takes blocks that were idle: they go to their slabs, past the transfer cache."""
        if chain:
            self._count_flush(chain)
            self.push(chain, stamp_ms)

    def _bytes(self, chain: Chain) -> int:
        return len(chain) * SIZE_CLASSES[self.number].block_b

    def _count_flush(self, chain: Chain) -> None:
        self.counters["flushes"] += 1
        self.counters["flushed_blocks"] += len(chain)

    def put(self, chain: Chain) -> bool:
        """Takes a batch; False if the transfer cache was full and the blocks went to their slabs."""
        if not chain:
            return True
        self._count_flush(chain)
        held_b = self.shard.held_b + self._bytes(chain)
        if len(self.batches) < SIZE_CLASSES[self.number].batches and held_b <= self.shard.limit_b:
            self.shard.held_b = held_b
            self.batches.append(chain)
            self.counters["transfer_puts"] += 1
            return True
        self.counters["transfer_full"] += 1
        self.push(chain, self.clock.now_ms)
        return False

    def push(self, chain: Chain, stamp_ms: int) -> None:
        """Gives a chain's blocks to their slabs; slabs that are free now have been unused since `stamp_ms`.

        Blocks of one slab are gathered, in reverse, and pushed as one. A table of a few places does that: a
        slab drives out the one that had its place.
        """
        piles: dict[int, tuple[Slab, Chain]] = {}
        for address in chain:
            slab = self._slab_of(address)
            place = slab.unit % self.policy.gathered_slabs
            if place not in piles or piles[place][0] is not slab:
                if place in piles:
                    self._push_pile(*piles[place], stamp_ms)
                piles[place] = (slab, [])
            piles[place][1].insert(0, address)
        for place in sorted(piles):
            self._push_pile(*piles[place], stamp_ms)

    def age(self, stamp_ms: int, *, everything: bool) -> None:
        """Moves the batches that nobody needed since the last call, or all of them, to their slabs."""
        count = len(self.batches) if everything else self.unused_batches
        idle, self.batches = self.batches[:count], self.batches[count:]
        self.unused_batches = len(self.batches)
        for chain in idle:
            self.shard.held_b -= self._bytes(chain)
            self.push(chain, stamp_ms)
        if self.current is not None and self.current.is_idle:
            self._drop_current(stamp_ms)

    @property
    def idle_blocks(self) -> int:
        """Blocks in batches, in slabs' lists, and those that were never carved.

        A few less after calls of threads without a cache, which are not counted.
        """
        counters = self.counters
        blocks = (counters["slabs_made"] - counters["slabs_retired"]) * SIZE_CLASSES[self.number].blocks
        out = max(counters["refilled_blocks"] - counters["flushed_blocks"], 0)
        return max(blocks - out, 0)

    def all_slabs(self) -> set[Slab]:
        """Every slab of the class, also those without a free block, which are on no list."""
        return {slab for slab in self.page_map.values() if slab is not None and slab.number == self.number}

    @property
    def transfer_blocks(self) -> int:
        """Blocks in the transfer cache."""
        return sum(map(len, self.batches))

    def _gather(self, most: int) -> Chain:
        """Blocks from the current slab's list, then from the listed slabs, those with the fewest first.

        The others may become wholly free. Each slab's part goes before the part before it.
        """
        chain = self.current.take(most) if self.current is not None else []
        for _ in range(self.policy.refill_slabs):
            if len(chain) == most or not self.slabs:
                break
            fullest = min(self.slabs[: self.policy.refill_slabs], key=lambda slab: len(slab.free))
            chain = fullest.take(most - len(chain)) + chain
            if not fullest.free:
                self.slabs.remove(fullest)
        return chain

    def _carve(self, most: int) -> tuple[Chain, Source]:
        slabs = self.counters["slabs_made"] - self.counters["slabs_retired"]
        grown = slabs >= self.policy.grown_slabs
        if self.current is not None:
            chain = self.current.carve(most, self.policy, grown=grown)
            if chain:
                return chain, Source.SLAB
        self._drop_current(LONG_AGO)
        self.current = self._make()
        if self.current is None:
            return [], Source.SLAB
        return self.current.carve(most, self.policy, grown=grown), Source.SPAN

    def _make(self) -> Slab | None:
        units = SIZE_CLASSES[self.number].units
        span = self.stock.take(units)
        if span is None:
            return None
        slab = Slab(span.unit, self.number)
        self.page_map.update(dict.fromkeys(range(span.unit, span.unit + units), slab))
        self.counters["slabs_made"] += 1
        return slab

    def _retire(self, slab: Slab, stamp_ms: int) -> None:
        for unit in range(slab.unit, slab.unit + slab.size_class.units):
            del self.page_map[unit]
        self.stock.give(slab.unit, slab.touched_units, stamp_ms)
        self.counters["slabs_retired"] += 1

    def _drop_current(self, stamp_ms: int) -> None:
        slab, self.current = self.current, None
        if slab is not None:
            self._look(slab, stamp_ms)

    def _push_pile(self, slab: Slab, chain: Chain, stamp_ms: int) -> None:
        if slab.push(chain):
            self._look(slab, stamp_ms)

    def _look(self, slab: Slab, stamp_ms: int) -> None:
        """Retires a slab that is wholly free, lists one that has free blocks."""
        if slab is self.current or not slab.free:
            return
        if slab.is_idle:
            if slab in self.slabs:
                self.slabs.remove(slab)
            self._retire(slab, stamp_ms)
        elif slab not in self.slabs:
            self.slabs.insert(0, slab)

    def _slab_of(self, address: int) -> Slab:
        slab = self.page_map.get(address // UNIT_B)
        if slab is None or slab.number != self.number or not slab.is_block(address):
            raise InvariantError(f"{address:#x} is no block of class {self.number}")
        return slab

    def check(self) -> None:
        """Raises InvariantError unless exactly the slabs with some free blocks are listed."""
        slabs = self.all_slabs()
        for slab in slabs:
            slab.check()
            if slab is self.current:
                continue
            listed = self.slabs.count(slab)
            require(listed == (len(slab.free) > 0), f"slab at unit {slab.unit}: listed {listed} times")
            require(not slab.is_idle, f"slab at unit {slab.unit} is wholly free and was not retired")
        require(set(self.slabs) <= slabs, f"class {self.number} lists a slab that was retired")
        most = SIZE_CLASSES[self.number].batches
        require(len(self.batches) <= most, f"class {self.number}: too many batches")
        require(self.unused_batches <= len(self.batches), f"class {self.number}: unused_batches is too large")
