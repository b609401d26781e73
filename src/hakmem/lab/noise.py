"""What else the machine did while a suite ran, and whether the suite's own figures were steady."""

import os
import resource
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median, stdev
from typing import Final

from hakmem.lab.cells import is_memory
from hakmem.lab.result import Cell

OTHERS_WORTH_TELLING: Final = 0.10
"""Share of all processors that others took: a tenth of two is enough to move short runs by some per cent."""
STOLEN_WORTH_TELLING: Final = 0.01
"""Share of the time that the hypervisor gave to other guests."""
DEVIATION_WORTH_TELLING: Final = 0.05
"""Relative standard deviation of the baseline's runs; beyond it five rounds do not show 5 %."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Processor time up to a moment, in seconds summed over processors.

    busy_s: of everything that this system ran (user, nice, system, irq, softirq); stolen_s: by its host;
    ours_s: of this process and of those that it waited for; at_s: on the monotonic clock.
    """

    at_s: float
    busy_s: float
    stolen_s: float
    ours_s: float


def read(stat: Path = Path("/proc/stat")) -> Reading | None:
    """A reading by /proc/stat (proc_stat(5)); None where that tells nothing."""
    try:
        words = stat.read_text(encoding="ascii").partition("\n")[0].split()
        user, nice, system, _idle, _iowait, irq, softirq, stolen = (int(word) for word in words[1:9])
    except (OSError, ValueError):
        return None
    tick = os.sysconf("SC_CLK_TCK")
    ours = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Reading(
        at_s=time.monotonic(),
        busy_s=(user + nice + system + irq + softirq) / tick,
        stolen_s=stolen / tick,
        ours_s=sum(usage.ru_utime + usage.ru_stime for usage in ours),
    )


def between(before: Reading | None, after: Reading | None, processors: int) -> list[str]:
    """Sentences about what others took between two readings; none when that was little."""
    if before is None or after is None or after.at_s <= before.at_s:
        return []
    capacity = (after.at_s - before.at_s) * processors
    others = (after.busy_s - before.busy_s - (after.ours_s - before.ours_s)) / capacity
    stolen = (after.stolen_s - before.stolen_s) / capacity
    told = []
    if others > OTHERS_WORTH_TELLING:
        told.append(
            f"Other programs took {others:.0%} of the processors while this ran: small differences may be"
            " theirs. Measure again when the machine is free."
        )
    if stolen > STOLEN_WORTH_TELLING:
        told.append(f"The host of this virtual machine took {stolen:.0%} of the processors' time for others.")
    return told


def of_baseline(cells: Iterable[Cell], baseline: str) -> list[str]:
    """A sentence when the baseline's own runs differ so much that the machine is to blame."""
    deviations = []
    for cell in cells:
        samples = [sample for sample in cell.samples if sample is not None]
        if cell.allocator == baseline and not is_memory(cell.metric) and len(samples) > 1 and cell.median:
            deviations.append(stdev(samples) / cell.median)
    if not deviations or (typical := median(deviations)) <= DEVIATION_WORTH_TELLING:
        return []
    told = (
        f"The machine is noisy: runs of {baseline} differ by {typical:.0%} (standard deviation, the median"
        f" of {len(deviations)} workloads). A quieter machine or more rounds (--rounds) show smaller ones."
    )
    return [told]
