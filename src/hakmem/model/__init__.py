"""The allocator as an executable model: what the core in `core/` must do, without threads, locks and pages.

Read from the bottom: `policy` (the numbers), `size_class`, `arena` (address range), `span` (pool of free
units), `slab` (a span cut into blocks), `central` (slabs and batches of a class), `thread_cache` (bins and
spares), `thread` (who has a cache), `large`, `upkeep` (what makes memory go back), `heap` (malloc and its
family), `figures` (what the statistics say). Each file uses only those before it. `scale` stands apart: it
simulates the locks of the central store on many processors, from counts.

An address is a number of bytes from the arena's base. Time is a `Clock` that stands still within a call.
Calls of several threads follow one another; what happens when they overlap is specified in `core/` and
model-checked in `tests/spin`. Failure of the system, fork, and calls of a thread past its end are left out.
"""
