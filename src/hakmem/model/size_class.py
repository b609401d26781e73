"""Size <-> size class, after `hakmem.spec.size_classes`: arithmetic alone. Mirrors core/size_class.h."""

from bisect import bisect_left
from typing import Final

from hakmem.spec.size_classes import LONG_FIRST, LONGER_PART, SIZE_CLASSES, TINY_STEP_B, UNIT_B, WIDE_MAX_B

_BLOCKS_B: Final = [entry.block_b for entry in SIZE_CLASSES]

CLASSES: Final = range(1, len(SIZE_CLASSES))
"""Every real class."""


def class_of(size_b: int) -> int:
    """The class that serves `size_b` bytes: the first whose blocks are as long. Size 0 counts as 1."""
    if not 0 <= size_b <= WIDE_MAX_B:
        raise ValueError(f"{size_b} bytes are not in a size class; the largest block has {WIDE_MAX_B}")
    return bisect_left(_BLOCKS_B, max(size_b, 1))


def is_long(c: int) -> bool:
    """Whether a block of the class is longer than half a unit."""
    return c >= LONG_FIRST


def alignment_of(c: int) -> int:
    """Bytes; what all blocks of the class are aligned to, since slabs start at units."""
    return min(_BLOCKS_B[c] & -_BLOCKS_B[c], UNIT_B)


def serves(longer: int, c: int) -> bool:
    """Whether a block of the class `longer` may stand for one of the long class `c`."""
    as_long = longer >= c and _BLOCKS_B[longer] <= _BLOCKS_B[c] + _BLOCKS_B[c] // LONGER_PART
    return as_long and alignment_of(longer) >= alignment_of(c)


def class_of_aligned(alignment_b: int, size_b: int) -> int | None:
    """The first class that holds `size_b` bytes and whose blocks all lie on multiples of `alignment_b`.

    Slabs start at units, so those are the classes whose block size is a multiple. None: it takes a span.
    """
    rounded_b = round_up(max(size_b, 1), alignment_b)
    if alignment_b > UNIT_B or rounded_b > WIDE_MAX_B:
        return None
    fitting = (c for c in CLASSES[class_of(rounded_b) - 1 :] if _BLOCKS_B[c] % alignment_b == 0)
    return next(fitting, None)


def round_up(value: int, multiple: int) -> int:
    """The least multiple that is not below `value`."""
    return -(-value // multiple) * multiple


def units_of(size_b: int) -> int:
    """Units that hold `size_b` bytes, at least one."""
    return max(-(-size_b // UNIT_B), 1)


def is_power_of_two(value: int) -> bool:
    """Whether `value` may be an alignment."""
    return value > 0 and value & (value - 1) == 0


MALLOC_ALIGN_B: Final = TINY_STEP_B
"""Bytes; what every block is aligned to without asking."""
