"""Workloads of one program of ours: a command with gaps, and what fills them; `native` is their table."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from hakmem.lab.plan import TIME_PER_OPERATION, Effort, Job, Kind, Metric, Workload
from hakmem.lab.programs import program

Amounts = tuple[float, float, float]
"""What stands for {amount} in a command: quick, default, full."""

LEAST_AMOUNT: Final = 4
"""No program refuses so few: as many as the most threads that share them."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One workload of a family.

    name: behind the family's.
    title: what it does, in one line.
    amounts: chosen so that a run takes about 0.1, 0.3 and 0.6 s on the system's malloc (docs/results names
        the machine), less where a peer is many times slower; where memory is what is looked at, as long as
        that takes.
    params: fill the family's command, and are shown and stored.
    """

    name: str
    title: str
    amounts: Amounts
    params: Mapping[str, int | float | str]


@dataclass(frozen=True, slots=True)
class Family:
    """Workloads of one program.

    command: the program and its arguments, with {amount} and names of params in braces.
    operations: how many of them one of {amount} makes; None where the length cannot be chosen by them.
    checks: false where time decides how much is done.
    """

    name: str
    command: str
    origin: str
    stresses: str
    variants: tuple[Variant, ...]
    operations: float | None = 1
    metric: Metric = TIME_PER_OPERATION
    checks: bool = True

    def workloads(self) -> tuple[Workload, ...]:
        """A workload for each variant."""
        return tuple(self._workload(variant) for variant in self.variants)

    def _workload(self, variant: Variant) -> Workload:
        return Workload(
            name=f"{self.name}/{variant.name}",
            kind=Kind.NATIVE,
            title=variant.title,
            origin=self.origin,
            stresses=self.stresses,
            metric=self.metric,
            prepare=partial(self._prepare, variant),
            params=variant.params,
            has_floor=True,
            checks=self.checks,
            scaled=None if self.operations is None else partial(self._scaled, variant, self.operations),
        )

    def _prepare(self, variant: Variant, _scratch: Path, effort: Effort) -> Job:
        return self._job(variant, variant.amounts[list(Effort).index(effort)])

    def _scaled(self, variant: Variant, each: float, _scratch: Path, operations: int) -> Job:
        return self._job(variant, max(LEAST_AMOUNT, round(operations / each)))

    def _job(self, variant: Variant, amount: float) -> Job:
        name, *arguments = self.command.format(amount=amount, **variant.params).split()
        return Job(argv=(str(program(name)), *arguments))
