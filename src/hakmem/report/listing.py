"""The list of workloads: what each is, where it comes from, what it stresses."""

from collections.abc import Collection, Iterable, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hakmem.lab.plan import Workload
from hakmem.report.text import TITLES, rendered


def render(
    workloads: Sequence[Workload], quick: Collection[str], width: int = 80, *, colour: bool = False
) -> str:
    """The list, by kind. quick: names of those that a quick suite takes."""
    return rendered(_parts(workloads, quick), width, colour=colour)


def _parts(workloads: Sequence[Workload], quick: Collection[str]) -> Iterable[RenderableType]:
    for number, kind in enumerate(dict.fromkeys(workload.kind for workload in workloads)):
        if number:
            yield ""
        yield Text(TITLES[kind.value], style="bold")
        for workload in workloads:
            if workload.kind is kind:
                yield from _entry(workload, workload.name in quick)


def _entry(workload: Workload, quick: bool) -> Iterable[RenderableType]:
    head = Text(f"  {workload.name}", style="bold")
    if quick:
        head.append("  (quick)", style="dim")
    yield head
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_row("what", workload.title)
    table.add_row("from", workload.origin)
    table.add_row("stresses", workload.stresses)
    for what, how in workload.needs.items():
        table.add_row("absent", Text(f"{what}: {how}", style="yellow"))
    yield Padding(table, (0, 0, 0, 4))
