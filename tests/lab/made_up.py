"""Workloads, allocators and a meter that are made up, so that what the lab should find is known."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hakmem.lab.cells import build
from hakmem.lab.measurement import Measurement, Point, Status, Usage
from hakmem.lab.plan import TIME_PER_OPERATION, Allocator, Effort, Job, Kind, Metric, Workload
from hakmem.lab.result import Host, Suite
from hakmem.lab.runner import Runs, run
from hakmem.lab.suite import assemble

MIB = 1 << 20
OPERATIONS = 1_000_000

HOST = Host(
    kernel="6.1.0",
    machine="x86_64",
    cpu="A Processor",
    cores=2,
    memory_b=8 << 30,
    governor="performance",
    load_at_start=0.1,
    thp="madvise",
    overcommit="0",
    libc="glibc 2.36",
    python="3.11.2",
)


def workload(
    name: str = "made/up",
    *,
    kind: Kind = Kind.NATIVE,
    metric: Metric = TIME_PER_OPERATION,
    has_floor: bool = False,
    checks: bool = True,
    needs: Mapping[str, str] | None = None,
    prepare: Callable[[Path, Effort], Job] | None = None,
) -> Workload:
    return Workload(
        name=name,
        kind=kind,
        title=f"what {name} does",
        origin="made up",
        stresses="nothing",
        metric=metric,
        prepare=prepare or (lambda _directory, _effort: Job((f"/bin/{name}",))),
        params={"slots": 16},
        needs=needs or {},
        has_floor=has_floor,
        checks=checks,
    )


def allocator(name: str) -> Allocator:
    library = None if name == "system" else Path(f"/usr/lib/lib{name}.so")
    return Allocator(name, library, version="1.0", build="made up")


def allocators(*names: str) -> list[Allocator]:
    return [allocator(name) for name in names]


def measurement(
    seconds: float = 0.01,
    *,
    status: Status = Status.OK,
    peak_b: int = 10 * MIB,
    checksum: str = "c0ffee",
    detail: str = "",
    operations: int | None = OPERATIONS,
    memory: tuple[Point, ...] = (Point(0.0, MIB), Point(1.0, 3 * MIB)),
    figures: Mapping[str, float] | None = None,
) -> Measurement:
    good = status is Status.OK
    return Measurement(
        status=status,
        detail=detail,
        wall_s=seconds + 0.002,
        usage=Usage(seconds, 0.001, peak_b, 100, 1, 2, 3),
        seconds=seconds if good else None,
        operations=operations if good else None,
        checksum=checksum if good else "",
        figures=figures or {},
        memory=memory,
    )


@dataclass
class MadeUpMeter:
    """A meter whose runs take what `costs` says of the allocator (seconds), with some noise; it keeps a log.

    special: (program, allocator) -> what that run gives instead: called with how often it ran before.
    """

    costs: Mapping[str, float] = field(default_factory=dict)
    noise: float = 0.0
    special: Mapping[tuple[str, str], Callable[[int], Measurement]] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def __call__(
        self, job: Job, allocator: Allocator, *, kind: Kind, timeout_s: float, scratch: Path
    ) -> Measurement:
        assert timeout_s > 0
        assert scratch.is_dir()
        assert kind in Kind
        pair = (job.argv[0].removeprefix("/bin/"), allocator.name)
        before = self.log.count(pair)
        self.log.append(pair)
        if pair in self.special:
            return self.special[pair](before)
        cost = self.costs.get(allocator.name, 0.01)
        return measurement(cost * self.chance.lognormvariate(0, self.noise), peak_b=round(cost * 1000 * MIB))


def runs(
    scratch: Path,
    meter: MadeUpMeter,
    workloads: list[Workload],
    names: tuple[str, ...] = ("system", "other"),
    *,
    rounds: int = 5,
    seed: int = 0,
) -> Runs:
    return run(
        workloads,
        allocators(*names),
        meter=meter,
        scratch=scratch,
        effort=Effort.QUICK,
        rounds=rounds,
        seed=seed,
        timeout_s=5.0,
    )


def suite_of(done: Runs, *, notes: tuple[str, ...] = (), private: tuple[Path, ...] = ()) -> Suite:
    return assemble(
        done,
        build(done, "system"),
        command="hakmem bench",
        effort=Effort.QUICK,
        seed=0,
        baseline="system",
        host=HOST,
        notes=notes,
        private=private,
    )
