"""What a program uses, what each use costs, and what in HAKMEM bears on it. Data alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Domain(StrEnum):
    """Where the time of a resource shows: each has a measured total, which limits what its resources cost."""

    USER = "user"  # the program's own code
    KERNEL = "kernel"  # system calls and faults
    WAITING = "waiting"  # off the processors
    MEMORY = "memory"  # bytes, not time


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that a program uses.

    title: for people, lower case, plural where it is counted.
    price: the field of costs.Costs that one of it costs; None: its amounts are nanoseconds or bytes.
    settings: HAKMEM's settings that bear on it (spec.settings ids).
    counters: HAKMEM's counters and byte figures that tell more (spec.counters ids).
    """

    id: str
    title: str
    domain: Domain
    price: str | None = None
    settings: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()


_PATHS: Final = ("malloc_hits", "refill_spare", "refill_transfer", "refill_slab", "refill_span", "free_flush")
_GIVEN_BACK: Final = ("purges", "purged_bytes", "superslabs_returned", "superslabs_made")

BILLED: Final[tuple[Resource, ...]] = (
    Resource("instructions", "instructions", Domain.USER, "instruction", ("cache_blocks",), _PATHS),
    Resource("l1_misses", "first-level cache misses", Domain.USER, "l1_miss", ("cache_blocks",), _PATHS),
    Resource(
        "last_level_misses",
        "last-level cache misses",
        Domain.USER,
        "last_level_miss",
        ("cache_limit", "huge_pages"),
        ("cached", "refill_span"),
    ),
    Resource(
        "branch_misses", "branches guessed wrong", Domain.USER, "branch_miss", ("cache_blocks",), _PATHS
    ),
    Resource(
        "minor_faults",
        "page faults",
        Domain.KERNEL,
        "fault",
        ("retain", "purge_delay_ms", "huge_pages", "large_threshold"),
        (*_GIVEN_BACK, "direct_allocs"),
    ),
    Resource(
        "voluntary_switches",
        "context switches",
        Domain.KERNEL,
        "switch",
        ("cache_blocks", "cache_limit"),
        ("lock_waits", "transfer_hits", "flushes"),
    ),
)
"""Resources that are counted; the bill is their amounts times their prices."""

WAITING: Final = Resource(
    "waiting",
    "waiting off the processor",
    Domain.WAITING,
    settings=("cache_blocks", "cache_limit", "background_purge"),
    counters=("lock_waits", "refills", "flushes", "transfer_hits"),
)
USER_REST: Final = Resource(
    "user_rest", "program time that no count explains", Domain.USER, settings=("huge_pages",)
)
KERNEL_REST: Final = Resource(
    "kernel_rest",
    "kernel time that no count explains",
    Domain.KERNEL,
    settings=("huge_pages", "retain", "purge_delay_ms"),
    counters=_GIVEN_BACK,
)
PEAK: Final = Resource(
    "peak_rss",
    "peak memory",
    Domain.MEMORY,
    settings=("retain", "cache_limit", "huge_pages", "prewarm"),
    counters=("cached", "free", "metadata"),
)
GROWTH: Final = Resource(
    "growth",
    "memory that grows with the work",
    Domain.MEMORY,
    settings=("retain", "purge_delay_ms", "cache_limit"),
    counters=("live", "cached", "free", "purged"),
)

SYSTEM_CALL_COUNTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "mmap": ("system_reserve", "direct_allocs"),
    "mprotect": ("system_commit", "superslabs_made"),
    "madvise": ("system_purge", "system_advise", "purges"),
    "mremap": ("system_remap",),
    "munmap": ("system_release", "superslabs_returned"),
    "futex": ("lock_waits",),
}
"""System call -> the counters that tell why HAKMEM makes it."""

SYSTEM_CALL_SETTINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "mmap": ("large_threshold",),
    "munmap": ("large_threshold",),
    "madvise": ("purge_delay_ms", "retain", "huge_pages", "large_threshold"),
    "futex": ("cache_blocks", "cache_limit"),
}
"""System call -> the settings that bear on how often HAKMEM makes it."""

CALL_PREFIX: Final = "call:"
"""What the resource of a kind of system call starts with: "call:madvise"."""


def system_call(kind: str) -> Resource:
    """The resource that the system calls of one kind are."""
    return Resource(
        CALL_PREFIX + kind,
        f"system calls {kind}",
        Domain.KERNEL,
        "system_call",
        SYSTEM_CALL_SETTINGS.get(kind, ()),
        SYSTEM_CALL_COUNTERS.get(kind, ()),
    )
