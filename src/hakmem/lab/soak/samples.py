"""Samples of a long run: what workloads/soak.c writes, a line each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hakmem.errors import HakmemError

_COLUMNS: Final = ("milliseconds", "live", "resident", "operations")
_HEAP_COLUMNS: Final = tuple(
    f"heap_{name}"
    for name in ("live", "cached", "transfer", "purged", "unpurged", "overdue", "mapped", "metadata")
)


class SamplesError(HakmemError):
    """A file of samples is none, or was cut off."""


@dataclass(frozen=True, slots=True)
class HeapFigures:
    """What HAKMEM said of itself (docs/reference/statistics.md), in bytes.

    live_b: in live blocks, by block size.
    caches_b: in thread caches alone; transfer_b: in transfer caches.
    purged_b: in wholly free spans that have no pages behind them.
    unpurged_b: in those that have; of these overdue_b in spans that have been
        free for the purge delay and a tick.
    mapped_b: committed superslabs and direct mappings.
    metadata_b: mapped for page map and descriptors.
    """

    live_b: int
    caches_b: int
    transfer_b: int
    purged_b: int
    unpurged_b: int
    overdue_b: int
    mapped_b: int
    metadata_b: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A moment of the run.

    seconds: since it began.
    live_b: bytes that the program holds, as it asked for them.
    resident_b: bytes of the process.
    operations: mallocs, frees and reallocs so far.
    heap: None under an allocator that is not HAKMEM.
    """

    seconds: float
    live_b: int
    resident_b: int
    operations: int
    heap: HeapFigures | None = None


def read(path: Path) -> tuple[Sample, ...]:
    """The samples in a file that soak wrote. Errors: SamplesError."""
    names, *lines = path.read_text(encoding="ascii").splitlines() or [""]
    columns = tuple(names.split())
    if columns not in (_COLUMNS, (*_COLUMNS, *_HEAP_COLUMNS)):
        raise SamplesError(f"{path.name!r} has other columns than soak writes: {names!r}")
    rows = [[int(word) for word in line.split()] for line in lines]
    if not rows or any(len(row) != len(columns) for row in rows):
        raise SamplesError(f"{path.name!r} holds no whole samples; the run was cut off")
    return tuple(_sample(row) for row in rows)


def _sample(row: list[int]) -> Sample:
    milliseconds, live, resident, operations, *rest = row
    heap = None
    if rest:
        heap_live, cached, transfer, purged, unpurged, overdue, mapped, metadata = rest
        heap = HeapFigures(
            live_b=heap_live,
            # The two are counted one after the other, while threads run.
            caches_b=max(cached - transfer, 0),
            transfer_b=transfer,
            purged_b=purged,
            unpurged_b=unpurged,
            overdue_b=overdue,
            mapped_b=mapped,
            metadata_b=metadata,
        )
    return Sample(milliseconds / 1000, live, resident, operations, heap)
