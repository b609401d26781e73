"""The count flavour's statistics: how often which path was taken.

Rates alone are used, never times: counting takes time of its own.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from hakmem.lab.perf.counts import ClassRates, Rates, Tally
from hakmem.lab.perf.start import RunFailedError, Starter
from hakmem.lab.plan import Allocator, Job
from hakmem.lab.rates import COUNT
from hakmem.spec.flavours import FLAVOURS

SCHEMA: Final = "hakmem-stats/1"

_FILES: Final = frozenset(flavour.file for flavour in FLAVOURS)
_COUNT_FILE: Final = next(flavour.file for flavour in FLAVOURS if flavour.name == "count")


def is_hakmem(allocator: Allocator) -> bool:
    """Whether it is one of HAKMEM's flavours."""
    return allocator.library is not None and allocator.library.name in _FILES


def count_flavour(allocator: Allocator) -> Allocator | None:
    """The count flavour that was built with a flavour of HAKMEM; None where there is none."""
    if allocator.library is None or not is_hakmem(allocator):
        return None
    library = allocator.library.with_name(_COUNT_FILE)
    return Allocator(COUNT, library, environment=allocator.environment) if library.is_file() else None


def run(starter: Starter, job: Job, allocator: Allocator) -> Rates:
    """One run on the count flavour; processes of the program together. Errors: RunFailedError."""
    for stale in starter.scratch.glob("stats.*.json"):
        stale.unlink()
    file = {"HAKMEM_STATS_FILE": str(starter.scratch / "stats.%p.json")}
    counting = Allocator(allocator.name, allocator.library, environment={**allocator.environment, **file})
    starter.plain(job, counting)
    files = sorted(starter.scratch.glob("stats.*.json"))
    if not files:
        raise RunFailedError(
            f"{allocator.name}: no statistics were written; a program that ends by _exit or a signal"
            " writes none"
        )
    return merge([read(path) for path in files])


def read(path: Path) -> Rates:
    """The statistics of one process. Errors: RunFailedError."""
    try:
        document: dict[str, Any] = json.loads(path.read_text())
        if document["schema"] != SCHEMA:
            raise RunFailedError(f"statistics of schema {document['schema']!r}, not {SCHEMA}")
        classes = tuple(
            ClassRates(entry["size"], {name: value for name, value in entry.items() if name != "size"})
            for entry in document["classes"]
        )
        return Rates(
            document["counters"],
            document["bytes"],
            classes,
            _tallies(document.get("locks", {}), "taken", "waits"),
            _tallies(document.get("swaps", {}), "done", "in_vain"),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunFailedError(f"damaged statistics: {error}") from None


def _tallies(entries: Mapping[str, Mapping[str, int]], done: str, refused: str) -> dict[str, Tally]:
    return {name: Tally(entry[done], entry[refused]) for name, entry in entries.items()}


def _sum(parts: Iterable[Mapping[str, Tally]]) -> dict[str, Tally]:
    sums: dict[str, Tally] = {}
    for part in parts:
        for name, tally in part.items():
            so_far = sums.get(name, Tally(0, 0))
            sums[name] = Tally(so_far.done + tally.done, so_far.refused + tally.refused)
    return sums


def merge(parts: list[Rates]) -> Rates:
    """The sums of several processes' statistics."""
    process: Counter[str] = Counter()
    amounts: Counter[str] = Counter()
    classes: dict[int, Counter[str]] = {}
    for part in parts:
        process.update(part.process)
        amounts.update(part.bytes)
        for entry in part.classes:
            classes.setdefault(entry.size, Counter()).update(entry.counters)
    return Rates(
        dict(process),
        dict(amounts),
        tuple(ClassRates(size, dict(classes[size])) for size in sorted(classes)),
        _sum(part.locks for part in parts),
        _sum(part.swaps for part in parts),
    )
