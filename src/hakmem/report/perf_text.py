"""What `hakmem perf` found, as text for a terminal or a pipe: first where the time goes, then the rest."""

from collections.abc import Iterable
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hakmem.lab.perf import words
from hakmem.lab.perf.findings import MINOR, Finding, Level, fastest
from hakmem.lab.perf.outcome import Outcome
from hakmem.report import perf_tables
from hakmem.report.text import item, rendered

_BAR: Final = 30
"""Characters of a bar for all of the time."""
_LEVELS: Final = {Level.SEVERE: "bold red", Level.NOTABLE: "bold yellow", Level.MINOR: "bold"}
_INDENT: Final = (0, 0, 0, 3)


def render(outcome: Outcome, width: int = 80, *, colour: bool = False, top: int = 10) -> str:
    """The whole report. top: how many functions and kinds of system calls to list."""
    return rendered(_parts(outcome, width, top), width, colour=colour)


def _parts(outcome: Outcome, width: int, top: int) -> Iterable[RenderableType]:
    yield from _head(outcome)
    yield from _where_time_goes(outcome)
    yield from _bottlenecks(outcome)
    yield from perf_tables.figures(outcome, width)
    yield from perf_tables.system_calls(outcome, width, top)
    yield from perf_tables.functions(outcome, top)
    yield from perf_tables.rates(outcome, top)
    if outcome.notes:
        yield ""
        yield from (item(note) for note in outcome.notes)


def _head(outcome: Outcome) -> Iterable[RenderableType]:
    host = outcome.host
    title = Text(outcome.workload, style="bold")
    if outcome.title != outcome.workload:
        title.append(f": {outcome.title}", style="")
    yield title
    runs = f"least of {outcome.rounds} runs"
    if outcome.unit == "operation":
        runs += f" of {words.number(outcome.work)} operations"
    shown = [f"{each.name} {each.version}".strip() for each in outcome.allocators]
    yield Text(
        f"{host.cpu or host.machine}, {host.cores} cores, Linux {host.kernel}\n{', '.join(shown)}; {runs}",
        style="dim",
    )


def _where_time_goes(outcome: Outcome) -> Iterable[RenderableType]:
    """The subject's time, split by the bill: what the workload takes itself, then each resource."""
    subject, floor = outcome.subject_profile, outcome.floor
    whole = subject.amount("wall") or 0.0
    if whole <= 0:
        return
    rows = []
    if floor is not None:
        rows.append(("the workload itself (floor)", floor.amount("wall") or 0.0))
    rows += [(payment.title, payment.cost_ns) for payment in outcome.bill]
    quickest = fastest(outcome.profiles) or subject
    head = f"Where the time of {outcome.subject} goes: {words.time(whole)} {words.each(outcome.unit)}"
    if quickest.allocator != outcome.subject:
        head += f" ({quickest.allocator}: {words.time(quickest.amount('wall') or 0.0)})"
    yield ""
    yield Text(head, style="bold")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=28)
    table.add_column(justify="right")
    table.add_column(justify="right")
    table.add_column()
    for title, cost in rows:
        part = cost / whole
        if part >= MINOR:
            bar = "█" * max(1, round(min(part, 1.0) * _BAR))
            table.add_row(title, words.time(cost), words.share(part), Text(bar, style="cyan"))
    yield Padding(table, _INDENT)


def _bottlenecks(outcome: Outcome) -> Iterable[RenderableType]:
    compared = outcome.peers or ([outcome.floor] if outcome.floor else [])
    beside = ", ".join(profile.allocator for profile in compared) or "nothing"
    yield ""
    yield Text(f"Bottlenecks of {outcome.subject} beside {beside}", style="bold")
    if not outcome.findings:
        if outcome.costs is not None:
            yield Padding(
                Text(f"none: of nothing does it use more than the best of them by {words.share(MINOR)}"),
                _INDENT,
            )
        return
    for number, finding in enumerate(outcome.findings, 1):
        yield _finding(number, finding)


def _finding(number: int, finding: Finding) -> RenderableType:
    text = Text()
    text.append(f"{finding.level.value.upper()} ", style=_LEVELS[finding.level])
    text.append(finding.sentence)
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(justify="right", width=3)
    table.add_column()
    table.add_row(f"{number}.", text)
    for line in finding.look:
        table.add_row("", Text(f"{line[0].upper()}{line[1:]}.", style="dim"))
    if finding.settings:
        table.add_row("", Text(f"Settings that bear on it: {', '.join(finding.settings)}.", style="dim"))
    return table
