"""The numbers that decide: those of the core's sources, and the settings that a person may change."""

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any, Final

from hakmem.spec.settings import SETTINGS

_SPEC: Final = {setting.id: setting for setting in SETTINGS}

KIB: Final = 1 << 10
MIB: Final = 1 << 20


def _mirrors(file: str, name: str, value: int) -> Any:
    """A field whose default is the constant `name` of `core/<file>`; a test compares the two."""
    return field(default=value, metadata={"file": file, "name": name})


def _setting(name: str) -> Any:
    return field(default=_SPEC[name].default)


@dataclass(frozen=True, slots=True)
class Policy:
    """Numbers that are compiled into the core. Each field names its source; units are the names' endings.

    always_slow: every call takes the slow path, as in the debug flavour.
    is_limited: the system bounds the process's address space (RLIMIT_AS).
    page_b: bytes of a page of the system.
    shards: shards of the transfer cache that share its limit; the model uses one of them.
    outside_max_b: bytes beyond which the system gives no mapping (the address space of x86-64).
    """

    # Arena: the granule of the range, and how much is reserved and committed at once.
    range_b: int = _mirrors("arena.c", "RANGE_BYTES", 64 * MIB)
    reserve_step_b: int = _mirrors("arena.c", "STEP_BYTES", 8 * MIB)
    commit_ahead_b: int = _mirrors("arena.c", "COMMIT_MAX_BYTES", 32 * MIB)

    # Pool of spans: size bins of one length each, then some for each doubling; how far a search goes.
    exact_units: int = _mirrors("span.c", "EXACT", 64)
    log_steps: int = _mirrors("span.c", "LOG_STEPS", 3)
    search_spans: int = _mirrors("span.c", "SEARCH_MAX", 32)
    purge_units: int = _mirrors("span.c", "PURGE_CHUNK", 512)

    # Where address space is limited: the shortest end that goes back, and after which spans one looks at it.
    shrink_least_units: int = _mirrors("span.c", "SHRINK_LEAST", 512)
    shrink_trigger_units: int = _mirrors("span.c", "SHRINK_TRIGGER", 3)

    # What may stay unpurged: one part in so many of the heap, where that is more than what is retained.
    unpurged_part: int = _mirrors("stock.c", "UNPURGED_PART", 8)

    # Stocks of spans by processor: the longest span, how many are looked at, how many dirty units one keeps,
    # and which part that is; the least that it takes at once; after which part of its limit it shows changes;
    # how many spans it gets at once.
    stock_units: int = _mirrors("stock.h", "HAK_STOCK_UNITS", 64)
    stock_search_spans: int = _mirrors("stock.c", "SPANS_LOOKED", 4)
    stock_limit_units: int = _mirrors("stock.c", "LIMIT_MAX", 256)
    stock_limit_part: int = _mirrors("stock.c", "LIMIT_PART", 2)
    stock_trade_least_units: int = _mirrors("stock.c", "TRADE_LEAST", 16)
    stock_show_part: int = _mirrors("stock.c", "SHOW_PART", 8)
    stock_runs: int = _mirrors("span.c", "RUNS_MAX", 32)

    # Slabs: what is carved at a time, at first and for a class that has so many slabs, and how far from one
    # class to the next its first block moves.
    carve_b: int = _mirrors("slab.h", "HAK_CARVE_BYTES", 4 * KIB)
    carve_most_b: int = _mirrors("slab.h", "HAK_CARVE_BYTES_MAX", 16 * KIB)
    grown_slabs: int = _mirrors("central.c", "GROWN_SLABS", 8)
    turn_b: int = _mirrors("slab.c", "TURN_BYTES", 13 * 64)

    # Central store: slabs looked at in a refill, slabs gathered before a push.
    refill_slabs: int = _mirrors("central.c", "LOOK_MAX", 8)
    gathered_slabs: int = _mirrors("central.c", "PILES", 16)

    # Transfer cache: what a shard may hold in any case, and of what is live, what all together may hold.
    shard_least_b: int = _mirrors("transfer.c", "SHARD_LEAST", 2 * MIB)
    transfer_part: int = _mirrors("upkeep.c", "TRANSFER_PART", 8)

    # Thread caches: a bin's first limit, its least and its most, what makes it grow, and the budget of all.
    cold_blocks: int = _mirrors("thread_cache.c", "COLD_BLOCKS", 16)
    cold_b: int = _mirrors("thread_cache.c", "COLD_BYTES", 8 * KIB)
    least_blocks: int = _mirrors("thread_cache.c", "LEAST_BLOCKS", 2)
    warm_trips: int = _mirrors("thread_cache.c", "WARM_TRIPS", 8)
    bin_b: int = _mirrors("thread_cache.c", "bin_bytes_max", 128 * KIB)
    first_part: int = _mirrors("thread_cache.c", "FIRST_PART", 128)
    lease_b: int = _mirrors("thread_cache.c", "LEASE_BYTES", 16 * KIB)
    budget_least_b: int = _mirrors("budget.c", "BUDGET_LEAST", 2 * MIB)
    budget_thread_b: int = _mirrors("budget.c", "BUDGET_THREAD", 256 * KIB)
    budget_part: int = _mirrors("budget.c", "BUDGET_PART", 8)

    # Bins of long blocks: how much more goes where they hold too much; what part they hold when a block is
    # missed whose size they lack, and what they may hold then.
    ease_part: int = _mirrors("long.c", "EASE_PART", 3)
    full_part: int = _mirrors("long.c", "FULL_PART", 2)
    more_times: int = _mirrors("long.c", "MORE_TIMES", 2)
    # Room for what part of what they may hold is given out before all is counted again, and for how many
    # blocks in one of them, if there is not more; how many blocks one may hold, and how much of a class of
    # which nobody asks for blocks.
    long_given_part: int = _mirrors("long.c", "GIVEN_PART", 4)
    long_bin_blocks: int = _mirrors("long.c", "BIN_BLOCKS", (1 << 15) - 1)
    room_least: int = _mirrors("long.c", "ROOM_LEAST", 8)
    unasked_b: int = _mirrors("long.c", "UNASKED_BYTES", 512 * KIB)

    # A small block that realloc lets grow by less than one part in so many gets one part in so many more.
    little_part: int = _mirrors("alloc.c", "LITTLE_PART", 8)
    room_part: int = _mirrors("alloc.c", "ROOM_PART", 4)

    # Large blocks: from here on pages are moved and not copied, so many times.
    move_b: int = _mirrors("large.c", "MOVE_BYTES", 256 * KIB)
    moves_most: int = _mirrors("large.c", "MOVES_MAX", 10_000)

    # Upkeep: the longest tick, the most calls of a trapped thread and the most trips to the transfer cache
    # between two looks at the clock, when a thread counts as busy, how long after its last growth a debt
    # counts as growing, and after how many ticks what was idle at a burst's end has gone to its slabs.
    early_frees: int = _mirrors("thread.c", "EARLY_FREES", 256)
    tick_max_ms: int = _mirrors("upkeep.c", "TICK_MAX_MS", 250)
    skip_calls: int = _mirrors("upkeep.c", "SKIP_CALLS_MAX", 63)
    skip_trips: int = _mirrors("upkeep.c", "SKIP_TRIPS_MAX", 15)
    busy_trips: int = _mirrors("upkeep.c", "BUSY_TRIPS", 64)
    busy_debt: int = _mirrors("upkeep.c", "BUSY_DEBT", 2)
    step_part: int = _mirrors("upkeep.c", "STEP_PART", 16)
    growth_ms: int = _mirrors("upkeep.c", "GROWTH_MS", 20)
    settle_ticks: int = _mirrors("upkeep.c", "SETTLE_TICKS", 3)
    window_ticks: int = _mirrors("upkeep.c", "WINDOW_TICKS", 3)
    flow_step_b: int = _mirrors("flow.c", "FLOW_STEP", MIB)

    # Growth, in units and as one part of what is in use, that is a tick before its time.
    growth_part: int = _mirrors("upkeep.c", "GROWTH_PART", 32)
    growth_least_units: int = _mirrors("upkeep.c", "GROWTH_LEAST", 128)

    always_slow: bool = False
    is_limited: bool = False
    page_b: int = 4 * KIB
    shards: int = 1
    outside_max_b: int = 1 << 47


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that change what the heap does; names, units and defaults are those of the spec."""

    purge_delay_ms: int = _setting("purge_delay_ms")
    retain: int = _setting("retain")
    cache_limit: int = _setting("cache_limit")
    cache_blocks: int = _setting("cache_blocks")
    prewarm: int = _setting("prewarm")
    arena_max: int = _setting("arena_max")
    large_threshold: int = _setting("large_threshold")

    def environment(self) -> dict[str, str]:
        """The environment variables by which the core takes the same settings."""
        return {
            _SPEC[entry.name].env: _SPEC[entry.name].show(getattr(self, entry.name)) for entry in fields(self)
        }


@dataclass(slots=True)
class Clock:
    """The time that calls see.

    now_ms: milliseconds; it only grows.
    """

    now_ms: int = 0


@dataclass(frozen=True, slots=True)
class World:
    """What every layer of one heap shares.

    counters: the process-wide counters of the spec, as far as the model knows them.
    """

    policy: Policy = field(default_factory=Policy)
    settings: Settings = field(default_factory=Settings)
    clock: Clock = field(default_factory=Clock)
    counters: Counter[str] = field(default_factory=Counter)
