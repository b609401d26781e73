"""C programs of ours (workloads/): with the arguments that the field knows, or to show one thing each."""

from typing import Final

from hakmem.lab.catalogue.family import Amounts, Family, Variant
from hakmem.lab.plan import THROUGHPUT, WALL_TIME

_MIB: Final = 1 << 20


def _slots(slots: int, amounts: Amounts) -> Variant:
    return Variant(
        str(slots),
        f"{slots:,} slots of 16-1,024 bytes, filled and freed at random",
        amounts,
        {"slots": slots, "min": 16, "max": 1024},
    )


def _sized(name: str, what: str, slots: int, sizes: tuple[int, int], amounts: Amounts) -> Variant:
    return Variant(
        name,
        f"{slots} slots of {what}, filled and freed at random",
        amounts,
        {"slots": slots, "min": sizes[0], "max": sizes[1]},
    )


def _fixed(size: int) -> Variant:
    return _sized(f"fixed-{size}", f"{size:,} bytes each", 256, (size, size), _TEN_MILLIONS)


def _larson(name: str, title: str, **params: int) -> Variant:
    return Variant(name, title, (0.1, 0.3, 0.6), {"min": 8, **params})


def _larson_mixed(threads: int) -> Variant:
    many = "1 thread" if threads == 1 else f"{threads} threads"
    title = f"blocks of 8-1,000 bytes, replaced at random by {many}, are left to the next"
    return _larson(f"mixed-{threads}", title, max=1000, chunks=1000, rounds=100, threads=threads)


def _hand_over(producers: int, consumers: int) -> Variant:
    return Variant(
        f"{producers}-{consumers}",
        f"{producers} only allocate{'s' if producers == 1 else ''}, "
        f"{consumers} only free{'s' if consumers == 1 else ''}: 64 byte blocks in batches of 128",
        (1_000_000, 3_000_000, 6_000_000),
        {"producers": producers, "consumers": consumers, "min": 64, "max": 64},
    )


def _burst(name: str, title: str, load: int) -> Variant:
    params = {"bytes": 128 * _MIB, "min": 64, "max": 1024, "load": load}
    return Variant(name, title, (1.0, 2.0, 3.0), params)


_TEN_MILLIONS: Final = (10_000_000, 30_000_000, 60_000_000)
_SEVEN_MILLIONS: Final = (7_000_000, 20_000_000, 40_000_000)

_FAMILIES: Final = (
    Family(
        "random_mixed",
        "random_mixed {amount} {slots} 1234567 {min} {max}",
        "the random_mixed of this allocator's predecessor",
        "the thread cache: hits, refills, flushes; with many slots the cache misses of blocks",
        (
            _slots(128, _TEN_MILLIONS),
            _slots(256, _TEN_MILLIONS),
            _slots(512, _TEN_MILLIONS),
            _slots(1024, _TEN_MILLIONS),
            _slots(4096, _SEVEN_MILLIONS),
            _slots(8192, _SEVEN_MILLIONS),
            _fixed(128),
            _fixed(256),
            _fixed(512),
            _fixed(1024),
            _sized("mid", "8-32 KiB", 256, (8 << 10, 32 << 10), (1_300_000, 4_000_000, 8_000_000)),
            _sized("wide", "32-256 KiB", 64, (32 << 10, 256 << 10), (1_000_000, 3_000_000, 6_000_000)),
            _sized("large", "64 KiB-4 MiB", 64, (64 << 10, 4 * _MIB), (100_000, 250_000, 500_000)),
        ),
    ),
    Family(
        "random_mixed",
        "random_mixed --cold {amount} {slots} 1234567 {min} {max}",
        "the random_mixed of this allocator's predecessor",
        "the start: the first misses of every size class",
        (
            Variant(
                "short",
                "a process that does 100,000 operations on 256 slots of 16-1,024 bytes, start included",
                (100_000, 100_000, 100_000),
                {"slots": 256, "min": 16, "max": 1024},
            ),
        ),
        operations=None,
        metric=WALL_TIME,
    ),
    Family(
        "hot_pair",
        "hot_pair {amount} {size}",
        "ours",
        "the shortest way of malloc and of free",
        (Variant("64", "malloc(64) and free in turn", (15_000_000, 50_000_000, 100_000_000), {"size": 64}),),
        operations=2,
    ),
    Family(
        "larson",
        "larson {amount} {min} {max} {chunks} {rounds} 1 {threads}",
        "Larson and Krishnan, Memory allocation for long-running server applications, ISMM 1998",
        "blocks freed by threads that did not allocate them; start and end of threads",
        (
            _larson(
                "tiny",
                "thread churn: each of 4 threads replaces 1,024 blocks of 8-128 bytes, then another follows",
                max=128,
                chunks=1024,
                rounds=1,
                threads=4,
            ),
            *map(_larson_mixed, (1, 2, 4, 16)),
        ),
        operations=None,
        metric=THROUGHPUT,
        checks=False,
    ),
    Family(
        "producer_consumer",
        "producer_consumer {producers} {consumers} {amount} {min} {max}",
        "ours, after the producer-consumer case of Berger and others, Hoard, ASPLOS 2000",
        "blocks that never return to the thread that allocates: the way between threads",
        (_hand_over(1, 1), _hand_over(2, 2), _hand_over(1, 3), _hand_over(3, 1)),
        operations=2,
    ),
    Family(
        "thread_churn",
        "thread_churn {amount} {at_once} {each} {slots} {min} {max}",
        "ours",
        "attaching a thread, its cold cache, flushing it at the end",
        (
            Variant(
                "4",
                "threads that live for 1,000 operations, 4 at a time",
                (2_000, 6_500, 13_000),
                {"at_once": 4, "each": 1000, "slots": 64, "min": 16, "max": 1024},
            ),
        ),
        operations=1032,  # with the frees of what a thread has left
    ),
    Family(
        "server_mix",
        "server_mix {threads} {amount} {table}",
        "ours",
        "all at once: many sizes, short and long lives, objects that move between threads",
        (
            Variant(
                "4",
                "4 threads serve requests; some objects live long, some are handed to other threads",
                (60_000, 170_000, 340_000),
                {"threads": 4, "table": 16384},
            ),
        ),
        operations=35.5,  # 18 objects, taken and freed
    ),
    Family(
        "fragmentation",
        "fragmentation {live} {amount} {pause}",
        "ours; phases as in Wilson and others, Dynamic storage allocation, IWMM 1995",
        "memory held beside live bytes when the sizes change",
        (
            Variant(
                "phases",
                "a heap of 32 MiB loses 7 of 8 objects and grows again with objects of another size",
                (8, 12, 20),
                {"live": 32 * _MIB, "pause": 0.1},
            ),
        ),
        operations=None,
    ),
    Family(
        "burst",
        "burst {bytes} {min} {max} {amount} {load}",
        "ours",
        "giving memory back: how much, and when",
        (
            _burst("light-load", "128 MiB taken and freed, then a light load: 64 blocks a millisecond", 64),
            _burst("silence", "128 MiB taken and freed, then silence", 0),
        ),
        operations=None,
    ),
    Family(
        "realloc",
        "realloc_growth {amount} {buffers} {bytes} {step}",
        "ours",
        "growing in place or copying",
        (
            Variant(
                "buffer",
                "one buffer grows to 16 MiB by 64 KiB at a time on average",
                (2_000, 6_000, 12_000),
                {"buffers": 1, "bytes": 16 * _MIB, "step": 128 << 10},
            ),
            Variant(
                "strings",
                "1,000 strings grow to 2 KiB by 16 bytes at a time on average",
                (2_000_000, 6_000_000, 12_000_000),
                {"buffers": 1000, "bytes": 2048, "step": 32},
            ),
        ),
    ),
    Family(
        "calloc",
        "calloc_blocks {amount} {slots} {min} {max}",
        "ours",
        "clearing, and knowing what is still clear",
        (
            _sized("small", "16-1,024 zeroed bytes", 256, (16, 1024), (3_000_000, 9_000_000, 18_000_000)),
            _sized("wide", "32-256 KiB", 64, (32 << 10, 256 << 10), (1_000_000, 3_000_000, 6_000_000)),
            _sized("large", "64 KiB-1 MiB of zeroes", 64, (64 << 10, _MIB), (2_000, 6_000, 12_000)),
        ),
    ),
    Family(
        "aligned",
        "aligned {amount} {slots} {least} {most} {min} {max}",
        "ours",
        "aligned_alloc and posix_memalign",
        (
            Variant(
                "vectors",
                "256 slots of 16-1,024 bytes, aligned to 32, 64 or 128",
                (2_000_000, 6_000_000, 12_000_000),
                {"slots": 256, "least": 32, "most": 128, "min": 16, "max": 1024},
            ),
            Variant(
                "pages",
                "64 slots of 16 bytes-16 KiB, aligned to 4 to 64 KiB",
                (200_000, 600_000, 1_200_000),
                {"slots": 64, "least": 4096, "most": 65536, "min": 16, "max": 16384},
            ),
        ),
    ),
)
# Alignments of 256 to 1,024 bytes are left out: Debian 12's mimalloc, 2.0.9, answers them with blocks that
# are not aligned (github.com/microsoft/mimalloc/issues/700), so that there is nothing to compare.

WORKLOADS: Final = tuple(workload for family in _FAMILIES for workload in family.workloads())
"""All of them."""
