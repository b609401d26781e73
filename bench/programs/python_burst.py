"""A burst: some 400 MiB of Python objects built and dropped, then 1.2 s of light work.

Prints one line of JSON: seconds of the burst, peak and final resident memory in MiB.
"""

import json
import time
from pathlib import Path


def status_mib(field: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


def build(count: int) -> list[object]:
    return [
        {"id": i, "name": f"user{i}", "points": [i, i + 1]} if i % 3 == 0 else (f"item{i}", i)
        for i in range(count)
    ]


def main() -> None:
    begin = time.perf_counter()
    objects = build(1_700_000)
    del objects
    burst_s = time.perf_counter() - begin
    end = time.perf_counter() + 1.2
    while time.perf_counter() < end:
        [str(i) for i in range(100)]
        time.sleep(0.001)
    print(json.dumps({"burst_s": burst_s, "peak_mib": status_mib("VmHWM"), "after_mib": status_mib("VmRSS")}))


if __name__ == "__main__":
    main()
