"""A line of JSON, made a record, or an error that names the field which is wrong."""

from collections.abc import Callable
from typing import Final

from hakmem.check.fields import FieldError, Fields
from hakmem.check.records import (
    SCHEMA,
    Block,
    Damage,
    End,
    Error,
    Event,
    Leak,
    Module,
    Octets,
    Origin,
    PythonFrame,
    PythonSeen,
    Record,
    Stack,
    Start,
)

_OFFSET_LEAST: Final = -(1 << 63)


class RecordError(ValueError):
    """A line that is no record; the text says why."""


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
