"""What HAKMEM has set itself to reach, and whether a stored suite shows it, as Markdown for builders.

A bar is a ratio of costs, HAKMEM's to a rival's, taken within rounds; below 1 HAKMEM is better. The rival
`PEERS` is whichever peer is best in that row and quantity. A bar is met when the median ratio is at most the
bar; the interval tells how far that can be trusted.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

from hakmem.lab import statistics
from hakmem.lab.result import Suite
from hakmem.lab.statistics import Interval
from hakmem.report.matrix import MEMORY, OK, TIME, Matrix, Row, costs
from hakmem.report.standing import standing

OURS: Final = "hakmem"
PEERS: Final = "best peer"
_MEBIBYTE: Final = 1 << 20
_ANY_ROW: Final = 1.05
"""Of the best peer's time, on any row at all."""


@dataclass(frozen=True, slots=True)
class Bar:
    """At most `at_most` of the rival's cost on each workload that matches.

    workloads: a pattern of names, as of a shell. quantity: TIME or MEMORY (the peak), or a figure of the
    workload's own by its name in Cell.usage. rival: an allocator, or PEERS.
    above_floor: what the workload takes on an allocator that does nothing is taken off both sides.
    beside: the workload that the rival runs, where it is another.
    amount: in place of a rival's cost, in the quantity's unit; `rival` is its name.
    decisions: records of what was tried.
    """

    workloads: str
    quantity: str
    rival: str
    at_most: float
    above_floor: bool = False
    beside: str = ""
    amount: float = 0.0
    decisions: tuple[int, ...] = ()


BARS: Final = (
    Bar("random_mixed/256", TIME, PEERS, 0.70, above_floor=True, decisions=(9, 19, 21)),
    Bar("random_mixed/8192", TIME, PEERS, 0.93, decisions=(19, 21)),
    Bar("random_mixed/mid", TIME, "tcmalloc", 1.0, decisions=(13, 20)),
    Bar("random_mixed/mid", MEMORY, "tcmalloc", 1.0),
    Bar("random_mixed/large", TIME, "tcmalloc", 1.0, decisions=(16, 17, 31)),
    Bar("random_mixed/large", MEMORY, "tcmalloc", 1.0),
    Bar("larson/mixed-*", TIME, PEERS, 1 / 1.08, decisions=(10, 11)),
    Bar("larson/mixed-*", MEMORY, PEERS, 1.0, decisions=(41,)),
    Bar("larson/tiny", TIME, PEERS, 1 / 1.05),
    Bar("producer_consumer/*", TIME, PEERS, 0.65, decisions=(11, 14, 24)),
    Bar("server_mix/4", TIME, PEERS, 0.95, decisions=(10, 14, 38)),
    Bar("server_mix/4", MEMORY, PEERS, 1.0),
    Bar("thread_churn/4", TIME, "system", 0.80, decisions=(26,)),
    Bar("thread_churn/4", TIME, PEERS, 1.0),
    Bar("random_mixed/short", TIME, "system", 0.90, decisions=(3, 23)),
    Bar("realloc/buffer", TIME, PEERS, 1.0, decisions=(12,)),
    Bar("calloc/large", TIME, PEERS, 1.0),
    Bar("python/burst/malloc", TIME, "system", 0.95, beside="python/burst/pymalloc", decisions=(6, 34)),
    Bar("python/burst/malloc", MEMORY, "system", 1.0, beside="python/burst/pymalloc", decisions=(6,)),
    Bar("python/burst/malloc", "resident_after_burst", "30 MiB", 1.0, amount=30 * _MEBIBYTE),
    Bar("python/numpy/*", TIME, PEERS, 0.97, decisions=(25,)),
    Bar("fragmentation/phases", "resident_end", PEERS, 1.0, decisions=(16, 35, 40)),
    Bar("fragmentation/phases", TIME, PEERS, _ANY_ROW, decisions=(16, 35)),
    Bar("random_mixed/wide", TIME, PEERS, _ANY_ROW, decisions=(13, 17, 30)),
    Bar("realloc/strings", TIME, PEERS, _ANY_ROW, decisions=(12, 33)),
    Bar("aligned/*", TIME, PEERS, _ANY_ROW, decisions=(17, 32)),
    Bar("burst/*", TIME, PEERS, _ANY_ROW, decisions=(34,)),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A bar on one workload. rival: who it is in this row. ratio: None without figures of both."""

    bar: Bar
    workload: str
    rival: str
    ratio: Interval | None

    @property
    def verdict(self) -> str:
        """In words, with whether the interval lies on one side of the bar."""
        if self.ratio is None:
            return "not measured"
        met = self.ratio.median <= self.bar.at_most
        sure = self.ratio.high <= self.bar.at_most if met else self.ratio.low > self.bar.at_most
        return ("met" if met else "**missed**") + ("" if sure else ", within noise")


def judged(matrix: Matrix, bars: Sequence[Bar] = BARS) -> list[Judged]:
    """Each bar on each workload of the suite that it is for."""
    return [
        _judge(bar, row, matrix)
        for bar in bars
        for row in matrix.rows
        if fnmatch(row.workload, bar.workloads)
    ]


def document(suite: Suite) -> str:
    """The bars, then each row beside its best peer, then the means, as Markdown without a title."""
    matrix = Matrix(suite)
    return (
        "\n".join(
            ["## The bars", "", *_bars(matrix), "", "## Every row", "", *_rows(matrix), "", *_means(matrix)]
        )
        + "\n"
    )


def _samples(row: Row, allocator: str, bar: Bar) -> tuple[float | None, ...]:
    """Costs, one a round; one figure alone where the suite keeps only a median."""
    cell = row.entry(allocator).cells.get(bar.quantity)
    if cell is not None:
        off = cell.floor or 0.0 if bar.above_floor else 0.0
        return tuple(each - off if each is not None else None for each in costs(cell))
    timed = row.entry(allocator).cells.get(TIME)
    own = timed.usage.get(bar.quantity) if timed is not None and timed.status == OK else None
    return () if own is None else (own,)


def _judge(bar: Bar, row: Row, matrix: Matrix) -> Judged:
    ours = _samples(row, OURS, bar) if OURS in matrix.allocators else ()
    other = next((each for each in matrix.rows if each.workload == (bar.beside or row.workload)), row)
    theirs = {name: each for name in _rivals(bar, matrix) if (each := _samples(other, name, bar))}
    if bar.amount:
        theirs = {bar.rival: (bar.amount,) * len(ours)}
    if not ours or not theirs:
        return Judged(bar, row.workload, bar.rival, None)
    rival = min(theirs, key=lambda name: _middle(theirs[name]))
    return Judged(bar, row.workload, rival, _ratio(ours, theirs[rival], matrix.suite.seed))


def _rivals(bar: Bar, matrix: Matrix) -> list[str]:
    if bar.rival == PEERS:
        return _peers(matrix)
    return [name for name in matrix.allocators if name == bar.rival]


def _ratio(ours: Sequence[float | None], theirs: Sequence[float | None], seed: int) -> Interval | None:
    if len(ours) == len(theirs) == 1 and ours[0] is not None and theirs[0]:
        return Interval(ours[0] / theirs[0], ours[0] / theirs[0], ours[0] / theirs[0])
    return statistics.ratio(ours, theirs, seed=seed)


def _middle(samples: Sequence[float | None]) -> float:
    there = [each for each in samples if each is not None]
    return statistics.median(there) if there else math.inf


def _peers(matrix: Matrix) -> list[str]:
    return [name for name in matrix.allocators if not name.startswith(OURS)]


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _shown(ratio: Interval | None) -> str:
    return "-" if ratio is None else f"{ratio.median:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def _bars(matrix: Matrix) -> Iterable[str]:
    yield _line(["workload", "quantity", "rival", "at most", "HAKMEM's share", "", "tried"])
    yield _line(["---"] * 7)
    for each in judged(matrix):
        quantity = {TIME: "time", MEMORY: "peak"}.get(each.bar.quantity, each.bar.quantity.replace("_", " "))
        quantity += " over the floor" if each.bar.above_floor else ""
        records = ", ".join(f"{number:04d}" for number in each.bar.decisions)
        rival = f"{each.rival} (best)" if each.bar.rival == PEERS and each.ratio else each.rival
        yield _line(
            [
                f"`{each.workload}`",
                quantity,
                rival,
                f"{each.bar.at_most:.2f}",
                _shown(each.ratio),
                each.verdict,
                records,
            ]
        )


def _rows(matrix: Matrix) -> Iterable[str]:
    yield _line(
        ["workload", "best peer", "HAKMEM's time, of its", "HAKMEM's peak", "leanest peer", "dominated by"]
    )
    yield _line(["---"] * 6)
    found = [(_judge(Bar("*", TIME, PEERS, _ANY_ROW), row, matrix), row) for row in matrix.rows]
    for each, row in sorted(found, key=lambda pair: -(pair[0].ratio.median if pair[0].ratio else 0.0)):
        peaks = {name: _peak(row, name) for name in _peers(matrix)}
        lean = min(peaks, key=lambda name: peaks[name])
        behind = each.ratio is not None and each.ratio.median > _ANY_ROW
        yield _line(
            [
                f"`{row.workload}`",
                each.rival,
                f"**{_shown(each.ratio)}**" if behind else _shown(each.ratio),
                f"{_peak(row, OURS):.1f} MiB",
                f"{peaks[lean]:.1f} MiB, {lean}",
                ", ".join(_dominating(row, matrix)),
            ]
        )


def _peak(row: Row, allocator: str) -> float:
    """Median of the peaks in MiB; infinite where there is none."""
    cell = row.entry(allocator).cells.get(MEMORY)
    return cell.median / _MEBIBYTE if cell is not None and cell.median is not None else math.inf


def _dominating(row: Row, matrix: Matrix) -> Iterable[str]:
    """Peers that are leaner and no slower."""
    for name in _peers(matrix):
        time = _judge(Bar("*", TIME, name, 1.0), row, matrix).ratio
        if time is not None and time.median >= 1 and _peak(row, name) < _peak(row, OURS):
            yield name


def _means(matrix: Matrix) -> Iterable[str]:
    yield _line(["geometric mean of ratios to the system's malloc", *matrix.allocators])
    yield _line(["---"] * (1 + len(matrix.allocators)))
    for kind in ("", *matrix.kinds):
        for quantity, name in ((TIME, "time"), (MEMORY, "peak memory")):
            over = standing(matrix, kind, quantity)
            means = [over.mean(allocator) for allocator in matrix.allocators]
            yield _line(
                [
                    f"{kind or 'all'} ({over.workloads}): {name}",
                    *(f"{mean.median:.3f}" if mean else "-" for mean in means),
                ]
            )
