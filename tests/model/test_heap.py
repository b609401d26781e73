"""malloc and its family in the model: where blocks go, realloc, errors, upkeep, and the figures."""

from dataclasses import replace

import pytest

from hakmem.model.failures import (
    BadAlignmentError,
    InvariantError,
    MisuseError,
    OutOfMemoryError,
)
from hakmem.model.figures import byte_figures, class_figures
from hakmem.model.heap import PTRDIFF_MAX, SIZE_MAX, Heap
from hakmem.model.large import OUTSIDE
from hakmem.model.policy import MIB, Clock, Policy, Settings, World
from hakmem.spec.size_classes import MID_MAX_B, UNIT_B, WIDE_MAX_B


@pytest.fixture
def heap() -> Heap:
    return heap_with()


def heap_with(policy: Policy | None = None, **settings: int) -> Heap:
    return Heap(World(policy or Policy(), Settings(**settings), Clock(1000)))


def test_blocks_of_size_zero_are_distinct(heap: Heap) -> None:
    blocks = {heap.malloc(0, 0) for _ in range(50)}
    assert len(blocks) == 50
    assert {heap.usable_size(block) for block in blocks} == {16}


def test_a_block_above_the_largest_class_is_a_span(heap: Heap) -> None:
    block = heap.malloc(0, WIDE_MAX_B + 1)
    assert heap.usable_size(block) == 17 * UNIT_B
    assert block % UNIT_B == 0


@pytest.mark.parametrize("size_b", [PTRDIFF_MAX + 1, SIZE_MAX, 1 << 48])
def test_an_impossible_size_is_refused(heap: Heap, size_b: int) -> None:
    with pytest.raises(OutOfMemoryError):
        heap.malloc(0, size_b)
    with pytest.raises(OutOfMemoryError):
        heap.aligned_alloc(0, 64, size_b)
    heap.check()


def test_products_that_overflow_are_refused_and_keep_the_block(heap: Heap) -> None:
    block = heap.malloc(0, 10)
    with pytest.raises(OutOfMemoryError):
        heap.calloc(0, 1 << 32, 1 << 32)
    with pytest.raises(OutOfMemoryError):
        heap.reallocarray(0, block, 1 << 32, 1 << 32)
    assert heap.owns(block)


@pytest.mark.parametrize("alignment_b", [0, 3, 24, 4095])
def test_an_alignment_that_is_no_power_of_two_is_refused(heap: Heap, alignment_b: int) -> None:
    with pytest.raises(BadAlignmentError):
        heap.aligned_alloc(0, alignment_b, 1)


@pytest.mark.parametrize("shift", range(31))
def test_blocks_are_aligned_as_asked(heap: Heap, shift: int) -> None:
    for size_b in (0, 1, 100, 5000, MID_MAX_B, 100_000):
        block = heap.aligned_alloc(0, 1 << shift, size_b)
        assert block % (1 << shift) == 0
        assert heap.usable_size(block) >= size_b
    heap.check()


def test_realloc_stays_while_the_block_is_at_least_half_full(heap: Heap) -> None:
    block = heap.malloc(0, 1000)
    assert heap.realloc(0, block, 1008) == block
    assert heap.realloc(0, block, 504) == block
    assert heap.realloc(0, block, 503) != block
    assert not heap.owns(block)


def test_realloc_of_nothing_allocates_and_to_nothing_frees(heap: Heap) -> None:
    block = heap.realloc(0, None, 10)
    assert block is not None
    assert heap.realloc(0, block, 0) is None
    assert not heap.owns(block)


def test_a_large_block_shrinks_and_grows_in_place(heap: Heap) -> None:
    block = heap.malloc(0, 20 * UNIT_B)
    assert heap.realloc(0, block, 4 * UNIT_B) == block
    assert heap.realloc(0, block, 9 * UNIT_B) == block
    heap.malloc(0, 2 * UNIT_B + 1)
    heap.check()


def test_a_block_that_grows_beyond_mid_sizes_becomes_a_span_that_grows_in_place(heap: Heap) -> None:
    wide = heap.malloc(0, 5 * UNIT_B)
    assert byte_figures(heap).large == 0
    span = heap.realloc(0, wide, 6 * UNIT_B)
    assert span is not None
    assert byte_figures(heap).large == 6 * UNIT_B
    assert heap.realloc(0, span, 7 * UNIT_B) == span
    heap.check()


def test_cleared_wide_blocks_are_spans_of_which_one_knows_that_they_are_zero(heap: Heap) -> None:
    heap.calloc(0, 1, WIDE_MAX_B)
    assert byte_figures(heap).large == WIDE_MAX_B
    heap.check()


def test_a_large_block_that_cannot_grow_is_moved_page_by_page_from_a_size_on(heap: Heap) -> None:
    small, large = heap.calloc(0, 1, 15 * UNIT_B), heap.calloc(0, 1, 16 * UNIT_B)
    heap.calloc(0, 1, MID_MAX_B + 1)
    assert heap.realloc(0, small, 20 * UNIT_B) != small
    assert heap.world.counters["system_remap"] == 0
    assert heap.realloc(0, large, 40 * UNIT_B) != large
    assert heap.world.counters["system_remap"] == 1
    heap.check()


def test_what_the_arena_cannot_hold_lies_outside(heap: Heap) -> None:
    heap = heap_with(arena_max=64 * MIB)
    block = heap.malloc(0, 100 * MIB + 1)
    assert block >= OUTSIDE
    assert heap.usable_size(block) == 100 * MIB + 4096
    assert byte_figures(heap).large == 100 * MIB + 3 * 4096
    assert heap.realloc(0, block, 60 * MIB) == block
    moved = heap.realloc(0, block, 40 * MIB)
    assert moved is not None
    assert moved < OUTSIDE
    assert byte_figures(heap).large == 40 * MIB
    heap.check()


def test_a_full_arena_ends_small_blocks_with_out_of_memory() -> None:
    heap = heap_with(arena_max=64 * MIB)

    def fill() -> None:
        while True:
            heap.malloc(0, MID_MAX_B)

    with pytest.raises(OutOfMemoryError):
        fill()
    assert byte_figures(heap).mapped == 64 * MIB
    heap.check()


@pytest.mark.parametrize("kind", ["double_free", "interior_pointer", "invalid_pointer", "foreign_pointer"])
def test_misuse_is_named(heap: Heap, kind: str) -> None:
    block, large = heap.malloc(0, 64), heap.malloc(0, 300_000)
    freed = heap.malloc(0, 64)
    heap.free(0, freed)
    wrong = {
        "double_free": [freed],
        "interior_pointer": [block + 8, block + 16, large + 16],
        "invalid_pointer": [16, large + UNIT_B, (heap.arena.committed - 1) * UNIT_B],
        "foreign_pointer": [-16, heap.arena.committed * UNIT_B, OUTSIDE],
    }
    for address in wrong[kind]:
        with pytest.raises(MisuseError) as caught:
            heap.free(0, address)
        assert caught.value.kind == kind
    heap.check()


def test_trim_gives_back_what_was_freed(heap: Heap) -> None:
    blocks = [heap.malloc(0, 600) for _ in range(20_000)]
    kept = blocks[::2000]
    for block in set(blocks) - set(kept):
        heap.free(0, block)
    assert heap.trim(0)
    assert heap.pool.dirty_units == 0
    assert byte_figures(heap).live == len(kept) * 608
    heap.check()


def test_a_pad_stays_when_trimmed(heap: Heap) -> None:
    heap.free(0, heap.malloc(0, 50 * MIB))
    heap.trim(0, 10 * MIB)
    assert 2 * MIB <= heap.pool.dirty_units * UNIT_B <= 10 * MIB


def test_a_burst_is_given_back_after_the_delay_by_a_loop_on_one_bin(heap: Heap) -> None:
    block = heap.malloc(0, 64)
    for large in [heap.malloc(0, MIB) for _ in range(50)]:
        heap.free(0, large)
    for _ in range(1000):
        heap.free(0, block)
        block = heap.malloc(0, 64)
        heap.world.clock.now_ms += 1
    retained_units = heap.world.settings.retain // UNIT_B
    assert heap.pool.dirty_units <= retained_units
    heap.check()


def test_memory_that_is_younger_than_the_delay_stays(heap: Heap) -> None:
    for large in [heap.malloc(0, MIB) for _ in range(50)]:
        heap.free(0, large)
    heap.world.clock.now_ms += 400
    heap.malloc(0, 100_000)
    assert heap.pool.dirty_units > 49 * MIB // UNIT_B


@pytest.mark.parametrize(("lived_ms", "least_mib", "most_mib"), [(600, 0, 8), (400, 39, 40)])
def test_very_large_blocks_but_temporaries_are_due_at_once(
    lived_ms: int, least_mib: int, most_mib: int, heap: Heap
) -> None:
    block = heap.malloc(0, 40 * MIB)
    heap.world.clock.now_ms += lived_ms
    heap.free(0, block)
    heap.world.clock.now_ms += 250
    heap.malloc(0, 100)
    assert least_mib <= heap.pool.dirty_units * UNIT_B / MIB <= most_mib


def test_idle_threads_lose_their_spares(heap: Heap) -> None:
    for block in [heap.malloc(1, 64) for _ in range(40)]:
        heap.free(1, block)
    assert any(entry.spare for entry in heap.threads.cache(1).bins.values())
    for _ in range(3):
        heap.world.clock.now_ms += 300
        heap.malloc(0, 50_000)
    assert not any(entry.spare for entry in heap.threads.cache(1).bins.values())
    heap.check()


def test_figures_add_up(heap: Heap) -> None:
    for size_b in range(1, 200_000, 3331):
        heap.free(1, heap.malloc(0, size_b))
        heap.malloc(0, size_b)
    figures = byte_figures(heap)
    tails = sum(slab.size_class.tail_b for slab in set(heap.page_map.values()) if slab is not None)
    assert figures.live + figures.cached + figures.free + tails + UNIT_B == figures.mapped
    for entry in class_figures(heap):
        assert entry.calls["allocations"] >= entry.live_blocks
        assert entry.calls["allocations"] == entry.calls["malloc_hits"] + sum(
            count for name, count in entry.calls.items() if name.startswith("refill_")
        )


def test_the_slow_flavour_behaves_alike_but_for_the_clock() -> None:
    fast, slow = heap_with(), heap_with(replace(Policy(), always_slow=True))
    for heap in fast, slow:
        blocks = [heap.malloc(0, size_b) for size_b in range(5000)]
        for block in blocks:
            heap.free(0, block)
    assert byte_figures(fast) == byte_figures(slow)
    for one, other in zip(class_figures(fast), class_figures(slow), strict=True):
        # The slow way is taken by all calls of one, and by those calls of the other that a trap sends there.
        assert replace(other, calls={**other.calls, "trapped": one.calls["trapped"]}) == one


def test_a_block_in_two_places_is_found(heap: Heap) -> None:
    block = heap.malloc(0, 64)
    heap.threads.cache(0).bins[4].blocks.append(block)
    with pytest.raises(InvariantError, match="a live block is in a list of free blocks"):
        heap.check()
