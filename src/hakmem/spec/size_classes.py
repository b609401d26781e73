"""Size classes: how large blocks are, and how many units a slab of each class has.

A block of class c serves every size above the block of class c - 1. Up to `TINY_MAX_B` the classes are
`TINY_STEP_B` apart, so that a rounded size is a class and no table is read; above, every doubling is cut
into `CLASSES_PER_DOUBLING` equal steps, which bounds the loss inside a block by 1 / CLASSES_PER_DOUBLING.
From `MID_MAX_B` on a block is a number of units, alone in its slab; what it does not use of the last unit it
never touches.
"""

from dataclasses import dataclass
from typing import Final

TINY_STEP_B: Final = 16
"""Bytes between tiny classes; also the alignment of every block."""

TINY_MAX_B: Final = 1024
"""Bytes; the largest tiny block."""

MID_MAX_B: Final = 32 * 1024
"""Bytes; the largest block of which a slab holds several."""

WIDE_MAX_B: Final = 256 * 1024
"""Bytes; the largest block that thread caches keep, a slab of its own. Larger allocations are spans."""

CLASSES_PER_DOUBLING: Final = 8
"""Classes between a power of two above `TINY_MAX_B` and the next one."""

UNIT_SHIFT: Final = 14
"""Logarithm of the bytes of a unit, for which the page map has one entry."""

UNIT_B: Final = 1 << UNIT_SHIFT
"""Bytes of a unit."""

SUPERSLAB_SHIFT: Final = 21
"""Logarithm of the bytes of a superslab, the granule in which the arena is committed."""

SLAB_UNITS_MAX: Final = 16
"""Units of the largest slab."""

SLAB_BLOCKS_MIN: Final = 4
"""Blocks that a slab of tiny or mid blocks holds at least, so that several share what a slab costs."""

SLAB_TAIL_DIVISOR: Final = 32
"""A slab should lose at most one part in so many behind its last block."""


TRANSFER_BATCHES: Final = 16
"""Batches of one class that a shard of the transfer cache holds at most."""

TRANSFER_B: Final = 512 * 1024
"""Bytes that they hold at most, if a batch has two blocks; one batch is always allowed."""


@dataclass(frozen=True, slots=True)
class SizeClass:
    """One size of block.

    number: its index; 0 is "no class" and has neither blocks nor slabs.
    block_b: bytes of a block, a multiple of `TINY_STEP_B`.
    units: units of a slab of this class.
    """

    number: int
    block_b: int
    units: int

    @property
    def blocks(self) -> int:
        """Blocks that one slab holds."""
        return self.units * UNIT_B // self.block_b if self.block_b else 0

    @property
    def batches(self) -> int:
        """Batches of this class that a shard of the transfer cache holds at most."""
        return max(1, min(TRANSFER_BATCHES, TRANSFER_B // (2 * self.block_b))) if self.block_b else 0

    @property
    def tail_b(self) -> int:
        """Bytes behind the last block of a slab, which nobody can use."""
        return self.units * UNIT_B - self.blocks * self.block_b


def slab_units(block_b: int) -> int:
    """Units of a slab of blocks of `block_b` bytes.

    A wide block is alone in its slab. Else the smallest number that holds `SLAB_BLOCKS_MIN` blocks and loses
    at most one part in `SLAB_TAIL_DIVISOR` behind the last; where none loses so little, the one that loses
    least.
    """
    if MID_MAX_B < block_b <= WIDE_MAX_B:
        return -(-block_b // UNIT_B)
    fitting = [units for units in range(1, SLAB_UNITS_MAX + 1) if units * UNIT_B >= SLAB_BLOCKS_MIN * block_b]
    if not fitting:
        raise ValueError(f"{SLAB_BLOCKS_MIN} blocks of {block_b} bytes exceed {SLAB_UNITS_MAX} units")
    for units in fitting:
        if (units * UNIT_B % block_b) * SLAB_TAIL_DIVISOR <= units * UNIT_B:
            return units
    return min(fitting, key=lambda units: (units * UNIT_B % block_b) / (units * UNIT_B))


def _block_sizes() -> list[int]:
    sizes = list(range(TINY_STEP_B, TINY_MAX_B + 1, TINY_STEP_B))
    power = TINY_MAX_B
    while power < MID_MAX_B:
        step = power // CLASSES_PER_DOUBLING
        sizes += [power + step * i for i in range(1, CLASSES_PER_DOUBLING + 1)]
        power *= 2
    return sizes + list(range(MID_MAX_B + UNIT_B, WIDE_MAX_B + 1, UNIT_B))


SIZE_CLASSES: Final[tuple[SizeClass, ...]] = (
    SizeClass(0, 0, 0),
    *(SizeClass(i, size, slab_units(size)) for i, size in enumerate(_block_sizes(), start=1)),
)
"""Every class in the order of its number."""

LONG_FIRST: Final = next(c.number for c in SIZE_CLASSES if c.block_b > UNIT_B // 2)
"""The first class of long blocks: longer than half a unit. In thread caches they count as free spans do."""

LONGER_PART: Final = 4
"""Where the own bin is empty, a long block serves that is longer by at most one part in so many."""

MID_STEP_SHIFT: Final = (TINY_MAX_B // CLASSES_PER_DOUBLING).bit_length() - 1
"""Logarithm of the bytes between the smallest mid classes; every mid class is a multiple of them."""

MID_CLASSES: Final[tuple[int, ...]] = tuple(
    next(c.number for c in SIZE_CLASSES if c.block_b >= last_b)
    for last_b in range(1 << MID_STEP_SHIFT, MID_MAX_B + 1, 1 << MID_STEP_SHIFT)
)
"""(size - 1) >> MID_STEP_SHIFT -> number of the class that serves the size, for mid sizes."""
