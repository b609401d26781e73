"""The lines that the debug flavour writes for `hakmem check`, schema "hakmem-check/1", as typed data.

Addresses and sizes are in bytes. A stack is named by a number that means something in one process alone.
docs/reference/check.md has the fields.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hakmem.check.fields import FieldError, Fields

SCHEMA: Final = "hakmem-check/1"
_OFFSET_LEAST: Final = -(1 << 63)


class RecordError(ValueError):
    """A line that is no record; the text says why."""


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


def parse(line: bytes) -> Record | None:
    """The record in a line; None for a kind that this version does not know. Errors: RecordError."""
    try:
        fields = Fields.of_line(line)
        reader = _READERS.get(fields.text("type"))
        return reader(fields) if reader else None
    except FieldError as error:
        raise RecordError(str(error)) from None


def _start(fields: Fields) -> Start:
    schema = fields.text("schema")
    if schema != SCHEMA:
        raise FieldError(f"schema is {schema[:40]!r}, and this command reads {SCHEMA!r}")
    return Start(fields.number("pid"), fields.text("exe", ""), fields.text("version", ""))


def _module(fields: Fields) -> Module:
    return Module(
        pid=fields.number("pid"),
        base=fields.address("base"),
        start=fields.address("start"),
        end=fields.address("end"),
        path=fields.text("path"),
        build_id=fields.text("build_id", ""),
    )


def _python(fields: Fields) -> PythonSeen:
    return PythonSeen(fields.number("pid"), fields.text("version", ""), fields.text("status"))


def _stack(fields: Fields) -> Stack:
    return Stack(
        pid=fields.number("pid"),
        id=fields.number("id"),
        pcs=fields.addresses("pcs"),
        exact=fields.flag("exact"),
        python=fields.many("python", _python_frame),
    )


def _python_frame(fields: Fields) -> PythonFrame:
    return PythonFrame(
        fields.text("file"), fields.text("function"), fields.number("line", 0), fields.flag("entry")
    )


def _origin(fields: Fields) -> Origin | None:
    """None when nobody did it: no stack and no thread."""
    origin = Origin(fields.number("stack", 0), fields.number("tid", 0))
    return origin if origin.stack or origin.tid else None


def _block(fields: Fields) -> Block:
    return Block(
        address=fields.address("address"),
        size=fields.number("size"),
        usable=fields.number("usable", 0),
        size_class=fields.number("class", 0),
        state=fields.text("state"),
        kind=fields.text("kind", ""),
        allocated=fields.one("allocated", _origin),
        freed=fields.one("freed", _origin),
    )


def _damage(fields: Fields) -> Damage:
    return Damage(fields.number("offset", least=_OFFSET_LEAST), fields.number("length"))


def _octets(fields: Fields) -> Octets:
    return Octets(fields.address("address"), fields.octets("hex"))


def _event(fields: Fields) -> Event:
    return Event(
        fields.text("call"), fields.address("address"), fields.number("size", 0), fields.number("stack", 0)
    )


def _error(fields: Fields) -> Error:
    return Error(
        pid=fields.number("pid"),
        tid=fields.number("tid", 0),
        thread=fields.text("thread", ""),
        kind=fields.text("error"),
        call=fields.text("call", ""),
        address=fields.address("address"),
        sentence=fields.text("sentence"),
        block=fields.one("block", _block),
        neighbour=fields.one("neighbour", _block),
        detected=fields.one("detected", _origin),
        when=fields.text("when", ""),
        damage=fields.one("damage", _damage),
        memory=fields.one("bytes", _octets),
        events=fields.many("events", _event),
    )


def _leak(fields: Fields) -> Leak:
    return Leak(
        pid=fields.number("pid"),
        stack=fields.number("stack", 0),
        bytes=fields.number("bytes"),
        blocks=fields.number("blocks"),
        kind=fields.text("kind"),
    )


def _end(fields: Fields) -> End:
    return End(
        pid=fields.number("pid"),
        errors=fields.number("errors", 0),
        live_bytes=fields.number("live_bytes", 0),
        live_blocks=fields.number("live_blocks", 0),
        unguarded=fields.number("unguarded", 0),
    )


_READERS: Final[dict[str, Callable[[Fields], Record]]] = {
    "start": _start,
    "module": _module,
    "python": _python,
    "stack": _stack,
    "error": _error,
    "leak": _leak,
    "end": _end,
}
