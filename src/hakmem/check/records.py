"""The lines that the debug flavour writes for `hakmem check`, schema "hakmem-check/1", as typed data.

Addresses and sizes are in bytes. A stack is named by a number that means something in one process alone.
"""

from dataclasses import dataclass
from typing import Final

SCHEMA: Final = "hakmem-check/1"


@dataclass(frozen=True, slots=True)
class Start:
    """A process began to record. exe: its program. version: the library's."""

    pid: int
    exe: str
    version: str


@dataclass(frozen=True, slots=True)
class Module:
    """An executable mapping of a file.

    base: what to subtract from an address to get the one in the file's own terms (the load bias).
    start, end: the mapping. build_id: hexadecimal digits, "" when the file has none.
    """

    pid: int
    base: int
    start: int
    end: int
    path: str
    build_id: str


@dataclass(frozen=True, slots=True)
class PythonSeen:
    """An interpreter is in the process; status is "ok", or says why its frames cannot be read."""

    pid: int
    version: str
    status: str


@dataclass(frozen=True, slots=True)
class PythonFrame:
    """A frame of the interpreter; entry: whether the interpreter was entered anew from C for it."""

    file: str
    function: str
    line: int
    entry: bool = False


@dataclass(frozen=True, slots=True)
class Stack:
    """A call stack, innermost first.

    pcs: return addresses. exact: whether the first is the instruction itself, as in a signal's context.
    """

    pid: int
    id: int
    pcs: tuple[int, ...]
    exact: bool
    python: tuple[PythonFrame, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where and by whom something was done. stack: 0 when it was not kept. tid: the thread, or 0."""

    stack: int
    tid: int


@dataclass(frozen=True, slots=True)
class Block:
    """A block.

    size: what was asked for. usable: what it has. size_class: its class's size, 0 when large. kind: the
    function that allocated it, "" when that is not known.
    """

    address: int
    size: int
    usable: int
    size_class: int
    state: str
    kind: str
    allocated: Origin | None
    freed: Origin | None


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are wrong; offset: from the block's start, negative in front of it."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Octets:
    """What memory held."""

    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """A call of the allocator by the thread, before the error."""

    call: str
    address: int
    size: int
    stack: int


@dataclass(frozen=True, slots=True)
class Error:
    """An error. kind: an id of spec/errors.py. when: what found it: call, reuse, sweep, exit or fault.

    neighbour: the block that may be the culprit as well. events: the thread's last ones, newest first.
    """

    pid: int
    tid: int
    thread: str
    kind: str
    call: str
    address: int
    sentence: str
    block: Block | None
    neighbour: Block | None
    detected: Origin | None
    when: str
    damage: Damage | None
    memory: Octets | None
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Leak:
    """Blocks of one stack that were not freed. kind: "lost" or "reachable"."""

    pid: int
    stack: int
    bytes: int
    blocks: int
    kind: str


@dataclass(frozen=True, slots=True)
class End:
    """A process ended in order.

    errors: how many it recorded. unguarded: blocks for which guard mode had no pages.
    """

    pid: int
    errors: int
    live_bytes: int
    live_blocks: int
    unguarded: int = 0


Record = Start | Module | PythonSeen | Stack | Error | Leak | End
