"""A long run as a picture: SVG by matplotlib, which is an extra of the package (hakmem[soak])."""

import io
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from hakmem.errors import HakmemError
from hakmem.lab.soak.creep import CONFIDENCE
from hakmem.lab.soak.limits import limits, moments
from hakmem.lab.soak.result import Soak
from hakmem.lab.soak.samples import Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MIB: Final = 1 << 20
_LAST_CYCLES: Final = 5
_INK: Final = "#3b424c"
_COLOURS: Final = ("#0b57c2", "#c25e00", "#00805f", "#a3277e", "#8a7400")
"""Of report/page/palette.py: with a contrast of 3:1 on white, and apart for who confuses red and green."""
_DASHES: Final = ("-", "--", "-.", ":", (0, (6, 2, 1, 2)))


class PlotError(HakmemError):
    """matplotlib is not installed."""


def check_installed() -> None:
    """Raises PlotError when no picture could be made: better before a long run than after it."""
    try:
        import matplotlib as mpl  # noqa: F401, PLC0415
    except ImportError:
        raise PlotError("--svg needs matplotlib: pip install 'hakmem[soak]'") from None


def svg(soak: Soak) -> str:
    """The whole run by cycles, how near it came to each limit, and its last cycles in detail.

    The same run gives the same text, with the same matplotlib. Errors: PlotError.
    """
    check_installed()
    from matplotlib import rc_context, rcParams  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with rc_context():
        rcParams.update({"svg.hashsalt": "hakmem", "svg.fonttype": "none", "font.family": "sans-serif"})
        for part in ("text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor"):
            rcParams[part] = _INK
        rows = 3 if soak.findings else 2
        figure = Figure(figsize=(9, 3.2 * rows), layout="constrained", facecolor="white")
        parts = figure.subplots(rows, 1)
        figure.suptitle(_title(soak), fontsize=12, fontweight="bold", x=0.01, ha="left")
        _whole(parts[0], soak)
        if soak.findings:
            _limits(parts[1], soak)
        _detail(parts[-1], soak)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _title(soak: Soak) -> str:
    allocator = f"{soak.allocator.name} {soak.allocator.version}".strip()
    return (
        f"{allocator}: {_duration(soak.samples[-1].seconds)}, {soak.operations / 1e6:.0f} M operations,"
        f" {soak.created.partition('T')[0]}"
    )


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 100 else f"{seconds:.0f} seconds"


def _cycle(soak: Soak, seconds: float) -> int:
    """The number of the cycle that a moment belongs to; a cycle's last moment is its own."""
    return math.ceil(seconds / soak.plan.cycle_s) - 1


def _whole_cycles(soak: Soak) -> range:
    return range(int(soak.samples[-1].seconds / soak.plan.cycle_s))


def _cycles(soak: Soak) -> list[Sequence[Sample]]:
    """The samples of each whole cycle."""
    found: dict[int, list[Sample]] = {cycle: [] for cycle in _whole_cycles(soak)}
    for sample in soak.samples:
        found.get(_cycle(soak, sample.seconds), []).append(sample)
    return [cycle for cycle in found.values() if cycle]


def _dress(axes: "Axes", title: str, unit: str) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel("seconds")
    axes.set_ylabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e3e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


def _whole(axes: "Axes", soak: Soak) -> None:
    cycles = _cycles(soak)
    middle = [(cycle[0].seconds + cycle[-1].seconds) / 2 for cycle in cycles]
    amounts: tuple[tuple[str, Callable[[Sample], int]], ...] = (
        ("resident", lambda sample: sample.resident_b),
        ("live", lambda sample: sample.live_b),
    )
    for (name, amount), colour, dash in zip(amounts, _COLOURS, _DASHES, strict=False):
        values = [[amount(sample) / _MIB for sample in cycle] for cycle in cycles]
        axes.fill_between(
            middle,
            [min(each) for each in values],
            [max(each) for each in values],
            color=colour,
            alpha=0.15,
            lw=0,
        )
        axes.plot(
            middle, [sum(each) / len(each) for each in values], color=colour, ls=dash, lw=1.5, label=name
        )
    growth = soak.growth
    said = ""
    if growth is not None:
        axes.axvspan(0, growth.from_s, color="#8a919b", alpha=0.12, lw=0, label="warming up")
        said = (
            f"; {'creeps' if growth.creeps else 'no creep seen'}: {growth.an_hour_b / _MIB:+.1f} MiB an hour"
            f" ({CONFIDENCE:.0%}: {growth.low_b / _MIB:+.1f} to {growth.high_b / _MIB:+.1f})"
        )
    _dress(axes, f"Each cycle of {soak.plan.cycle_s:g} s: mean, least and most{said}", "MiB")


def _limits(axes: "Axes", soak: Soak) -> None:
    for limit, colour, dash in zip(limits(soak.plan.callers), _COLOURS, _DASHES, strict=False):
        most = dict.fromkeys(_whole_cycles(soak), 0.0)
        for moment in moments(limit, soak.samples):
            cycle = _cycle(soak, moment.seconds)
            if cycle in most:
                most[cycle] = max(most[cycle], moment.share)
        times = [(cycle + 0.5) * soak.plan.cycle_s for cycle in most]
        axes.plot(
            times, [100 * part for part in most.values()], color=colour, ls=dash, lw=1.5, label=limit.id
        )
    axes.axhline(100, color=_INK, lw=1)
    _dress(axes, "Limits: the most in each cycle, of what was allowed at that moment", "%")


def _detail(axes: "Axes", soak: Soak) -> None:
    begin = soak.samples[-1].seconds - _LAST_CYCLES * soak.plan.cycle_s
    samples = [sample for sample in soak.samples if sample.seconds >= begin]
    lines = {
        "resident": [sample.resident_b for sample in samples],
        "live": [sample.live_b for sample in samples],
    }
    heaps = [sample.heap for sample in samples if sample.heap is not None]
    if heaps:
        lines |= {
            "unpurged spans": [heap.unpurged_b for heap in heaps],
            "thread caches": [heap.caches_b for heap in heaps],
            "transfer caches": [heap.transfer_b for heap in heaps],
        }
    times = [sample.seconds for sample in samples]
    for (name, values), colour, dash in zip(lines.items(), _COLOURS, _DASHES, strict=False):
        axes.plot(times, [value / _MIB for value in values], color=colour, ls=dash, lw=1.5, label=name)
    _dress(axes, f"The last {_LAST_CYCLES} cycles, each sample", "MiB")
