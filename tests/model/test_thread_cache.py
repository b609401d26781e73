"""Thread caches: bins, spares, limits that grow and shrink, and the budget that all share."""

from dataclasses import replace

import pytest

from hakmem.model.heap import Heap
from hakmem.model.policy import MIB, Policy, Settings, World
from hakmem.model.size_class import CLASSES, class_of, is_long
from hakmem.model.thread_cache import ThreadCache
from hakmem.spec.size_classes import MID_MAX_B, SIZE_CLASSES, TINY_MAX_B, UNIT_B

C = class_of(64)


def heap_with(policy: Policy | None = None, **settings: int) -> Heap:
    return Heap(World(policy or Policy(), Settings(**settings)))


@pytest.fixture
def heap() -> Heap:
    return heap_with()


def allocate(heap: Heap, thread: int, count: int, size_b: int = 64) -> list[int]:
    return [heap.malloc(thread, size_b) for _ in range(count)]


def release(heap: Heap, thread: int, blocks: list[int]) -> None:
    for block in blocks:
        heap.free(thread, block)


def cache_of(heap: Heap, thread: int) -> ThreadCache:
    return heap.threads.cache(thread)


def test_what_was_freed_last_is_given_first(heap: Heap) -> None:
    blocks = allocate(heap, 0, 3)
    release(heap, 0, blocks)
    assert allocate(heap, 0, 3) == blocks[::-1]


def test_a_block_freed_by_another_thread_serves_that_thread(heap: Heap) -> None:
    block = heap.malloc(0, 64)
    heap.free(1, block)
    assert heap.malloc(1, 64) == block


def test_a_bin_starts_cold_and_doubles_after_some_trips(heap: Heap) -> None:
    allocate(heap, 0, 1)
    entry = cache_of(heap, 0).bins[C]
    assert entry.limit == heap.world.policy.cold_blocks
    limits = [entry.limit]
    for _ in range(4000):
        allocate(heap, 0, 1)
        if entry.limit != limits[-1]:
            limits.append(entry.limit)
    assert limits == [16, 32, 64, 128, 256]


def test_a_full_bin_moves_to_the_spare_and_only_then_to_the_centre(heap: Heap) -> None:
    blocks = allocate(heap, 0, 600)
    allocate(heap, 1, 1)
    flushes = heap.centrals[C].counters["flushes"]
    entry = cache_of(heap, 1).bins[C]
    room = entry.limit - len(entry.blocks)
    release(heap, 1, blocks[: room + 1])
    assert len(entry.spare) == 16
    assert len(entry.blocks) == 1
    assert heap.centrals[C].counters["flushes"] == flushes
    release(heap, 1, blocks[room + 1 : room + 17])
    assert heap.centrals[C].counters["flushes"] == flushes + 1
    heap.check()


def test_an_empty_bin_takes_its_spare_back(heap: Heap) -> None:
    blocks = allocate(heap, 0, 40)
    release(heap, 0, blocks)
    refills = heap.centrals[C].counters["refills"]
    entry = cache_of(heap, 0).bins[C]
    assert entry.spare
    allocate(heap, 0, len(entry.blocks) + len(entry.spare))
    assert heap.centrals[C].counters["refills"] == refills
    assert cache_of(heap, 0).calls[C]["refill_spare"] >= 1


@pytest.mark.parametrize("cache_blocks", [1, 3, 256, 4096])
def test_no_limit_exceeds_the_setting_or_the_bytes_of_a_bin(cache_blocks: int) -> None:
    cache = cache_of(heap_with(cache_blocks=cache_blocks), 0)
    for c in (each for each in CLASSES if not is_long(each)):
        most = cache.limit_most(c)
        assert 1 <= most <= cache_blocks
        assert most * SIZE_CLASSES[c].block_b <= cache.policy.bin_b


def test_without_a_budget_a_bin_keeps_a_few_blocks_and_no_spare() -> None:
    heap = heap_with(cache_limit=0)
    release(heap, 0, allocate(heap, 0, 100))
    entry = cache_of(heap, 0).bins[C]
    assert entry.limit == heap.world.policy.least_blocks
    assert not entry.spare
    heap.check()


def test_all_leases_together_exceed_the_budget_by_half_at_most_and_not_after_ticks() -> None:
    heap = heap_with(cache_limit=MIB)
    for thread in range(40):
        for size_b in range(16, MID_MAX_B, 700):
            release(heap, thread, allocate(heap, thread, 30, size_b))
    assert heap.budget.total_b == MIB
    assert heap.budget.leased_b <= MIB + MIB // 2
    for _ in range(8):
        for thread in range(40):
            cache_of(heap, thread).tick(0)
    assert heap.budget.leased_b <= MIB
    heap.check()


def test_a_thread_gets_an_even_share_while_another_that_holds_all_is_blocked() -> None:
    without_ticks = replace(Policy(), growth_least_units=1 << 30)
    heap = heap_with(without_ticks, cache_limit=MIB)
    for size_b in range(16, MID_MAX_B, 16):
        release(heap, 0, allocate(heap, 0, 30, size_b))
    blocked_b = cache_of(heap, 0).lease_b
    assert blocked_b > MIB - heap.world.policy.lease_b
    for size_b in range(16, MID_MAX_B, 16):
        release(heap, 1, allocate(heap, 1, 30, size_b))
    assert cache_of(heap, 0).lease_b == blocked_b
    assert cache_of(heap, 1).lease_b > MIB // 2 - heap.world.policy.lease_b
    heap.check()


def test_the_budget_follows_the_live_heap(heap: Heap) -> None:
    assert heap.budget.total_b == 2 * MIB
    heap.malloc(0, 100 * MIB)
    assert heap.budget.total_b == pytest.approx(100 * MIB / 8, rel=0.01)
    heap.malloc(0, 1024 * MIB)
    assert heap.budget.total_b == 32 * MIB


def test_an_idle_bin_is_emptied_and_its_limit_halved(heap: Heap) -> None:
    allocate(heap, 0, 17)  # two trips; the first found a tick due
    cache = cache_of(heap, 0)
    cache.tick(0)
    assert cache.bins[C].limit == 16
    assert cache.bins[C].blocks
    limits = []
    while cache.bins[C].limit:
        cache.tick(0)
        assert not cache.bins[C].blocks
        limits.append(cache.bins[C].limit)
    assert limits == [8, 4, 2, 0]
    assert cache.lease_b == 0
    heap.check()


def test_who_holds_more_than_an_even_share_gives_some_back_when_the_budget_is_scarce() -> None:
    without_ticks = replace(Policy(), growth_least_units=1 << 30)
    heap = heap_with(without_ticks, cache_limit=256 << 10)
    cache = cache_of(heap, 0)
    for size_b in range(16, MID_MAX_B, 16):
        release(heap, 0, allocate(heap, 0, 30, size_b))
    allocate(heap, 1, 1)
    assert heap.budget.is_scarce
    assert cache.lease_b > heap.budget.share_b
    before = cache.capacity_b
    cache.tick(0)
    assert cache.capacity_b <= before // 2
    heap.check()


def test_a_thread_that_ends_holds_nothing_and_its_cache_serves_the_next(heap: Heap) -> None:
    release(heap, 1, allocate(heap, 1, 200))
    cache = cache_of(heap, 1)
    heap.end_thread(1)
    assert heap.budget.leased_b == heap.budget.sharers == 0
    assert all(not any(cache.chains(c)) for c in CLASSES)
    heap.check()
    heap.malloc(2, 64)
    assert cache_of(heap, 2) is cache


def test_a_thread_that_never_called_ends_without_a_trace(heap: Heap) -> None:
    heap.end_thread(5)
    assert heap.world.counters["threads_ended"] == 0


def test_prewarm_fills_the_tiny_bins_of_a_new_thread() -> None:
    heap = heap_with(prewarm=1)
    bins = cache_of(heap, 0).bins
    assert all(bool(bins[c].blocks) == (SIZE_CLASSES[c].block_b <= TINY_MAX_B) for c in CLASSES)
    heap.check()


def test_warm_trips_of_one_let_a_limit_grow_at_each_refill() -> None:
    heap = heap_with(replace(Policy(), warm_trips=1))
    allocate(heap, 0, 100)  # 16, 32 and 64 were carved
    assert cache_of(heap, 0).bins[C].limit == 64


LONG = class_of(5 * UNIT_B)


def most_long_b(heap: Heap, threads: int) -> int:
    return heap.world.settings.retain // threads


@pytest.mark.parametrize("threads", [1, 3])
def test_bins_of_long_blocks_hold_an_even_part_of_what_may_stay_unpurged(heap: Heap, threads: int) -> None:
    for thread in range(1, threads):
        release(heap, thread, allocate(heap, thread, 80, 7 * UNIT_B))  # each all that it may
    cache_of(heap, threads)  # holds none
    sizes_b = [units * UNIT_B for units in range(3, 17) for _ in range(8)]
    blocks = [heap.malloc(0, size_b) for size_b in sizes_b]
    held = []
    for block in blocks:
        heap.free(0, block)
        held.append(cache_of(heap, 0).long.held_b)
    assert most_long_b(heap, threads) / 2 < max(held) <= most_long_b(heap, threads)
    heap.check()


def test_nothing_long_is_kept_where_nothing_may_stay_unpurged() -> None:
    heap = heap_with(retain=0)
    release(heap, 0, allocate(heap, 0, 4, 5 * UNIT_B))
    assert cache_of(heap, 0).long.held_b == 0


@pytest.mark.parametrize(("have_b", "serves_b", "too_short_b"), [(10, 8, 7), (0.625, 0.5625, 0.5)])
def test_a_longer_block_serves_where_the_own_bin_is_empty_but_none_that_is_much_longer(
    heap: Heap, have_b: float, serves_b: float, too_short_b: float
) -> None:
    block = heap.malloc(0, int(have_b * UNIT_B))
    heap.free(0, block)
    assert heap.malloc(0, int(too_short_b * UNIT_B)) != block
    assert heap.malloc(0, int(serves_b * UNIT_B)) == block
    assert heap.usable_size(block) == have_b * UNIT_B


def most_held_b(heap: Heap, blocks: list[int]) -> int:
    """The most that bins of long blocks hold while these are freed."""
    held = []
    for block in blocks:
        heap.free(0, block)
        held.append(cache_of(heap, 0).long.held_b)
    return max(held)


def test_until_the_next_tick_twice_as_much_is_held_where_a_size_was_missed(heap: Heap) -> None:
    most_b = most_long_b(heap, 1)
    first, second = allocate(heap, 0, 150, 9 * UNIT_B), allocate(heap, 0, 150, 9 * UNIT_B)
    assert most_held_b(heap, first) <= most_b
    release(heap, 0, allocate(heap, 0, 30, 13 * UNIT_B))  # more than half of what they may hold
    heap.malloc(0, 3 * UNIT_B)
    assert 3 * most_b / 2 < most_held_b(heap, second) <= 2 * most_b
    cache_of(heap, 0).long.tick()
    assert cache_of(heap, 0).long.held_b <= most_b
    heap.check()


def test_a_bin_of_long_blocks_that_nobody_uses_loses_half_at_a_tick(heap: Heap) -> None:
    release(heap, 0, allocate(heap, 0, 3, 5 * UNIT_B))
    cache = cache_of(heap, 0)
    cache.tick(0)
    assert len(cache.bins[LONG].blocks) == 3
    cache.tick(0)
    assert len(cache.bins[LONG].blocks) == 1
    cache.tick(0)
    assert not cache.bins[LONG].blocks
