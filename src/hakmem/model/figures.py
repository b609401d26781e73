"""What the statistics say about a heap; names and units are those of the JSON "hakmem-stats/1".

Mirrors core/stats.c.
"""

from collections import Counter
from dataclasses import dataclass

from hakmem.model.heap import Heap
from hakmem.model.size_class import CLASSES
from hakmem.spec.counters import CALL_COUNTERS, CLASS_COUNTERS
from hakmem.spec.size_classes import SIZE_CLASSES, UNIT_B


@dataclass(frozen=True, slots=True)
class ByteFigures:
    """Bytes of the whole heap.

    live: in live blocks, by block size; of these `large` in large blocks.
    cached: in thread caches, but for whole spans, and in transfer caches; of these `transfer` in the latter.
    free: in slabs' lists, not carved yet, or in free spans, of which thread caches hold some.
    purged: of the free ones, in units that are known to be zero.
    unpurged: of the free ones, in free spans' units that are not.
    mapped: committed address space, and mappings outside the arena.
    """

    live: int
    large: int
    cached: int
    transfer: int
    free: int
    purged: int
    unpurged: int
    mapped: int


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Blocks and slabs of one class that was ever used.

    size: bytes of a block.
    counters: the class counters.
    calls: the call counters, which the core has in the count flavour alone.
    """

    size: int
    live_blocks: int
    cached_blocks: int
    free_blocks: int
    slabs: int
    counters: dict[str, int]
    calls: dict[str, int]


def class_figures(heap: Heap) -> list[ClassFigures]:
    """Every class that ever had a slab, in order."""
    return [_class_figures(heap, c) for c in CLASSES if heap.centrals[c].counters["slabs_made"]]


def byte_figures(heap: Heap) -> ByteFigures:
    """The heap's bytes."""
    large_units = sum(heap.pool.used[unit] for unit, slab in heap.page_map.items() if slab is None)
    large = large_units * UNIT_B + heap.large.outside_b
    classes = class_figures(heap)
    uncarved = sum(
        (slab.size_class.blocks - slab.carved) * slab.size_class.block_b
        for slab in set(heap.page_map.values())
        if slab is not None
    )
    free_units = heap.pool.free_units + heap.stock.units
    dirty_units = heap.pool.dirty_units + heap.stock.dirty
    longs = sum(cache.long.held_b for cache in heap.threads)
    return ByteFigures(
        live=large + sum(entry.live_blocks * entry.size for entry in classes),
        large=large,
        cached=sum(entry.cached_blocks * entry.size for entry in classes) - longs,
        transfer=sum(heap.centrals[c].transfer_blocks * SIZE_CLASSES[c].block_b for c in CLASSES),
        free=free_units * UNIT_B + longs + uncarved + sum(e.free_blocks * e.size for e in classes),
        purged=(free_units - dirty_units) * UNIT_B,
        unpurged=dirty_units * UNIT_B + longs,
        mapped=heap.arena.committed * UNIT_B + heap.large.outside_b,
    )


def _class_figures(heap: Heap, c: int) -> ClassFigures:
    central = heap.centrals[c]
    slabs = central.all_slabs()
    cached = central.transfer_blocks + sum(cache.blocks(c) for cache in heap.threads)
    free = sum(len(slab.free) for slab in slabs)
    calls: Counter[str] = sum((cache.calls[c] for cache in heap.threads.ever), Counter())
    return ClassFigures(
        size=SIZE_CLASSES[c].block_b,
        live_blocks=sum(slab.carved for slab in slabs) - cached - free,
        cached_blocks=cached,
        free_blocks=free,
        slabs=len(slabs),
        counters={entry.id: central.counters[entry.id] for entry in CLASS_COUNTERS},
        calls={entry.id: calls[entry.id] for entry in CALL_COUNTERS},
    )
