"""System calls by kind, from strace's summary (`strace -f -c -w`).

The tracer stops the program twice a call, some 10 to 50 microseconds, and its clock runs meanwhile: counts
are exact, times are upper bounds, good for telling calls that block or work from calls that return at once.
"""

import re
import shutil
from dataclasses import dataclass
from typing import Final

from hakmem.lab.perf.counts import SystemCall
from hakmem.lab.perf.slope import Total, slope
from hakmem.lab.perf.start import RunFailedError, Starter, operations
from hakmem.lab.plan import Allocator, Job

_LINE: Final = re.compile(r"\s*[\d.]+\s+([\d.]+)\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$")
"""% time, seconds, usecs/call, calls, errors (may be blank), name."""


@dataclass(frozen=True, slots=True)
class Traced:
    """One process under strace. calls: kind -> number; time_ns: kind -> nanoseconds in it."""

    calls: dict[str, int]
    time_ns: dict[str, float]
    operations: float

    def called(self) -> Total:
        """Calls of the process, by kind."""
        return Total(self.operations, self.calls)

    def timed(self) -> Total:
        """Nanoseconds of the process in calls, by kind."""
        return Total(self.operations, self.time_ns)


def unavailable() -> str | None:
    """Why no program can be traced here; None when one may."""
    if shutil.which("strace") is None:
        return "no system calls by kind: strace is not installed (apt-get install strace)"
    return None


def run(starter: Starter, job: Job, allocator: Allocator) -> Traced:
    """Traces one run, its threads and children included. Errors: RunFailedError."""
    summary = starter.scratch / "strace.txt"
    summary.unlink(missing_ok=True)
    tool = (
        shutil.which("strace") or "strace",
        *("-f", "-c", "-w", "-q", "-I", "2", "-o", str(summary)),
        *(word for name, value in starter.variables(allocator).items() for word in ("-E", f"{name}={value}")),
    )
    measured = starter.under(tool, job, allocator, {})
    if not summary.is_file():
        raise RunFailedError(f"{allocator.name}: strace left no summary; may this user trace programs?")
    calls, time_ns = parse(summary.read_text(errors="replace"))
    return Traced(calls, time_ns, operations(measured) or 1)


def parse(summary: str) -> tuple[dict[str, int], dict[str, float]]:
    """Calls and nanoseconds by kind, from the text of a summary."""
    calls: dict[str, int] = {}
    time_ns: dict[str, float] = {}
    for line in summary.splitlines():
        found = _LINE.match(line)
        if found and found[3] != "total":
            calls[found[3]] = calls.get(found[3], 0) + int(found[2])
            time_ns[found[3]] = time_ns.get(found[3], 0.0) + float(found[1]) * 1e9
    return calls, time_ns


def by_kind(long: Traced, short: Traced | None) -> dict[str, SystemCall]:
    """Calls of each kind for each unit of work, those that only start a process left out; most first."""
    count = slope(long.called(), short.called() if short else None).unit
    time_ns = slope(long.timed(), short.timed() if short else None).unit
    found = [SystemCall(name, calls, max(0.0, time_ns[name])) for name, calls in count.items() if calls > 0]
    return {call.name: call for call in sorted(found, key=lambda call: (-call.calls, call.name))}


def started(long: Traced, short: Traced | None) -> float | None:
    """How many calls the process makes besides those of its work; None where that cannot be told."""
    start = slope(long.called(), short.called() if short else None).start
    return sum(start.values()) if start else None
