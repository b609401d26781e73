#!/usr/bin/env python3
"""Stands for perf(1) on a machine with counters: runs the command and prints counts as `perf stat -x,` does.

The counts are made up from the number of operations that random_mixed is asked for, so that what is
made of them can be checked.
"""

import subprocess
import sys

START = 50_000
EACH = {
    "instructions": 60,
    "cycles": 20,
    "branches": 8,
    "branch-misses": 0.5,
    "L1-dcache-loads": 11,
    "L1-dcache-load-misses": 0.25,
    "cache-misses": 0.125,
    "dTLB-load-misses": 0.0625,
}


def main() -> int:
    words = sys.argv[1:]
    events = words[words.index("-e") + 1].split(",")
    command = words[words.index("--") + 1 :]
    code = subprocess.run(command, check=False).returncode
    program = next((at for at, word in enumerate(command) if word.endswith("random_mixed")), None)
    operations = 1.1 * int(command[program + 1]) if program is not None else 0
    out = open(words[words.index("-o") + 1], "w") if "-o" in words else sys.stderr  # noqa: PTH123, SIM115
    print("# started on Sat Nov 21 05:00:00 2026\n", file=out)
    for event in events:
        each = EACH.get(event.removesuffix(":u"))
        if each is None:
            print(f"<not supported>,,{event},0,100.00,,", file=out)
        else:
            print(f"{round(START + each * operations)},,{event},1435072,100.00,0.46,insn per cycle", file=out)
            print(",,,,,0.02,stalled cycles per insn", file=out)
    out.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
