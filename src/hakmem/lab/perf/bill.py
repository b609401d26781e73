"""The bill: what each resource costs one program in nanoseconds, from amounts, unit costs and measured time.

Unit costs are measured alone (costs.py), while a processor overlaps what it does. So the bill for processor
time may not exceed what the program really took: where it would, all prices are lowered in proportion. What
the program took beyond its bill is a rest. It is split between program and kernel by the kernel's accounts,
which are rough. Of the program's rest, first-level misses take as much as they can explain: the simulation
does not know which cache between the first and the last has the line. Of the kernel's rest, system calls that
took long under strace take as much as that explains.

Figures of the floor, where the workload has one, are the workload's own and are taken off first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hakmem.lab.perf.costs import Costs
from hakmem.lab.perf.counts import Profile
from hakmem.lab.perf.resources import (
    BILLED,
    KERNEL_REST,
    USER_REST,
    WAITING,
    Domain,
    Resource,
    system_call,
)

_LEAST_SCALE: Final = 0.02
"""However much is overlapped, something remains; keeps a noisy zero from hiding every resource."""

BLOCKING: Final = frozenset(
    {
        "clock_nanosleep",
        "nanosleep",
        "futex",
        "poll",
        "ppoll",
        "select",
        "pselect6",
        "epoll_wait",
        "epoll_pwait",
        "wait4",
        "waitid",
        "pause",
        "rt_sigtimedwait",
        "rt_sigsuspend",
        "accept",
        "accept4",
        "recvfrom",
        "recvmsg",
        "read",
        "restart_syscall",
    }
)
"""Calls in which a program waits: their time under strace is no work of the kernel's."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource on the bill.

    amount: for each unit of work, the floor's taken off.
    price_ns: nanoseconds of wall time that one of it takes here.
    """

    resource: Resource
    amount: float
    price_ns: float

    @property
    def cost_ns(self) -> float:
        """Nanoseconds of wall time for each unit of work."""
        return self.amount * self.price_ns

    def scaled(self, scale: float) -> "Entry":
        """The same amount at another price."""
        return Entry(self.resource, self.amount, self.price_ns * scale)

    def dearer(self, more_ns: float) -> "Entry":
        """The entry at a price that makes all of it cost so many nanoseconds more."""
        if more_ns <= 0 or self.amount <= 0:
            return self
        return Entry(self.resource, self.amount, self.price_ns + more_ns / self.amount)


@dataclass(frozen=True, slots=True)
class Bill:
    """What one program pays, by resource."""

    entries: Mapping[str, Entry]

    def price_ns(self, resource: str) -> float:
        """Nanoseconds of one of `resource`; 0 when it is not on the bill."""
        entry = self.entries.get(resource)
        return entry.price_ns if entry else 0.0

    def cost_ns(self, resource: str) -> float:
        """Nanoseconds of all of `resource` for each unit of work; 0 when it is not on the bill."""
        entry = self.entries.get(resource)
        return entry.cost_ns if entry else 0.0


def draw_up(profile: Profile, floor: Profile | None, costs: Costs, processors: float = 1.0) -> Bill:
    """The bill of one program.

    processors: how many the workload keeps busy; processor time is spread over them, so that every cost is a
        part of the wall time.
    """
    program = _counted(profile, floor, costs, Domain.USER)
    kernel = _counted(profile, floor, costs, Domain.KERNEL)
    kernel += [
        Entry(system_call(call.name), call.calls, costs.system_call) for call in profile.calls.values()
    ]
    charged = sum(entry.cost_ns for entry in program + kernel)
    took_by_program = over(profile, floor, "user") or 0.0
    took = took_by_program + (over(profile, floor, "system") or 0.0)
    scale = min(1.0, max(_LEAST_SCALE, took / charged)) if charged > 0 else 1.0
    rest = max(0.0, took - charged)
    in_program = min(rest, max(0.0, took_by_program - sum(entry.cost_ns for entry in program)))
    in_processors = [
        *_program([entry.scaled(scale) for entry in program], in_program, costs),
        *_kernel([entry.scaled(scale) for entry in kernel], rest - in_program, profile),
    ]
    entries = [entry.scaled(1 / processors) for entry in in_processors]
    waiting = over(profile, floor, "waiting")
    if waiting is not None:
        entries.append(Entry(WAITING, max(0.0, waiting), 1.0))
    return Bill({entry.resource.id: entry for entry in entries})


def over(profile: Profile, floor: Profile | None, resource: str) -> float | None:
    """A figure above the floor's; None where it could not be had."""
    amount = profile.amount(resource)
    if amount is None:
        return None
    return amount - ((floor.amount(resource) or 0.0) if floor else 0.0)


def _program(entries: list[Entry], rest: float, costs: Costs) -> list[Entry]:
    """The program's entries, with what is left of its time."""
    dearest = costs.last_level_hit - costs.l1_miss
    finished = []
    for entry in entries:
        farther = min(rest, entry.amount * dearest) if entry.resource.id == "l1_misses" else 0.0
        finished.append(entry.dearer(farther))
        rest -= max(0.0, farther)
    return [*finished, Entry(USER_REST, rest, 1.0)]


def _kernel(entries: list[Entry], rest: float, profile: Profile) -> list[Entry]:
    """The kernel's entries, with what is left of its time."""
    extra = _work_in_calls(profile)
    share = min(1.0, rest / sum(extra.values())) if extra else 0.0
    finished = []
    for entry in entries:
        took = extra.get(entry.resource.id, 0.0) * share
        finished.append(entry.dearer(took))
        rest -= took
    return [*finished, Entry(KERNEL_REST, max(0.0, rest), 1.0)]


def _counted(profile: Profile, floor: Profile | None, costs: Costs, domain: Domain) -> list[Entry]:
    entries = []
    for resource in BILLED:
        amount = over(profile, floor, resource.id)
        if resource.domain is domain and amount is not None:
            entries.append(Entry(resource, max(0.0, amount), float(getattr(costs, str(resource.price)))))
    return entries


def _work_in_calls(profile: Profile) -> dict[str, float]:
    """Nanoseconds of work under strace by kind of call: beyond what the quickest kind takes a call there."""
    each = {call.name: call.time_ns / call.calls for call in profile.calls.values() if call.calls > 0}
    quickest = min(each.values(), default=0.0)
    beyond = {
        system_call(name).id: (took - quickest) * profile.calls[name].calls
        for name, took in each.items()
        if name not in BLOCKING
    }
    return {name: took for name, took in beyond.items() if took > 0}
