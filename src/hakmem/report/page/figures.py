"""The table of all figures: a row for each workload and allocator, in numbers and with every sample."""

from collections.abc import Iterator
from typing import Final

from hakmem.lab.cells import BASELINE
from hakmem.lab.result import Cell
from hakmem.report.figures import figure
from hakmem.report.matrix import MEMORY, TIME, Entry, Matrix, Row
from hakmem.report.page import quantities
from hakmem.report.page.markup import NOTHING, allocator, breakable, text
from hakmem.report.sentence import quantity, shown

_REACH: Final = 0.2
"""So far from the median a strip of samples reaches; what is further away stands at its end."""
_WIDTH: Final = 100
_INSET: Final = 6

_SPELLED: Final = {
    "wall_s": ("whole run", "s"),
    "mean_rss_bytes": ("memory on average", "B"),
    "end_rss_bytes": ("memory at the end", "B"),
    "user_s": ("user", "s"),
    "system_s": ("system", "s"),
    "minor_faults": ("minor faults", ""),
    "major_faults": ("major faults", ""),
    "voluntary_switches": ("voluntary switches", ""),
    "involuntary_switches": ("involuntary switches", ""),
}
"""A figure's name in a cell's usage -> how it is written, and its unit. Others are the workload's own."""


def figures(matrix: Matrix) -> str:
    """The table's head and body. Every cell that can be sorted has its plain number in data-sort."""
    against = f"Against {shown(matrix.suite.baseline)}"
    heads = (
        "Workload",
        "Allocator",
        "Time",
        "95 % interval",
        against,
        "Less floor",
        "Samples",
        "Lowest to highest",
        "Peak memory",
        against,
        "Further medians",
    )
    body = "".join(
        _entry(row, entry, place) for row in matrix.rows for place, entry in enumerate(row.entries)
    )
    return (
        "<thead><tr>"
        + "".join(f'<th scope="col">{text(head)}</th>' for head in heads)
        + f"</tr></thead><tbody>{body}</tbody>"
    )


def _entry(row: Row, entry: Entry, place: int) -> str:
    time, memory = entry.cells.get(TIME), entry.cells.get(MEMORY)
    head = f'<th scope="row" data-sort="{text(row.workload)}">{breakable(row.workload)}</th>'
    name = f'<td data-sort="{text(entry.allocator)}">{allocator(entry.allocator, place)}</td>'
    attributes = f'data-workload="{text(row.workload)}" data-kind="{text(row.kind)}" data-allocator="{place}"'
    cells = _time(time, entry.failure) + _memory(memory)
    return f"<tr {attributes}>{head}{name}{cells}<td>{_further(entry)}</td></tr>"


def _time(cell: Cell | None, failure: str) -> str:
    """Seven cells of the time; where it failed, one that says so and what figures there are all the same."""
    if cell is None or cell.median is None:
        said = text(failure) or NOTHING
        return f'<td class="failed" colspan="6">{said}</td>'
    scale = quantities.scale(cell.unit, cell.median)
    median = figure(cell.median, cell.unit) + (f"; {failure}" if failure else "")
    own = None if cell.floor is None else cell.median - cell.floor
    taken = [sample for sample in cell.samples if sample is not None]
    return (
        _figure(cell.median, median, "failed" if failure else "")
        + _interval(cell, scale)
        + _ratio(cell)
        + (f"<td>{NOTHING}</td>" if own is None else _figure(own, figure(own, cell.unit)))
        + f'<td data-sort="{len(taken)}">{_strip(cell)}</td>'
        + _figure(max(taken) / min(taken), f"{scale.number(min(taken))} to {scale.number(max(taken))}")
    )


def _memory(cell: Cell | None) -> str:
    if cell is None or cell.median is None:
        return f"<td>{NOTHING}</td><td>{NOTHING}</td>"
    return _figure(cell.median, figure(cell.median, cell.unit)) + _ratio(cell)


def _figure(value: float, words: str, kind: str = "") -> str:
    return f'<td class="{kind or "number"}" data-sort="{value:.6g}">{text(words)}</td>'


def _interval(cell: Cell, scale: quantities.Scale) -> str:
    if cell.ci95 is None:
        return f"<td>{NOTHING}</td>"
    low, high = cell.ci95
    return _figure(high - low, f"{scale.number(low)} to {scale.number(high)}")


def _ratio(cell: Cell) -> str:
    if cell.ratio is None:
        return f"<td>{NOTHING}</td>"
    value, low, high = (quantities.ratio(each) for each in (cell.ratio.median, *cell.ratio.ci95))
    words = text(cell.ratio.verdict)
    if cell.ratio.verdict != BASELINE:
        words = f"{value} ({low} to {high})<small>{words}</small>"
    return f'<td class="number" data-sort="{cell.ratio.median:.6g}">{words}</td>'


def _strip(cell: Cell) -> str:
    """A dot for each sample, by its distance from the median, outliers hollow; and the counts in words."""
    median = cell.median or 0.0
    dots = "".join(
        f'<circle cx="{_position(sample, median):.0f}" cy="7" r="3"{hollow}/>'
        for at, sample in enumerate(cell.samples)
        if sample is not None
        for hollow in [' class="hollow"' if at in cell.outliers else ""]
    )
    counts = ", ".join(_counts(cell))
    return (
        f'<svg class="strip" viewBox="0 0 {_WIDTH} 14" width="{_WIDTH}" height="14" aria-hidden="true">'
        f'<path d="M{_WIDTH // 2} 0V14"/>{dots}</svg><small>{counts}</small>'
    )


def _counts(cell: Cell) -> Iterator[str]:
    taken = sum(1 for sample in cell.samples if sample is not None)
    yield f"{taken} samples" if taken != 1 else "1 sample"
    if taken < len(cell.samples):
        yield f"{len(cell.samples) - taken} failed"
    if cell.outliers:
        yield f"{len(cell.outliers)} outlier{'s' if len(cell.outliers) > 1 else ''}"


def _position(sample: float, median: float) -> float:
    share = (sample / median - 1) / _REACH if median else 0.0
    return _WIDTH / 2 + max(-1.0, min(1.0, share)) * (_WIDTH / 2 - _INSET)


def _further(entry: Entry) -> str:
    """Medians of what else was measured: other quantities, faults, switches, the workload's own figures."""
    said = [
        f"{quantity(key)} {figure(cell.median, cell.unit)}"
        for key, cell in entry.cells.items()
        if key not in (TIME, MEMORY) and cell.median is not None
    ]
    usage = next((cell.usage for cell in entry.cells.values() if cell.usage), {})
    for name, value in usage.items():
        words, unit = _SPELLED.get(name, (name, ""))
        said.append(f"{words} {figure(value, unit)}".rstrip())
    return f'<span class="further">{text(", ".join(said))}</span>' if said else NOTHING
