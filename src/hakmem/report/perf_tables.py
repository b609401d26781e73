"""The tables of `hakmem perf`: figures by source, system calls, functions, and the count flavour's rates."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hakmem.lab.perf import words
from hakmem.lab.perf.counts import FunctionCost, Profile, Rates, Source, SystemCall
from hakmem.lab.perf.findings import fastest
from hakmem.lab.perf.outcome import Outcome
from hakmem.spec.counters import LOCK_USES, LockUse

_ROWS: Final = {
    "wall": "time",
    "user": "in the program",
    "system": "in the kernel",
    "waiting": "waiting",
    "minor_faults": "page faults",
    "major_faults": "from disk",
    "voluntary_switches": "own switches",
    "involuntary_switches": "forced switches",
    "peak_rss": "peak memory",
    "growth": "growth",
    "instructions": "instructions",
    "cycles": "cycles",
    "ipc": "instr. a cycle",
    "loads": "loads",
    "stores": "stores",
    "l1_misses": "L1 misses",
    "last_level_misses": "last-lvl misses",
    "tlb_misses": "TLB misses",
    "branches": "branches",
    "branch_misses": "branch misses",
    "system_calls": "system calls",
}
"""Resource -> the name of its row, in order."""
_NAME: Final = 17
_COLUMN: Final = 9
_LEAST_PART: Final = 0.0005
"""Of all instructions: functions with less are not listed."""
_TIMES: Final = ("wall", "user", "system", "waiting")
_SIZES: Final = ("peak_rss", "growth")
_CALLS_WORTH_TELLING: Final = 2
"""A run."""
_START: Final = ("wall", "instructions", "minor_faults", "system_calls")


def figures(outcome: Outcome, width: int) -> Iterable[RenderableType]:
    """All figures, a table a source, and what the process costs besides its work."""
    told = {
        (Source.CLOCK, Source.KERNEL): "plain runs",
        (Source.HARDWARE,): "hardware counters (perf stat), program code alone",
        (Source.SIMULATION,): f"simulated by callgrind{_caches(outcome)}",
        (Source.ESTIMATE,): "estimated from that: Ir + 10 Bm + 10 L1m + 100 LLm (as KCachegrind does)",
        (Source.TRACE,): "strace",
    }
    yield ""
    start = "" if outcome.start_apart else ", the start of the process included"
    yield Text(f"For {words.each(outcome.unit)}{start}", style="bold")
    for page in _pages(outcome, width):
        first = True
        for sources, title in told.items():
            rows = [name for name in _ROWS if _source(page, name) in sources]
            if rows:
                table = _table(page, header=first)
                for name in rows:
                    table.add_row(_ROWS[name], *(_cell(name, profile.amount(name)) for profile in page))
                yield Text(title, style="dim italic")
                yield table
                first = False
        if outcome.start_apart:
            table = _table(page, header=False)
            for name in _START:
                if any(name in profile.start for profile in page):
                    table.add_row(_ROWS[name], *(_cell(name, profile.start.get(name)) for profile in page))
            yield Text("the process besides: its start and end", style="dim italic")
            yield table


def system_calls(outcome: Outcome, width: int, top: int) -> Iterable[RenderableType]:
    """The kinds of system calls that the work makes, those of which the subject makes most first."""
    kinds = dict.fromkeys(
        call.name
        for profile in (outcome.subject_profile, *outcome.peers)
        for call in profile.calls.values()
        if call.calls * outcome.work >= _CALLS_WORTH_TELLING
    )
    if not kinds:
        return
    yield ""
    yield Text(f"System calls of {_run(outcome)}, and the time of one under strace", style="bold")
    for page in _pages(outcome, width):
        traced = [profile for profile in page if profile is not outcome.floor]
        table = _table(traced, header=True)
        for kind in list(kinds)[:top]:
            cells = []
            for profile in traced:
                call = profile.calls.get(kind)
                cells.append(Text("-", style="dim") if call is None else _call(call, outcome.work))
            table.add_row(kind, *cells)
        yield table


def functions(outcome: Outcome, top: int) -> Iterable[RenderableType]:
    """What functions themselves cost: the subject's and the fastest peer's."""
    best = fastest(outcome.peers)
    for profile in (outcome.subject_profile, best):
        if profile is None or not profile.functions:
            continue
        yield ""
        yield Text(
            f"Functions under {profile.allocator}, callees not counted, for {words.each(outcome.unit)}",
            style="bold",
        )
        yield _functions(profile.functions, top)


def rates(outcome: Outcome, top: int) -> Iterable[RenderableType]:
    """How often which path was taken, from the count flavour."""
    if outcome.rates is None:
        return
    counted = outcome.rates
    yield ""
    yield Text("How often which path was taken (count flavour, whole run)", style="bold")
    paths = Table.grid(padding=(0, 2, 0, 0))
    for what, told in _paths(counted).items():
        paths.add_row(what, told)
    yield paths
    yield from _locks(counted)
    missed = sorted(counted.classes, key=lambda entry: -_misses(entry.counters))[:top]
    if not any(_misses(entry.counters) for entry in missed):
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("size", "allocated", "hits", "spare", "transfer", "slab", "new slab", "waits"):
        table.add_column(title, justify="right", no_wrap=True)
    for entry in missed:
        of = entry.counters.get("allocations", 0)
        table.add_row(
            f"{entry.size:,}",
            words.short(of),
            *(
                words.share(entry.counters.get(name, 0) / of) if of else "-"
                for name in ("malloc_hits", "refill_spare", "refill_transfer", "refill_slab", "refill_span")
            ),
            words.short(entry.counters.get("lock_waits", 0)),
        )
    yield Text("size classes with most misses:", style="dim")
    yield table


def _locks(counted: Rates) -> Iterable[RenderableType]:
    """What locks were taken for, those taken most first; and words that are changed without one."""
    operations = counted.total("allocations") + counted.total("frees")
    operations += counted.process.get("large_allocs", 0) + counted.process.get("large_frees", 0)
    taken = sorted((use for use in LOCK_USES if _taken(counted, use)), key=lambda use: -_taken(counted, use))
    if not taken or not operations:
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("lock", no_wrap=True)
    table.add_column("one for each", no_wrap=True)
    for title in ("taken", "in 1,000 op.", "waits"):
        table.add_column(title, justify="right", no_wrap=True)
    for use in taken:
        tally = counted.locks[use.id]
        share = tally.done / operations * 1000
        waits = words.share(tally.refused / tally.done) if tally.refused else "-"
        table.add_row(use.id, use.reach.value, words.short(tally.done), words.number(share), waits)
    yield Text("locks:", style="dim")
    yield table
    swaps = {name: tally for name, tally in counted.swaps.items() if tally.done + tally.refused}
    if swaps:
        told = (
            f"{name} {words.short(tally.done)}, in vain {words.short(tally.refused)}"
            for name, tally in swaps.items()
        )
        yield Text(f"swaps: {'; '.join(told)}", style="dim")


def _taken(counted: Rates, use: LockUse) -> int:
    return counted.locks[use.id].done if use.id in counted.locks else 0


def _run(outcome: Outcome) -> str:
    if outcome.unit == "run":
        return "a run"
    return f"a run of {words.number(outcome.work)} operations"


def _call(call: SystemCall, work: float) -> Text:
    """How many, and below it how long one takes."""
    return Text(words.short(round(call.calls * work))).append(
        f"\n{words.time(call.time_ns / call.calls)}", style="dim"
    )


def _paths(counted: Rates) -> dict[str, str]:
    def part(name: str, of: str) -> str:
        whole = counted.total(of)
        return words.share(counted.total(name) / whole) if whole else "-"

    process = counted.process
    return {
        "malloc": f"{part('malloc_hits', 'allocations')} hits; misses served by the spare"
        f" {part('refill_spare', 'allocations')}, the transfer cache"
        f" {part('refill_transfer', 'allocations')}, a slab {part('refill_slab', 'allocations')}, a new"
        f" slab {part('refill_span', 'allocations')}",
        "free": f"{part('free_fast', 'frees')} stay in the bin; to the spare"
        f" {part('free_spare', 'frees')}, flushed {part('free_flush', 'frees')}",
        "batches": f"{words.short(counted.total('refills'))} taken, {part('transfer_hits', 'refills')} of"
        f" them from the transfer cache; {words.short(counted.total('flushes'))} given,"
        f" {part('transfer_puts', 'flushes')} of them kept there whole",
        "locks": f"{words.short(counted.total('lock_waits'))} waits",
        "memory": f"{words.short(process.get('purges', 0))} purges of"
        f" {words.size(process.get('purged_bytes', 0))}; superslabs: {process.get('superslabs_made', 0)}"
        f" made, {process.get('superslabs_returned', 0)} given back",
    }


def _misses(counters: Mapping[str, int]) -> int:
    return counters.get("allocations", 0) - counters.get("malloc_hits", 0)


def _functions(costs: Sequence[FunctionCost], top: int) -> Table:
    whole = sum(cost.events.get("Ir", 0.0) for cost in costs)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), expand=False)
    table.add_column("function", max_width=28, overflow="ellipsis", no_wrap=True)
    table.add_column("in", max_width=17, overflow="ellipsis", no_wrap=True)
    for title in ("instr.", "part", "L1 m.", "br. m."):
        table.add_column(title, justify="right", min_width=7, no_wrap=True)
    for cost in costs[:top]:
        events = cost.events
        instructions = events.get("Ir", 0.0)
        if instructions < _LEAST_PART * whole:
            break
        table.add_row(
            cost.name,
            cost.object_file,
            words.short(instructions),
            words.share(instructions / whole),
            words.short(sum(events.get(event, 0.0) for event in ("I1mr", "D1mr", "D1mw"))),
            words.short(sum(events.get(event, 0.0) for event in ("Bcm", "Bim"))),
        )
    return table


def _pages(outcome: Outcome, width: int) -> Iterable[list[Profile]]:
    """The profiles of each table: the subject in front, and as many others as fit."""
    others = [*outcome.peers, *([outcome.floor] if outcome.floor else [])]
    fitting = max(1, (width - _NAME) // _COLUMN - 1)
    for start in range(0, max(len(others), 1), fitting):
        yield [outcome.subject_profile, *others[start : start + fitting]]


def _table(page: Sequence[Profile], *, header: bool) -> Table:
    table = Table(
        box=SIMPLE_HEAD if header else None,
        show_edge=False,
        show_header=header,
        pad_edge=False,
        padding=0,
    )
    table.add_column("", width=_NAME - 1)
    for profile in page:
        table.add_column(profile.allocator, justify="right", width=_COLUMN, no_wrap=True)
    return table


def _source(page: Sequence[Profile], name: str) -> Source | None:
    """Where a figure is from; of the first allocator that has it."""
    return next((profile.figures[name].source for profile in page if name in profile.figures), None)


def _cell(name: str, amount: float | None) -> str:
    if amount is None:
        return "-"
    amount = max(0.0, amount)  # less is noise: nothing gives time or faults back
    if name in _TIMES:
        return words.time(amount)
    return words.size(amount) if name in _SIZES else words.short(amount)


def _caches(outcome: Outcome) -> str:
    if not outcome.caches:
        return ""
    return " with " + ", ".join(f"{name} {words.size(size)}" for name, size in outcome.caches.items())
