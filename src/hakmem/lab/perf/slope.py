"""What an operation costs, apart from what a process costs: the slope between two lengths of run.

A process that does N operations costs start + N * slope. Two lengths give both (docs/design/limits.md);
one length gives the mean, start included, and no start.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Total:
    """What one whole process used.

    operations: how many units of work it did; 1 where the unit is a run.
    amounts: name -> amount, in any unit.
    """

    operations: float
    amounts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Slope:
    """What a unit of work used and what the process used besides, by the names of the totals.

    start: empty when there was but one length.
    """

    unit: Mapping[str, float]
    start: Mapping[str, float]


def slope(long: Total, short: Total | None = None) -> Slope:
    """The slope between two totals, or the mean of one; a name that one of them lacks counts as 0 there.

    Two runs of the same length, as programs that are bounded by time may give, count as one run.
    """
    operations = long.operations - short.operations if short else 0
    if short is None or operations <= 0:
        return Slope({name: amount / long.operations for name, amount in long.amounts.items()}, {})
    names = dict.fromkeys((*long.amounts, *short.amounts))
    unit = {name: (long.amounts.get(name, 0) - short.amounts.get(name, 0)) / operations for name in names}
    start = {name: long.amounts.get(name, 0) - unit[name] * long.operations for name in names}
    return Slope(unit, start)
