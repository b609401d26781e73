"""What the runner tells while it works, for whoever shows progress. Data alone."""

from dataclasses import dataclass

from hakmem.lab.measurement import Measurement


@dataclass(frozen=True, slots=True)
class Preparing:
    """A workload's input is being made."""

    workload: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A workload does not take part; reason: what is absent and how to get it."""

    workload: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins.

    round: 0 and less are the warm-up; rounds: how many count.
    runs_left, seconds_left: of all rounds, this run included, as far as it can be told from what was
        measured; seconds_left is 0 as long as nothing was.
    """

    workload: str
    allocator: str
    round: int
    rounds: int
    runs_left: int
    seconds_left: float


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run ended, well or not."""

    workload: str
    allocator: str
    round: int
    rounds: int
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class GaveUp:
    """A workload failed so often under an allocator that it is not run there again."""

    workload: str
    allocator: str
    reason: str


Event = Preparing | LeftOut | RunStarted | RunEnded | GaveUp
