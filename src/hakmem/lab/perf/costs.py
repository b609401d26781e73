"""What an instruction, a miss, a fault, a system call and a context switch cost on this machine.

`workloads/unit_costs.c` measures each alone, in a quarter of a second. A program overlaps them, so they are
upper bounds: `bill` scales them down to what a workload really took.
"""

import re
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from hakmem.errors import HakmemError

_LINE: Final = re.compile(r"^lab: costs (.+)$", re.MULTILINE)
_TIMEOUT_S: Final = 60


class CalibrationError(HakmemError):
    """The unit costs could not be measured."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Nanoseconds of one of each.

    instruction: at two instructions a cycle.
    l1_miss: found in the second cache, the least that it costs; last_level_hit: found in the last one, the
        most that it costs short of memory; last_level_miss: what memory takes beyond l1_miss.
    branch_miss: a branch guessed wrong.
    fault: a page touched for the first time, cleared by the kernel, and given back.
    system_call: one that does nothing.
    switch: from one process to another on the same processor.
    """

    instruction: float
    l1_miss: float
    last_level_hit: float
    last_level_miss: float
    branch_miss: float
    fault: float
    system_call: float
    switch: float


def measure(program: Path, last_level_b: int) -> Costs:
    """Runs `unit_costs`. last_level_b: bytes of the last cache, 0 when not known.

    Errors: CalibrationError.
    """
    try:
        done = subprocess.run(
            [str(program), str(last_level_b)], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CalibrationError(f"cannot measure unit costs: {error}") from None
    if done.returncode != 0:
        raise CalibrationError(
            f"cannot measure unit costs: {done.stderr.strip() or f'exit code {done.returncode}'}"
        )
    return parse(done.stdout)


def parse(output: str) -> Costs:
    """The costs in what `unit_costs` prints. Errors: CalibrationError."""
    line = _LINE.search(output)
    values = dict(pair.split("=", 1) for pair in line[1].split()) if line else {}
    try:
        return Costs(**{field.name: float(values[field.name]) for field in fields(Costs)})
    except (KeyError, ValueError) as error:
        raise CalibrationError(f"unit_costs printed no usable {error}: {output.strip()!r}") from None
