"""Two suites as one, in which before and after are allocators: for reports that show one suite. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from hakmem.lab.cells import BASELINE, is_memory
from hakmem.lab.measurement import Status
from hakmem.lab.result import Cell, Ratio, Suite
from hakmem.lab.statistics import unpaired_ratio, verdict
from hakmem.report.changes import costs


def side_by_side(before: Suite, after: Suite, allocators: Sequence[str]) -> Suite:
    """One suite in which "NAME before" and "NAME after" are allocators, for reports of one suite.

    Ratios are unpaired ones against the first of them before. The notes say which suite they are of.
    """
    sides = ((before, "before"), (after, "after"))
    baseline = f"{allocators[0]} before"
    cells = [
        replace(cell, allocator=f"{cell.allocator} {when}")
        for suite, when in sides
        for cell in suite.cells
        if cell.allocator in allocators
    ]
    bases = {(cell.workload, cell.metric): cell for cell in cells if cell.allocator == baseline}
    return replace(
        after,
        baseline=baseline,
        interrupted=before.interrupted or after.interrupted,
        rounds=min(before.rounds, after.rounds),
        allocators=tuple(
            replace(record, name=f"{record.name} {when}")
            for suite, when in sides
            for record in suite.allocators
            if record.name in allocators
        ),
        cells=tuple(
            replace(cell, ratio=_unpaired(cell, bases.get((cell.workload, cell.metric)))) for cell in cells
        ),
        notes=tuple(
            f"{when.capitalize()} ({suite.created}): {note}" for suite, when in sides for note in suite.notes
        ),
        workloads={**before.workloads, **after.workloads},
    )


def _unpaired(cell: Cell, base: Cell | None) -> Ratio | None:
    if base is None or cell.status != Status.OK or base.status != Status.OK:
        return None
    if cell is base:
        return Ratio(base.allocator, 1.0, (1.0, 1.0), BASELINE)
    ours, theirs = ([each for each in costs(side) if each is not None] for side in (cell, base))
    ratio = unpaired_ratio(ours, theirs)
    if ratio is None:
        return None
    said = verdict(ratio, memory=is_memory(cell.metric))
    return Ratio(base.allocator, ratio.median, (ratio.low, ratio.high), said)
