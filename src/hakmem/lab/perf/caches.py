"""The caches of the machine as the kernel tells them, in a shape that callgrind can simulate.

Callgrind would ask the processor itself; in a virtual machine that answers with the host's last level
(384 MiB where the guest has 32), of which no miss would ever be seen.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

SYSFS: Final = Path("/sys/devices/system/cpu/cpu0/cache")


@dataclass(frozen=True, slots=True)
class Cache:
    """One cache. size_b: bytes; ways: its associativity; line_b: bytes of a line."""

    size_b: int
    ways: int
    line_b: int

    @property
    def option(self) -> str:
        """As callgrind's --I1, --D1 and --LL take it."""
        return f"{self.size_b},{self.ways},{self.line_b}"


def describe(directory: Path = SYSFS) -> dict[str, Cache]:
    """The first-level caches "I1" and "D1" and the last level "LL", as far as the kernel tells them."""
    found: dict[str, Cache] = {}
    last = 0
    for index in sorted(directory.glob("index*")):
        try:
            level = int(_text(index, "level"))
            kind = _text(index, "type")
            cache = simulable(
                _size(_text(index, "size")),
                int(_text(index, "ways_of_associativity")),
                int(_text(index, "coherency_line_size")),
            )
        except (OSError, ValueError):
            continue
        if cache is None:
            continue
        if level == 1:
            found["I1" if kind == "Instruction" else "D1"] = cache
        elif kind != "Instruction" and level > last:
            found["LL"], last = cache, level
    return found


def simulable(size_b: int, ways: int, line_b: int) -> Cache | None:
    """The cache, or the nearest with a number of sets that is a power of two, which callgrind asks for.

    The sets are rounded down and the ways up, so that the size stays: 36 MiB of 12 ways and 49152 sets
    become 32768 sets of 18 ways. None when the figures describe no cache.
    """
    if size_b <= 0 or ways <= 0 or line_b <= 0 or line_b & (line_b - 1):
        return None
    sets = size_b // (ways * line_b)
    if sets == 0:
        return None
    power = 1 << (sets.bit_length() - 1)
    more_ways = round(size_b / (power * line_b))
    return Cache(power * more_ways * line_b, more_ways, line_b)


def _text(index: Path, name: str) -> str:
    return (index / name).read_text().strip()


def _size(text: str) -> int:
    """Bytes of "32768K"."""
    shift = {"K": 10, "M": 20, "G": 30}.get(text[-1:])
    return int(text) if shift is None else int(text[:-1]) << shift
