"""Reads callgrind's output file: events of the whole process, and of each function itself.

The format is that of "Callgrind Format Specification" in Valgrind's manual. Only what is needed here is
read: names with their abbreviations, and cost lines; lines behind `calls=` are costs of callees and left out.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from hakmem.errors import HakmemError
from hakmem.lab.perf.counts import FunctionCost
from hakmem.lab.perf.slope import Total, slope

_NAME: Final = re.compile(r"(c?)(ob|fn)=(?:\((\d+)\))?\s*(.*)")
_COST: Final = re.compile(r"[0-9+*-]")
_CACHE: Final = re.compile(r"desc: (\w+) cache: (\d+) B, (\d+) B, (\d+)-way")

Key = tuple[str, str]
"""A function's name and the file name of the program or library that it is in."""


class DamagedOutputError(HakmemError):
    """A file is not what callgrind writes."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What callgrind counted in a process.

    total: event -> count; events are callgrind's ("Ir", "Dr", "D1mr", "Bcm", ...).
    functions: (function, object file) -> event -> count.
    caches: name -> bytes of the caches that were simulated.
    """

    total: dict[str, int]
    functions: dict[Key, dict[str, int]]
    caches: dict[str, int]


def parse(text: str) -> Counted:
    """The counts in the text of an output file. Errors: DamagedOutputError."""
    return add([_part(text)])


def read(paths: Iterable[Path]) -> Counted:
    """The counts of all processes of a run, one file each. Errors: DamagedOutputError, OSError."""
    return add([_part(path.read_text(errors="replace")) for path in paths])


def add(parts: list[Counted]) -> Counted:
    """The counts of several processes together."""
    total: defaultdict[str, int] = defaultdict(int)
    functions: defaultdict[Key, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    caches: dict[str, int] = {}
    for part in parts:
        caches.update(part.caches)
        for event, count in part.total.items():
            total[event] += count
        for key, events in part.functions.items():
            for event, count in events.items():
                functions[key][event] += count
    return Counted(dict(total), {key: dict(events) for key, events in functions.items()}, caches)


def function_costs(
    long: tuple[Counted, float], short: tuple[Counted, float] | None
) -> tuple[FunctionCost, ...]:
    """What each function costs for each unit of work, most instructions first.

    long, short: what was counted in a run, and how many units of work it did.
    """
    costs = []
    for key, events in long[0].functions.items():
        before = Total(short[1], short[0].functions.get(key, {})) if short else None
        costs.append(FunctionCost(key[0], key[1], slope(Total(long[1], events), before).unit))
    return tuple(sorted(costs, key=lambda cost: (-cost.events.get("Ir", 0), cost.name)))


def _part(text: str) -> Counted:
    reader = _Reader()
    for line in text.splitlines():
        reader.take(line)
    return reader.counted()


class _Reader:
    """Reads one file, line by line; names and costs refer to what stood before them."""

    def __init__(self) -> None:
        self._events: list[str] = []
        self._total: dict[str, int] = {}
        self._caches: dict[str, int] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._functions: dict[Key, list[int]] = {}
        self._object_file = self._function = ""
        self._positions = 1
        self._callee_next = False

    def take(self, line: str) -> None:
        if _COST.match(line):
            if not self._callee_next:
                self._count(line.split()[self._positions :])
            self._callee_next = False
        elif named := _NAME.match(line):
            self._name(named[2], named[3], named[4], callee=bool(named[1]))
        elif line.startswith("calls="):
            self._callee_next = True
        elif cache := _CACHE.match(line):
            self._caches[cache[1]] = int(cache[2])
        else:
            self._header(line)

    def counted(self) -> Counted:
        if not self._events or not self._total:
            raise DamagedOutputError(
                "callgrind's output file names no events or no totals; was the run ended early?"
            )
        functions = {
            key: dict(zip(self._events, counts, strict=True)) for key, counts in self._functions.items()
        }
        return Counted(self._total, functions, self._caches)

    def _header(self, line: str) -> None:
        if line.startswith("events: "):
            self._events = line.split()[1:]
        elif line.startswith("positions: "):
            self._positions = len(line.split()) - 1
        elif line.startswith(("totals: ", "summary: ")):
            self._total = dict(zip(self._events, map(int, line.split()[1:]), strict=False))

    def _name(self, space: str, number: str | None, name: str, *, callee: bool) -> None:
        """Takes "(number) name", which introduces an abbreviation, "(number)", which uses it, or "name"."""
        if number is not None:
            if name:
                self._names[space, number] = name
            name = self._names.get((space, number), f"({number})")
        if callee:
            return
        if space == "ob":
            self._object_file = PurePath(name).name
        else:
            self._function = name

    def _count(self, costs: list[str]) -> None:
        """Adds a cost line; counts at its end that are 0 are left out of it."""
        counts = self._functions.setdefault((self._function, self._object_file), [0] * len(self._events))
        try:
            for i, cost in enumerate(costs[: len(counts)]):
                counts[i] += int(cost)
        except ValueError:
            raise DamagedOutputError(f"no cost line of callgrind's: {' '.join(costs)}") from None
