"""The limits of docs/design/limits.md as data, and whether samples keep them. Pure functions.

Limits follow the live heap, which changes, and the core follows it by ticks (core/upkeep.h): twice a purge
delay some thread that goes past its cache sees to what is idle or free. So a limit has a patience, the time
that the core has to follow. Only time in which the program allocates or frees counts: nothing happens in
a process that does not call its allocator.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from hakmem.lab.soak.samples import HeapFigures, Sample
from hakmem.spec.settings import SETTINGS
from hakmem.spec.size_classes import UNIT_B

MIB: Final = 1 << 20

_DEFAULTS: Final = {each.id: each.default for each in SETTINGS}
TICK_S: Final = min(_DEFAULTS["purge_delay_ms"] / 2000, 0.25)
"""core/upkeep.c, tick_ms."""

_TABLES_B: Final = 64 + 2
"""A unit's descriptor and its entry in the page map (core/arena.h)."""
_AHEAD_B: Final = 8 * MIB
"""The tables are mapped ahead of the heap by a quarter, and by so much at least (core/arena.c)."""


class Patience(StrEnum):
    """What a limit forgives while the core has not followed yet."""

    FALLING = "falling"
    """The heap shrank: the limit is that of the largest heap within the patience. What is above it is too
    much at once."""
    LASTING = "lasting"
    """The amount rose: what is above the limit is too much only if it was at every sample within the
    patience. What has been free for the patience cannot be more than the least amount in it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """An amount that must not be above what is allowed.

    id: its name in results. rule: half a sentence, for people.
    amount, allowed: bytes, of a sample.
    patience: how, and patience_s: for how many seconds of calls it is patient.
    """

    id: str
    rule: str
    amount: Callable[[HeapFigures], float]
    allowed: Callable[[HeapFigures], float]
    patience: Patience
    patience_s: float


def _caches_allowed(live_b: int, threads: int) -> float:
    least_b = max(2 * MIB, threads * MIB / 4)
    return 1.5 * min(_DEFAULTS["cache_limit"], max(live_b / 8, least_b))


def limits(threads: int) -> tuple[Limit, ...]:
    """The limits of a process in which up to `threads` threads call the allocator."""
    return (
        Limit(
            "thread caches",
            "all thread caches together hold at most min(32 MiB, max(1/8 of the live blocks, 2 MiB, 256 KiB a"
            " thread)), and half as much again while some thread is blocked; when the heap shrinks, threads"
            " follow within two ticks",
            amount=lambda heap: heap.caches_b,
            allowed=lambda heap: _caches_allowed(heap.live_b, threads),
            patience=Patience.FALLING,
            patience_s=2 * TICK_S,
        ),
        Limit(
            "unpurged spans",
            "wholly free spans that have pages are at most max(8 MiB, 12.5 % of the live blocks) once the"
            " purge delay and three ticks have passed",
            # Of what has been free for the delay and a tick. All of it would not do: a busy program may free
            # as much within a delay as it takes up again, and have more than the limit at every moment.
            amount=lambda heap: heap.overdue_b,
            allowed=lambda heap: max(_DEFAULTS["retain"], 0.125 * heap.live_b),
            patience=Patience.LASTING,
            patience_s=2 * TICK_S,  # the tick that finds it, and calls that each purge for a millisecond
        ),
        Limit(
            "metadata",
            "page map and descriptors are 0.4 % of the heap, mapped for at most a quarter and 8 MiB more of"
            " it",
            amount=lambda heap: heap.metadata_b,
            allowed=lambda heap: (1.25 * heap.mapped_b + _AHEAD_B) * _TABLES_B / UNIT_B,
            patience=Patience.LASTING,
            patience_s=0.0,
        ),
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """What a limit is about at a sample. seconds: since the run began; amounts in bytes."""

    seconds: float
    amount_b: int
    allowed_b: int

    @property
    def share(self) -> float:
        """The amount as a part of what is allowed: above 1 the limit is broken."""
        return self.amount_b / self.allowed_b


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a limit was kept.

    limit, rule: its id and rule.
    judged: how many samples there were to judge.
    tightest: the sample that came nearest to the limit or is furthest above it; None without samples.
    breaches: the samples that broke it.
    """

    limit: str
    rule: str
    judged: int
    tightest: Moment | None
    breaches: tuple[Moment, ...]

    @property
    def held(self) -> bool:
        """Whether every sample kept it, of which there must be one."""
        return self.judged > 0 and not self.breaches


def check(limit: Limit, samples: Sequence[Sample]) -> Finding:
    """Whether each sample keeps the limit."""
    judged = moments(limit, samples)
    return Finding(
        limit=limit.id,
        rule=limit.rule,
        judged=len(judged),
        tightest=max(judged, key=lambda moment: moment.share, default=None),
        breaches=tuple(moment for moment in judged if moment.share > 1),
    )


def moments(limit: Limit, samples: Sequence[Sample]) -> list[Moment]:
    """What is judged at each sample. Samples are in the order of time; of HAKMEM, or none is judged."""
    judged = [_judged(limit, window) for window in _windows(limit.patience_s, samples)]
    return [moment for moment in judged if moment is not None]


@dataclass(frozen=True, slots=True)
class _Window:
    """A sample, the last one, and those before it as far as the patience reaches; whether that was so far."""

    samples: Sequence[Sample]
    whole: bool


def _windows(patience_s: float, samples: Sequence[Sample]) -> Iterator[_Window]:
    busy_s = [0.0]
    for before, after in pairwise(samples):
        called = after.operations > before.operations
        busy_s.append(busy_s[-1] + (after.seconds - before.seconds if called else 0.0))
    first = 0
    for last in range(len(samples)):
        while first < last and busy_s[last] - busy_s[first + 1] >= patience_s:
            first += 1
        yield _Window(samples[first : last + 1], whole=busy_s[last] - busy_s[first] >= patience_s)


def _judged(limit: Limit, window: _Window) -> Moment | None:
    heaps = [sample.heap for sample in window.samples if sample.heap is not None]
    if not heaps:
        return None
    seconds = window.samples[-1].seconds
    if limit.patience is Patience.FALLING:
        allowed = max(limit.allowed(heap) for heap in heaps)
        return Moment(seconds, round(limit.amount(heaps[-1])), round(allowed))
    if not window.whole:
        return None
    least = min(heaps, key=lambda heap: limit.amount(heap) - limit.allowed(heap))
    return Moment(seconds, round(limit.amount(least)), round(limit.allowed(least)))
