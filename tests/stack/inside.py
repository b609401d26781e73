"""Runs in the interpreter under test: captures its own stack in many ways; compares with what Python says.

inside.py DOOR CASE: prints "ok" or what differs. The door's functions are called with the GIL and without it.
"""

import asyncio
import ctypes
import inspect
import os
import random
import sys
import threading
import traceback
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any, Final

Frame = tuple[str, str, int]

DEPTH: Final = 64
FEW: Final = 6
"""Frames that are kept of a stack, and in one case."""

WITHOUT_GIL: Final = ctypes.CDLL(sys.argv[1])
WITH_GIL: Final = ctypes.PyDLL(sys.argv[1])
for _library in (WITHOUT_GIL, WITH_GIL):
    _library.door_capture.restype = ctypes.c_uint32
    _library.door_open.argtypes = [ctypes.c_size_t]
    _library.door_python_frame.argtypes = [ctypes.c_uint32, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    _library.door_python.restype = ctypes.c_uint32


def frames_of(number: int) -> list[Frame]:
    """What the core kept, innermost first."""
    found: list[Frame] = []
    text = ctypes.create_string_buffer(4096)
    while length := WITH_GIL.door_python_frame(number, len(found), text, len(text)):
        file, function, line = text.raw[:length].split(b"\0")
        found.append((file.decode(), function.decode(), int(line)))
    return found


def expected(frame: FrameType | None) -> list[Frame]:
    """What the interpreter says of the same frames."""
    found: list[Frame] = []
    while frame is not None:
        found.append((frame.f_code.co_filename, frame.f_code.co_qualname, frame.f_lineno))
        frame = frame.f_back
    return found


def check(depth: int = DEPTH) -> bool:
    """Compares the caller's stack, by each way into the core."""
    for capture in (WITH_GIL.door_capture, WITHOUT_GIL.door_capture):
        number, told, summary = capture(), expected(inspect.currentframe()), traceback.extract_stack()
        found, told = frames_of(number), told[:depth]
        assert found == told, f"found {found}, expected {told}"
        entries = list(reversed(summary))[:depth]
        assert [line for _, _, line in found] == [entry.lineno for entry in entries]
        assert [file for file, _, _ in found] == [entry.filename for entry in entries]
    return True


class Thing:
    """Frames of methods, properties and nested functions."""

    def __init__(self) -> None:
        check()

    @property
    def value(self) -> int:
        def inner() -> int:
            check()
            return 1

        return inner()

    def __lt__(self, other: object) -> bool:
        check()
        return True


def functions() -> None:
    check()
    thing = Thing()
    assert thing.value == 1
    sorted([thing, thing])
    assert [check() for _ in range(2)] == [True, True]
    assert list(map(lambda _: check(), [1])) == [True]  # noqa: C417 (a frame of its own)
    max([1, 2], key=lambda number: (check(), number)[1])


def recurse(depth: int) -> None:
    if depth == 0:
        check()
    else:
        recurse(depth - 1)


def numbers() -> Iterator[int]:
    check()
    yield 1
    check()
    yield from (number for number in [2, 3] if check())


async def wait() -> None:
    check()
    await asyncio.sleep(0)
    check()


def generators() -> None:
    assert list(numbers()) == [1, 2, 3]
    asyncio.run(wait())


def names() -> None:
    """Text of one, two and four bytes a character; lines far apart; code that goes away."""
    for name, file in (
        ("é", "grün.py"),
        ("中文", "文件.py"),
        ("plain", "\U0001f40d.py"),
        ("\U00010400", "x" * 300 + ".py"),
    ):
        source = "\n" * 5000 + f"def {name}():\n" + "\n" * 700 + "    check()\n\n\n" + f"{name}()\n"
        exec(compile(source, file, "exec"), {"check": check})
    for number in range(300):
        source = "\n" * number + f"def f{number % 7}():\n    check()\nf{number % 7}()\n"
        exec(compile(source, "<again>", "exec"), {"check": check})


def threads() -> None:
    failures: list[AssertionError] = []

    def run() -> None:
        try:
            for depth in range(20):
                recurse(depth)
        except AssertionError as error:
            failures.append(error)

    running = [threading.Thread(target=run) for _ in range(4)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not failures, failures


def fork() -> None:
    check()
    child = os.fork()
    if child == 0:
        recurse(3)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def long_function() -> None:
    """A table of lines that does not fit a small buffer."""
    source = "def f():\n" + "".join(f"    x{i} = {i}\n" for i in range(3000)) + "    check()\nf()\n"
    exec(compile(source, "long.py", "exec"), {"check": check})


def status() -> None:
    check()
    why = ctypes.c_char_p()
    version = WITH_GIL.door_python(ctypes.byref(why))
    assert (why.value, version) == (b"ok", sys.hexversion), (why.value, version)


class Wanderer:
    """Goes up and down a stack at random: calls, generators that others resume, code that goes away."""

    def __init__(self, depth: int, calls: int, keeps_code: bool) -> None:
        self.random = random.Random(depth)
        self.depth, self.calls = depth, calls
        self.keeps_code = keeps_code
        self.code: list[CodeType] = []
        self.generators = [self.generate() for _ in range(5)]

    def generate(self) -> Iterator[None]:
        while True:
            self.wander(25)
            yield
            check(self.depth)
            yield

    def resume(self) -> None:
        generator = self.random.choice(self.generators)
        if inspect.getgeneratorstate(generator) != inspect.GEN_RUNNING:  # type: ignore[arg-type]
            next(generator)

    def run_code(self, level: int) -> None:
        source = "\n" * self.random.randrange(50) + "go(level)\ngo(level)\n"
        code = compile(source, "<gone>", "exec")
        if self.keeps_code:
            self.code.append(code)
        exec(code, {"go": self.wander, "level": level})

    def wander(self, level: int) -> None:
        for _ in range(self.random.randrange(1, 6)):
            self.calls -= 1
            if self.calls < 0 or level >= 40:
                return
            match self.random.randrange(8):
                case 0 | 1:
                    check(self.depth)
                case 2 | 3 | 4:
                    self.wander(level + 1)
                case 5:
                    check(self.depth)
                    self.wander(level + self.random.randrange(1, 12))
                case 6:
                    self.resume()
                case _:
                    self.run_code(level + 2)


def wander(depth: int, keeps_code: bool = False) -> None:
    if keeps_code:
        WITH_GIL.door_code_lasts()
    wanderer = Wanderer(depth, 4000, keeps_code)
    while wanderer.calls > 0:
        wanderer.wander(0)


CASES: Final[dict[str, Any]] = {
    "functions": functions,
    "recursion": lambda: recurse(30),
    "generators": generators,
    "names": names,
    "threads": threads,
    "fork": fork,
    "long function": long_function,
    "status": status,
    "wanderer": lambda: wander(DEPTH),
    "wanderer, few frames": lambda: wander(FEW),
    "lasting code": lambda: wander(DEPTH, keeps_code=True),
    "lasting code, few frames": lambda: wander(FEW, keeps_code=True),
}

if __name__ == "__main__":
    WITH_GIL.door_open(FEW if sys.argv[2].endswith("few frames") else DEPTH)
    CASES[sys.argv[2]]()
    print("ok")
