"""Errors with the stacks that explain them. The same error at the same place is one finding with a count."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hakmem.check.records import Damage, Octets
from hakmem.check.stacks import Frame, useful

_DEPTH: Final = 4
"""Useful frames that two errors must share to be the same one: further out, the same bug has many callers."""

LATE: Final = ("sweep", "exit")
"""What finds an error by looking at all blocks: where it was found says nothing about it."""


@dataclass(frozen=True, slots=True)
class Done:
    """Where something was done, and by which thread (0: unknown)."""

    stack: tuple[Frame, ...]
    tid: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """A block, as records.Block, with its stacks."""

    address: int
    size: int
    usable: int
    size_class: int
    state: str
    kind: str
    allocated: Done | None
    freed: Done | None


@dataclass(frozen=True, slots=True)
class Called:
    """A call of the allocator before the error."""

    call: str
    address: int
    size: int
    stack: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """The first error of its kind and place; fields as in records.Error.

    program: the process's program, "" when unknown. note: what a reader must know of its stacks, or "".
    """

    number: int
    kind: str
    sentence: str
    call: str
    when: str
    pid: int
    program: str
    tid: int
    thread: str
    address: int
    block: Held | None
    neighbour: Held | None
    detected: Done | None
    damage: Damage | None
    memory: Octets | None
    events: tuple[Called, ...]
    note: str = ""

    @property
    def key(self) -> tuple[object, ...]:
        """What the same error at the same place has in common."""
        block = self.block
        return (
            self.kind,
            self.call,
            None if self.when in LATE else _places(self.detected),
            _places(block.allocated if block else None),
            _places(block.freed if block else None),
        )

    @property
    def stacks(self) -> dict[str, tuple[Frame, ...]]:
        """The stacks by what was done there; those that were not kept are missing."""
        block = self.block
        done = {
            "detected": self.detected,
            "allocated": block.allocated if block else None,
            "freed": block.freed if block else None,
        }
        return {name: each.stack for name, each in done.items() if each is not None and each.stack}


def _places(done: Done | None) -> tuple[object, ...]:
    return place_of(done.stack) if done else ()


def place_of(stack: Sequence[Frame]) -> tuple[object, ...]:
    """What stacks of one place have in common."""
    return tuple(frame.place for frame in useful(stack)[:_DEPTH])
