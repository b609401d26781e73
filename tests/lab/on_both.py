"""Runs a job on the system's malloc and on HAKMEM, through the meter."""

from pathlib import Path

from hakmem.lab import allocators
from hakmem.lab.measurement import Measurement, Status
from hakmem.lab.meter import measure
from hakmem.lab.plan import SYSTEM, Allocator, Job, Kind

ON_SYSTEM = Allocator(SYSTEM, None)
TIMEOUT_S = 60.0


def run(job: Job, kind: Kind, scratch: Path, allocator: Allocator = ON_SYSTEM) -> Measurement:
    """One run, which must end well."""
    measurement = measure(job, allocator, kind=kind, timeout_s=TIMEOUT_S, scratch=scratch)
    assert measurement.status is Status.OK, f"{' '.join(job.argv)} on {allocator.name}: {measurement.detail}"
    return measurement


def run_on_both(job: Job, kind: Kind, scratch: Path) -> tuple[Measurement, Measurement]:
    """The system's and HAKMEM's."""
    (hakmem,) = allocators.choose(["hakmem"])
    return run(job, kind, scratch), run(job, kind, scratch, hakmem)
