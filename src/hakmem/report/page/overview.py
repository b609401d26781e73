"""Every workload's ratio to the baseline at a glance, as a table that needs no script."""

from typing import Final

from hakmem.lab.cells import BASELINE
from hakmem.lab.result import Cell
from hakmem.lab.statistics import NO_DIFFERENCE, TOO_NOISY
from hakmem.report.figures import figure
from hakmem.report.matrix import Entry, Matrix, Row
from hakmem.report.page import quantities
from hakmem.report.page.markup import NOTHING, allocator, breakable, hidden, text
from hakmem.report.sentence import quantity, shown
from hakmem.report.standing import Standing

MARKS: Final = {NO_DIFFERENCE: "≈", TOO_NOISY: "?"}
"""What stands behind a ratio that is no difference, here and in the charts."""
_STEPS: Final = (0.97, 0.88, 0.72)
"""A ratio below the first is tinted a little, below the last most; above their inverses likewise."""


def overview(matrix: Matrix, key: str, standing: Standing) -> str:
    """The table of a quantity: workloads down, allocators across, the geometric means at the foot."""
    baseline = matrix.suite.baseline
    relative = any(cell.ratio for row in matrix.rows for cell in row.cells(key))
    title = f"{quantity(key).capitalize()}{f' relative to {shown(baseline)}' if relative else ''}"
    heads = "".join(
        f'<th scope="col">{allocator(name, place)}</th>' for place, name in enumerate(matrix.allocators)
    )
    body = "".join(_kind(matrix, kind, key) for kind in matrix.kinds)
    return (
        f'<table class="overview"><caption>{text(title)}</caption>'
        f'<thead><tr><th scope="col">Workload</th>{heads}</tr></thead>{body}{_foot(matrix, standing)}</table>'
    )


def _kind(matrix: Matrix, kind: str, key: str) -> str:
    rows = "".join(_row(row, key) for row in matrix.of_kind(kind) if row.cells(key))
    return f'<tbody data-kind="{text(kind)}">{rows}</tbody>'


def _row(row: Row, key: str) -> str:
    ratios = [cell.ratio.median for cell in row.cells(key) if cell.ratio]
    best = min(ratios, default=None)
    cells = "".join(_cell(entry, key, best) for entry in row.entries)
    head = f'<th scope="row" title="{text(row.title)}">{breakable(row.workload)}</th>'
    return f'<tr data-workload="{text(row.workload)}" data-kind="{text(row.kind)}">{head}{cells}</tr>'


def _cell(entry: Entry, key: str, best: float | None) -> str:
    if entry.failure:
        return (
            f'<td class="failed" title="{text(entry.failure)}">{text(entry.failure.partition(":")[0])}</td>'
        )
    cell = entry.cells.get(key)
    if cell is None or cell.median is None:
        return f"<td>{NOTHING}</td>"
    ratio = cell.ratio.median if cell.ratio else None
    if cell.ratio is None or cell.ratio.verdict == BASELINE:
        said = text(figure(cell.median, cell.unit))
        return f'<td class="base">{_best(said, ratio is not None and ratio == best)}</td>'
    value, low, high = (quantities.ratio(each) for each in (cell.ratio.median, *cell.ratio.ci95))
    mark = MARKS.get(cell.ratio.verdict, "")
    said = _best(f"{value}{hidden(', ' + cell.ratio.verdict)}", ratio == best)
    title = f"{cell.ratio.verdict}, 95 % interval {low} to {high}"
    return (
        f'<td class="{_tint(cell)}" title="{text(title)}">{said}'
        f'<span class="mark" aria-hidden="true">{mark}</span></td>'
    )


def _best(value: str, is_best: bool) -> str:
    return f"<strong>{value}{hidden(', the best')}</strong>" if is_best else value


def _tint(cell: Cell) -> str:
    """The class of a cell's colour; none for a difference that nobody may claim."""
    if cell.ratio is None or cell.ratio.verdict in MARKS or cell.ratio.verdict == BASELINE:
        return "level"
    ratio = cell.ratio.median
    steps = sum(1 for step in _STEPS if min(ratio, 1 / ratio if ratio else 0) < step)
    return f"{'better' if ratio < 1 else 'worse'}-{steps}" if steps else "level"


def _foot(matrix: Matrix, standing: Standing) -> str:
    if standing.workloads < 2:
        return ""
    cells = []
    for name in matrix.allocators:
        mean = standing.mean(name)
        if mean is None:
            cells.append(f'<td title="finished too few workloads">{NOTHING}</td>')
            continue
        value = quantities.ratio(mean.median)
        title = f"95 % interval {quantities.ratio(mean.low)} to {quantities.ratio(mean.high)}"
        value = f"<strong>{value}</strong>" if name in standing.leaders else value
        cells.append(f'<td title="{title}">{value}<span class="mark"></span></td>')
    head = f"Geometric mean of {standing.workloads}"
    return f'<tfoot><tr><th scope="row">{head}</th>{"".join(cells)}</tr></tfoot>'
