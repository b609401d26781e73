"""malloc and its family on top of everything else. Mirrors core/alloc.c and the checks of core/api.c."""

from collections import Counter
from typing import Final

from hakmem.model.arena import Arena
from hakmem.model.central import Central, PageMap, Shard
from hakmem.model.failures import BadAlignmentError, MisuseError, OutOfMemoryError, require
from hakmem.model.large import OUTSIDE, Large
from hakmem.model.policy import World
from hakmem.model.size_class import (
    CLASSES,
    MALLOC_ALIGN_B,
    class_of,
    class_of_aligned,
    is_long,
    is_power_of_two,
)
from hakmem.model.span import Pool
from hakmem.model.stock import Stock
from hakmem.model.thread import Thread, Threads
from hakmem.model.thread_cache import Budget
from hakmem.model.upkeep import Upkeep
from hakmem.spec.size_classes import MID_MAX_B, SIZE_CLASSES, UNIT_B, WIDE_MAX_B

PTRDIFF_MAX: Final = (1 << 63) - 1
"""Bytes; the largest size that C lets an object have."""

SIZE_MAX: Final = (1 << 64) - 1
"""Bytes; the largest size that a call can name."""


class Heap:
    """A process's heap. Each call names its thread and the sizes in bytes; results are addresses.

    live: the addresses of live blocks.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.page_map: PageMap = {}
        self.arena = Arena(world)
        self.pool = Pool(world, self.arena)
        self.stock = Stock(world, self.pool)
        self.shard = Shard(world.policy.shard_least_b)
        self.centrals = {c: Central(c, world, self.stock, self.page_map, self.shard) for c in CLASSES}
        self.budget = Budget(world, self.stock)
        self.threads = Threads(world, self.budget, self.centrals)
        self.large = Large(world, self.stock, self.page_map)
        self.upkeep = Upkeep(world, self.stock, self.centrals, self.shard, self.threads)
        self.live: set[int] = set()

    # The doors.

    def malloc(self, thread: Thread, size_b: int) -> int:
        """A block of at least `size_b` bytes, for size 0 too."""
        return self._alloc(thread, size_b)

    def calloc(self, thread: Thread, count: int, size_b: int) -> int:
        """A block of `count` times `size_b` bytes, all zero."""
        bytes_b = self._product(count, size_b)
        return self._alloc_large(thread, bytes_b, 1) if bytes_b > MID_MAX_B else self._alloc(thread, bytes_b)

    def aligned_alloc(self, thread: Thread, alignment_b: int, size_b: int) -> int:
        """A block on a multiple of `alignment_b`: from the first class that has such blocks, else a span."""
        if not is_power_of_two(alignment_b):
            raise BadAlignmentError(f"{alignment_b} is no power of two")
        if alignment_b <= MALLOC_ALIGN_B:
            return self._alloc(thread, size_b)
        if size_b > PTRDIFF_MAX or alignment_b > PTRDIFF_MAX:
            raise OutOfMemoryError(f"{size_b} bytes on a multiple of {alignment_b}")
        c = class_of_aligned(alignment_b, size_b)
        if c is not None:
            return self._alloc(thread, SIZE_CLASSES[c].block_b)
        return self._alloc_large(thread, max(size_b, 1), alignment_b)

    def free(self, thread: Thread, address: int) -> None:
        """Takes a live block back, from whichever thread."""
        self._check_live(address)
        self.live.remove(address)
        c = self._class_at(address)
        if c is None:
            self._free_large(thread, address)
        else:
            self._free_small(thread, c, address)

    def realloc(self, thread: Thread, address: int | None, size_b: int) -> int | None:
        """Makes a block longer or shorter, where it is if possible; size 0 frees it, as in glibc.

        A block that would stay at least half full stays. Large blocks shrink where they are, grow into
        what is free behind them, and move page by page; the rest is copied.
        """
        if address is None:
            return self._alloc(thread, size_b)
        if size_b == 0:
            self.free(thread, address)
            return None
        if size_b > PTRDIFF_MAX:
            raise OutOfMemoryError(f"{size_b} bytes")
        self._check_live(address)
        have_b = self.usable_size(address)
        is_large = self._class_at(address) is None and address < OUTSIDE
        if is_large and size_b > MID_MAX_B:
            return self._resize_large(thread, address, size_b)
        if have_b // 2 <= size_b <= have_b:
            return address
        return self._copy(thread, address, have_b, self._with_room_to_grow(have_b, size_b))

    def reallocarray(self, thread: Thread, address: int | None, count: int, size_b: int) -> int | None:
        """Makes a block `count` times `size_b` bytes long, as realloc does."""
        bytes_b = count * size_b
        if bytes_b > SIZE_MAX:
            raise OutOfMemoryError(f"{count} times {size_b} bytes")
        return self.realloc(thread, address, bytes_b)

    def usable_size(self, address: int) -> int:
        """Bytes that may be used at a live block."""
        self._check_live(address)
        c = self._class_at(address)
        return self.large.usable_b(address) if c is None else SIZE_CLASSES[c].block_b

    def owns(self, address: int) -> bool:
        """True for the start of a live block alone."""
        return address in self.live

    def trim(self, thread: Thread, pad_b: int = 0) -> bool:
        """Gives back all that is free but `pad_b` bytes; True if anything went."""
        return self.upkeep.trim(self.threads.cache(thread), pad_b)

    def end_thread(self, thread: Thread) -> None:
        """The thread exits."""
        self.threads.end(thread)

    # How they do it.

    def _alloc(self, thread: Thread, size_b: int) -> int:
        if size_b > WIDE_MAX_B:
            return self._alloc_large(thread, size_b, 1)
        c = class_of(size_b)
        # Size 0 finds the bin 0, which is always empty, and so takes the slow path each time.
        is_slow = size_b == 0 or self.threads.takes_slow_path(thread)
        cache = self.threads.cache(thread)
        if is_long(c) and (serving := cache.long.serving(c)) != c:
            c, is_slow = serving, True
        entry = cache.bins[c]
        cache.calls[c]["allocations"] += 1
        address: int | None
        if entry.blocks:
            address = entry.blocks.pop(0)
            cache.calls[c]["malloc_hits"] += 1
            if is_slow:
                cache.calls[c]["trapped"] += 1
                self.upkeep.trapped_call(cache)
        else:
            address, trip = cache.long.refill(c) if is_long(c) else cache.refill(c)
            self.upkeep.after_trip(cache, trip)
        return self._given(address, size_b)

    def _alloc_large(self, thread: Thread, size_b: int, alignment_b: int) -> int:
        if size_b > PTRDIFF_MAX:
            raise OutOfMemoryError(f"{size_b} bytes")
        cache = self.threads.cache(thread)
        block = self.large.take(size_b, alignment_b)
        self.upkeep.look(cache)
        return self._given(block.address if block else None, size_b)

    def _free_small(self, thread: Thread, c: int, address: int) -> None:
        is_slow = self.threads.takes_slow_path(thread)
        cache = self.threads.cache_to_free(thread)
        if cache is None:
            self.centrals[c].push([address], self.world.clock.now_ms)
            self.upkeep.look(None)
            return
        entry = cache.bins[c]
        cache.calls[c]["frees"] += 1
        if len(entry.blocks) < entry.limit:
            entry.blocks.insert(0, address)
            cache.calls[c]["free_fast"] += 1
            if is_slow:
                cache.calls[c]["trapped"] += 1
                self.upkeep.trapped_call(cache)
        else:
            overflow = cache.long.overflow if is_long(c) else cache.overflow
            self.upkeep.after_trip(cache, overflow(c, address))

    def _free_large(self, thread: Thread, address: int) -> None:
        in_arena = address < OUTSIDE
        self.large.give(address)
        if in_arena:
            self.upkeep.look(self.threads.cache_to_free(thread))

    def _resize_large(self, thread: Thread, address: int, size_b: int) -> int:
        if self.large.resize(address, size_b):
            self.upkeep.look(self.threads.cache(thread))
            return address
        moved = self.large.move(address, size_b)
        if moved is None:
            return self._copy(thread, address, self.usable_size(address), size_b)
        self.live.remove(address)
        self._given(moved, size_b)
        self.upkeep.look(self.threads.cache(thread))
        return moved

    def _with_room_to_grow(self, have_b: int, size_b: int) -> int:
        """A small block that grows by little will grow again: a quarter more saves copies."""
        roomy_b = have_b + have_b // self.world.policy.room_part
        grows_little = have_b < size_b < have_b + have_b // self.world.policy.little_part
        return roomy_b if grows_little and roomy_b <= MID_MAX_B else size_b

    def _copy(self, thread: Thread, address: int, have_b: int, size_b: int) -> int:
        """A block that grows beyond mid sizes becomes a span, which grows in place from then on."""
        becomes_span = size_b > max(have_b, MID_MAX_B)
        copy = self._alloc_large(thread, size_b, 1) if becomes_span else self._alloc(thread, size_b)
        self.free(thread, address)
        return copy

    def _given(self, address: int | None, size_b: int) -> int:
        """What every new block goes through."""
        if address is None:
            raise OutOfMemoryError(f"{size_b} bytes")
        require(address not in self.live, f"{address:#x} is given out twice")
        require(address % MALLOC_ALIGN_B == 0, f"{address:#x} is not aligned")
        self.live.add(address)
        return address

    def _product(self, count: int, size_b: int) -> int:
        if count * size_b > PTRDIFF_MAX:
            raise OutOfMemoryError(f"{count} times {size_b} bytes")
        return count * size_b

    def _class_at(self, address: int) -> int | None:
        """The class of the block at an address in use; None for a large one."""
        slab = self.page_map.get(address // UNIT_B)
        return None if slab is None else slab.number

    def _check_live(self, address: int) -> None:
        """Raises MisuseError, as the debug flavour ends the process, unless a live block starts there."""
        if address in self.live:
            return
        if not 0 <= address < self.arena.committed * UNIT_B:
            raise MisuseError("foreign_pointer", address)
        if address // UNIT_B not in self.page_map:
            raise MisuseError("invalid_pointer", address)
        slab = self.page_map[address // UNIT_B]
        is_block = slab is not None and slab.is_block(address)
        raise MisuseError("double_free" if is_block else "interior_pointer", address)

    # What must be true.

    def check(self) -> None:
        """Raises InvariantError unless every layer holds, and every carved block is in exactly one place."""
        self.pool.check()
        self.stock.check()
        idle: Counter[int] = Counter()
        for c, central in self.centrals.items():
            central.check()
            chains = [*central.batches, *(slab.free for slab in central.all_slabs())]
            for cache in self.threads:
                chains += cache.chains(c)
            for chain in chains:
                idle.update(chain)
        for cache in self.threads:
            cache.check()
        leased_b = sum(cache.lease_b for cache in self.threads)
        require(leased_b == self.budget.leased_b, "the caches' leases are not what the budget gave out")
        require(all(count == 1 for count in idle.values()), "a free block is in two places")
        require(self.live.isdisjoint(idle), "a live block is in a list of free blocks")
        small = {address for address in self.live if self._class_at(address) is not None}
        slabs = {slab for slab in self.page_map.values() if slab is not None}
        carved = sum(slab.carved for slab in slabs)
        require(len(small) + len(idle) == carved, "a carved block is neither live nor free")
        large = {unit for unit, slab in self.page_map.items() if slab is None}
        in_use = large | {slab.unit for slab in slabs}
        require(in_use == set(self.pool.used), "a span in use is neither a slab nor a large block")
