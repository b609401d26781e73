"""The debug flavour names each misuse as the model does, in one line on stderr, and ends the process."""

import signal
from collections.abc import Callable

import pytest

from hakmem.model.failures import MisuseError
from hakmem.model.heap import Heap
from hakmem.model.policy import Settings
from hakmem.spec.errors import ERROR_KINDS
from hakmem.spec.size_classes import UNIT_B

from .lockstep import LockStep
from .process import CoreDiedError, CoreProcess
from .test_lockstep import POLICIES

MESSAGES = {kind.id: kind.message for kind in ERROR_KINDS}

WRONG: dict[str, Callable[[Heap, int, int, int], int]] = {
    "freed": lambda _heap, _small, _large, freed: freed,
    "inside a small block": lambda _heap, small, _large, _freed: small + 16,
    "unaligned": lambda _heap, small, _large, _freed: small + 3,
    "inside the first unit of a large block": lambda _heap, _small, large, _freed: large + 16,
    "inside another unit of a large block": lambda _heap, _small, large, _freed: large + UNIT_B,
    "in free memory": lambda heap, _small, _large, _freed: (heap.arena.committed - 1) * UNIT_B,
    "in unit 0": lambda _heap, _small, _large, _freed: 32,
}


@pytest.mark.parametrize("place", WRONG)
@pytest.mark.parametrize("door", ["hak_free", "hak_usable_size", "hak_realloc"])
def test_the_debug_flavour_names_a_wrong_pointer(
    place: str, door: str, cores: dict[str, CoreProcess]
) -> None:
    process = cores["debug"]
    both = LockStep(process, Settings(), POLICIES["debug"])
    both.malloc(0, [64, 100_000, 64])
    small, large, freed = both.blocks
    both.free(0, [freed])
    address = WRONG[place](both.heap, small.address, large.address, freed.address)
    with pytest.raises(MisuseError) as model:
        both.heap.usable_size(address)
    pointer = small.pointer - small.address + address
    arguments = [pointer, 100] if door == "hak_realloc" else [pointer]
    with pytest.raises(CoreDiedError) as core:
        process.calls(0, [("misuse", door, *arguments)])
    assert core.value.exit_code == -signal.SIGABRT
    assert MESSAGES[model.value.kind] in core.value.text
    assert f"{pointer:x}" in core.value.text
    assert core.value.text.count("\n") == 1
