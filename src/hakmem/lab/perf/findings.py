"""Ranked bottlenecks: where the subject uses more than the best peer, what that costs, and where to look.

Every resource goes through the same arithmetic. Its excess over the peer that uses least, times its price
on the subject's bill, over the whole time of the fastest peer, is its severity; for memory it is the excess
over the larger of the leanest peer's peak and 16 MiB. So 0.3 says: but for this, the program would take less
by 30 % of what the best peer takes in all. No resource is treated by name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hakmem.lab.perf import words
from hakmem.lab.perf.bill import Bill, draw_up
from hakmem.lab.perf.costs import Costs
from hakmem.lab.perf.counts import Profile, Rates
from hakmem.lab.perf.resources import (
    BILLED,
    GROWTH,
    KERNEL_REST,
    PEAK,
    USER_REST,
    WAITING,
    Resource,
    system_call,
)
from hakmem.lab.perf.where import look

SEVERE: Final = 0.25
NOTABLE: Final = 0.05
MINOR: Final = 0.01
"""Severities from which a finding is called so; what is below the last is no finding."""

SMALL_PEAK_B: Final = 16 << 20
"""A peak below this is as good as this: nobody minds a process of 3 MiB beside one of 2."""
_LEAST_GROWTH_B: Final = 1 << 20


class Level(StrEnum):
    """How bad a finding is, in a word."""

    SEVERE = "severe"
    NOTABLE = "notable"
    MINOR = "minor"


@dataclass(frozen=True, slots=True)
class Finding:
    """One resource of which the subject uses more than the best peer.

    severity: excess over the best peer's whole time, or over the leanest peer's memory.
    amount, best_amount: for each unit of work, a count, nanoseconds or bytes ("peak_rss": of the process).
    best: the peer that uses least; "" when there was none to compare with.
    excess: nanoseconds for each unit of work; bytes of the process for memory.
    sentence: what it is, in words; look: where to look, in lines; settings: of HAKMEM, to try.
    """

    resource: str
    title: str
    level: Level
    severity: float
    amount: float
    best: str
    best_amount: float
    excess: float
    sentence: str
    look: tuple[str, ...]
    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """What findings are drawn from.

    peers: other allocators under the same work; floor: the allocator that does nothing, where it was run.
    rates: the count flavour's statistics, if the subject is HAKMEM.
    unit: "operation" or "run"; work: how many of them the long run did.
    processors: how many the workload keeps busy.
    """

    subject: Profile
    peers: Sequence[Profile]
    floor: Profile | None
    costs: Costs
    rates: Rates | None
    unit: str
    work: float
    processors: float = 1.0

    def bill(self, profile: Profile) -> Bill:
        """What one of the profiles pays."""
        return draw_up(profile, self.floor, self.costs, self.processors)


def rank(case: Case) -> tuple[Finding, ...]:
    """The findings, the most severe first."""
    bill = case.bill(case.subject)
    found = [*_counted(case, bill), *_waiting(case), *_rests(case, bill), *_memory(case)]
    return tuple(sorted((finding for finding in found if finding.severity >= MINOR), key=_order))


def level(severity: float) -> Level:
    """The word for a severity."""
    if severity >= SEVERE:
        return Level.SEVERE
    return Level.NOTABLE if severity >= NOTABLE else Level.MINOR


def fastest(profiles: Sequence[Profile]) -> Profile | None:
    """The profile with the least wall time."""
    return _least(profiles, _figure("whole_wall")).profile


def _order(finding: Finding) -> tuple[float, str]:
    return -finding.severity, finding.resource


def _compared(case: Case) -> Sequence[Profile]:
    """Whom to compare with: the peers; without any, the floor."""
    return case.peers or ([case.floor] if case.floor else [])


def _counted(case: Case, bill: Bill) -> Iterator[Finding]:
    for resource in BILLED:
        amount = case.subject.amount(resource.id)
        if amount is not None:
            rival = _least(_compared(case), _figure(resource.id))
            yield _timed(case, resource, amount, rival, bill.price_ns(resource.id))
    traced = [peer for peer in _compared(case) if peer.amount("system_calls") is not None]
    for call in case.subject.calls.values():
        resource = system_call(call.name)
        yield _timed(
            case, resource, call.calls, _least(traced, _calls(call.name)), bill.price_ns(resource.id)
        )


def _waiting(case: Case) -> Iterator[Finding]:
    amount = case.subject.amount("waiting")
    if amount is not None:
        yield _timed(case, WAITING, amount, _least(_compared(case), _figure("waiting")), 1.0)


def _rests(case: Case, bill: Bill) -> Iterator[Finding]:
    """Time that no count explains, as far as the subject really took longer than the quickest peer there."""
    bills = {peer.allocator: case.bill(peer) for peer in _compared(case)}
    for resource, measured in ((USER_REST, "user"), (KERNEL_REST, "system")):
        amount = bill.cost_ns(resource.id)
        rival = _least(_compared(case), _rest(bills, resource.id))
        allowed = Rival(rival.profile, max(rival.amount, amount - _longer(case, measured)))
        yield _timed(case, resource, amount, allowed, 1.0)


def _longer(case: Case, measured: str) -> float:
    """Nanoseconds by which the subject takes longer than the quickest peer, beyond the rounds' spread."""
    quickest = _least(_compared(case), _figure(measured))
    spreads = [profile.spread.get(measured, 0.0) for profile in (case.subject, quickest.profile) if profile]
    longer = (case.subject.amount(measured) or 0.0) - quickest.amount - sum(spreads)
    return max(0.0, longer) / case.processors


def _memory(case: Case) -> Iterator[Finding]:
    """Growth with the work, and what the peak has above the leanest peer's besides."""
    peak = case.subject.amount("peak_rss")
    if peak is None:
        return
    leanest = _least(_compared(case), _figure("peak_rss"))
    reference = max(leanest.amount, SMALL_PEAK_B)
    growth = case.subject.amount("growth") or 0.0
    steadiest = _least(_compared(case), _figure("growth"))
    grown = (growth - steadiest.amount) * case.work
    if grown < _LEAST_GROWTH_B:
        grown = 0.0
    else:
        told = (
            f"{words.size(growth)} {words.each(case.unit)}{steadiest.told(words.size)}; that makes"
            f" {words.size(grown)} in {words.number(case.work)} {case.unit}s"
        )
        yield _finding(case, GROWTH, (growth, steadiest), (grown, grown / reference), told)
    higher = max(0.0, peak - leanest.amount - grown)
    told = f"{words.size(peak)}{leanest.told(words.size)}"
    yield _finding(case, PEAK, (peak, leanest), (higher, higher / reference), told)


def _timed(case: Case, resource: Resource, amount: float, rival: "Rival", price_ns: float) -> Finding:
    excess = max(0.0, amount - rival.amount) * price_ns
    quickest = fastest(_compared(case)) or case.subject
    severity = excess / max(quickest.amount("whole_wall") or 0.0, 1e-3)
    whole = words.multiple(severity, f"the whole time of {quickest.allocator}")
    if resource.price:
        told = (
            f"{words.number(amount)} {words.each(case.unit)}{rival.told(words.number)};"
            f" the excess costs about {words.time(excess)}, {whole}"
        )
    else:
        told = f"{words.time(amount)} {words.each(case.unit)}{rival.told(words.time)}, {whole}"
    return _finding(case, resource, (amount, rival), (excess, severity), told)


def _finding(
    case: Case, resource: Resource, amounts: tuple[float, "Rival"], weight: tuple[float, float], told: str
) -> Finding:
    amount, rival = amounts
    excess, severity = weight
    return Finding(
        resource.id,
        resource.title,
        level(severity),
        severity,
        amount,
        rival.profile.allocator if rival.profile else "",
        rival.amount,
        excess,
        f"{resource.title[0].upper()}{resource.title[1:]}: {told}.",
        look(resource, case.subject, rival.profile, case.rates, case.unit),
        resource.settings if case.rates is not None else (),
    )


@dataclass(frozen=True, slots=True)
class Rival:
    """Who uses least of something, and how much: nobody and 0 where none has the figure.

    A slope below 0 is noise around 0.
    """

    profile: Profile | None
    amount: float

    def told(self, show: Callable[[float], str]) -> str:
        """In words, behind the subject's amount."""
        return f" ({self.profile.allocator}: {show(self.amount)})" if self.profile else ""


Amount = Callable[[Profile], float | None]


def _figure(resource: str) -> Amount:
    return lambda profile: profile.amount(resource)


def _calls(kind: str) -> Amount:
    return lambda profile: profile.calls[kind].calls if kind in profile.calls else 0.0


def _rest(bills: Mapping[str, Bill], resource: str) -> Amount:
    return lambda profile: bills[profile.allocator].cost_ns(resource)


def _least(profiles: Sequence[Profile], amount: Amount) -> Rival:
    having = [(value, profile) for profile in profiles if (value := amount(profile)) is not None]
    if not having:
        return Rival(None, 0.0)
    value, profile = min(having, key=lambda pair: pair[0])
    return Rival(profile, max(0.0, value))
