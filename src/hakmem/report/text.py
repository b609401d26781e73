"""A suite as text for a terminal or a pipe: tables of ratios, what they come to, and what to know of them."""

from collections.abc import Iterable
from io import StringIO
from typing import Final

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from hakmem.lab.cells import is_memory
from hakmem.lab.measurement import Status
from hakmem.lab.result import Suite
from hakmem.lab.statistics import TOO_NOISY
from hakmem.report.tables import of_means, of_workloads

_MOST_OUTLIERS: Final = 5
"""How many outliers are named; the stored result has them all."""

NARROWEST: Final = 60
"""Columns below which nothing is laid out any narrower: the terminal wraps lines."""

TITLES: Final = {
    "native": "Native programs",
    "python": "Python",
    "real": "Real programs",
    "command": "Your command",
}
"""Kind of workload -> how it is headed."""


def render(suite: Suite, width: int = 80, *, colour: bool = False) -> str:
    """The whole report, in lines of at most `width` characters (NARROWEST at least)."""
    return rendered(_parts(suite, max(width, NARROWEST)), width, colour=colour)


def rendered(parts: Iterable[RenderableType], width: int = 80, *, colour: bool = False) -> str:
    """What rich makes of `parts`, one below the other, in `width` characters; plain without `colour`."""
    out = StringIO()
    console = Console(
        file=out,
        width=max(width, NARROWEST),
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
        _environ={},
    )
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def item(line: str) -> Table:
    """A line of a list, which keeps its indentation when it is wrapped."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_row("-", Text(line))
    return table


def _parts(suite: Suite, width: int) -> Iterable[RenderableType]:
    yield who(suite)
    for kind in dict.fromkeys(cell.kind for cell in suite.cells):
        yield from headed(TITLES.get(kind, kind), of_workloads(suite, kind, width))
    if suite.cells:
        yield ""
        yield _legend(suite)
    title = f"All together: geometric means of the ratios to {suite.baseline}"
    yield from headed(title, of_means(suite, width))
    yield from headed("What went wrong", map(item, wrong(suite)))
    yield from headed("What to know", map(item, (*suite.notes, *outliers(suite))))


def headed(title: str, parts: Iterable[RenderableType]) -> Iterable[RenderableType]:
    """The parts below a title; nothing without any."""
    shown = list(parts)
    if shown:
        yield ""
        yield Text(title, style="bold")
        yield from shown


def who(suite: Suite) -> Text:
    """The machine, the allocators with their versions, and how much was measured."""
    host = suite.host
    where = [host.cpu or host.machine, f"{host.cores} cores", f"Linux {host.kernel}", host.libc]
    who = [f"{each.name} {each.version}".strip() for each in suite.allocators]
    how = f"{suite.effort} effort, {suite.rounds} rounds, seed {suite.seed}"
    return Text("\n".join((", ".join(filter(None, where)), ", ".join(who), how)), style="dim")


def _legend(suite: Suite) -> Text:
    """What the signs mean; of the rarer ones, those that occur."""
    first = (
        f"In a cell: what {suite.baseline} takes, and for the others their cost as a ratio to it (below 1 is"
        " better) with the half of its 95 % interval; below it the peak memory. *: the best of the row."
    )
    words = [first]
    if any(cell.ratio and cell.ratio.verdict == TOO_NOISY for cell in suite.cells):
        words.append("?: too noisy to tell.")
    if any(cell.floor is not None for cell in suite.cells):
        words.append("floor: the program on an allocator that does nothing.")
    return Text(" ".join(words), style="dim")


def outliers(suite: Suite) -> list[str]:
    """A line about runs that lie far from the others of their cell; none without such."""
    told = [
        f"{cell.workload} on {cell.allocator}, round {at + 1}"
        for cell in suite.cells
        if not is_memory(cell.metric)
        for at in cell.outliers
    ]
    if not told:
        return []
    further = f"; and {len(told) - _MOST_OUTLIERS} more" if len(told) > _MOST_OUTLIERS else ""
    shown = "; ".join(told[:_MOST_OUTLIERS])
    return [f"Outliers, which are kept (a median does not mind them): {shown}{further}."]


def wrong(suite: Suite) -> list[str]:
    """A line for each workload that went wrong under an allocator."""
    told = {
        (cell.workload, cell.allocator): f"{cell.workload} on {cell.allocator}: {cell.status}, {cell.detail}"
        for cell in suite.cells
        if cell.status != Status.OK.value
    }
    return list(told.values())
