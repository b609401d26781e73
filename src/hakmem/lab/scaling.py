"""What a program asks of the central store's locks: counts, as the model of many cores takes them."""

from collections.abc import Iterable, Mapping

from hakmem.errors import HakmemError
from hakmem.lab.perf.counts import Rates
from hakmem.model.arena import SUPERSLAB_UNITS
from hakmem.model.scale import Demand, Visit
from hakmem.spec.size_classes import SIZE_CLASSES


def operations(rates: Rates) -> int:
    """Mallocs and frees of a run."""
    large = rates.process["large_allocs"] + rates.process["large_frees"]
    return rates.total("allocations") + rates.total("frees") + large


def superslabs(rates: Rates) -> float:
    """How many times 2 MiB of spans came out of the pool as slabs, or went back: what it may be locked for.

    Spans of large blocks are not counted, since statistics do not tell their lengths.
    """
    units_of = {entry.block_b: entry.units for entry in SIZE_CLASSES}
    units = sum(
        (each.counters["slabs_made"] + each.counters["slabs_retired"]) * units_of[each.size]
        for each in rates.classes
    )
    return units / SUPERSLAB_UNITS


def demand(rates: Rates, work_ns: float) -> Demand:
    """The average operation of a run on the count flavour.

    work_ns: nanoseconds of an operation without visits, the program's own work included. HakmemError when
    the run was not on a count flavour that counts locks.
    """
    if not rates.locks:
        raise HakmemError("the statistics count no locks: they are not of the count flavour")
    all_of_them = operations(rates)
    without_lock = {visit: rates.total(visit.value) for visit in (Visit.TRAPPED, Visit.FULL)}
    locks = {visit: rates.locks[visit.value].done for visit in Visit if visit not in without_lock}
    visits = {visit: count / all_of_them for visit, count in {**without_lock, **locks}.items()}
    return Demand(
        work_ns,
        visits,
        _shares(_past_transfer(entry.counters) for entry in rates.classes),
        _shares(entry.counters["trapped"] for entry in rates.classes),
    )


def _shares(counts: Iterable[int]) -> tuple[float, ...]:
    """How something is spread over classes; what there is none of, on one."""
    used = [each for each in counts if each]
    return tuple(each / sum(used) for each in used) or (1.0,)


def _past_transfer(counters: Mapping[str, int]) -> int:
    """What meets at the class lock: refills and flushes that the transfer cache did not serve."""
    taken = counters["refills"] - counters["transfer_hits"]
    return taken + counters["flushes"] - counters["transfer_puts"]


def broken_promises(rates: Rates) -> list[str]:
    """What does not hold of what docs/design/scaling.md says of every run, in sentences.

    The program's other threads must have been joined: statistics taken while a thread is between two of its
    counters may be off by one.
    """
    locks = {name: tally.done for name, tally in rates.locks.items()}
    hits, puts = rates.total("transfer_hits"), rates.total("transfer_puts")
    bounds = {
        "a batch taken costs more than one shard lock": (
            locks["shard_take"] + locks["shard_steal"],
            hits + rates.swaps["shelf_hint"].refused,
        ),
        "a batch given costs more than one shard lock": (
            locks["shard_put"] + locks["shard_spill"],
            puts + rates.total("transfer_full"),
        ),
        "a refill takes the class lock although a batch was there": (
            locks["class_refill"],
            rates.total("refills") - hits,
        ),
        "a batch that was not idle takes the class lock": (
            locks["class_idle"],
            rates.total("flushes") - puts - rates.total("transfer_full"),
        ),
        "a push takes the class lock more than once": (
            locks["class_push"],
            rates.swaps["slab_push"].done,
        ),
        "a stock is locked more than once for a slab": (
            locks["stock_slab"],
            rates.total("slabs_made") + rates.total("slabs_retired"),
        ),
    }
    return [f"{what}: {much:,} > {most:,}" for what, (much, most) in bounds.items() if much > most]
