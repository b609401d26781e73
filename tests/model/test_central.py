"""Slabs and the central store: carving, which slab serves a refill, retiring, the transfer cache."""

from collections import Counter

import pytest

from hakmem.model.arena import Arena
from hakmem.model.central import Central, PageMap, Shard, Source
from hakmem.model.failures import InvariantError
from hakmem.model.policy import Clock, Policy, World
from hakmem.model.size_class import class_of
from hakmem.model.slab import Slab
from hakmem.model.span import Pool
from hakmem.model.stock import Stock
from hakmem.spec.size_classes import SIZE_CLASSES, UNIT_B

CLASS = class_of(1024)
BLOCKS = SIZE_CLASSES[CLASS].blocks
UNITS = SIZE_CLASSES[CLASS].units
STEP = Policy().carve_b // 1024


@pytest.fixture
def central() -> Central:
    world = World(clock=Clock(1000))
    page_map: PageMap = {}
    return Central(
        CLASS, world, Stock(world, Pool(world, Arena(world))), page_map, Shard(world.policy.shard_least_b)
    )


def drain(central: Central, count: int) -> list[int]:
    """Takes at least `count` blocks."""
    blocks: list[int] = []
    while len(blocks) < count:
        chain, _ = central.get(count - len(blocks))
        blocks += chain
        central.check()
    return blocks


def test_a_slab_is_carved_in_small_pieces_of_rising_address() -> None:
    slab = Slab(unit=3, number=CLASS)
    first = slab.carve(100, Policy())
    assert sorted(first) == [3 * UNIT_B + 1024 * i for i in range(STEP)]
    assert slab.carve(1, Policy()) == [3 * UNIT_B + 1024 * STEP]
    assert slab.touched_units == 1
    while slab.carve(100, Policy()):
        pass
    assert slab.carved == BLOCKS


def test_the_first_blocks_of_the_classes_lie_apart_in_a_first_level_cache() -> None:
    classes = [c.number for c in SIZE_CLASSES if 256 <= c.block_b <= 1024]
    lines = Counter(Slab(unit=1, number=c).carve(16, Policy())[0] % 4096 // 64 for c in classes)
    assert max(lines.values()) <= len(classes) // 3, "without a turn all would begin in the same line"


def test_a_block_larger_than_a_piece_is_carved_alone() -> None:
    slab = Slab(unit=1, number=class_of(20_000))
    assert len(slab.carve(5, Policy())) == 1


def test_a_class_that_has_grown_is_carved_in_larger_pieces(central: Central) -> None:
    policy = Policy()
    drain(central, policy.grown_slabs * BLOCKS)
    assert central.counters["slabs_made"] == policy.grown_slabs
    chain, source = central.get(100)
    assert source is Source.SPAN
    assert len(chain) == policy.carve_most_b // 1024 > STEP


def test_only_starts_of_carved_blocks_are_blocks() -> None:
    slab = Slab(unit=1, number=CLASS)
    slab.carve(2, Policy())
    assert [offset for offset in range(0, 4096, 8) if slab.is_block(UNIT_B + offset)] == [0, 1024]
    assert not slab.is_block(UNIT_B - 1024)


def test_a_push_asks_for_a_look_when_the_list_was_empty_or_all_are_back() -> None:
    slab = Slab(unit=1, number=CLASS)
    a, b, c = slab.carve(3, Policy())
    assert slab.push([b])
    assert not slab.push([a])
    assert slab.push([c])
    assert slab.free == [c, a, b]
    with pytest.raises(InvariantError, match="more blocks free than carved"):
        slab.push([a])


def test_a_refill_says_where_it_came_from(central: Central) -> None:
    first, source = central.get(2)
    assert source is Source.SPAN
    assert central.get(2)[1] is Source.SLAB
    central.put(first)
    assert central.get(2) == (first, Source.TRANSFER)


def test_the_transfer_cache_gives_the_last_batch_whole_and_overflows_into_slabs(central: Central) -> None:
    blocks = drain(central, BLOCKS)
    depth = SIZE_CLASSES[central.number].batches
    for block in blocks[:depth]:
        central.put([block])
    assert central.transfer_blocks == depth
    if len(blocks) > depth:
        central.put(blocks[depth:])
    assert central.transfer_blocks == depth
    central.check()
    assert central.get(9) == ([blocks[depth - 1]], Source.TRANSFER)


def test_a_refill_prefers_the_slab_with_the_fewest_free_blocks(central: Central) -> None:
    blocks = drain(central, 3 * BLOCKS + 1)
    a, b, c = (blocks[i * BLOCKS : (i + 1) * BLOCKS] for i in range(3))
    central.push(a[:3] + b[:1] + c[:2], 0)
    central.check()
    chain, source = central.get(4)
    assert source is Source.SLAB
    assert set(b[:1] + c[:2]) < set(chain)
    assert len(set(chain) & set(a[:3])) == 1


def test_a_slab_whose_blocks_are_all_back_returns_to_the_pool(central: Central) -> None:
    blocks = drain(central, BLOCKS + 1)
    central.push(blocks[:BLOCKS], 700)
    central.check()
    assert central.counters["slabs_retired"] == 1
    assert [span.stamp_ms for span in central.stock.lists[UNITS]] == [700]
    assert {slab.unit for slab in central.all_slabs()} == {blocks[BLOCKS] // UNIT_B}


def test_the_slab_being_carved_is_kept_until_upkeep_looks_at_it(central: Central) -> None:
    blocks = drain(central, 2)
    central.push(blocks, 0)
    assert central.counters["slabs_retired"] == 0
    central.age(0, everything=False)
    assert central.counters["slabs_retired"] == 1
    assert central.current is None


def test_batches_that_nobody_took_since_the_last_ageing_go_to_their_slabs(central: Central) -> None:
    blocks = drain(central, 6)
    for block in blocks[:3]:
        central.put([block])
    central.age(0, everything=False)
    assert len(central.batches) == 3  # they came after the last ageing
    central.get(1)
    central.put([blocks[4]])
    central.age(0, everything=False)
    assert central.batches == [[blocks[4]]]
    central.age(0, everything=True)
    assert central.batches == []
    central.check()


def test_a_foreign_address_in_a_chain_is_found(central: Central) -> None:
    block = drain(central, 1)[0]
    with pytest.raises(InvariantError, match="no block of class"):
        central.push([block + 16], 0)
