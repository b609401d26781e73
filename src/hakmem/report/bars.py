"""What HAKMEM has set itself to reach, and whether a stored suite shows it, as Markdown for builders.

A bar (bar_list) is met when the median ratio is at most the bar; the interval tells how far that can be
trusted.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

from hakmem.lab import allocators, statistics
from hakmem.lab.plan import SYSTEM
from hakmem.lab.result import Suite
from hakmem.lab.statistics import Interval
from hakmem.report.bar_list import ANY_ROW, BARS, MEANS, OTHERS, PEERS, Bar
from hakmem.report.matrix import MEMORY, OK, TIME, Matrix, Row, costs
from hakmem.report.standing import against, standing

OURS: Final = "hakmem"
ALL: Final = "geometric mean of all"
_MEBIBYTE: Final = 1 << 20


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

    @property
    def missed_by(self) -> float:
        """How much more than the bar it costs, as a part of the bar; 0 where it is met or not measured."""
        return 0.0 if self.ratio is None else max(self.ratio.median / self.bar.at_most - 1, 0.0)


def judged(matrix: Matrix, bars: Sequence[Bar] = BARS) -> list[Judged]:
    """Each bar on each workload of the suite that it is for."""
    return [
        _judge(bar, row, matrix)
        for bar in bars
        for row in matrix.rows
        if fnmatch(row.workload, bar.workloads)
    ]


def judged_means(matrix: Matrix) -> list[Judged]:
    """The bars on the geometric mean over all workloads."""
    return [_judge_mean(bar, matrix) for bar in MEANS]


def document(suite: Suite) -> str:
    """The bars, then each row beside its best peer, then the means, as Markdown without a title."""
    matrix = Matrix(suite)
    return (
        "\n".join(
            [
                *("## The bars", "", *_bars(matrix), ""),
                *("## What is missed, by how much, and why", "", *_missed(matrix), ""),
                *("## Every row", "", *_rows(matrix), "", *_means(matrix)),
            ]
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


def _judge_mean(bar: Bar, matrix: Matrix) -> Judged:
    peers = _peers(matrix)
    ranked = [mean.allocator for mean in standing(matrix, "", bar.quantity).means if mean.allocator in peers]
    if not ranked or OURS not in matrix.allocators:
        return Judged(bar, ALL, bar.rival, None)
    return Judged(bar, ALL, ranked[0], against(matrix, OURS, ranked[0], bar.quantity))


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
    """The distribution's own, against which the bars are set."""
    known = (SYSTEM, *(peer.name for peer in allocators.PEERS))
    return [name for name in matrix.allocators if name in known]


def _others(matrix: Matrix) -> list[str]:
    """Others that took part, such as newer releases."""
    return [name for name in matrix.allocators if not name.startswith(OURS) and name not in _peers(matrix)]


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _shown(ratio: Interval | None) -> str:
    return "-" if ratio is None else f"{ratio.median:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def _quantity(bar: Bar) -> str:
    name = {TIME: "time", MEMORY: "peak"}.get(bar.quantity, bar.quantity.replace("_", " "))
    return name + (" over the floor" if bar.above_floor else "")


def _records(bar: Bar) -> str:
    return ", ".join(f"{number:04d}" for number in bar.decisions)


def _other(workload: str) -> Bar:
    return next(bar for bar in OTHERS if fnmatch(workload, bar.workloads))


def _missed(matrix: Matrix) -> Iterable[str]:
    """The bars that are missed, most first; the one for any row where a row has none of its own."""
    own = [*judged(matrix), *judged_means(matrix)]
    timed = {each.workload for each in own if each.bar.quantity == TIME}
    rest = (_judge(_other(row.workload), row, matrix) for row in matrix.rows if row.workload not in timed)
    missed = sorted((each for each in (*own, *rest) if each.missed_by), key=lambda each: -each.missed_by)
    if not missed:
        yield "Nothing."
    for each in missed:
        line = f"- `{each.workload}`, {_quantity(each.bar)}, by {each.missed_by:.1%} of the bar"
        line += ", within noise" if each.verdict.endswith("noise") else ""
        line += f": {each.bar.why}" if each.bar.why else ""
        yield line + (f" ({_records(each.bar)})." if each.bar.decisions else ".")


def _bars(matrix: Matrix) -> Iterable[str]:
    yield _line(["workload", "quantity", "rival", "at most", "HAKMEM's share", "", "tried"])
    yield _line(["---"] * 7)
    for each in (*judged(matrix), *judged_means(matrix)):
        rival = f"{each.rival} (best)" if each.bar.rival == PEERS and each.ratio else each.rival
        yield _line(
            [
                f"`{each.workload}`",
                _quantity(each.bar),
                rival,
                f"{each.bar.at_most:.2f}",
                _shown(each.ratio),
                each.verdict,
                _records(each.bar),
            ]
        )


def _rows(matrix: Matrix) -> Iterable[str]:
    others = _others(matrix)
    head = ["workload", "best peer", "HAKMEM's time, of its", "HAKMEM's peak", "leanest peer", "dominated by"]
    yield _line([*head, *(f"time, of {name}'s" for name in others), *(f"{name}'s peak" for name in others)])
    yield _line(["---"] * (len(head) + 2 * len(others)))
    found = [(_judge(Bar("*", TIME, PEERS, ANY_ROW), row, matrix), row) for row in matrix.rows]
    for each, row in sorted(found, key=lambda pair: -(pair[0].ratio.median if pair[0].ratio else 0.0)):
        peaks = {name: _peak(row, name) for name in _peers(matrix)}
        lean = min(peaks, key=lambda name: peaks[name])
        behind = each.ratio is not None and each.ratio.median > ANY_ROW
        yield _line(
            [
                f"`{row.workload}`",
                each.rival,
                f"**{_shown(each.ratio)}**" if behind else _shown(each.ratio),
                f"{_peak(row, OURS):.1f} MiB",
                f"{peaks[lean]:.1f} MiB, {lean}",
                ", ".join(_dominating(row, matrix)),
                *(_shown(_judge(Bar("*", TIME, name, 1.0), row, matrix).ratio) for name in others),
                *(f"{_peak(row, name):.1f} MiB" for name in others),
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
