"""What was not freed, grouped by the place that allocated it: lost blocks first, each by bytes."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from hakmem.check.stacks import Frame


class Kind(StrEnum):
    """Whether anything still points to the blocks."""

    LOST = "lost"
    REACHABLE = "reachable"


@dataclass(frozen=True, slots=True)
class Leak:
    """Blocks that one place allocated in processes of one program, and nobody freed.

    program: its file. bytes, blocks: over all such processes. stack: innermost first; empty when not kept.
    """

    kind: Kind
    program: str
    bytes: int
    blocks: int
    stack: tuple[Frame, ...]


def grouped(leaks: Iterable[Leak]) -> tuple[Leak, ...]:
    """Leaks of the same stack as one, lost ones first, then by bytes."""
    groups: dict[tuple[object, ...], Leak] = {}
    for leak in leaks:
        key = (leak.kind, leak.program, tuple(frame.place for frame in leak.stack))
        same = groups.get(key)
        groups[key] = (
            Leak(leak.kind, leak.program, same.bytes + leak.bytes, same.blocks + leak.blocks, same.stack)
            if same
            else leak
        )
    return tuple(
        sorted(groups.values(), key=lambda each: (each.kind is not Kind.LOST, -each.bytes, -each.blocks))
    )
