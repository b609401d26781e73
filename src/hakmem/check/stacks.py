"""Native and Python frames as one stack, innermost first, with the frames that help a reader told apart.

In a thread that runs Python, most native frames are the interpreter's own. They stand for the Python frames,
so those are shown in their place: what an extension does stays, and the machinery around it is noise.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Final

from hakmem.check.processes import Trace
from hakmem.check.records import PythonFrame
from hakmem.check.symbols import Symbolizer

_ALLOCATOR: Final = re.compile(r"libhakmem[^/]*\.so")
_INTERPRETER: Final = re.compile(r"(libpython|python|pypy)[\d.]*[a-z]*(\.so[\d.]*)?")
_SYSTEM: Final = re.compile(
    r"(lib(c|m|dl|pthread|rt|stdc\+\+|c\+\+|gcc_s)([-.][\d.]+)?\.so[\d.]*|ld-linux[^/]*|ld64\.so.*|\[.*\])"
)
_HEADERS: Final = re.compile(r".*/include/c\+\+/.*")
"""Where the C++ library's own code is when it was inlined into the program."""
_EVALUATES: Final = re.compile(r"_?PyEval_EvalFrame(Default)?(\.|$)")


class Part(StrEnum):
    """Whose code a frame is."""

    ALLOCATOR = "allocator"
    """HAKMEM's own: how the call came in, which the report's words say better."""
    INTERPRETER = "interpreter"
    SYSTEM = "system"
    """The C and C++ run-time libraries and the loader."""
    PROGRAM = "program"
    """The program, its libraries, its extensions: where the error is."""
    PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, or one function that was inlined into the next.

    function, file: "" where unknown, line: 0. module: the path of the mapped file, "" in Python and where
    unknown. offset: the place in the module. pc: the address. Both are 0 in Python.
    """

    part: Part
    function: str
    file: str
    line: int
    module: str = ""
    offset: int = 0
    pc: int = 0
    inlined: bool = False

    @property
    def python(self) -> bool:
        """Whether it is the interpreter's frame and not the processor's."""
        return self.part is Part.PYTHON

    @property
    def place(self) -> tuple[str, str, str, int, int]:
        """What tells the frame from others, in whatever process."""
        return (self.module, self.function, self.file, self.line, 0 if self.function else self.offset)


def frames(trace: Trace | None, symbolizer: Symbolizer) -> tuple[Frame, ...]:
    """The stack with names, without what the allocator calls itself; nothing when it was not kept."""
    if trace is None:
        return ()
    native = list(_native(trace, symbolizer))
    while native and native[0].part is Part.ALLOCATOR:
        del native[0]
    return _merged(native, [_python(frame) for frame in trace.python], _entries(trace.python))


def useful(stack: Sequence[Frame]) -> tuple[Frame, ...]:
    """The frames that tell a reader where it happened; all of them when none stands out."""
    kept = tuple(frame for frame in stack if frame.part in (Part.PROGRAM, Part.PYTHON))
    return kept or tuple(stack)


def culprit(stack: Sequence[Frame]) -> Frame | None:
    """The innermost frame that is the program's own: where to look first."""
    return next(iter(useful(stack)), None)


def shown(stack: Sequence[Frame]) -> tuple[tuple[Frame, ...], int]:
    """The frames for a reader, and how many were left out.

    Innermost frames stay, whoever's they are, for they say what was called; further out, the interpreter's
    are noise beside Python's, and the start of the program, outside main, is noise everywhere. Of what the
    C++ library calls within itself, the function that the program called is enough.
    """
    has_python = any(frame.python for frame in stack)
    kept: list[Frame] = []
    innermost = True
    for frame in stack:
        innermost = innermost and frame.part not in (Part.PROGRAM, Part.PYTHON)
        machinery = not innermost or _EVALUATES.match(frame.function)
        if has_python and machinery and frame.part is Part.INTERPRETER:
            continue
        if kept and _HEADERS.fullmatch(kept[-1].file) and _HEADERS.fullmatch(frame.file):
            kept.pop()
        kept.append(frame)
    while len(kept) > 1 and (kept[-1].part is Part.SYSTEM or kept[-1].function == "_start"):
        del kept[-1]
    chosen = tuple(kept or stack)
    return chosen, len(stack) - len(chosen)


def _native(trace: Trace, symbolizer: Symbolizer) -> list[Frame]:
    found: list[Frame] = []
    for location in trace.native:
        module = _part(PurePath(location.path).name)
        symbols = symbolizer.symbols(location)
        found += (
            Frame(
                part=Part.SYSTEM if _HEADERS.fullmatch(symbol.file) else module,
                function=symbol.function,
                file=symbol.file,
                line=symbol.line,
                module=location.path,
                offset=location.address,
                pc=location.pc,
                inlined=at < len(symbols) - 1,
            )
            for at, symbol in enumerate(symbols)
        )
    return found


def _part(name: str) -> Part:
    for pattern, part in (
        (_ALLOCATOR, Part.ALLOCATOR),
        (_INTERPRETER, Part.INTERPRETER),
        (_SYSTEM, Part.SYSTEM),
    ):
        if pattern.fullmatch(name):
            return part
    return Part.PROGRAM


def _python(frame: PythonFrame) -> Frame:
    return Frame(Part.PYTHON, frame.function, frame.file, frame.line)


def _entries(frames: Sequence[PythonFrame]) -> list[int]:
    """Lengths of the runs of Python frames, each of which one call of the evaluation loop executes."""
    lengths = [0]
    for frame in frames:
        lengths[-1] += 1
        if frame.entry:
            lengths.append(0)
    return [length for length in lengths if length]


def _merged(native: list[Frame], python: list[Frame], runs: Sequence[int]) -> tuple[Frame, ...]:
    """Each run of Python frames behind the evaluation loop that executes it.

    Where runs are not known, all Python frames stand behind the innermost loop. Without a loop (a stripped
    interpreter, a short stack) they follow what is not the interpreter's, or all there is.
    """
    merged: list[Frame] = []
    left, lengths = list(python), list(runs)
    for frame in native:
        merged.append(frame)
        if left and not frame.inlined and _EVALUATES.match(frame.function):
            length = lengths.pop(0) if lengths else len(left)
            merged += left[:length]
            del left[:length]
    if not left:
        return tuple(merged)
    if len(left) < len(python):
        return (*merged, *left)
    at = next((at for at, frame in enumerate(native) if frame.part is Part.INTERPRETER), len(native))
    return (*native[:at], *left, *native[at:])
