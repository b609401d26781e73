"""What a capture costs inside Python: python_cost.py DOOR prints ns at several depths; run by hand."""

import ctypes
import sys

DOOR = ctypes.PyDLL(sys.argv[1])
DOOR.door_cost.restype = ctypes.c_double
DOOR.door_cost.argtypes = [ctypes.c_size_t]


def at_depth(depth: int) -> float:
    """Nanoseconds a capture below `depth` Python functions."""
    return at_depth(depth - 1) if depth > 1 else float(DOOR.door_cost(200_000))


for kept in (16, 24):
    DOOR.door_open(ctypes.c_size_t(kept))
    for functions in (4, 8, 16, 32):
        print(
            f"at most {kept} frames of each kind, {functions} Python functions: {at_depth(functions):.0f} ns"
        )
