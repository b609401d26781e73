"""One long run under one allocator."""

import datetime as dt
from pathlib import Path
from typing import Final

from hakmem.errors import HakmemError
from hakmem.lab import host, meter
from hakmem.lab.measurement import Status
from hakmem.lab.plan import Allocator, Job, Kind
from hakmem.lab.programs import program
from hakmem.lab.soak.creep import growth
from hakmem.lab.soak.limits import check, limits
from hakmem.lab.soak.result import Plan, Soak
from hakmem.lab.soak.samples import read
from hakmem.lab.suite import allocator_record

_LATE_S: Final = 60.0
"""Seconds that the program may be late, besides as long again as it should take: it does all its requests."""


class SoakError(HakmemError):
    """The program did not come to its end."""


def soak(allocator: Allocator, plan: Plan, *, command: str, scratch: Path) -> Soak:
    """Runs workloads/soak.c under `allocator` and judges its samples.

    command: what the result keeps of how it was called. scratch: a directory for the run's files.
    Errors: SoakError when the program fails, which includes a block that was overwritten; MeterError.
    """
    machine = host.describe()
    file = scratch / "samples"
    job = Job(
        argv=(
            *(str(program("soak")), f"{plan.seconds:g}", str(plan.threads), str(file)),
            *(str(round(1000 * plan.cycle_s)), str(round(1000 * plan.interval_s)), str(plan.seed)),
        )
    )
    run = meter.measure(
        job,
        allocator,
        kind=Kind.NATIVE,
        timeout_s=2 * plan.seconds + _LATE_S,
        scratch=scratch,
        sample_interval_s=1.0,  # the program takes its own samples
    )
    if run.status is not Status.OK:
        raise SoakError(f"the run on {allocator.name} went wrong: {run.status}: {run.detail}")
    samples = read(file)
    told = samples[0].heap is not None
    return Soak(
        command=command,
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        host=machine,
        allocator=allocator_record(allocator),
        plan=plan,
        operations=run.operations or 0,
        findings=tuple(check(limit, samples) for limit in limits(plan.callers)) if told else (),
        growth=growth(samples, plan.cycle_s),
        samples=samples,
    )
