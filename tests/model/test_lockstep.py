"""The core does what the model says, step by step: in every flavour, with any settings, on several threads.

Compared exactly after each step: the address of every block of the arena (so that no two overlap), usable
sizes, alignment, contents, zeroed memory, errno, where realloc leaves a block, hak_owns, and the statistics:
bytes (live, large, cached, free, purged, mapped), per class blocks, slabs and counters, and in the count
flavour the call counters. The clock that the core sees is set by the test, so ticks, traps and purges are
compared too.

Compared with a bound: `bytes.metadata`. Not compared: the counts of system calls that reserve, commit, purge
and release, which depend on the system's pages and on what else lies in the address space; addresses outside
the arena; words and order of the text of `malloc_stats`.
Not done here: calls that overlap in time (tests/c, tests/spin), fork, failures of the system.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hakmem.model.policy import MIB, Policy, Settings
from hakmem.spec.flavours import FLAVOURS
from hakmem.spec.size_classes import MID_MAX_B, SIZE_CLASSES, TINY_MAX_B, UNIT_B

from .lockstep import LockStep, MismatchError
from .process import CoreProcess

RELEASE = Policy()
# The secure flavour hands blocks out in random order, which no model can foretell.
POLICIES = {
    flavour.name: replace(RELEASE, always_slow=flavour.name == "debug")
    for flavour in FLAVOURS
    if flavour.name != "secure"
}
FLAVOUR_NAMES = list(POLICIES)

BORDERS_B = sorted(
    {size + change for entry in SIZE_CLASSES[1:] for size in (entry.block_b,) for change in (0, 1)}
)
TINY = st.integers(0, TINY_MAX_B)
SMALL = st.one_of(st.sampled_from(BORDERS_B), TINY, st.integers(0, MID_MAX_B))
LARGE = st.one_of(st.integers(MID_MAX_B + 1, 40 * UNIT_B), st.integers(40 * UNIT_B, 12 * MIB))
ANY_SIZE = st.one_of(SMALL, LARGE)
IMPOSSIBLE = st.sampled_from(
    [1 << 47, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 16, (1 << 64) - UNIT_B]
)
THREADS = st.integers(0, 3)

STEP_MOST_B = 4 * MIB
"""Bytes that one step allocates at most, but one block in any case."""

LIVE_MOST_B = 64 * MIB
"""Bytes of live blocks beyond which no more are allocated."""

SETTINGS = st.builds(
    Settings,
    purge_delay_ms=st.sampled_from([500, 500, 0, 3, 3_600_000]),
    retain=st.sampled_from([8 * MIB, 8 * MIB, 0, MIB]),
    cache_limit=st.sampled_from([32 * MIB, 32 * MIB, 0, 100_000, MIB]),
    cache_blocks=st.sampled_from([256, 256, 1, 3, 4096]),
    prewarm=st.sampled_from([0, 0, 1]),
    arena_max=st.sampled_from([1 << 40, 1 << 40, 64 * MIB]),
    large_threshold=st.sampled_from([32 * MIB, MIB]),
)


class HeapMachine(RuleBasedStateMachine):
    """Any order of calls by any of four threads; each step ends with a comparison of everything."""

    process: CoreProcess
    policy: Policy

    @initialize(settings=SETTINGS, is_limited=st.sampled_from([False, False, True]))
    def open(self, settings: Settings, is_limited: bool) -> None:
        self.both = LockStep(self.process, settings, replace(self.policy, is_limited=is_limited))

    def teardown(self) -> None:
        self.process.close()

    @property
    def is_full(self) -> bool:
        return sum(block.usable_b for block in self.both.blocks) > LIVE_MOST_B

    def compared(self) -> None:
        self.both.heap.check()
        self.both.compare()

    @precondition(lambda self: not self.is_full)
    @rule(thread=THREADS, size_b=ANY_SIZE, count=st.one_of(st.integers(1, 8), st.integers(1, 700)))
    def allocate(self, thread: int, size_b: int, count: int) -> None:
        self.both.malloc(thread, [size_b] * min(count, max(STEP_MOST_B // max(size_b, 1), 1)))
        self.compared()

    @precondition(lambda self: not self.is_full)
    @rule(thread=THREADS, sizes_b=st.lists(SMALL, min_size=1, max_size=40))
    def allocate_mixed(self, thread: int, sizes_b: list[int]) -> None:
        self.both.malloc(thread, sizes_b)
        self.compared()

    @precondition(lambda self: not self.is_full)
    @rule(thread=THREADS, count=st.integers(0, 5), size_b=ANY_SIZE)
    def allocate_zeroed(self, thread: int, count: int, size_b: int) -> None:
        self.both.calloc(thread, count, size_b)
        self.compared()

    @precondition(lambda self: not self.is_full)
    @rule(thread=THREADS, shift=st.integers(0, 22), size_b=ANY_SIZE, count=st.integers(1, 20))
    def allocate_aligned(self, thread: int, shift: int, size_b: int, count: int) -> None:
        each_b = max(size_b, 1 << shift)
        self.both.aligned_alloc(thread, 1 << shift, [size_b] * min(count, max(STEP_MOST_B // each_b, 1)))
        self.compared()

    @rule(
        thread=THREADS,
        size_b=IMPOSSIBLE,
        count=st.sampled_from([1, 3]),
        alignment_b=st.sampled_from([0, 3, 16, 32, 1 << 63]),
    )
    def ask_too_much(self, thread: int, size_b: int, count: int, alignment_b: int) -> None:
        self.both.malloc(thread, [size_b])
        self.both.calloc(thread, count, size_b)
        self.both.aligned_alloc(thread, alignment_b, [size_b])
        self.both.realloc(thread, self.both.blocks[-1] if self.both.blocks else None, count, size_b)
        self.compared()

    @precondition(lambda self: self.both.blocks)
    @rule(
        thread=THREADS,
        first=st.integers(0),
        count=st.integers(1, 700),
        step=st.sampled_from([1, 1, -1, 2, 7]),
    )
    def release(self, thread: int, first: int, count: int, step: int) -> None:
        first %= len(self.both.blocks)
        self.both.free(thread, self.both.blocks[first : first + count][::step])
        self.compared()

    @precondition(lambda self: self.both.blocks)
    @rule(thread=THREADS, number=st.integers(0), size_b=ANY_SIZE, count=st.sampled_from([1, 1, 1, 2]))
    def resize(self, thread: int, number: int, size_b: int, count: int) -> None:
        block = self.both.blocks[number % len(self.both.blocks)]
        self.both.realloc(thread, block, count, size_b)
        self.compared()

    @precondition(lambda self: self.both.blocks)
    @rule(
        thread=THREADS,
        number=st.integers(0),
        factors=st.lists(st.sampled_from([0.4, 0.6, 1.1, 1.5, 2.5]), max_size=6),
    )
    def resize_again_and_again(self, thread: int, number: int, factors: list[float]) -> None:
        place = number % len(self.both.blocks)
        block = self.both.blocks[place]
        for factor in factors:
            size_b = min(int(block.usable_b * factor) + 1, 24 * MIB)
            self.both.realloc(thread, block, 1, size_b)
            block = self.both.blocks[-1]
        self.compared()

    @rule(thread=THREADS, pad_b=st.sampled_from([0, 0, 100_000, 4 * MIB]))
    def trim(self, thread: int, pad_b: int) -> None:
        self.both.trim(thread, pad_b)
        self.compared()

    @rule(ms=st.sampled_from([1, 4, 124, 250, 400, 10_000]))
    def wait(self, ms: int) -> None:
        self.both.wait(ms)

    @rule(thread=st.integers(1, 3))
    def end_a_thread(self, thread: int) -> None:
        self.both.end(thread)
        self.compared()

    @rule(thread=THREADS, number=st.integers(0))
    def look_who_owns_what(self, thread: int, number: int) -> None:
        self.both.compare_ownership(thread, self.both.freed)
        self.both.compare_ownership(
            thread, [number % (self.both.heap.arena.committed * UNIT_B), 0, -1, -UNIT_B]
        )
        self.both.compare_live(thread)
        self.compared()


@pytest.mark.parametrize("flavour", FLAVOUR_NAMES)
def test_the_core_follows_the_model_through_any_calls(flavour: str, cores: dict[str, CoreProcess]) -> None:
    class Machine(HeapMachine):
        process = cores[flavour]
        policy = POLICIES[flavour]

    run_state_machine_as_test(
        Machine,
        settings=hypothesis_settings(
            max_examples=30,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def free_neighbours(both: LockStep, choose: random.Random, thread: int, most: int) -> None:
    """Frees fewer than `most` blocks that were allocated one after the other."""
    first = choose.randrange(len(both.blocks))
    both.free(thread, both.blocks[first : first + choose.randrange(1, most)])


def go_on(both: LockStep, choose: random.Random, threads: int) -> None:
    """Now and then time passes; seldom a thread ends that is not the first."""
    if choose.random() < 0.1:
        both.wait(choose.randrange(1, 40))
    if choose.random() < 0.003:
        both.end(choose.randrange(1, threads))


def end_with_nothing(both: LockStep) -> None:
    both.heap.check()
    both.free(0, both.blocks)
    both.trim(1, 0)
    both.heap.check()
    both.compare()


def work(both: LockStep, seed: int, operations: int) -> Iterator[int]:
    """Operations like those of a program: sizes mostly small, lifetimes short and long, time passing slowly.

    Yields the number of each operation after it.
    """
    choose = random.Random(seed)
    ceilings = [64, 256, TINY_MAX_B, MID_MAX_B, 300_000, 2 * MIB]
    for number in range(operations):
        thread = choose.randrange(3)
        crowd = 30 + 1500 * (number // 500 % 2)
        if len(both.blocks) < crowd * choose.random() * 2:
            ceiling = choose.choices(ceilings, [30, 30, 20, 15, 4, 1])[0]
            both.malloc(thread, [choose.randrange(ceiling) for _ in range(choose.randrange(1, 60))])
        elif choose.random() < 0.2 and both.blocks:
            block = choose.choice(both.blocks)
            both.realloc(thread, block, 1, int(block.usable_b * choose.uniform(0.2, 3)) + 1)
        elif both.blocks:
            free_neighbours(both, choose, thread, most=90)
        go_on(both, choose, threads=3)
        yield number


def run_work(both: LockStep, operations: int = 1500) -> None:
    for number in work(both, seed=7, operations=operations):
        if number % 25 == 0:
            both.compare()


@pytest.mark.parametrize("flavour", FLAVOUR_NAMES)
@pytest.mark.parametrize(
    "settings",
    [Settings(), Settings(retain=0, purge_delay_ms=20, cache_limit=400_000)],
    ids=["default", "tight"],
)
def test_the_core_follows_the_model_through_long_work(
    flavour: str, settings: Settings, cores: dict[str, CoreProcess]
) -> None:
    both = LockStep(cores[flavour], settings, POLICIES[flavour])
    run_work(both)
    end_with_nothing(both)
    cores[flavour].close()


def run_long(both: LockStep, operations: int) -> None:
    """Two threads hand each other buffers of 7,000 to 270,000 bytes, half of them short, as time passes."""
    choose = random.Random(5)
    for number in range(operations):
        thread = choose.randrange(2)
        if len(both.blocks) < 60 * choose.random():
            most = choose.choice((40_000, 270_000))
            both.malloc(thread, [choose.randrange(7_000, most) for _ in range(choose.randrange(1, 6))])
        elif both.blocks:
            free_neighbours(both, choose, thread, most=6)
        go_on(both, choose, threads=2)
        if number % 10 == 0:
            both.compare()


@pytest.mark.parametrize(
    "settings", [Settings(), Settings(retain=MIB, cache_limit=MIB)], ids=["default", "tight"]
)
@pytest.mark.parametrize("flavour", FLAVOUR_NAMES)
def test_the_core_follows_the_model_through_long_blocks(
    flavour: str, settings: Settings, cores: dict[str, CoreProcess]
) -> None:
    both = LockStep(cores[flavour], settings, POLICIES[flavour])
    run_long(both, 800)
    end_with_nothing(both)
    cores[flavour].close()


def run_burst(both: LockStep, kept_of: int) -> None:
    """Two threads build and drop blocks but for a few; one then loops on a bin as time passes.

    kept_of: one block in so many is kept.
    """
    for thread in (1, 2):
        both.malloc(thread, [500] * 6000)
    kept = set(both.blocks[::kept_of])
    both.free(1, [block for block in both.blocks[:6000] if block not in kept])
    both.free(2, [block for block in both.blocks if block not in kept])
    for number in range(400):
        both.malloc(2, [64, 64])
        both.free(2, both.blocks[-2:])
        both.wait(3)
        if number % 10 == 0:
            both.compare()


@pytest.mark.parametrize("kept_of", [400, 25], ids=["slabs go back", "slabs stay"])
@pytest.mark.parametrize("flavour", FLAVOUR_NAMES)
def test_a_burst_goes_back_when_the_model_says_while_one_bin_is_in_use(
    flavour: str, kept_of: int, cores: dict[str, CoreProcess]
) -> None:
    both = LockStep(cores[flavour], Settings(retain=MIB), POLICIES[flavour])
    run_burst(both, kept_of)
    assert both.heap.pool.dirty_units <= MIB // UNIT_B
    both.heap.check()
    cores[flavour].close()


def run_phases(both: LockStep) -> int:
    """A heap of 12 MiB loses seven of eight blocks and grows again with others; time stands still.

    Units in use when it had grown for the last time.
    """
    used = 0
    for size_b in (700, 2000, 5000, 20_000):
        while (missing := (12 * MIB - sum(block.usable_b for block in both.blocks)) // size_b) > 0:
            both.malloc(1, [size_b] * min(missing, 4000))
            both.compare()
        used = both.heap.pool.used_units
        both.free(1, [block for index, block in enumerate(both.blocks) if index % 8])
        both.compare()
    return used


@pytest.mark.parametrize("flavour", FLAVOUR_NAMES)
def test_a_heap_that_changes_its_sizes_takes_the_slabs_of_the_old_ones(
    flavour: str, cores: dict[str, CoreProcess]
) -> None:
    both = LockStep(cores[flavour], Settings(), POLICIES[flavour])
    # What lives, the slabs of the last size, and little of those before: 23.4 MiB; 30.3 without growth ticks.
    assert run_phases(both) < 25 * MIB // UNIT_B
    both.heap.check()
    cores[flavour].close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shard_least_b", 1 << 30),
        ("growth_part", 4),
        ("growth_least_units", 512),
        ("grown_slabs", 9),
        ("carve_most_b", 8192),
    ],
)
def test_a_change_of_how_phases_grow_and_end_is_noticed(
    name: str, value: int, cores: dict[str, CoreProcess]
) -> None:
    changes: dict[str, Any] = {name: value}
    both = LockStep(cores["release"], Settings(), replace(RELEASE, **changes))
    with pytest.raises(MismatchError):
        run_phases(both)
    cores["release"].close()


def test_each_thread_begins_with_early_frees(cores: dict[str, CoreProcess]) -> None:
    both = LockStep(cores["release"], Settings(), POLICIES["release"])
    early = both.world.policy.early_frees
    both.malloc(0, [16] * (early + 1))
    both.free(1, both.blocks[:early])
    both.end(1)
    both.free(1, both.blocks)  # the next thread of that number
    both.compare()
    cores["release"].close()


def test_the_end_of_a_burst_is_noticed_in_the_policy(cores: dict[str, CoreProcess]) -> None:
    both = LockStep(cores["release"], Settings(retain=MIB), replace(RELEASE, settle_ticks=0))
    with pytest.raises(MismatchError):
        run_burst(both, kept_of=25)
    cores["release"].close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cold_blocks", 15),
        ("warm_trips", 9),
        ("carve_b", 8192),
        ("refill_slabs", 1),
        ("gathered_slabs", 2),
        ("purge_units", 256),
        ("search_spans", 1),
        ("move_b", 1 << 20),
        ("tick_max_ms", 260),
        ("skip_calls", 31),
        ("busy_trips", 4),
        ("growth_ms", 0),
        ("commit_ahead_b", 0),
    ],
)
def test_a_change_of_one_number_of_the_policy_is_noticed(
    name: str, value: int, cores: dict[str, CoreProcess]
) -> None:
    changes: dict[str, Any] = {name: value}
    both = LockStep(
        cores["release"],
        Settings(retain=MIB, purge_delay_ms=600, cache_limit=MIB),
        replace(RELEASE, **changes),
    )
    with pytest.raises(MismatchError):
        run_work(both, operations=4000)
    cores["release"].close()


def run_small(both: LockStep, operations: int) -> None:
    """One thread takes and frees blocks of up to 8 KiB beside a heap that stays."""
    choose = random.Random(5)
    both.malloc(0, [2 * MIB] * 12)
    both.blocks.clear()
    for number in range(operations):
        if len(both.blocks) < 4000 * choose.random():
            both.malloc(0, [choose.randrange(8192) for _ in range(choose.randrange(1, 200))])
        elif both.blocks:
            free_neighbours(both, choose, 0, most=200)
        if number % 10 == 0:
            both.compare()


@pytest.mark.parametrize(
    ("name", "value", "run"),
    [
        ("budget_part", 7, run_small),
        ("lease_b", 1 << 17, run_small),
        ("ease_part", 2, run_long),
        ("full_part", 8, run_long),
        ("more_times", 4, run_long),
        ("room_least", 4, run_long),
        ("long_given_part", 2, run_long),
        ("unasked_b", 1 << 18, run_long),
    ],
)
def test_a_change_of_one_number_of_what_caches_may_hold_is_noticed(
    name: str, value: int, run: Callable[[LockStep, int], None], cores: dict[str, CoreProcess]
) -> None:
    changes: dict[str, Any] = {name: value}
    both = LockStep(cores["release"], Settings(retain=2 * MIB), replace(RELEASE, **changes))
    with pytest.raises(MismatchError):
        run(both, 800)
    cores["release"].close()
