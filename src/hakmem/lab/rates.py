"""How often thread caches served a call: a run on the count flavour, for rates and never for time."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from hakmem.errors import HakmemError
from hakmem.lab.measurement import Status
from hakmem.lab.plan import Allocator, Effort, Kind, Workload
from hakmem.lab.result import ClassRate
from hakmem.lab.runner import Meter

COUNT: Final = "hakmem-count"
"""The name of the allocator that counts."""
KINDS: Final = (Kind.NATIVE, Kind.PYTHON)
"""Programs of ours, which end by themselves and so write their statistics; a server is ended by a signal."""

_STATS_FILE: Final = "HAKMEM_STATS_FILE"


def collect(
    workload: Workload,
    count: Allocator,
    *,
    meter: Meter,
    scratch: Path,
    effort: Effort,
    timeout_s: float,
) -> tuple[ClassRate, ...]:
    """The rates of the classes that one run of `workload` used, all its processes together, by size.

    count: the count flavour. scratch: an empty directory, without a % in its path. HakmemError when the run
    fails or leaves no statistics.
    """
    files = scratch / "statistics"
    files.mkdir()
    (scratch / "meter").mkdir()
    (scratch / "input").mkdir()
    counting = replace(count, environment={**count.environment, _STATS_FILE: str(files / "%p.json")})
    run = meter(
        workload.prepare(scratch / "input", effort),
        counting,
        kind=workload.kind,
        timeout_s=timeout_s,
        scratch=scratch / "meter",
    )
    if run.status is not Status.OK:
        raise HakmemError(f"{run.status} on {count.name}: {run.detail}")
    return summed(sorted(files.glob("*.json")))


def summed(files: Sequence[Path]) -> tuple[ClassRate, ...]:
    """The rates in statistics files (schema hakmem-stats/1), added up by size; HakmemError without any."""
    classes: dict[int, ClassRate] = {}
    try:
        for file in files:
            for entry in json.loads(file.read_text(encoding="utf-8"))["classes"]:
                size = int(entry["size"])
                old = classes.get(size, ClassRate(size, 0, 0))
                classes[size] = ClassRate(
                    size,
                    old.allocations + int(entry["allocations"]),
                    old.hits + int(entry["malloc_hits"]),
                )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HakmemError(f"its statistics cannot be read: {error}") from None
    if not classes:
        raise HakmemError("it left no statistics")
    return tuple(rate for _, rate in sorted(classes.items()) if rate.allocations)
