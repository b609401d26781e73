"""A run under `perf stat`: the processor's own counters, where the kernel gives them.

Only the program's own code is counted (:u). Virtual machines often give no counters, and
kernel.perf_event_paranoid may forbid them; `unavailable` tells.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hakmem.lab.perf.counts import Figure, Source
from hakmem.lab.perf.slope import Slope, Total, slope
from hakmem.lab.perf.start import RunFailedError, Starter, operations
from hakmem.lab.plan import Allocator, Job

EVENTS: Final[Mapping[str, str]] = {
    "instructions": "instructions",
    "cycles": "cycles",
    "branches": "branches",
    "branch_misses": "branch-misses",
    "loads": "L1-dcache-loads",
    "stores": "L1-dcache-stores",
    "l1_misses": "L1-dcache-load-misses",
    "last_level_misses": "cache-misses",
    "tlb_misses": "dTLB-load-misses",
}
"""Resource -> perf's name of the event (perf-list(1))."""

GROUPS: Final = (
    ("instructions", "cycles", "branches", "branch_misses"),
    ("instructions", "loads", "stores", "l1_misses"),
    ("instructions", "last_level_misses", "tlb_misses"),
)
"""What is counted in one run: few enough that the processor has a counter for each all the time."""

_PROBE_SECONDS: Final = 20
_EVENT: Final = re.compile(r"(?:cpu_\w+/)?([\w-]+)")
"""Processors of two kinds of cores name the kind: cpu_core/instructions/u, cpu_atom/instructions/u."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of `perf stat -x,`.

    value: None where the event is not supported or was never counted.
    running: per cent of the time for which it had a counter; perf has scaled the value up below 100.
    """

    event: str
    value: float | None
    running: float


def unavailable() -> str | None:
    """Why there are no hardware counters here; None when there are. Runs `perf stat` once."""
    perf = shutil.which("perf")
    if perf is None:
        return "no hardware counters: perf is not installed (apt-get install linux-perf)"
    try:
        asked = subprocess.run(
            [perf, "stat", "-x,", "-e", "instructions:u", "--", "true"],
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no hardware counters: perf does not run ({error})"
    if any(sample.value for sample in parse(asked.stderr)):
        return None
    if "perf_event_paranoid" in asked.stderr:
        return "no hardware counters: not permitted (sysctl kernel.perf_event_paranoid=2 permits them)"
    return "no hardware counters: the kernel gives none, as in most virtual machines"


def parse(text: str) -> list[Sample]:
    """The samples in the output of `perf stat -x,`: value,unit,event,run time,per cent running,..."""
    samples = []
    for line in text.splitlines():
        words = line.split(",")
        if line.startswith("#") or len(words) < 5:
            continue
        try:
            value = None if words[0].startswith("<") else float(words[0])
            running = float(words[4])
        except ValueError:
            continue
        if name := _EVENT.match(words[2]):
            samples.append(Sample(name[1], value, running))
    return samples


def run(starter: Starter, job: Job, allocator: Allocator) -> Total:
    """Counts the work of a run, one process for each of GROUPS. Errors: RunFailedError."""
    found: dict[str, float] = {}
    done = 1
    for group in GROUPS:
        output = starter.scratch / "perf-stat.csv"
        output.unlink(missing_ok=True)
        wanted = ",".join(f"{EVENTS[name]}:u" for name in group)
        # env is counted too, a constant start; perf itself must not run on the allocator.
        variables = [f"{name}={value}" for name, value in starter.variables(allocator).items()]
        tool = (
            *(shutil.which("perf") or "perf", "stat", "-x,", "-o", str(output), "-e", wanted, "--"),
            *(("env", *variables) if variables else ()),
        )
        measured = starter.under(tool, job, allocator, {})
        done = operations(measured) or 1
        if not output.is_file():
            raise RunFailedError(f"{allocator.name}: perf stat left no counts")
        samples = parse(output.read_text(errors="replace"))
        for name in group:
            values = [each.value for each in samples if each.event == EVENTS[name] and each.value is not None]
            if values:
                found[name] = sum(values)
    if not found:
        raise RunFailedError(f"{allocator.name}: perf stat counted nothing")
    return Total(done, found)


def figures(long: Total, short: Total | None) -> tuple[dict[str, Figure], Slope]:
    """The figures of each unit of work, and the slope that they are from."""
    each = slope(long, short)
    return {name: Figure(amount, Source.HARDWARE) for name, amount in each.unit.items()}, each
