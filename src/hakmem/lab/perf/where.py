"""Where to look: functions, system calls and counters that belong to a resource of which too much is used."""

from collections.abc import Iterator
from typing import Final

from hakmem.lab.perf import words
from hakmem.lab.perf.bill import BLOCKING
from hakmem.lab.perf.counts import FunctionCost, Profile, Rates
from hakmem.lab.perf.resources import CALL_PREFIX, Domain, Resource
from hakmem.lab.perf.simulated import EVENTS
from hakmem.spec.counters import BYTE_FIGURES, CALL_COUNTERS, CLASS_COUNTERS

_FUNCTIONS: Final = 3
_WORTH_NAMING: Final = 0.1
"""Of all the excess."""

PAGE_B: Final = 4096
"""The least that a page fault brings."""
GIVE_BACK: Final = ("madvise", "munmap", "brk", "mremap", "mmap")
"""Calls after which pages are touched for the first time again."""

_BYTES: Final = frozenset(figure.id for figure in BYTE_FIGURES) | {"purged_bytes"}
_CALLS: Final = frozenset(counter.id for counter in CALL_COUNTERS)
_CLASS: Final = _CALLS | {counter.id for counter in CLASS_COUNTERS}


def look(
    resource: Resource, subject: Profile, best: Profile | None, rates: Rates | None, unit: str
) -> tuple[str, ...]:
    """What to look at, in lines; `best` is the peer that uses least."""
    lines = list(_places(resource, subject, best, unit))
    if rates is not None and resource.counters:
        told = [f"{name} {value}" for name in resource.counters if (value := _counter(rates, name))]
        if told:
            lines.append(f"the count flavour says: {', '.join(told)}")
    return tuple(lines)


def excess_functions(
    resource: str, subject: Profile, best: Profile | None
) -> list[tuple[FunctionCost, float]]:
    """The functions that use more than under `best`, with their share of all that excess, largest first."""
    events = EVENTS.get(resource, EVENTS["instructions"])
    before = {(f.name, f.object_file): _cost(f, events) for f in best.functions} if best else {}
    excess = [(f, _cost(f, events) - before.get((f.name, f.object_file), 0.0)) for f in subject.functions]
    more = [(function, amount) for function, amount in excess if amount > 0]
    whole = sum(amount for _, amount in more)
    return sorted(((function, amount / whole) for function, amount in more), key=lambda pair: -pair[1])


def _places(resource: Resource, subject: Profile, best: Profile | None, unit: str) -> Iterator[str]:
    if resource.domain is Domain.USER:
        found = excess_functions(resource.id, subject, best)[:_FUNCTIONS]
        named = [
            f"{f.name} ({f.object_file}) {words.share(part)}" for f, part in found if part >= _WORTH_NAMING
        ]
        if named:
            yield "functions with the excess: " + ", ".join(named)
    elif resource.id.startswith(CALL_PREFIX):
        call = subject.calls[resource.id.removeprefix(CALL_PREFIX)]
        yield f"{words.time(call.time_ns / call.calls)} a call under strace"
    elif resource.id in ("minor_faults", "kernel_rest"):
        yield from _given_back(subject, best, unit)
    elif resource.domain is Domain.WAITING or resource.id == "voluntary_switches":
        yield from _waits(subject, best, unit)


def _given_back(subject: Profile, best: Profile | None, unit: str) -> Iterator[str]:
    more = [name for name in GIVE_BACK if name in subject.calls and _more_calls(name, subject, best) > 0]
    if more:
        told = ", ".join(f"{name} {words.number(subject.calls[name].calls)}" for name in more)
        yield f"memory that comes and goes, calls {words.each(unit)}: {told}"
    growth = subject.amount("growth") or 0.0
    if growth > _WORTH_NAMING * PAGE_B * (subject.amount("minor_faults") or 0.0):
        yield f"memory touched for the first time: it grows by {words.size(growth)} {words.each(unit)}"


def _waits(subject: Profile, best: Profile | None, unit: str) -> Iterator[str]:
    waits = [
        call
        for call in sorted(subject.calls.values(), key=lambda call: -call.time_ns)
        if call.name in BLOCKING and _more_calls(call.name, subject, best) > 0
    ]
    if waits:
        told = ", ".join(
            f"{call.name} {words.number(call.calls)} {words.each(unit)},"
            f" {words.time(call.time_ns / call.calls)} a call"
            for call in waits[:_FUNCTIONS]
        )
        yield f"it waits in: {told}"


def _more_calls(name: str, subject: Profile, best: Profile | None) -> float:
    theirs = best.calls.get(name) if best else None
    return subject.calls[name].calls - (theirs.calls if theirs else 0.0)


def _cost(function: FunctionCost, events: tuple[str, ...]) -> float:
    return sum(function.events.get(event, 0.0) for event in events)


def _counter(rates: Rates, name: str) -> str:
    """A counter's value; those that are counted a call as a share of the calls, "" without any."""
    if name in _CALLS and name != "lock_waits":
        calls = rates.total("frees" if name.startswith("free_") else "allocations")
        return words.share(rates.total(name) / calls) if calls else ""
    value = rates.total(name) if name in _CLASS else rates.process.get(name, rates.bytes.get(name, 0))
    return words.size(value) if name in _BYTES else words.number(value)
