"""A burst: 1,700,000 objects, some 400 MiB, are built and dropped; then 1.2 s of light work.

An operation is one object of the burst with its parts. The timed part is the burst alone; the figure
`resident_after_burst` is what is still resident, in bytes, when the light work has gone on for 1.2 s.
"""

import time
from pathlib import Path

from lab_protocol import Run, estimate, operations

_QUIET_S = 1.2
_SAMPLED = 1000


def build(count: int) -> list[object]:
    """A list of dicts and tuples with their own strings and numbers."""
    return [
        {"id": i, "name": f"user{i}", "points": [i, i + 1]} if i % 3 == 0 else (f"item{i}", i)
        for i in range(count)
    ]


def resident_b() -> int:
    """Bytes of this process that are resident now (proc_pid_status(5))."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise LookupError("VmRSS")


def main() -> None:
    """Builds as many objects as the command line says, and waits."""
    count = operations()
    run = Run()
    with run.timed():
        objects = build(count)
    run.point(estimate(objects, _SAMPLED))
    run.check(objects[::_SAMPLED], len(objects))
    with run.timed():
        del objects
    run.point(0)
    light = 0
    end = time.monotonic() + _QUIET_S
    while time.monotonic() < end:
        light += len([str(i) for i in range(100)])
        time.sleep(0.001)
    run.point(0)
    run.check(light % 100)
    run.result(count, resident_after_burst=resident_b())


if __name__ == "__main__":
    main()
