"""The process of the core under test: opens a library beside the system's malloc and does what it is told.

Started as a script with `clock.c` preloaded. It reads one JSON object a line and answers with one.

    {"open": library, "environment": {...}, "limit": bytes or null}
                                              forks: the child opens the library and answers what follows;
                                              its address space is limited as told
    {"thread": n, "calls": [[name, ...], ...]}   the child's thread n makes the calls
    {"end": n}                                thread n exits, all of it
    {"clock": milliseconds}                   sets the clock that the core sees
    {"close": 0}                              the child ends

Each open so starts with an untouched heap. If the child dies, the next answer is {"died": wait status}.
Every block is filled with a pattern of its own, which is compared when the block is freed or resized.
"""

import ctypes
import errno
import json
import os
import queue
import random
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILL_MOST_B = 1 << 20  # longer blocks are filled at both ends alone
FILL_ENDS_B = 1 << 12
NOISE = random.Random(1).randbytes(2 * FILL_MOST_B)

DOORS: dict[str, tuple[Any, list[Any]]] = {
    "hak_malloc": (ctypes.c_void_p, [ctypes.c_size_t]),
    "hak_free": (None, [ctypes.c_void_p]),
    "hak_calloc": (ctypes.c_void_p, [ctypes.c_size_t, ctypes.c_size_t]),
    "hak_realloc": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t]),
    "hak_reallocarray": (ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]),
    "hak_aligned_alloc": (ctypes.c_void_p, [ctypes.c_size_t, ctypes.c_size_t]),
    "hak_owns": (ctypes.c_int, [ctypes.c_void_p]),
    "hak_usable_size": (ctypes.c_size_t, [ctypes.c_void_p]),
    "hak_trim": (ctypes.c_int, [ctypes.c_size_t]),
    "hak_stats_json": (ctypes.c_size_t, [ctypes.c_char_p, ctypes.c_size_t]),
}


def receive() -> Any:
    """The next line. Nothing is read ahead, since parent and child share the pipe."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1 << 16)
        if not part:
            os._exit(0)
        line += part
    return json.loads(line)


def send(answer: Any) -> None:
    data = json.dumps(answer).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def pattern(seed: int, size: int) -> bytes:
    """`size` bytes that differ from those of other seeds and from themselves at another place."""
    start = seed * 4099 % FILL_MOST_B
    return NOISE[start : start + size]


class Patterns:
    """What was written into each live block."""

    def __init__(self) -> None:
        self._blocks: dict[int, tuple[int, int]] = {}
        self._seed = 0

    def fill(self, block: int, size: int) -> None:
        self._seed += 1
        self._blocks[block] = (self._seed, size)
        for place, text in self._texts(self._seed, size):
            ctypes.memmove(block + place, text, len(text))

    def compare(self, block: int, filled: int, most: int) -> bool:
        """Whether the first `most` bytes of `block` still are what was written where it was as `filled`."""
        seed, size = self._blocks[filled]
        return all(
            ctypes.string_at(block + place, len(text[: max(most - place, 0)])) == text[: max(most - place, 0)]
            for place, text in self._texts(seed, size)
        )

    def forget(self, block: int) -> None:
        del self._blocks[block]

    @staticmethod
    def _texts(seed: int, size: int) -> list[tuple[int, bytes]]:
        if size <= FILL_MOST_B:
            return [(0, pattern(seed, size))]
        end = pattern(seed, FILL_ENDS_B)
        return [(0, end), (size - FILL_ENDS_B, end)]


class Core:
    """The calls, by the names in the protocol; each gives a JSON value."""

    def __init__(self, path: str) -> None:
        self._doors = ctypes.CDLL(path, use_errno=True)
        for name, (result, parameters) in DOORS.items():
            door = getattr(self._doors, name)
            door.restype, door.argtypes = result, parameters
        self._patterns = Patterns()

    def malloc(self, size: int) -> Any:
        return self._given(self._doors.hak_malloc, size)

    def calloc(self, count: int, size: int) -> Any:
        answer = self._given(self._doors.hak_calloc, count, size, fill=False)
        if answer["block"]:
            wanted = count * size
            answer["zero"] = ctypes.string_at(answer["block"], wanted).count(0) == wanted
            self._patterns.fill(answer["block"], answer["usable"])
        return answer

    def aligned_alloc(self, alignment: int, size: int) -> Any:
        return self._given(self._doors.hak_aligned_alloc, alignment, size)

    def realloc(self, block: int, size: int) -> Any:
        return self._resized(block, size, self._doors.hak_realloc, size)

    def reallocarray(self, block: int, count: int, size: int) -> Any:
        return self._resized(block, count * size, self._doors.hak_reallocarray, count, size)

    def free(self, block: int) -> Any:
        usable = self._doors.hak_usable_size(block)
        kept = self._patterns.compare(block, block, usable)
        self._patterns.forget(block)
        ctypes.set_errno(errno.EILSEQ)
        self._doors.hak_free(block)
        return {"kept": kept, "errno_kept": ctypes.get_errno() == errno.EILSEQ}

    def misuse(self, name: str, *arguments: int) -> Any:
        """Calls a door directly, with whatever."""
        return getattr(self._doors, name)(*arguments)

    def owns(self, block: int) -> Any:
        return bool(self._doors.hak_owns(block))

    def trim(self, pad: int) -> Any:
        return bool(self._doors.hak_trim(pad))

    def stats(self) -> Any:
        size = self._doors.hak_stats_json(None, 0) + 4096
        buffer = ctypes.create_string_buffer(size)
        self._doors.hak_stats_json(buffer, size)
        return json.loads(buffer.value)

    def _given(self, door: Callable[..., int | None], *arguments: int, fill: bool = True) -> dict[str, Any]:
        ctypes.set_errno(0)
        block = door(*arguments)
        if not block:
            return {"block": 0, "errno": ctypes.get_errno()}
        usable = self._doors.hak_usable_size(block)
        if fill:
            self._patterns.fill(block, usable)
        return {"block": block, "usable": usable}

    def _resized(self, block: int, size: int, door: Callable[..., int | None], *arguments: int) -> Any:
        had = self._doors.hak_usable_size(block) if block else 0
        answer = self._given(door, block, *arguments, fill=False)
        if answer["block"]:
            if block:
                answer["kept"] = self._patterns.compare(answer["block"], block, min(had, size))
                self._patterns.forget(block)
            self._patterns.fill(answer["block"], answer["usable"])
        elif block and size == 0:
            self._patterns.forget(block)
        return answer


class Thread:
    """A thread that makes calls one by one."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def make(self, work: Callable[[], Any]) -> Any:
        self._work.put(work)
        return self._done.get()

    def end(self) -> None:
        """Waits until the system has no such thread: then its destructors have run."""
        task = Path(f"/proc/self/task/{self._thread.native_id}")
        self._work.put(None)
        while task.exists():
            time.sleep(0.0002)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            self._done.put(work())


def serve(path: str) -> None:
    """The child: answers until it is closed. Thread 0 is its main thread."""
    core = Core(path)
    set_clock = ctypes.CDLL(None).test_clock_set
    set_clock.restype, set_clock.argtypes = None, [ctypes.c_uint64]
    threads: dict[int, Thread] = {}
    send({"pid": os.getpid()})
    while "close" not in (request := receive()):
        answer: Any = None
        if "clock" in request:
            set_clock(request["clock"])
        elif "end" in request:
            if request["end"] in threads:
                threads.pop(request["end"]).end()
        else:
            calls = request["calls"]

            def work(calls: list[list[Any]] = calls) -> list[Any]:
                return [getattr(core, name)(*arguments) for name, *arguments in calls]

            number = request["thread"]
            answer = work() if number == 0 else threads.setdefault(number, Thread()).make(work)
        send({"answer": answer})


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # One processor, and so one shard of the transfer cache, as in the model.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    while True:
        request = receive()
        child = os.fork()
        if child == 0:
            os.environ.update(request["environment"])
            if request["limit"] is not None:
                resource.setrlimit(resource.RLIMIT_AS, (request["limit"], request["limit"]))
            serve(request["open"])
            sys.stderr.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        send({"died": status} if status else {"closed": True})


if __name__ == "__main__":
    main()
