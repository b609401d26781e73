"""Figures for charts and columns, where all of a kind share a unit; and ratios, as numbers and in words."""

import math
from dataclasses import dataclass
from typing import Final

_LARGER: Final = {
    "s": ((60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs")),
    "B": ((float(1 << 30), "GiB"), (float(1 << 20), "MiB"), (float(1 << 10), "KiB"), (1.0, "B")),
    "operations/s": ((1e9, "G/s"), (1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")),
    "ns/operation": ((1e6, "ms"), (1e3, "µs"), (1.0, "ns")),
}
"""Unit of a figure -> how much of it a larger or smaller unit holds, largest first. A suite's seconds stay
seconds up to two minutes, since 90 s compares better with 110 s than 1.5 min with 1.83."""
_MINUTES_FROM_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Scale:
    """What figures of one kind are divided by, and the unit that they then have."""

    divisor: float
    label: str

    def number(self, value: float) -> str:
        """`value`, in the unit that figures come in, to three digits in this one."""
        return digits(value / self.divisor)


def scale(unit: str, largest: float) -> Scale:
    """The scale in which `largest` and what is compared with it are short; an unknown unit stays."""
    steps = _LARGER.get(unit)
    if steps is None:
        return Scale(1.0, unit)
    for divisor, label in steps:
        if abs(largest) >= (_MINUTES_FROM_S if label == "min" else divisor):
            return Scale(divisor, label)
    return Scale(*steps[-1])


def digits(value: float) -> str:
    """Three significant digits without an exponent; from 1,000 on whole, with separators of thousands."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "-"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    rounded = round(value, decimals)
    # 9.996 rounds up to 10.00: one digit less is after the point.
    decimals = max(0, 2 - math.floor(math.log10(abs(rounded)))) if rounded else decimals
    return f"{rounded:,.{min(decimals, 6)}f}"


def ratio(value: float) -> str:
    """A ratio: two digits after the point, one from 10 on."""
    return f"{value:.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def percent(ratio_of_costs: float, less: str, more: str, times: str) -> str:
    """A ratio of costs in words: "19 % less", "4.2 % more"; from 2 on "3.10 times"."""
    if ratio_of_costs >= 2:
        return f"{ratio(ratio_of_costs)} times {times}"
    change = abs(ratio_of_costs - 1) * 100
    amount = f"{change:.0f} %" if change >= 9.5 else f"{change:.1f} %"
    return f"{amount} {less if ratio_of_costs < 1 else more}"
