"""The pool of spans: best fit, splitting, merging, ageing, and which units are known to be zero."""

from dataclasses import replace

import pytest

from hakmem.model.arena import SUPERSLAB_UNITS, Arena, superslabs_within
from hakmem.model.failures import InvariantError
from hakmem.model.policy import MIB, Clock, Policy, Settings, World
from hakmem.model.span import FreeSpan, Pool
from hakmem.spec.size_classes import UNIT_B


@pytest.fixture
def pool() -> Pool:
    world = World(clock=Clock(1000))
    return Pool(world, Arena(world))


def take(pool: Pool, units: int, alignment: int = 1) -> int:
    taken = pool.take(units, alignment)
    assert taken is not None
    pool.check()
    return taken.unit


def give(pool: Pool, unit: int, dirty: int | None = None, stamp_ms: int = 1000) -> None:
    pool.give(unit, pool.used[unit] if dirty is None else dirty, stamp_ms)
    pool.check()


def test_the_first_span_is_zero_and_the_arena_is_committed_by_superslabs(pool: Pool) -> None:
    taken = pool.take(3)
    assert taken is not None
    assert (taken.unit, taken.is_zero) == (1, True)
    assert pool.arena.committed == SUPERSLAB_UNITS
    assert list(pool.free_spans()) == [FreeSpan(4, SUPERSLAB_UNITS - 4, 0, 0)]


def test_the_shortest_span_that_fits_is_taken(pool: Pool) -> None:
    spans = [take(pool, units) for units in (9, 1, 5, 1, 7, 1)]
    for unit in spans[::2]:
        give(pool, unit)
    assert take(pool, 6) == spans[4]
    assert take(pool, 5) == spans[2]
    assert take(pool, 6) == spans[0]


def test_of_spans_of_one_length_the_newest_is_taken(pool: Pool) -> None:
    spans = [take(pool, 2) for _ in range(6)]
    for unit in spans[:5:2]:
        give(pool, unit)
    assert [take(pool, 2) for _ in range(3)] == [spans[4], spans[2], spans[0]]


def test_the_search_in_a_bin_of_many_lengths_is_bounded() -> None:
    world = World(policy=replace(Policy(), search_spans=2))
    pool = Pool(world, Arena(world))
    spans = [take(pool, units) for units in (65, 1, 66, 1, 67, 1)]
    for unit in spans[::2]:
        give(pool, unit)
    assert take(pool, 65) == spans[2]  # the newest two are looked at; 65 is the third


def test_neighbours_become_one_span(pool: Pool) -> None:
    a, b, c = (take(pool, units) for units in (2, 3, 4))
    take(pool, SUPERSLAB_UNITS - 10)
    give(pool, a)
    give(pool, c)
    give(pool, b)
    assert list(pool.free_spans()) == [FreeSpan(a, 9, 9, 1000)]


def test_a_merged_span_is_as_old_as_its_dirtiest_part(pool: Pool) -> None:
    a, b = take(pool, 2), take(pool, 5)
    take(pool, 1)
    give(pool, a, stamp_ms=100)
    give(pool, b, stamp_ms=200)
    assert [span.stamp_ms for span in pool.ages] == [200]
    give(pool, take(pool, 7), dirty=0, stamp_ms=300)
    assert pool.ages[0].dirty == 7  # what was dirty stays so until it is purged


def test_what_was_written_to_is_not_zero_when_it_is_taken_again(pool: Pool) -> None:
    unit = take(pool, 4)
    give(pool, unit, dirty=2)
    again = pool.take(3)
    assert again is not None
    assert (again.unit, again.is_zero) == (unit, False)
    give(pool, again.unit, dirty=0)
    tail = pool.take(2, 2)  # units 2 and 3: one of them is dirty
    assert tail is not None
    assert (tail.unit, tail.is_zero) == (2, False)


def test_untouched_units_of_a_span_are_still_zero(pool: Pool) -> None:
    unit = take(pool, 4)
    give(pool, unit, dirty=1)
    first, second = pool.take(1), pool.take(3)
    assert first is not None
    assert second is not None
    assert (first.is_zero, second.is_zero) == (False, True)


def test_an_aligned_span_leaves_its_lead_free(pool: Pool) -> None:
    assert take(pool, 3, alignment=8) == 8
    assert [(span.unit, span.units) for span in pool.free_spans()] == [(1, 7), (11, SUPERSLAB_UNITS - 11)]


def test_a_span_grows_into_what_is_free_behind_it(pool: Pool) -> None:
    a, b = take(pool, 2), take(pool, 3)
    take(pool, 1)
    assert not pool.extend(a, 3)
    give(pool, b)
    assert pool.extend(a, 4)
    assert pool.used[a] == 4
    assert not pool.extend(a, 6)
    pool.check()


def test_the_last_span_grows_with_the_arena(pool: Pool) -> None:
    unit = take(pool, SUPERSLAB_UNITS - 1)
    assert pool.extend(unit, SUPERSLAB_UNITS + 5)
    assert pool.arena.committed == 2 * SUPERSLAB_UNITS
    pool.check()


def test_a_shortened_span_leaves_dirty_units_behind(pool: Pool) -> None:
    unit = take(pool, 9)
    pool.shorten(unit, 4, 500)
    pool.check()
    assert pool.used[unit] == 4
    assert pool.ages[0].dirty == 5


def test_purging_starts_with_the_longest_unused_and_spares_the_young(pool: Pool) -> None:
    spans = [take(pool, 2) for _ in range(6)]
    for unit, stamp_ms in zip(spans[:5:2], (100, 200, 300), strict=True):
        give(pool, unit, stamp_ms=stamp_ms)
    assert pool.purge(keep=0, before_ms=150)
    pool.check()
    assert pool.dirty_units == 4
    assert not pool.purge(keep=0, before_ms=150)
    assert not pool.purge(keep=4, before_ms=None)
    assert pool.purge(keep=0, before_ms=None)
    assert pool.dirty_units == 0


def test_a_purged_span_is_zero_again(pool: Pool) -> None:
    give(pool, take(pool, 4))
    pool.purge(keep=0, before_ms=None)
    again = pool.take(4)
    assert again is not None
    assert again.is_zero


def test_a_purge_goes_in_pieces_and_skips_what_is_clean() -> None:
    world = World(policy=replace(Policy(), purge_units=8))
    pool = Pool(world, Arena(world))
    unit = take(pool, 30)
    give(pool, unit, dirty=0)
    pool.give(take(pool, 20), 20, 0)
    assert pool.purge(keep=10, before_ms=None)
    pool.check()
    assert (world.counters["purges"], pool.dirty_units) == (2, 4)
    assert world.counters["purged_bytes"] == 16 * UNIT_B


def test_a_full_arena_gives_nothing_more() -> None:
    world = World(settings=Settings(arena_max=64 * MIB))
    pool = Pool(world, Arena(world))
    while pool.take(SUPERSLAB_UNITS):
        pass
    while pool.take(1):
        pass
    assert pool.arena.committed == pool.arena.reserved == pool.arena.most == 64 * MIB // UNIT_B
    assert pool.free_units == 0
    pool.check()


def test_the_arena_grows_ahead_of_a_large_heap() -> None:
    arena = Arena(World())
    assert arena.grow(SUPERSLAB_UNITS * 80) == (1, SUPERSLAB_UNITS * 81 - 1)
    ahead = []
    for _ in range(6):
        first, units = arena.grow(1) or (0, 0)
        ahead.append(units / first)
        assert first + units == arena.committed <= arena.reserved
    assert max(ahead) == pytest.approx(1 / 8, rel=0.1)


def test_where_address_space_is_limited_the_free_end_of_the_arena_goes_back() -> None:
    world = World(policy=replace(Policy(), is_limited=True))
    pool = Pool(world, Arena(world))
    small, large = take(pool, 3), take(pool, 1000)
    committed = pool.arena.committed
    give(pool, large)
    assert pool.arena.committed == pool.arena.reserved == SUPERSLAB_UNITS
    assert world.counters["superslabs_returned"] == committed // SUPERSLAB_UNITS - 1
    give(pool, small)
    assert list(pool.free_spans()) == [FreeSpan(1, SUPERSLAB_UNITS - 1, SUPERSLAB_UNITS - 1, 1000)]
    again = pool.take(1000)
    assert again is not None
    assert not again.is_zero  # it begins in the superslab that stayed


@pytest.mark.parametrize(
    ("unit", "units", "whole"),
    [(0, 128, 1), (1, 128, 0), (1, 255, 1), (127, 2, 0), (128, 256, 2), (5, 3, 0)],
)
def test_whole_superslabs_are_counted(unit: int, units: int, whole: int) -> None:
    assert superslabs_within(unit, units) == whole


def test_a_contradiction_is_found(pool: Pool) -> None:
    unit = take(pool, 4)
    pool.used[unit] = 5
    with pytest.raises(InvariantError, match="ends at 6"):
        pool.check()
