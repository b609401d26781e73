"""What every script of this directory tells the laboratory, and how it is told what to do.

The scripts are run as files, `python SCRIPT OPERATIONS`, by whatever interpreter is measured. They find this
module beside them and need nothing of the package, so that the laboratory adds nothing to what it measures.
Random choices are seeded and the checksum is of what was computed, so that it is the same on every malloc.

On stdout:

    lab: point seconds=<since the script began> live=<bytes>
    lab: result operations=<count> seconds=<timed part> checksum=<hex> [name=value]...
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from zlib import crc32

_BEGIN = time.perf_counter()


def operations() -> int:
    """The count that the script was given as its only argument; ends the process on any other."""
    words = sys.argv[1:]
    if len(words) != 1 or not words[0].isdecimal() or int(words[0]) < 1:
        fail(f"expected one whole number of operations from 1, got {' '.join(words) or 'nothing'}")
    return int(words[0])


def fail(reason: str) -> NoReturn:
    """Ends the process with exit code 1 and one line on stderr."""
    sys.exit(f"{Path(sys.argv[0]).name}: {reason}")


class Run:
    """One run: its timed part, its checksum, what it tells.

    seconds: of the timed part until now.
    checksum: CRC-32 over what was given to `check`, in that order.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.checksum = 0

    @contextmanager
    def timed(self) -> Iterator[None]:
        """What is done inside counts as the timed part; may be entered again."""
        begin = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - begin

    def check(self, *results: object) -> None:
        """Takes results into the checksum; numbers and text, whose form does not depend on addresses."""
        for result in results:
            data = result if isinstance(result, bytes) else str(result).encode()
            self.checksum = crc32(data, self.checksum)

    def point(self, live_b: int) -> None:
        """Tells that the script holds about `live_b` bytes of objects now."""
        print(f"lab: point seconds={time.perf_counter() - _BEGIN:.6f} live={live_b}", flush=True)

    def result(self, operations: int, **figures: float) -> None:
        """Tells the result, with any further figures."""
        words = "".join(f" {name}={value}" for name, value in figures.items())
        print(
            f"lab: result operations={operations} seconds={self.seconds:.9f}"
            f" checksum={self.checksum:08x}{words}",
            flush=True,
        )


def size_of(*values: object) -> int:
    """Bytes of `values` and of all that they hold, each object once, as sys.getsizeof tells them.

    Follows lists, tuples, sets, dicts and instances' attributes. Small integers and None, which always exist,
    count nothing.
    """
    seen: set[int] = set()
    return sum(_size_of(value, seen) for value in values)


def estimate(values: Sequence[object], one_in: int) -> int:
    """As size_of(values), from every `one_in`-th: for so many that looking at all takes memory itself."""
    sample = values[::one_in]
    return sys.getsizeof(values) + size_of(*sample) * len(values) // max(1, len(sample))


def _size_of(value: object, seen: set[int]) -> int:
    always_there = value is None or (isinstance(value, int) and -5 <= value <= 256)
    if always_there or id(value) in seen:
        return 0
    seen.add(id(value))
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(_size_of(key, seen) + _size_of(held, seen) for key, held in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return size + sum(_size_of(held, seen) for held in value)
    if hasattr(value, "__dict__"):
        return size + _size_of(vars(value), seen)
    return size + sum(_size_of(getattr(value, name, None), seen) for name in getattr(value, "__slots__", ()))
