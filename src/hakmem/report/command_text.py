"""A user's command under several allocators, as text: a row an allocator, a column a figure."""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hakmem.lab.cells import BASELINE
from hakmem.lab.measurement import Status
from hakmem.lab.plan import END_MEMORY, MEAN_MEMORY, PEAK_MEMORY, PROCESSOR_TIME
from hakmem.lab.result import Cell, Suite
from hakmem.lab.statistics import FASTER, HEAVIER, LEANER, SLOWER, TOO_NOISY
from hakmem.report.figures import figure
from hakmem.report.sentence import verdicts
from hakmem.report.tables import best_of, ratio_text
from hakmem.report.text import headed, item, outliers, rendered, who, wrong

_HEADS: Final = {
    PROCESSOR_TIME.name: "processor time",
    PEAK_MEMORY.name: "peak memory",
    MEAN_MEMORY.name: "on average",
    END_MEMORY.name: "at the end",
}
_GAP: Final = 2
_RATIO: Final = 11
"""Characters of "?0.80 ±12%"."""
_COLUMN: Final = 10 + 2 + _RATIO
"""Characters of a figure and its ratio side by side; where that is too wide, one stands below the other."""
_STYLES: Final = {FASTER: "green", LEANER: "green", SLOWER: "red", HEAVIER: "red", TOO_NOISY: "yellow"}


def render(suite: Suite, width: int = 80, *, colour: bool = False) -> str:
    """The report: for each command its table and its verdict in a sentence, then what to know."""
    return rendered(_parts(suite, width), width, colour=colour)


def _parts(suite: Suite, width: int) -> Iterable[RenderableType]:
    yield who(suite)
    for workload in dict.fromkeys(cell.workload for cell in suite.cells):
        cells = [cell for cell in suite.cells if cell.workload == workload]
        yield from headed(workload, [_table(cells, [each.name for each in suite.allocators], width)])
        verdict = verdicts(cells, suite.baseline)
        if verdict:
            yield ""
            yield Text(verdict, style="bold")
    if suite.cells:
        yield ""
        yield Text(_legend(suite), style="dim")
    yield from headed("What went wrong", map(item, wrong(suite)))
    yield from headed("What to know", map(item, (*suite.notes, *outliers(suite))))


def _legend(suite: Suite) -> str:
    """What the signs mean."""
    noisy = any(cell.ratio and cell.ratio.verdict == TOO_NOISY for cell in suite.cells)
    return (
        f"Medians, each with the cost as a ratio to {suite.baseline} (below 1 is better) with the half of"
        " its 95 % interval. *: the best of the column." + (" ?: too noisy to tell." if noisy else "")
    )


def _table(cells: Sequence[Cell], allocators: Sequence[str], width: int) -> Table:
    columns: dict[str, dict[str, Cell]] = {}
    for cell in cells:
        columns.setdefault(cell.metric, {})[cell.allocator] = cell
    longest = max(map(len, allocators))
    between = "  " if longest + len(columns) * (_COLUMN + _GAP) <= width else "\n"
    best = {metric: best_of(column.values()) for metric, column in columns.items()}
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP, 0, 0))
    table.add_column("", no_wrap=True)
    for metric in columns:
        table.add_column(_HEADS.get(metric, metric), justify="right", no_wrap=True)
    for allocator in allocators:
        row = (
            _figures(column.get(allocator), between, best=best[metric] == allocator)
            for metric, column in columns.items()
        )
        table.add_row(allocator, *row)
    return table


def _figures(cell: Cell | None, between: str, *, best: bool) -> Text:
    """The median, and the ratio to the baseline."""
    if cell is None:
        return Text("-", style="dim")
    if cell.status != Status.OK.value:
        return Text(cell.status, style="bold red")
    shown = figure(cell.median, cell.unit) if cell.median is not None else "-"
    text = Text(f"*{shown}" if best else shown, style="bold" if best else "")
    if cell.ratio is not None and cell.ratio.verdict != BASELINE:
        mark = "?" if cell.ratio.verdict == TOO_NOISY else ""
        said = f"{mark}{ratio_text(cell.ratio.median, cell.ratio.ci95)}"
        text.append(f"{between}{said:>{_RATIO}}", style=_STYLES.get(cell.ratio.verdict, ""))
    elif between != "\n":
        text.append(f"{between}{BASELINE:>{_RATIO}}", style="dim")
    return text
