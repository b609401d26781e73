"""A span cut into equal blocks, with no owner: anybody gives blocks back. Mirrors core/slab.c.

A chain is a list of addresses, head first. Blocks are carved lazily, in pieces of rising address.
Invariant: blocks in use + in thread caches + in batches + in the slab's list == carved.
"""

from dataclasses import dataclass, field

from hakmem.model.failures import require
from hakmem.model.policy import Policy
from hakmem.spec.size_classes import SIZE_CLASSES, UNIT_B, SizeClass

Chain = list[int]
"""Blocks that move as one, by address, head first."""


@dataclass(slots=True, eq=False)
class Slab:
    """One slab.

    unit: its first unit.
    number: its class.
    carved: blocks that were ever handed out; the rest was never touched.
    free: its list of free blocks.
    """

    unit: int
    number: int
    carved: int = 0
    free: Chain = field(default_factory=list)

    @property
    def size_class(self) -> SizeClass:
        """The shape of its blocks."""
        return SIZE_CLASSES[self.number]

    @property
    def touched_units(self) -> int:
        """Units, from its first on, that may have been written to."""
        return -(-self.carved * self.size_class.block_b // UNIT_B)

    @property
    def is_idle(self) -> bool:
        """Whether every carved block is back."""
        return len(self.free) == self.carved

    def address(self, index: int) -> int:
        """Where block `index` is."""
        return self.unit * UNIT_B + index * self.size_class.block_b

    def is_block(self, address: int) -> bool:
        """Whether `address` is the start of a block that was carved."""
        index, rest = divmod(address - self.unit * UNIT_B, self.size_class.block_b)
        return rest == 0 and 0 <= index < self.carved

    def carve(self, most: int, policy: Policy, *, grown: bool = False) -> Chain:
        """Cuts up to `most` new blocks, and one or at most `carve_b` bytes; none if the slab is used up.

        grown: the class has `grown_slabs` slabs, and up to `carve_most_b` bytes are cut.
        """
        step = max((policy.carve_most_b if grown else policy.carve_b) // self.size_class.block_b, 1)
        first = self.carved
        self.carved = min(first + min(most, step), self.size_class.blocks)
        blocks = [self.address(index) for index in range(first, self.carved)]
        turn = self.turn(len(blocks), policy)
        return blocks[turn:] + blocks[:turn]

    def turn(self, count: int, policy: Policy) -> int:
        """Which of `count` blocks of a piece is handed out first, so that the classes' warmest lie apart."""
        return self.number * policy.turn_b % policy.carve_b // self.size_class.block_b % max(count, 1)

    def push(self, chain: Chain) -> bool:
        """Takes a chain back. True if somebody must look: the list was empty, or every block is back."""
        was_empty = not self.free
        self.free = chain + self.free
        require(len(self.free) <= self.carved, f"slab at unit {self.unit}: more blocks free than carved")
        return was_empty or self.is_idle

    def take(self, most: int) -> Chain:
        """Up to `most` blocks from the head of the list."""
        chain, self.free = self.free[:most], self.free[most:]
        return chain

    def check(self) -> None:
        """Raises InvariantError unless the list holds carved blocks of this slab, each once."""
        require(self.carved <= self.size_class.blocks, f"slab at unit {self.unit}: carved too many")
        require(len(set(self.free)) == len(self.free), f"slab at unit {self.unit}: a block is listed twice")
        require(all(map(self.is_block, self.free)), f"slab at unit {self.unit}: a listed address is no block")
