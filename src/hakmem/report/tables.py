"""Tables for a terminal: a row a workload, a column an allocator, the baseline in front.

A cell holds the ratio of costs with its interval and below it the peak memory. In 80 columns six allocators
stand side by side; where more do not fit, the table continues below itself.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from hakmem.lab.cells import BASELINE, is_memory
from hakmem.lab.measurement import Status
from hakmem.lab.metrics import cost
from hakmem.lab.result import Cell, Suite
from hakmem.lab.statistics import FASTER, HEAVIER, LEANER, SLOWER, TOO_NOISY, Interval
from hakmem.report.figures import figure
from hakmem.report.matrix import MEMORY, TIME, Matrix
from hakmem.report.standing import standing

_OK: Final = Status.OK.value
_GAP: Final = 1
_NARROW: Final = 10
"""Characters of "*0.80 ±12%", and enough for a figure with its unit."""
_WIDE: Final = 20
"""Characters of "*0.80 [0.75, 0.92]", and air."""
_NAME: Final = (14, 32)
"""The narrowest and the widest column of names."""
_STYLES: Final = {FASTER: "green", LEANER: "green", SLOWER: "red", HEAVIER: "red", TOO_NOISY: "yellow"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Characters of the column of names and of an allocator's, and how many allocators a table takes."""

    name: int
    column: int
    columns: int

    @classmethod
    def fitting(cls, names: Iterable[str], others: int, width: int) -> "Layout":
        """The wide form where all of it fits `width`, else the narrow one.

        others: allocators beside the first column of figures, which is always narrow.
        """
        longest = min(max((len(name) for name in names), default=0), _NAME[1])
        room = width - _NARROW - _GAP
        if longest + others * (_WIDE + _GAP) <= room:
            return cls(longest, _WIDE, max(others, 1))
        name = max(_NAME[0], min(longest, room - others * (_NARROW + _GAP)))
        return cls(name, _NARROW, max((room - name) // (_NARROW + _GAP), 1))

    def pages(self, allocators: Sequence[str]) -> Iterable[Sequence[str]]:
        """The allocators of each table; one table without any, too."""
        for start in range(0, max(len(allocators), 1), self.columns):
            yield allocators[start : start + self.columns]


def of_workloads(suite: Suite, kind: str, width: int) -> Iterable[Table]:
    """The table of one kind of workloads."""
    rows = _rows(suite, kind)
    names = {workload: workload.removeprefix(f"{kind}/") for workload in rows}
    others = [each.name for each in suite.allocators if each.name != suite.baseline]
    layout = Layout.fitting(names.values(), len(others), width)
    best = {workload: best_of(row.values()) for workload, row in rows.items()}
    leanest = {workload: _leanest(row.values()) for workload, row in rows.items()}
    for page in layout.pages(others):
        shown = [suite.baseline, *page]
        table = _empty(shown, layout)
        for workload, row in rows.items():
            cells = (
                _cell(
                    row.get(name), layout.column, best=best[workload] == name, lean=leanest[workload] == name
                )
                for name in shown
            )
            table.add_row(_name(names[workload], next(iter(row.values())), layout.name), *cells)
        yield table


def of_means(suite: Suite, width: int) -> Iterable[Table]:
    """The table of geometric means: a row a kind of workloads and what was measured of it."""
    matrix = Matrix(suite)
    rows = {
        f"{kind}, {what}": found
        for kind in matrix.kinds
        for quantity, what in ((TIME, "time"), (MEMORY, "peak memory"))
        if len((found := standing(matrix, kind, quantity)).means) > 1
    }
    if not rows:
        return
    present = {mean.allocator for found in rows.values() for mean in found.means} - {suite.baseline}
    allocators = [name for name in matrix.allocators if name in present]
    layout = Layout.fitting(rows, len(allocators), width)
    for page in layout.pages(allocators):
        table = _empty(["workloads", *page], layout)
        for what, found in rows.items():
            best = found.means[0].allocator
            shown = (_mean(found.mean(name), layout.column, best=name == best) for name in page)
            table.add_row(what, f"{found.workloads} of {found.among}", *shown)
        yield table


def ratio_text(median: float, ci95: tuple[float, float], width: int = _NARROW) -> str:
    """A ratio with its interval: "0.80 [0.78, 0.82]" in a wide column, else "0.80 ±3%", the wider half."""
    if width >= _WIDE:
        return f"{median:.2f} [{ci95[0]:.2f}, {ci95[1]:.2f}]"
    half = max(ci95[1] - median, median - ci95[0]) / median
    shown = f"{median:.2f}" if median < 9.995 else f"{median:.1f}"
    return f"{shown} ±{half:.0%}" if half < 0.995 else f"{shown} ±>99%"


def _rows(suite: Suite, kind: str) -> dict[str, dict[str, Cell]]:
    """Workload -> allocator -> its cell of the workload's own metric, which comes first."""
    rows: dict[str, dict[str, Cell]] = {}
    for cell in suite.cells:
        if cell.kind == kind:
            rows.setdefault(cell.workload, {}).setdefault(cell.allocator, cell)
    return rows


def _empty(columns: Sequence[str], layout: Layout) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    table.add_column("", width=layout.name, overflow="fold")
    for at, column in enumerate(columns):
        width = layout.column if at else _NARROW
        table.add_column(column, width=width, justify="right", overflow="fold")
    return table


def _name(name: str, cell: Cell, width: int) -> Text:
    text = Text("\n ".join(_broken(name, width)))
    if cell.floor is not None:
        text.append(f"\nfloor {figure(cell.floor, cell.unit)}", style="dim")
    return text


def _broken(name: str, width: int) -> list[str]:
    """A name in lines of `width`, broken behind its signs; lines after the first are indented by one."""
    lines = [""]
    for part in re.split(r"(?<=[/_-])", name):
        if lines[-1] and len(lines[-1]) + len(part) > width - (len(lines) > 1):
            lines.append("")
        lines[-1] += part
    return lines


def _cell(cell: Cell | None, width: int, *, best: bool, lean: bool) -> Text:
    if cell is None:
        return Text("-", style="dim")
    if cell.status != _OK:
        return Text(cell.status, style="bold red")
    text = Text()
    if cell.ratio is None or cell.ratio.verdict == BASELINE:
        style = ""
        shown = figure(cell.median, cell.unit) if cell.median is not None else "-"
    else:
        style = _STYLES.get(cell.ratio.verdict, "")
        mark = "?" if cell.ratio.verdict == TOO_NOISY else ""
        shown = mark + ratio_text(cell.ratio.median, cell.ratio.ci95, width)
    text.append(_starred(shown, width, best=best), style=f"bold {style}" if best else style)
    if cell.peak_rss_bytes is not None and not is_memory(cell.metric):
        peak = _starred(figure(cell.peak_rss_bytes, "B"), width, best=lean)
        text.append(f"\n{peak}", style="bold" if lean else "dim")
    return text


def _mean(mean: Interval | None, width: int, *, best: bool) -> Text:
    if mean is None:
        return Text("-", style="dim")
    style = "green" if mean.high < 1 else "red" if mean.low > 1 else ""
    shown = ratio_text(mean.median, (mean.low, mean.high), width)
    return Text(_starred(shown, width, best=best and mean.high < 1), style=style)


def _starred(shown: str, width: int, *, best: bool) -> str:
    """With a star for the best, and without blanks where it would not fit otherwise."""
    starred = f"*{shown}" if best else shown
    return starred if len(starred) <= width else starred.replace(" ", "")


def best_of(row: Iterable[Cell]) -> str | None:
    """Who has the lowest ratio, or where there are none the lowest cost, among two at least.

    Nobody, when the lowest is too noisy to tell.
    """
    good = [cell for cell in row if cell.status == _OK]
    ratios = {cell.allocator: cell.ratio.median for cell in good if cell.ratio}
    costs = {cell.allocator: each for cell in good if (each := cost(cell.median, cell.better)) is not None}
    ranked = ratios or costs
    noisy = {cell.allocator for cell in good if cell.ratio and cell.ratio.verdict == TOO_NOISY}
    lowest = min(ranked, key=lambda name: ranked[name]) if len(ranked) > 1 else None
    return None if lowest in noisy else lowest


def _leanest(row: Iterable[Cell]) -> str | None:
    """Who has the lowest peak, among two at least."""
    peaks = {
        cell.allocator: cell.peak_rss_bytes
        for cell in row
        if cell.status == _OK and cell.peak_rss_bytes is not None
    }
    return min(peaks, key=lambda name: peaks[name]) if len(peaks) > 1 else None
