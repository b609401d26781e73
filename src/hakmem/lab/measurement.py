"""What one run gave. Data alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """How a run ended."""

    OK = "ok"
    FAILED = "failed"  # exit code other than 0
    CRASHED = "crashed"  # ended by a signal
    TIMEOUT = "timeout"  # had to be ended
    WRONG = "wrong result"  # ran, and its checksum or output differs from the others'
    ABSENT = "absent"  # allocator or program is not there
    NOT_LOADED = "not loaded"  # the library was not in the process


@dataclass(frozen=True, slots=True)
class Point:
    """Memory at a moment.

    seconds: since the process was started.
    resident_b: resident bytes of the process and its descendants together.
    live_b: bytes that the workload holds, where it told; else None.
    """

    seconds: float
    resident_b: int
    live_b: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What the kernel charged to the process and to the descendants that it waited for.

    user_s, system_s: seconds of processor time.
    peak_rss_b: bytes; the largest resident set of any one process, its own and not its launcher's.
    minor_faults, major_faults: page faults.
    voluntary_switches, involuntary_switches: context switches.
    """

    user_s: float
    system_s: float
    peak_rss_b: int
    minor_faults: int
    major_faults: int
    voluntary_switches: int
    involuntary_switches: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """One fresh process that ran one workload under one allocator.

    status: how it ended; anything but OK has no value as a sample.
    detail: a line about a status that is not OK, with the program's last words.
    wall_s: seconds on CLOCK_MONOTONIC from exec to exit (of a server: of its client).
    usage: None where it could not be had.
    seconds, operations, checksum: from the program's result line; None, None and "" without one.
    figures: other name=value pairs of the result line.
    memory: resident set over time, as sampled.
    stdout_digest: BLAKE2 of what the program wrote to stdout, less the lines of our own protocol.
    exit_code: of the program; negative: minus the signal.
    """

    status: Status
    detail: str
    wall_s: float
    usage: Usage | None
    seconds: float | None = None
    operations: int | None = None
    checksum: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    memory: tuple[Point, ...] = ()
    stdout_digest: str = ""
    exit_code: int = 0
