"""The address range: how it grows, which units were written to, and what each unit belongs to.

Mirrors core/arena.c where the range is reserved step by step and nothing foreign lies in its way.
"""

from typing import Final

from hakmem.model.policy import World
from hakmem.model.size_class import round_up
from hakmem.spec.size_classes import SUPERSLAB_SHIFT, UNIT_B, UNIT_SHIFT

SUPERSLAB_UNITS: Final = 1 << (SUPERSLAB_SHIFT - UNIT_SHIFT)
"""Units of a superslab."""


class Arena:
    """Units 0, 1, 2 ...: committed, then reserved, then out of reach. Unit 0 is never given out.

    committed, reserved, most: units from the base.
    dirty: one byte a unit, 1 if its pages may be resident and not zero.
    """

    def __init__(self, world: World) -> None:
        self.policy = world.policy
        granule = self.policy.range_b
        self.most = world.settings.arena_max // granule * granule // UNIT_B
        self.reserved = SUPERSLAB_UNITS
        self.committed = 1
        self.dirty = bytearray(1)

    def grow(self, units: int) -> tuple[int, int] | None:
        """Commits at least `units` more units in one run: its first unit and length. None: no room."""
        if self.committed + units > self.reserved and not self._reserve(units):
            return None
        first = self.committed
        ahead = min(first // 8, self.policy.commit_ahead_b // UNIT_B)
        end = min(round_up(first + max(units, ahead), SUPERSLAB_UNITS), self.reserved)
        self.committed = end
        self.dirty.extend(bytes(end - first))
        return first, end - first

    def _reserve(self, units: int) -> bool:
        least = round_up(self.committed + units - self.reserved, SUPERSLAB_UNITS)
        if self.reserved + least > self.most:
            return False
        ahead = 0 if self.policy.is_limited else max(self.policy.reserve_step_b // UNIT_B, self.reserved // 2)
        step = max(least, ahead)
        self.reserved += min(step, self.most - self.reserved)
        return True

    def shrink(self, unit: int) -> None:
        """Gives the address space back from the superslab on that begins at `unit` or behind it."""
        first = round_up(unit, SUPERSLAB_UNITS)
        if first < self.committed:
            self.committed = self.reserved = first
            del self.dirty[first:]

    def dirty_units(self, unit: int, units: int) -> int:
        """How many units of a run are dirty."""
        return self.dirty.count(1, unit, unit + units)

    def set_dirty(self, unit: int, units: int) -> None:
        """Marks a run as written to."""
        self.dirty[unit : unit + units] = b"\1" * units

    def dirty_runs(self, unit: int, units: int) -> list[tuple[int, int]]:
        """The runs of dirty units in a run, as (first unit, length), in order."""
        runs = []
        end = unit + units
        while (first := self.dirty.find(1, unit, end)) >= 0:
            clean = self.dirty.find(0, first, end)
            unit = clean if clean >= 0 else end
            runs.append((first, unit - first))
        return runs

    def purge(self, unit: int, units: int) -> None:
        """Gives the pages of a run back; it reads as zero from now on."""
        self.dirty[unit : unit + units] = bytes(units)


def superslabs_within(unit: int, units: int) -> int:
    """Whole superslabs in a run of units."""
    return max((unit + units) // SUPERSLAB_UNITS - -(-unit // SUPERSLAB_UNITS), 0)
