"""Runs a heap of the model and one of the core side by side and compares them.

The model names addresses by their distance from the arena's base. The core chooses the base; from the first
block on it is known, and every later block of the arena must lie where the model says. Blocks outside the
arena lie where the system likes; of them alignment and size are compared.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from hakmem.model.failures import RefusalError
from hakmem.model.figures import byte_figures, class_figures
from hakmem.model.heap import Heap
from hakmem.model.large import OUTSIDE
from hakmem.model.policy import Clock, Policy, Settings, World
from hakmem.model.size_class import MALLOC_ALIGN_B
from hakmem.spec.size_classes import SUPERSLAB_SHIFT, UNIT_B

from .process import CoreProcess

START_MS = 1_000_000

COUNTERS = (
    "superslabs_made",
    "superslabs_reused",
    "superslabs_returned",
    "purges",
    "purged_bytes",
    "large_allocs",
    "large_frees",
    "large_reuses",
    "direct_allocs",
    "threads_started",
    "threads_ended",
    "system_remap",
)
"""Compared exactly. The other system calls depend on the address space that the system has free."""


SHARDS_MOST = 64
"""HAK_SHARDS; core/shard.h."""

AMPLE_B = 1 << 46
"""Bytes of address space, limited, but more than a test needs."""

UNIT_TABLES_B = 64 + 2
"""Bytes of a unit's descriptor and page map entry; core/arena.h."""

TABLE_STEP_UNITS = (64 << 20) // UNIT_B
"""Units, at least those of one step, by which the tables may be ahead of the heap."""


class MismatchError(AssertionError):
    """Core and model differ."""


def expect(name: str, core: object, model: object) -> None:
    """Raises MismatchError unless both say the same."""
    if core != model:
        raise MismatchError(f"{name}: the core says {core!r}, the model {model!r}")


@dataclass(frozen=True, slots=True)
class Block:
    """A live block: where it is for the model, where in the core's process, and its bytes."""

    address: int
    pointer: int
    usable_b: int


class LockStep:
    """One heap, twice.

    blocks: live blocks in the order in which they were given.
    freed: addresses, in the model, of some blocks that were freed.
    """

    def __init__(self, process: CoreProcess, settings: Settings, policy: Policy) -> None:
        # The worker runs on one processor, which stands for its shard and those before it.
        policy = replace(policy, shards=min(os.sched_getaffinity(0)) % SHARDS_MOST + 1)
        self.world = World(policy, settings, Clock(START_MS))
        self.heap = Heap(self.world)
        self.process = process
        self.blocks: list[Block] = []
        self.freed: list[int] = []
        self._base: int | None = None
        self._peak_units = 0
        process.open(settings.environment(), AMPLE_B if policy.is_limited else None)
        process.set_clock(START_MS)

    # Calls.

    def malloc(self, thread: int, sizes_b: Sequence[int]) -> None:
        """Allocates a block of each size."""
        self._give(
            thread,
            [("malloc", [size_b], partial(self.heap.malloc, thread, size_b)) for size_b in sizes_b],
        )

    def calloc(self, thread: int, count: int, size_b: int) -> None:
        """Allocates a zeroed block."""
        self._give(thread, [("calloc", [count, size_b], partial(self.heap.calloc, thread, count, size_b))])

    def aligned_alloc(self, thread: int, alignment_b: int, sizes_b: Sequence[int]) -> None:
        """Allocates aligned blocks."""
        calls = [
            (
                "aligned_alloc",
                [alignment_b, size_b],
                partial(self.heap.aligned_alloc, thread, alignment_b, size_b),
            )
            for size_b in sizes_b
        ]
        first = len(self.blocks)
        self._give(thread, calls)
        for block in self.blocks[first:]:
            expect(
                f"{block} on a multiple of {alignment_b}", block.pointer % max(alignment_b, MALLOC_ALIGN_B), 0
            )

    def free(self, thread: int, blocks: Sequence[Block]) -> None:
        """Frees live blocks."""
        for block in blocks:
            self.heap.free(thread, block.address)
        answers = self.process.calls(thread, [("free", block.pointer) for block in blocks])
        for block, answer in zip(blocks, answers, strict=True):
            expect(f"free({block})", answer, {"kept": True, "errno_kept": True})
        gone = set(blocks)
        self.blocks = [block for block in self.blocks if block not in gone]
        self.freed = [*self.freed, *(block.address for block in blocks)][-64:]

    def realloc(self, thread: int, block: Block | None, count: int, size_b: int) -> None:
        """Resizes a block, by reallocarray when `count` is not 1."""
        old = block.address if block else None
        pointer = block.pointer if block else 0
        name, arguments = ("realloc", [size_b]) if count == 1 else ("reallocarray", [count, size_b])
        refusal, address = 0, None
        try:
            address = self.heap.reallocarray(thread, old, count, size_b)
        except RefusalError as error:
            refusal = error.errno
        answer = self.process.calls(thread, [(name, pointer, *arguments)])[0]
        said = f"{name}({block}, {', '.join(map(str, arguments))})"
        if address is None:
            expect(f"{said} gives a block", bool(answer["block"]), False)
            expect(f"errno of {said}", answer["errno"], refusal)
        if block is not None and not refusal:
            self.blocks.remove(block)
            if address != old:
                self.freed.append(block.address)
        if address is not None:
            expect(f"{said} stays in place", answer["block"] == pointer, address == old)
            expect(f"{said} keeps the contents", answer.get("kept", True), True)
            self._take(said, address, answer)

    def trim(self, thread: int, pad_b: int) -> None:
        """Gives memory back."""
        gave = self.heap.trim(thread, pad_b)
        expect(f"trim({pad_b}) gave something", self.process.calls(thread, [("trim", pad_b)])[0], gave)

    def wait(self, ms: int) -> None:
        """Time passes."""
        self.world.clock.now_ms += ms
        self.process.set_clock(self.world.clock.now_ms)

    def end(self, thread: int) -> None:
        """The thread exits."""
        self.heap.end_thread(thread)
        self.process.end(thread)

    # Comparisons.

    def compare_ownership(self, thread: int, addresses: Sequence[int]) -> None:
        """hak_owns says what the model says of addresses in the arena, live or not."""
        if self._base is None:
            return
        calls = [("owns", self._base + address) for address in addresses]
        for address, answer in zip(addresses, self.process.calls(thread, calls), strict=True):
            expect(f"owns({address:#x})", answer, self.heap.owns(address))

    def compare_live(self, thread: int) -> None:
        """hak_owns knows every live block, those outside the arena too, and nothing just inside them."""
        calls = [("owns", block.pointer + inside) for block in self.blocks for inside in (0, 1, 8, 16)]
        answers = self.process.calls(thread, calls)
        for number, block in enumerate(self.blocks):
            # 16 bytes on there may be another block, whose start that is.
            next_is_live = self.heap.owns(block.address + 16)
            expect(f"owns({block})", answers[4 * number : 4 * number + 4], [True, False, False, next_is_live])

    def compare(self) -> None:
        """Every figure of the statistics, and that no blocks overlap."""
        stats = self.process.calls(0, [("stats",)])[0]
        for name, value in asdict(byte_figures(self.heap)).items():
            expect(f"bytes: {name}", stats["bytes"][name], value)
        # Tables are mapped ahead of the heap, by steps that depend on the system's pages: a bound.
        units = self.heap.arena.committed
        self._peak_units = max(self._peak_units, units)
        expect("metadata covers the heap", stats["bytes"]["metadata"] >= units * UNIT_TABLES_B, True)
        most = (self._peak_units * 5 // 4 + TABLE_STEP_UNITS) * UNIT_TABLES_B
        expect("metadata is not far ahead of the heap", stats["bytes"]["metadata"] <= most, True)
        for name in COUNTERS:
            expect(f"counters: {name}", stats["counters"][name], self.world.counters[name])
        classes = class_figures(self.heap)
        expect(
            "classes in use", [entry["size"] for entry in stats["classes"]], [entry.size for entry in classes]
        )
        for entry, core in zip(classes, stats["classes"], strict=True):
            model = {
                "size": entry.size,
                "live_blocks": entry.live_blocks,
                "cached_blocks": entry.cached_blocks,
                "free_blocks": entry.free_blocks,
                "slabs": entry.slabs,
                **entry.counters,
                **(entry.calls if stats["flavour"] == "count" else {}),
            }
            expect(f"class of {entry.size} bytes", core, model)
        end = 0
        for block in sorted(self.blocks, key=lambda block: block.pointer):
            expect(f"{block} overlaps the one before", block.pointer < end, False)
            end = block.pointer + block.usable_b
        expect("words on stderr", self.process.said(), "")

    # How blocks are compared.

    def _give(self, thread: int, calls: Sequence[tuple[str, list[int], Callable[[], int]]]) -> None:
        results = [self._model_result(call) for _, _, call in calls]
        answers = self.process.calls(thread, [(name, *arguments) for name, arguments, _ in calls])
        for (name, arguments, _), (address, refusal), answer in zip(calls, results, answers, strict=True):
            said = f"{name}({', '.join(map(str, arguments))})"
            if address is None:
                expect(f"{said} gives a block", bool(answer["block"]), False)
                expect(f"errno of {said}", answer["errno"], refusal)
            else:
                self._take(said, address, answer)

    @staticmethod
    def _model_result(call: Callable[[], int]) -> tuple[int | None, int]:
        try:
            return call(), 0
        except RefusalError as error:
            return None, error.errno

    def _take(self, said: str, address: int, answer: dict[str, Any]) -> None:
        pointer = answer["block"]
        expect(f"{said} gives a block", bool(pointer), True)
        if self._base is None and address < OUTSIDE:
            self._base = pointer - address
            expect("the base's place in a superslab", self._base % (1 << SUPERSLAB_SHIFT), 0)
        if self._base is not None and address < OUTSIDE:
            expect(f"{said}: address", hex(pointer - self._base), hex(address))
        expect(f"{said}: alignment", pointer % MALLOC_ALIGN_B, 0)
        expect(f"{said}: zero", answer.get("zero", True), True)
        expect(f"{said}: usable size", answer["usable"], self.heap.usable_size(address))
        self.blocks.append(Block(address, pointer, answer["usable"]))
