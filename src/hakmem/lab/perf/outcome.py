"""What one `hakmem perf` found: schema `hakmem-perf/1`. Data alone; `lab.codec.encode` turns it into JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hakmem.lab.perf.costs import Costs
from hakmem.lab.perf.counts import Profile, Rates
from hakmem.lab.perf.findings import Finding
from hakmem.lab.result import AllocatorRecord, Host

SCHEMA: Final = "hakmem-perf/1"


@dataclass(frozen=True, slots=True)
class Payment:
    """What a resource costs the subject, over the floor where there is one.

    amount: for each unit of work; cost_ns: nanoseconds for each unit of work.
    """

    resource: str
    title: str
    amount: float
    cost_ns: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that was found out about one workload.

    command: the words that asked, without paths of this machine. created: UTC, ISO 8601.
    unit: what figures are divided by: "operation" where the program tells its operations, else "run".
    start_apart: whether figures are slopes, so that what a process costs to start is in `start` alone.
    work: units of work in a long plain run; simulated_work: in a long run under a tool.
    subject: name of the allocator that findings are about.
    profiles: one an allocator, the floor not among them; floor: None where the workload has none.
    costs: None where they could not be measured; then there are no findings.
    caches: bytes of the simulated caches by callgrind's names.
    bill: the subject's, dearest first. rates: of the count flavour, if the subject is HAKMEM.
    notes: what is missing and why, in sentences for people.
    """

    schema: str
    command: str
    created: str
    host: Host
    workload: str
    title: str
    unit: str
    start_apart: bool
    work: float
    simulated_work: float
    rounds: int
    subject: str
    allocators: tuple[AllocatorRecord, ...]
    profiles: tuple[Profile, ...]
    floor: Profile | None
    costs: Costs | None
    caches: Mapping[str, int]
    bill: tuple[Payment, ...]
    findings: tuple[Finding, ...]
    rates: Rates | None
    notes: tuple[str, ...]

    @property
    def subject_profile(self) -> Profile:
        """The profile that findings are about."""
        return next(profile for profile in self.profiles if profile.allocator == self.subject)

    @property
    def peers(self) -> tuple[Profile, ...]:
        """All other profiles."""
        return tuple(profile for profile in self.profiles if profile.allocator != self.subject)
