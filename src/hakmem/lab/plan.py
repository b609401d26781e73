"""What there is to run: workloads, allocators, and how much of each. Data alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

SYSTEM: Final = "system"
"""The name of the C library's own malloc; it needs no library."""
FLOOR: Final = "floor"
"""The name of the allocator that does nothing: what a workload takes under it is the workload's own cost."""


class Kind(StrEnum):
    """What sort of program a workload is; decides which allocators and variants it meets."""

    NATIVE = "native"  # a C program of ours: has a floor
    PYTHON = "python"  # a script of ours: once with pymalloc and once with PYTHONMALLOC=malloc
    REAL = "real"  # a program of the distribution
    COMMAND = "command"  # the user's own


class Effort(StrEnum):
    """How long a suite may take; workloads scale with it."""

    QUICK = "quick"
    DEFAULT = "default"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that runs are compared by.

    name: "time", "throughput", "peak_rss", ...
    unit: "ns/operation", "s", "operations/s", "B", ...
    better: "lower" or "higher".
    """

    name: str
    unit: str
    better: str


TIME_PER_OPERATION: Final = Metric("time", "ns/operation", "lower")
WALL_TIME: Final = Metric("time", "s", "lower")
THROUGHPUT: Final = Metric("throughput", "operations/s", "higher")
PEAK_MEMORY: Final = Metric("peak_rss", "B", "lower")
MEAN_MEMORY: Final = Metric("mean_rss", "B", "lower")
"""Resident bytes of the process tree, the mean over the run's time."""
END_MEMORY: Final = Metric("end_rss", "B", "lower")
"""Resident bytes of the process tree shortly before it ends."""
PROCESSOR_TIME: Final = Metric("processor", "s", "lower")
"""User and system time, for programs whose running time somebody else decides."""


@dataclass(frozen=True, slots=True)
class Client:
    """A program that keeps a server busy. It runs beside the job, never under the allocator that is measured.

    argv: its command.
    ready: a path (a listening Unix socket) that appears when the server can be asked; it is removed before
        the server is started. None: the client finds out by itself.
    operations: how many requests the client makes; the run's time is the client's.
    """

    argv: tuple[str, ...]
    ready: Path | None
    operations: int


@dataclass(frozen=True, slots=True)
class Job:
    """What the meter starts, as one fresh process.

    argv: command, the program as an absolute path.
    environment: variables to set besides those that the allocator needs.
    directory: working directory; None: the current one.
    client: for servers: who asks. The job is ended (SIGTERM) when the client has finished.
    stdin: a file that the program reads; None: nothing (/dev/null).
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    client: Client | None = None
    stdin: Path | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that can be run under every allocator and does the same work each time.

    name: unique, lower case, "family/variant": "random_mixed/256", "python/json".
    title: what it does, in one line.
    origin: where it comes from: a paper, a program, "ours".
    stresses: which part of an allocator it exercises.
    params: what distinguishes it, as shown and stored: {"slots": 256, "min": 16, "max": 1024}.
    metric: what runs are compared by. TIME_PER_OPERATION and THROUGHPUT take operations and seconds from
        the program's own result line; WALL_TIME takes the result line's seconds if there is one and
        otherwise the seconds from exec to exit.
    needs: names of what must be there ("git", "redis-server", "python module pandas") -> how to get it,
        for those that are absent now; empty: it can run.
    prepare: makes the job in a scratch directory (input files, repositories), called once an effort and
        directory; must not depend on the allocator. The same job is run many times: a job that changes
        its directory must put it back itself or work on a copy that its own command makes.
    has_floor: whether the program runs correctly on an allocator that does nothing.
    checks: whether the result line's checksum is the same in every run of the same job.
    scaled: like prepare, but a job of about so many operations, for tools that slow a program down or
        take the slope between two lengths of run; None where the length cannot be chosen. A job whose
        warm-up grows with its length tells `warmup=N` in its result line, the operations before the timed
        part, so that what the whole process did can be divided by all of them.
    """

    name: str
    kind: Kind
    title: str
    origin: str
    stresses: str
    metric: Metric
    prepare: Callable[[Path, Effort], Job]
    params: Mapping[str, int | float | str] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    has_floor: bool = False
    checks: bool = True
    scaled: Callable[[Path, int], Job] | None = None


@dataclass(frozen=True, slots=True)
class Allocator:
    """An allocator that can be put under a program.

    name: "system", "hakmem", "hakmem-debug", "mimalloc", "floor", or the user's own.
    library: what to preload, an absolute path; None for the system's.
    version: what it says of itself or its package says; "" when unknown.
    build: how it was built, as far as that can be told ("Debian 2.0.9+ds-2", HAKMEM's build line).
    environment: variables that it needs (settings).
    """

    name: str
    library: Path | None
    version: str = ""
    build: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
