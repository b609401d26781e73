"""The bars that HAKMEM has set itself: what each workload may cost at most beside a rival.

A bar is a ratio of costs, HAKMEM's to a rival's, taken within rounds; below 1 HAKMEM is better. The rival
`PEERS` is whichever peer is best in that row and quantity.
"""

from dataclasses import dataclass
from typing import Final

from hakmem.report.matrix import MEMORY, TIME

PEERS: Final = "best peer"
ANY_ROW: Final = 1.05
"""Of the best peer's time, on any row at all."""
_MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Bar:
    """At most `at_most` of the rival's cost on each workload that matches.

    workloads: a pattern of names, as of a shell. quantity: TIME or MEMORY (the peak), or a figure of the
    workload's own by its name in Cell.usage. rival: an allocator, or PEERS.
    above_floor: what the workload takes on an allocator that does nothing is taken off both sides.
    beside: the workload that the rival runs, where it is another.
    amount: in place of a rival's cost, in the quantity's unit; `rival` is its name.
    decisions: records of what was tried.
    why: what stands between HAKMEM and the bar, as those records found it; for where it is missed.
    """

    workloads: str
    quantity: str
    rival: str
    at_most: float
    above_floor: bool = False
    beside: str = ""
    amount: float = 0.0
    decisions: tuple[int, ...] = ()
    why: str = ""


_LONG: Final = "level but for what runs differ by: fewer than one call in a hundred goes past its bin"
_RING: Final = (
    "context switches of the program's own ring, which come with any malloc whose sides cost differently"
)
_FLOOR: Final = "a malloc that does nothing takes 0.80 itself"
_FIRST_TOUCH: Final = "a page fault each for pages of sixty-four classes, which share none"
_HUGE: Final = "the time in which the system makes huge pages, which changes from run to run"
_SPARSE: Final = (
    "two thirds of what is left are in pages with a live block, since a slab's blocks are of one size"
)
_REFAULT: Final = "page faults: what one phase frees goes back before the next one asks, or does not fit it"
_LINKS: Final = "a free block's link is written at free and read when its batch goes to its slab"
_LINES: Final = "lines of blocks that no first-level cache can hold: all wait for the same memory"
_INTERPRETER: Final = "bins serve 99 % of the calls and more; nearly all of the time is the interpreter's own"
_ORDER: Final = "the order of its threads is chance: single runs differ by half with either malloc"
_OBJECTS: Final = "a call of malloc for each object in place of pymalloc's; with pymalloc kept it was 0.92"
_PROCESS: Final = "the library's own pages, and blocks of each class used that wait in bins"
_CLEARED: Final = "memory that the program touches as well: any malloc waits for the same"
_CLASSES: Final = "pages of sixty-four classes in small processes, and the row of fragmentation"

BARS: Final = (
    Bar("random_mixed/256", TIME, PEERS, 0.70, above_floor=True, decisions=(9, 19, 21)),
    Bar("random_mixed/8192", TIME, PEERS, 0.93, decisions=(19, 21), why=_LINES),
    Bar("random_mixed/mid", TIME, "tcmalloc", 1.0, decisions=(13, 20, 43), why=_LONG),
    Bar("random_mixed/mid", MEMORY, "tcmalloc", 1.0),
    Bar("random_mixed/large", TIME, "tcmalloc", 1.0, decisions=(16, 17, 31)),
    Bar("random_mixed/large", MEMORY, "tcmalloc", 1.0),
    Bar("larson/mixed-*", TIME, PEERS, 1 / 1.08, decisions=(10, 11, 38)),
    Bar("larson/mixed-*", MEMORY, PEERS, 1.0, decisions=(41, 45), why=_PROCESS),
    Bar("larson/tiny", TIME, PEERS, 1 / 1.05),
    Bar("producer_consumer/*", TIME, PEERS, 0.65, decisions=(11, 14, 24), why=_RING),
    Bar("server_mix/4", TIME, PEERS, 0.95, decisions=(10, 14, 19, 38), why=_ORDER),
    Bar("server_mix/4", MEMORY, PEERS, 1.0),
    Bar("thread_churn/4", TIME, "system", 0.80, decisions=(26,), why=_FLOOR),
    Bar("thread_churn/4", TIME, PEERS, 1.0, decisions=(26,), why=_FLOOR),
    Bar("random_mixed/short", TIME, "system", 0.90, decisions=(3, 22, 23, 45), why=_FIRST_TOUCH),
    Bar("realloc/buffer", TIME, PEERS, 1.0, decisions=(12,)),
    Bar("calloc/large", TIME, PEERS, 1.0, decisions=(44,), why=_CLEARED),
    Bar(
        "python/burst/malloc",
        TIME,
        "system",
        0.95,
        beside="python/burst/pymalloc",
        decisions=(6, 34, 39),
        why=_OBJECTS,
    ),
    Bar(
        "python/burst/malloc",
        MEMORY,
        "system",
        1.0,
        beside="python/burst/pymalloc",
        decisions=(6, 41, 45),
        why=_PROCESS,
    ),
    Bar("python/burst/malloc", "resident_after_burst", "30 MiB", 1.0, amount=30 * _MEBIBYTE),
    Bar("python/numpy/*", TIME, PEERS, 0.97, decisions=(25,), why=_HUGE),
    Bar("fragmentation/phases", "resident_end", PEERS, 1.0, decisions=(16, 35, 40), why=_SPARSE),
    Bar("fragmentation/phases", TIME, PEERS, ANY_ROW, decisions=(16, 35), why=_REFAULT),
    Bar("random_mixed/wide", TIME, PEERS, ANY_ROW, decisions=(13, 17, 30, 43), why=_LONG),
    Bar("realloc/strings", TIME, PEERS, ANY_ROW, decisions=(12, 33)),
    Bar("aligned/*", TIME, PEERS, ANY_ROW, decisions=(17, 32)),
    Bar("burst/*", TIME, PEERS, ANY_ROW, decisions=(34,), why=_LINKS),
)

MEANS: Final = (
    Bar("*", TIME, PEERS, 0.90),
    Bar("*", MEMORY, PEERS, 1.0, decisions=(41, 45), why=_CLASSES),
)
"""For the geometric mean over all workloads, beside the peer whose mean is best."""

OTHERS: Final = (
    Bar("python/*", TIME, PEERS, ANY_ROW, decisions=(6, 25, 39, 42), why=_INTERPRETER),
    Bar("*", TIME, PEERS, ANY_ROW),
)
"""For a row whose time has no bar above: the first that matches."""
