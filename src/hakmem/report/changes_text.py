"""Two suites against each other, as text for a terminal."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hakmem.lab.result import Suite
from hakmem.report.changes import Change, Outcome
from hakmem.report.figures import figure
from hakmem.report.sentence import percent, phrase, shown
from hakmem.report.text import headed, item, rendered

_COMPARED: Final = (Outcome.BETTER, Outcome.WORSE, Outcome.SAME, Outcome.NOISY)
_BY_THEMSELVES: Final = (Outcome.BROKEN, Outcome.MENDED, Outcome.NEVER, Outcome.OTHER_WORK)
_STYLES: Final = {Outcome.BETTER: "green", Outcome.WORSE: "red", Outcome.BROKEN: "bold red"}
_TAIL: Final = 0.025
"""The share of unchanged figures whose 95 % interval lies wholly on one given side of 1."""

_DRIFT_WORTH_TELLING: Final = 0.02
_LISTED_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is to be shown.

    drift: by how much the baseline's times changed (changes.drift); None where that says nothing.
    relative: whether the figures are ratios to the baseline.
    """

    before: Suite
    after: Suite
    changes: tuple[Change, ...]
    drift: float | None
    relative: bool


def render(comparison: Comparison, width: int = 80, *, colour: bool = False, everything: bool = False) -> str:
    """The text: what changed beyond noise (with `everything` each figure), the worst first, and the count."""
    return rendered(_parts(comparison, everything=everything), width, colour=colour)


def _parts(comparison: Comparison, *, everything: bool) -> Iterable[RenderableType]:
    yield Text("\n".join(_heading(comparison)), style="dim")
    wanted = _COMPARED if everything else (Outcome.BETTER, Outcome.WORSE)
    rows = [change for change in comparison.changes if change.outcome in wanted]
    yield ""
    yield _table(rows, relative=comparison.relative) if rows else "Nothing changed beyond noise."
    yield ""
    yield from _count(comparison.changes)
    yield from headed("What to know", map(item, _notes(comparison)))


def _heading(comparison: Comparison) -> list[str]:
    lines = []
    for name, suite in (("Before", comparison.before), ("After", comparison.after)):
        rounds = f"{suite.rounds} rounds" + (", interrupted" if suite.interrupted else "")
        lines.append(f"{name + ':':8}{suite.command} ({suite.created}, {rounds})")
    versions = {record.name: record for record in comparison.before.allocators}
    for record in comparison.after.allocators:
        old = versions.get(record.name, record)
        if (old.version, old.build) != (record.version, record.build):
            was, now = (" ".join(filter(None, (each.version, each.build))) for each in (old, record))
            lines.append(
                f"{shown(record.name)} was {was or 'of unknown version'}, is {now or 'of unknown version'}"
            )
    if comparison.relative:
        lines.append(f"Figures are ratios to {shown(comparison.after.baseline)}, in the same rounds.")
    return lines


def _table(rows: Sequence[Change], *, relative: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("workload", overflow="fold")
    table.add_column("allocator", overflow="fold")
    for name in ("before", "after"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("what changed", overflow="fold")
    table.add_column("ratio, 95 %", justify="right", no_wrap=True)
    for change in sorted(rows, key=lambda each: each.ratio.median if each.ratio else 1.0, reverse=True):
        ratio = change.ratio
        assert ratio is not None, "a change that was compared has a ratio"
        said = phrase(change.metric, ratio.median, (ratio.low, ratio.high), change.verdict)
        table.add_row(
            change.workload,
            change.allocator,
            *_figures(change, relative=relative),
            Text(said, style=_STYLES.get(change.outcome, "")),
            f"{ratio.low:.2f} to {ratio.high:.2f}",
        )
    return table


def _figures(change: Change, *, relative: bool) -> tuple[str, str]:
    before, after = change.before, change.after
    if before is None or after is None:
        return ("-", "-")
    if relative:
        return (f"{before:.3f}", f"{after:.3f}")
    return (figure(before, change.unit), figure(after, change.unit))


def _count(changes: Sequence[Change]) -> list[str]:
    counts = Counter(change.outcome for change in changes)
    compared = sum(counts[outcome] for outcome in _COMPARED)
    lines = []
    if compared:
        listed = ", ".join(f"{counts[outcome]} {outcome}" for outcome in _COMPARED if counts[outcome])
        lines.append(f"{compared} figures compared: {listed}.")
        if (by_chance := round(compared * _TAIL)) > 0:
            lines.append(
                f"Of so many, about {by_chance} would look worse and {by_chance} better by chance alone"
                " (95 % intervals)."
            )
    if counts[Outcome.FEW]:
        lines.append(f"{counts[Outcome.FEW]} figures had {Outcome.FEW}: measure 5 or more.")
    return lines


def _notes(comparison: Comparison) -> list[str]:
    lines = []
    drift = comparison.drift
    if drift is not None and abs(drift - 1) > _DRIFT_WORTH_TELLING and not comparison.relative:
        lines.append(
            f"{shown(comparison.after.baseline)}, the same library both times, was {percent(drift - 1)}"
            f" {'faster' if drift < 1 else 'slower'} on average: the machine was not the same."
            " --relative compares each figure with the baseline's of the same rounds."
        )
    for outcome in _BY_THEMSELVES:
        lines += [
            f"{outcome.capitalize()}: {change.workload} on {change.allocator} ({change.detail})"
            for change in _once(comparison.changes, outcome)
        ]
    for outcome in (Outcome.NEW, Outcome.VANISHED):
        found = [f"{change.workload} on {change.allocator}" for change in _once(comparison.changes, outcome)]
        if found:
            more = f" and {len(found) - _LISTED_MAX} more" if len(found) > _LISTED_MAX else ""
            lines.append(f"{outcome.capitalize()}: {', '.join(found[:_LISTED_MAX])}{more}.")
    return lines


def _once(changes: Sequence[Change], outcome: Outcome) -> list[Change]:
    """The changes of one outcome, a workload and allocator once, whatever their metrics."""
    found = {(change.workload, change.allocator): change for change in changes if change.outcome is outcome}
    return list(found.values())
