"""One suite against another: what changed, and what of that is more than noise. Pure functions.

The two shared no rounds, so the ratio of their medians has an interval that does not cancel the machine's
drift (statistics.unpaired_ratio). Where the machine drifts, `relative` compares each figure as a share of
the baseline's in the same rounds: what made the whole machine slower then cancels.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hakmem.lab.cells import is_memory
from hakmem.lab.measurement import Status
from hakmem.lab.metrics import cost
from hakmem.lab.result import Cell, Suite
from hakmem.lab.statistics import Interval, pairs, unpaired_ratio, verdict

_Key = tuple[str, str, str]
"""Workload, allocator, metric."""


class Outcome(StrEnum):
    """What became of a cell."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "no difference seen"
    NOISY = "too noisy to tell"
    FEW = "too few rounds to tell"
    BROKEN = "broken"  # ran before and does not now
    MENDED = "mended"  # runs now and did not before
    NEVER = "still broken"
    NEW = "new"
    VANISHED = "vanished"
    OTHER_WORK = "not the same work"


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one workload under one allocator, before and after.

    before, after: medians in `unit`; with `relative`, ratios of costs to the baseline's.
    ratio: cost after over cost before, below 1 is better whatever the metric; None where there is none.
    verdict: of the ratio, as statistics.verdict says it; "" without one.
    detail: how a run went wrong, or what is not the same.
    """

    workload: str
    allocator: str
    metric: str
    unit: str
    outcome: Outcome
    before: float | None = None
    after: float | None = None
    ratio: Interval | None = None
    verdict: str = ""
    detail: str = ""

    def is_regression(self, percent: float) -> bool:
        """Whether it is broken, or worse beyond its interval and by more than `percent`."""
        if self.outcome is Outcome.BROKEN:
            return True
        return (
            self.outcome is Outcome.WORSE and self.ratio is not None and self.ratio.median > 1 + percent / 100
        )


def compare(before: Suite, after: Suite, *, relative: bool = False) -> tuple[Change, ...]:
    """Every cell of either suite, in the order of `after`; what has vanished comes last.

    relative: figures as shares of the baseline's in the same rounds. Both suites must have the same one;
        the baseline's own cells are left out.
    """
    first, then = (_sides(suite, relative=relative) for suite in (before, after))
    keys = [*then, *(key for key in first if key not in then)]
    return tuple(_change(first.get(key), then.get(key)) for key in keys)


def counted(suite: Suite) -> tuple[str, ...]:
    """The allocators that regressions are looked for in: HAKMEM's flavours, or without them all."""
    names = tuple(record.name for record in suite.allocators)
    return tuple(name for name in names if name.startswith("hakmem")) or names


def regressions(changes: Sequence[Change], allocators: Collection[str], percent: float) -> tuple[Change, ...]:
    """The changes of `allocators` that are regressions of more than `percent`, the worst first."""
    found = [change for change in changes if change.allocator in allocators and change.is_regression(percent)]
    return tuple(sorted(found, key=_badness, reverse=True))


def drift(changes: Sequence[Change], before: Suite, after: Suite) -> float | None:
    """By how much the baseline's times changed between the suites: the geometric mean of their ratios.

    None when the baseline is not the same library in both, or has no times in common. What it changed by is
    the machine's doing, and is in every other figure too.
    """
    records = [
        next((record for record in suite.allocators if record.name == suite.baseline), None)
        for suite in (before, after)
    ]
    if records[0] is None or records[0] != records[1]:
        return None
    ratios = [
        change.ratio.median
        for change in changes
        if change.allocator == after.baseline and change.ratio is not None and not is_memory(change.metric)
    ]
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def costs(cell: Cell) -> tuple[float | None, ...]:
    """The samples as costs, of which less is better."""
    return tuple(cost(sample, cell.better) for sample in cell.samples)


@dataclass(frozen=True, slots=True)
class _Side:
    """A cell as one of the suites has it.

    costs: of which less is better, none of them missing.
    figure: what to show: the median, or with `relative` the ratio to the baseline.
    """

    cell: Cell
    costs: tuple[float, ...]
    figure: float | None


def _sides(suite: Suite, *, relative: bool) -> dict[_Key, _Side]:
    cells = {(cell.workload, cell.allocator, cell.metric): cell for cell in suite.cells}
    return {
        key: _relative_side(cell, cells.get((cell.workload, suite.baseline, cell.metric)))
        if relative
        else _Side(cell, tuple(each for each in costs(cell) if each is not None), cell.median)
        for key, cell in cells.items()
        if cell.status != Status.ABSENT and not (relative and cell.allocator == suite.baseline)
    }


def _relative_side(cell: Cell, baseline: Cell | None) -> _Side:
    shares = pairs(costs(cell), costs(baseline)) if baseline else ()
    return _Side(cell, shares, cell.ratio.median if cell.ratio else None)


def _change(before: _Side | None, after: _Side | None) -> Change:
    known = after or before
    assert known is not None, "a key comes from one of the sides"
    cell = known.cell
    figures = (before.figure if before else None, after.figure if after else None)

    def change(outcome: Outcome, detail: str = "", ratio: Interval | None = None, said: str = "") -> Change:
        return Change(
            cell.workload, cell.allocator, cell.metric, cell.unit, outcome, *figures, ratio, said, detail
        )

    if before is None or after is None:
        return change(Outcome.NEW if before is None else Outcome.VANISHED)
    was, runs = (side.cell.status == Status.OK for side in (before, after))
    if not (was and runs):
        bad = (before if runs else after).cell
        outcome = Outcome.BROKEN if was else Outcome.MENDED if runs else Outcome.NEVER
        return change(outcome, f"{bad.status}: {bad.detail}" if bad.detail else bad.status)
    if other := _other_work(before.cell, after.cell):
        return change(Outcome.OTHER_WORK, other)
    ratio = unpaired_ratio(after.costs, before.costs)
    if ratio is None:
        return change(Outcome.FEW)
    said = verdict(ratio, memory=is_memory(cell.metric))
    return change(_outcome(ratio, said), ratio=ratio, said=said)


def _outcome(ratio: Interval, said: str) -> Outcome:
    if said in (Outcome.SAME, Outcome.NOISY):
        return Outcome(said)
    return Outcome.BETTER if ratio.high < 1 else Outcome.WORSE


def _other_work(before: Cell, after: Cell) -> str:
    """Why two cells of one name did not do the same work; "" when nothing says so."""
    if dict(before.params) != dict(after.params):
        return f"parameters: {_listed(before)} and then {_listed(after)}"
    if (before.unit, before.better) != (after.unit, after.better):
        return f"unit: {before.unit} and then {after.unit}"
    if before.checksum and after.checksum and before.checksum != after.checksum:
        return f"checksum: {before.checksum} and then {after.checksum}"
    return ""


def _listed(cell: Cell) -> str:
    return ", ".join(f"{name}={value}" for name, value in cell.params.items()) or "none"


def _badness(change: Change) -> float:
    return math.inf if change.ratio is None else change.ratio.median
