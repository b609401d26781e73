"""A suite's cells by workload and allocator: what every part of the page starts from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from hakmem.lab import statistics
from hakmem.lab.measurement import Point, Status
from hakmem.lab.metrics import cost
from hakmem.lab.plan import (
    END_MEMORY,
    FLOOR,
    MEAN_MEMORY,
    PEAK_MEMORY,
    PROCESSOR_TIME,
    THROUGHPUT,
    WALL_TIME,
)
from hakmem.lab.result import Cell, Suite

OK: Final = Status.OK.value
TIME: Final = WALL_TIME.name
MEMORY: Final = PEAK_MEMORY.name
_KNOWN: Final = (TIME, PROCESSOR_TIME.name, MEMORY, MEAN_MEMORY.name, END_MEMORY.name)


@dataclass(frozen=True, slots=True)
class Entry:
    """One workload under one allocator.

    cells: quantity -> the cell that it is compared by. A quantity is a metric's name, but time and
        throughput are one, TIME, since each workload has one of the two.
    """

    allocator: str
    cells: Mapping[str, Cell]

    @property
    def failure(self) -> str:
        """What went wrong, in words ("crashed: signal 11"), or ""."""
        if not self.cells:
            return "not run"
        cell = next((cell for cell in self.cells.values() if cell.status != OK), None)
        if cell is None:
            return ""
        return f"{cell.status}: {cell.detail}" if cell.detail else cell.status

    @property
    def memory(self) -> tuple[Point, ...]:
        """Resident bytes over time; empty where nobody looked."""
        return next((cell.memory for cell in self.cells.values() if cell.memory), ())


@dataclass(frozen=True, slots=True)
class Row:
    """One workload under all allocators, in their order in the suite."""

    workload: str
    kind: str
    title: str
    params: Mapping[str, int | float | str]
    entries: tuple[Entry, ...]

    def entry(self, allocator: str) -> Entry:
        """The entry of `allocator`, which is one of the matrix's."""
        return next(entry for entry in self.entries if entry.allocator == allocator)

    def cells(self, quantity: str) -> tuple[Cell, ...]:
        """The cells of a quantity, of all allocators that have one."""
        return tuple(entry.cells[quantity] for entry in self.entries if quantity in entry.cells)


class Matrix:
    """Workloads by allocators. The floor is no column: it is a figure of the workload."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.allocators = tuple(name for name in _allocators(suite) if name != FLOOR)
        found: dict[str, dict[str, dict[str, Cell]]] = {}
        for cell in suite.cells:
            by_allocator = found.setdefault(cell.workload, {})
            by_allocator.setdefault(cell.allocator, {})[quantity(cell.metric)] = cell
        first = {cell.workload: cell for cell in reversed(suite.cells)}
        self.rows = tuple(
            Row(
                workload,
                first[workload].kind,
                suite.workloads.get(workload, ""),
                first[workload].params,
                tuple(Entry(name, by_allocator.get(name, {})) for name in self.allocators),
            )
            for workload, by_allocator in found.items()
        )

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of workloads, in the order in which they first come."""
        return tuple(dict.fromkeys(row.kind for row in self.rows))

    @cached_property
    def quantities(self) -> tuple[str, ...]:
        """What was measured: time first, then the quantities that are known, then others."""
        there = dict.fromkeys(quantity(cell.metric) for cell in self.suite.cells)
        return (*(each for each in _KNOWN if each in there), *(each for each in there if each not in _KNOWN))

    def of_kind(self, kind: str) -> tuple[Row, ...]:
        """The rows of a kind; "" is all."""
        return tuple(row for row in self.rows if kind in ("", row.kind))


def quantity(metric: str) -> str:
    """The quantity that a metric of this name measures."""
    return TIME if metric in (WALL_TIME.name, THROUGHPUT.name) else metric


def costs(cell: Cell | None) -> tuple[float | None, ...]:
    """A cell's samples as costs, one a round: where more is better, their inverse.

    None where a round failed, or gave nothing that can be divided; empty when the whole cell failed.
    """
    if cell is None or cell.status != OK:
        return ()
    return tuple(cost(sample, cell.better) for sample in cell.samples)


def paired(ours: Cell | None, theirs: Cell | None) -> tuple[float, ...]:
    """The rounds' ratios of costs; empty when fewer than statistics.MINIMUM rounds have both."""
    ratios = statistics.pairs(costs(ours), costs(theirs))
    return ratios if len(ratios) >= statistics.MINIMUM else ()


def _allocators(suite: Suite) -> Iterable[str]:
    """Names in the order of the suite's list, then those that only cells name; those without cells not."""
    measured = dict.fromkeys(cell.allocator for cell in suite.cells)
    return dict.fromkeys([*(a.name for a in suite.allocators if a.name in measured), *measured])
