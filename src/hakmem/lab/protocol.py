"""The lines that workloads write to stdout for the laboratory.

lab: point seconds=<since main> live=<bytes>
lab: result operations=<count> [seconds=<timed part>] checksum=<hex> [name=value]...

A program that is measured from exec to exit leaves `seconds` out.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final

from hakmem.lab.measurement import Point

_MARK: Final = b"lab: "
_LINE_MAX_B: Final = 4096
"""Bytes; a longer line is the program's own."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a program told on stdout.

    seconds, operations, checksum, figures: of its last result line; None, None, "" and empty without one.
    points: (seconds since main, live bytes), in order of time.
    digest: BLAKE2 of everything else that it wrote.
    broken: what is wrong with the first line of the protocol that could not be read; "" when all could.
    """

    seconds: float | None = None
    operations: int | None = None
    checksum: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    points: tuple[tuple[float, int], ...] = ()
    digest: str = ""
    broken: str = ""


def read(output: Iterable[bytes], *, ours: bool) -> Told:
    """Reads a program's output in lines; one that is not `ours` does not know the protocol."""
    digest = blake2b(digest_size=16)
    told = Told()
    for line in output:
        if not (ours and line.startswith(_MARK) and len(line) < _LINE_MAX_B):
            digest.update(line)
        elif not told.broken:
            told = _understood(told, line.decode(errors="replace").strip())
    return replace(told, points=tuple(sorted(told.points)), digest=digest.hexdigest())


def merge(
    samples: Sequence[tuple[float, int]], points: Sequence[tuple[float, int]], offset_s: float = 0.0
) -> tuple[Point, ...]:
    """Resident bytes over time, each with the live bytes of the last point before it.

    offset_s: seconds from the time zero of the samples to that of the points. It is not known for a program
    that tells points itself, whose main is later than its exec by the time that it takes to start.
    """
    times = [seconds + offset_s for seconds, _ in points]
    merged = []
    for seconds, resident in samples:
        last = bisect_right(times, seconds)
        merged.append(Point(seconds, resident, points[last - 1][1] if last else None))
    return tuple(merged)


def _understood(told: Told, text: str) -> Told:
    """`told` with what one more line says."""
    broken = "no such kind of line"
    try:
        kind, values = _values(text)
        if kind == "point":
            return replace(
                told, points=(*told.points, (_number(values, "seconds"), int(_number(values, "live"))))
            )
        if kind == "result":
            operations = int(_number(values, "operations"))
            seconds = _number(values, "seconds") if "seconds" in values else None
            checksum = values.pop("checksum", "")
            figures = {name: _number(values, name) for name in list(values)}
            return replace(told, operations=operations, seconds=seconds, checksum=checksum, figures=figures)
    except ValueError as error:
        broken = str(error)
    return replace(told, broken=f"{broken} in {text!r}")


def _values(text: str) -> tuple[str, dict[str, str]]:
    kind, *pairs = text.split()[1:] or [""]
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise ValueError(f"{pair!r} is not NAME=VALUE")
        values[name] = value
    return kind, values


def _number(values: dict[str, str], name: str) -> float:
    """Takes a figure out of `values`."""
    value = values.pop(name, "")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name}={value} is no figure")
    return number
