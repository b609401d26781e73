"""Starts a program as it is or under a tool, through the meter, so that it ends whatever happens."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hakmem.errors import HakmemError
from hakmem.lab.allocators import variables
from hakmem.lab.measurement import Measurement, Status
from hakmem.lab.plan import SYSTEM, Allocator, Job, Kind
from hakmem.lab.runner import Meter


class RunFailedError(HakmemError):
    """A run gave no figures; the text says under which allocator, and why."""


@dataclass(frozen=True, slots=True)
class Starter:
    """What all runs of a profile share.

    timeout_s: seconds after which a run is ended.
    scratch: a directory for files of runs; they are written over by later runs.
    """

    meter: Meter
    kind: Kind
    timeout_s: float
    scratch: Path

    def plain(self, job: Job, allocator: Allocator) -> Measurement:
        """A run as it is. Errors: RunFailedError."""
        return self._checked(self._measure(job, allocator), allocator, "")

    def under(
        self, tool: tuple[str, ...], job: Job, allocator: Allocator, environment: Mapping[str, str]
    ) -> Measurement:
        """A run behind the words of `tool`, which itself runs on the system's allocator.

        environment: variables for tool and program. Where the allocator is for the program alone, the tool's
        words have to set its `variables`. Errors: RunFailedError.
        """
        wrapped = replace(job, argv=(*tool, *job.argv), environment={**job.environment, **environment})
        measured = self._measure(wrapped, Allocator(SYSTEM, None))
        return self._checked(measured, allocator, f" under {Path(tool[0]).name}")

    def variables(self, allocator: Allocator) -> dict[str, str]:
        """The variables that put a program on `allocator`."""
        return variables(allocator, self.scratch)

    def _measure(self, job: Job, allocator: Allocator) -> Measurement:
        return self.meter(job, allocator, kind=self.kind, timeout_s=self.timeout_s, scratch=self.scratch)

    @staticmethod
    def _checked(measured: Measurement, allocator: Allocator, tool: str) -> Measurement:
        if measured.status is not Status.OK:
            reason = f": {measured.detail}" if measured.detail else ""
            raise RunFailedError(f"{allocator.name}: the run{tool} {_ENDED[measured.status]}{reason}")
        return measured


_ENDED = {
    Status.FAILED: "failed",
    Status.CRASHED: "crashed",
    Status.TIMEOUT: "took longer than --timeout allows",
    Status.WRONG: "gave a wrong result",
    Status.ABSENT: "could not start",
    Status.NOT_LOADED: "did not load the library",
}


def operations(measured: Measurement) -> int | None:
    """How many operations the whole process did, its warm-up included; None where it did not tell."""
    if measured.operations is None:
        return None
    return measured.operations + round(measured.figures.get("warmup", 0))
