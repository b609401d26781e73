"""The counters that the core keeps, and that its statistics name.

None is on the release flavour's fast path: process-wide and class counters count what happens off it;
call counters need work in every call and exist in the count flavour alone.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter: its name in C and JSON, and what it counts. It starts at 0 and never falls."""

    id: str
    counts: str


PROCESS_COUNTERS: Final[tuple[Counter, ...]] = (
    Counter("superslabs_made", "superslabs committed"),
    Counter("superslabs_reused", "wholly free superslabs taken up again before they were given back"),
    Counter("superslabs_returned", "superslabs given back to the system"),
    Counter("purges", "ranges of free memory whose pages were given back"),
    Counter("purged_bytes", "bytes of those ranges"),
    Counter("large_allocs", "allocations served by a span of their own"),
    Counter("large_frees", "large blocks freed"),
    Counter("large_reuses", "large allocations that took up a span used before"),
    Counter("direct_allocs", "allocations that got a direct mapping"),
    Counter("threads_started", "threads that got a cache"),
    Counter("threads_ended", "threads whose cache was flushed at their exit"),
    Counter("system_reserve", "system calls that reserve address range"),
    Counter("system_commit", "system calls that make memory usable"),
    Counter("system_purge", "system calls that give pages back and keep the address range"),
    Counter("system_advise", "system calls that set the policy for huge pages"),
    Counter("system_remap", "system calls that move or resize a mapping"),
    Counter("system_release", "system calls that give address range back"),
)
"""Kept once a process, in every flavour."""

CLASS_COUNTERS: Final[tuple[Counter, ...]] = (
    Counter("refills", "batches that thread caches took from the central store"),
    Counter("flushes", "batches that thread caches gave to the central store"),
    Counter("refilled_blocks", "blocks in the batches taken"),
    Counter("flushed_blocks", "blocks in the batches given"),
    Counter("transfer_hits", "refills that the transfer cache served with a whole batch"),
    Counter("transfer_puts", "flushed batches that the transfer cache kept whole"),
    Counter("transfer_full", "flushed batches for which the transfer cache had no room"),
    Counter("slabs_made", "slabs cut from spans"),
    Counter("slabs_retired", "wholly free slabs that became spans again"),
)
"""Kept once a size class, in every flavour."""

CALL_COUNTERS: Final[tuple[Counter, ...]] = (
    Counter("allocations", "blocks handed out"),
    Counter("frees", "blocks given back"),
    Counter("malloc_hits", "allocations served by the thread cache's bin"),
    Counter("refill_spare", "misses served by the bin's spare batch"),
    Counter("refill_transfer", "misses served by the transfer cache"),
    Counter("refill_slab", "misses served by free blocks of a slab"),
    Counter("refill_span", "misses that needed a new slab"),
    Counter("free_fast", "frees that stayed in the bin"),
    Counter(
        "free_spare", "frees that moved the full bin to the spare, or found room in a bin of long blocks"
    ),
    Counter("free_flush", "frees that gave a batch to the central store"),
    Counter(
        "trapped", "calls that a bin served the slow way: the trap was set, or the block is a longer one"
    ),
    Counter("lock_waits", "times that the class lock was held by another thread"),
)
"""Kept once a size class, in the count flavour alone."""


class Reach(StrEnum):
    """How many threads can meet at a lock."""

    PROCESSOR = "processor"  # those that ran on one processor, and who steals from it
    CLASS = "class"  # those that miss in one size class
    PROCESS = "process"  # all


@dataclass(frozen=True, slots=True)
class LockUse:
    """One thing for which a lock is taken: its name in C and JSON, how many locks there are, what for."""

    id: str
    reach: Reach
    counts: str


LOCK_USES: Final[tuple[LockUse, ...]] = (
    LockUse("shard_take", Reach.PROCESSOR, "a refill looks in the transfer cache of its own processor"),
    LockUse("shard_steal", Reach.PROCESSOR, "a refill looks in the transfer cache of another processor"),
    LockUse("shard_put", Reach.PROCESSOR, "a batch is given to the transfer cache of its own processor"),
    LockUse("shard_spill", Reach.PROCESSOR, "a batch is given to that of another, as its own seemed full"),
    LockUse("shard_age", Reach.PROCESSOR, "batches that nobody needed go to their slabs"),
    LockUse("shard_look", Reach.PROCESSOR, "hak_owns looks through batches"),
    LockUse("class_refill", Reach.CLASS, "a refill that the transfer cache could not serve"),
    LockUse("class_idle", Reach.CLASS, "a batch is counted that was idle, and so goes to its slabs"),
    LockUse("class_push", Reach.CLASS, "a push left a slab with its first or with all blocks free"),
    LockUse("class_age", Reach.CLASS, "an idle current slab is looked for"),
    LockUse("class_look", Reach.CLASS, "hak_owns looks through a slab's list"),
    LockUse("stock_slab", Reach.PROCESSOR, "a slab is made or retired"),
    LockUse("stock_large", Reach.PROCESSOR, "a large block of up to 1 MiB is allocated or freed"),
    LockUse("stock_idle", Reach.PROCESSOR, "a tick, or who needs it in one piece, empties a stock"),
    LockUse("stock_look", Reach.PROCESSOR, "statistics"),
    LockUse("pool_stock", Reach.PROCESS, "a stock has nothing that suffices, or too much"),
    LockUse("pool_large", Reach.PROCESS, "a longer block is allocated or freed, and any is resized"),
    LockUse("pool_upkeep", Reach.PROCESS, "ticks: stocks give what they have, and free spans are purged"),
    LockUse("pool_look", Reach.PROCESS, "statistics, and hak_owns"),
    LockUse("purge", Reach.PROCESS, "a thread gives pages back"),
    LockUse("registry", Reach.PROCESS, "a thread starts or ends, and a tick visits the others"),
    LockUse("outside", Reach.PROCESS, "a block outside the arena is made, found or freed"),
    LockUse("check", Reach.PROCESS, "the debug flavour's full checks keep their books"),
    LockUse("start", Reach.PROCESS, "the heap is opened, a processor seen first, or all are gone through"),
)
"""Counted in the count flavour alone. What fork takes is not counted."""

SWAPS: Final[tuple[Counter, ...]] = (
    Counter("slab_push", "a compare-and-swap on a slab's list; retried when another thread's came between"),
    Counter("shelf_hint", "a transfer cache that seemed to have a batch was locked; in vain if it was gone"),
    Counter("lease", "an addition to what all caches hold; undone when that went over the budget"),
)
"""Words that threads read before they change them without a lock; counted in the count flavour alone."""

BYTE_FIGURES: Final[tuple[Counter, ...]] = (
    Counter("live", "bytes of live blocks, each counted with its block size"),
    Counter("large", "of the live ones, those in large blocks"),
    Counter("cached", "bytes of free blocks in thread caches, up to 8 KiB each, and in transfer caches"),
    Counter("transfer", "of the cached ones, those in transfer caches"),
    Counter(
        "free",
        "bytes of free blocks in slabs, of slabs not carved yet, of free spans, and of longer free blocks in"
        " thread caches",
    ),
    Counter("purged", "of the free ones, those with no pages behind them"),
    Counter(
        "unpurged",
        "of the free ones, those in free spans with pages behind them, and longer blocks in thread caches",
    ),
    Counter("overdue", "of the unpurged ones, those that have been free for the purge delay and a tick"),
    Counter("mapped", "bytes that the process may use: committed superslabs and direct mappings"),
    Counter("metadata", "bytes mapped for page map and descriptors; resident only where the heap is"),
)
"""The amounts at the time of a report. They are figures of the moment, so unlike counters they fall too."""

CLASS_FIGURES: Final[tuple[Counter, ...]] = (
    Counter("size", "bytes of a block"),
    Counter("live_blocks", "blocks in use"),
    Counter("cached_blocks", "free blocks in thread caches and the transfer cache"),
    Counter("free_blocks", "free blocks in slabs"),
    Counter("slabs", "slabs that the class has"),
)
"""The amounts of one size class."""
