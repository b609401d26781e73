"""Whose modules and stacks a record means.

Processes share one file. One that begins tells its modules and stacks itself, also after fork and, under its
old number, after exec. One that never said that it began goes on with what was told last before it.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Final

from hakmem.check.records import End, Leak, Module, PythonFrame, PythonSeen, Stack, Start

READABLE: Final = "ok"
"""The status of an interpreter whose frames can be read."""

_ADDRESSES: Final = 1 << 64


@dataclass(frozen=True, slots=True)
class Location:
    """A place in code.

    pc: the address in the process, of the call or the instruction itself. path, build_id: the file mapped
    there; path "" when none is known. address: the place in the file's own terms, as its symbols have it.
    """

    pc: int
    path: str = ""
    build_id: str = ""
    address: int = 0


@dataclass(frozen=True, slots=True)
class Trace:
    """A stack whose addresses were looked up among the modules of its time; both innermost first."""

    native: tuple[Location, ...] = ()
    python: tuple[PythonFrame, ...] = ()


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The modules of a process at some time, by address; starts: of each."""

    starts: tuple[int, ...] = ()
    modules: tuple[Module, ...] = ()

    def and_(self, module: Module) -> "_Loaded":
        """With one more; what it covers of older ones is gone."""
        kept = [each for each in self.modules if each.end <= module.start or each.start >= module.end]
        modules = tuple(sorted([*kept, module], key=lambda each: each.start))
        return _Loaded(tuple(each.start for each in modules), modules)

    def location(self, pc: int) -> Location:
        """Where an address is."""
        at = bisect_right(self.starts, pc) - 1
        if at < 0 or pc >= self.modules[at].end:
            return Location(pc)
        module = self.modules[at]
        return Location(pc, module.path, module.build_id, (pc - module.base) % _ADDRESSES)

    def trace(self, stack: Stack) -> Trace:
        """A stack by locations: of return addresses those of the calls before them."""
        native = (pc if stack.exact and at == 0 else max(pc - 1, 0) for at, pc in enumerate(stack.pcs))
        return Trace(tuple(map(self.location, native)), stack.python)


@dataclass(slots=True)
class Process:
    """One program in one process.

    exe: its file, "" when it never said. leaks: as recorded. end: None unless it ended in order.
    """

    pid: int
    exe: str = ""
    version: str = ""
    python: PythonSeen | None = None
    leaks: list[Leak] = field(default_factory=list)
    end: End | None = None
    errors: int = 0
    _loaded: _Loaded = field(default_factory=_Loaded)
    _stacks: dict[int, tuple[Stack, _Loaded]] = field(default_factory=dict)
    _traces: dict[int, Trace] = field(default_factory=dict)

    @property
    def told_nothing(self) -> bool:
        """Whether it only began."""
        return self.end is None and not (self._stacks or self.leaks or self.errors)

    def add_module(self, module: Module) -> None:
        """Takes a mapping."""
        self._loaded = self._loaded.and_(module)

    def add_stack(self, stack: Stack) -> None:
        """Takes a stack, whose addresses mean the modules of now."""
        self._stacks[stack.id] = (stack, self._loaded)
        self._traces.pop(stack.id, None)

    def trace(self, stack: int) -> Trace | None:
        """The stack of that number; None when it was never recorded."""
        if stack not in self._traces and stack in self._stacks:
            recorded, loaded = self._stacks[stack]
            self._traces[stack] = loaded.trace(recorded)
        return self._traces.get(stack)

    def forked(self, pid: int) -> "Process":
        """The process of a child that goes on with what was told here."""
        return Process(
            pid=pid,
            exe=self.exe,
            version=self.version,
            python=self.python,
            _loaded=self._loaded,
            _stacks=dict(self._stacks),
        )


class Processes:
    """Every process that wrote to the file, in the order in which they came."""

    def __init__(self) -> None:
        self.all: list[Process] = []
        self._current: dict[int, Process] = {}

    def start(self, record: Start) -> None:
        """A program began in a process: a new one, one that was forked, or one that called exec.

        Of the program that called exec nothing is kept if it had nothing to tell.
        """
        before = self._current.get(record.pid)
        if before is not None and before.told_nothing:
            self.all = [each for each in self.all if each is not before]
        self._add(Process(record.pid, record.exe, record.version))

    def of(self, pid: int) -> Process:
        """The process of a record."""
        process = self._current.get(pid)
        if process is None:
            process = self.all[-1].forked(pid) if self.all else Process(pid)
            self._add(process)
        return process

    def _add(self, process: Process) -> None:
        self.all.append(process)
        self._current[process.pid] = process
