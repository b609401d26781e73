"""Whether two suites were measured on one machine. Pure functions."""

from typing import Final

from hakmem.lab.plan import Kind
from hakmem.lab.result import Host, Suite

MEMORY_TOLERANCE: Final = 0.02
"""Share by which the memory of one machine may seem to differ: kernels keep more or less for themselves."""

_MACHINE: Final = (
    "machine",
    "cpu",
    "cores",
    "virtualised",
    "kernel",
    "libc",
    "governor",
    "thp",
    "overcommit",
)
"""The fields of Host by which a machine is known; "" says nothing."""


def differences(before: Suite, after: Suite) -> list[str]:
    """What the two machines differ in, such as "cores: 2 and then 4"; empty when they are the same."""
    first, then = before.host, after.host
    found = [_difference(name, first, then) for name in _MACHINE if _differs(name, first, then)]
    if abs(first.memory_b - then.memory_b) > MEMORY_TOLERANCE * max(first.memory_b, then.memory_b):
        found.append(f"memory: {first.memory_b / 2**30:.1f} GiB and then {then.memory_b / 2**30:.1f} GiB")
    if any(cell.kind == Kind.PYTHON for cell in after.cells) and _differs("python", first, then):
        found.append(_difference("python", first, then))
    return found


def _differs(name: str, before: Host, after: Host) -> bool:
    first, then = getattr(before, name), getattr(after, name)
    return bool(first and then and first != then)


def _difference(name: str, before: Host, after: Host) -> str:
    return f"{name}: {getattr(before, name)} and then {getattr(after, name)}"
